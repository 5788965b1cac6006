"""In which API versions Dormouse asks: what its own clients would send, noted instead of sent."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ServiceRequestError
from azure.core.pipeline.transport import AsyncHttpTransport

from dormouse.cloud.clients import Cloud
from dormouse.cloud.metrics import VERSION as METRICS_VERSION
from dormouse.cloud.resource_graph import ask_graph
from dormouse.errors import CloudUnavailable
from dormouse.resources.registry import KINDS
from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.kinds import DISK, GROUP, MACHINE, REGISTRY, ROLE

VERSION = re.compile(r"api-version=([^&]+)")
Place = tuple[str, str]
Ask = Callable[[Any], Awaitable[Any]]
SDK: dict[Place, Ask] = {
    (GROUP, "PUT"): lambda cloud: cloud.resources.resource_groups.create_or_update("g", {"location": "westus"}),
    (GROUP, "GET"): lambda cloud: cloud.resources.resource_groups.get("g"),
    (GROUP, "DELETE"): lambda cloud: cloud.resources.resource_groups.begin_delete("g"),
    (f"{GROUP}/resources", "LIST"): lambda cloud: _first(cloud.resources.resources.list_by_resource_group("g")),
    (MACHINE, "GET"): lambda cloud: cloud.compute.virtual_machines.get("g", "m"),
    (MACHINE, "PATCH"): lambda cloud: cloud.compute.virtual_machines.begin_update("g", "m", {"tags": {}}),
    (f"{MACHINE}/instanceView", "GET"): lambda cloud: cloud.compute.virtual_machines.instance_view("g", "m"),
    (f"{MACHINE}/start", "POST"): lambda cloud: cloud.compute.virtual_machines.begin_start("g", "m"),
    (f"{MACHINE}/deallocate", "POST"): lambda cloud: cloud.compute.virtual_machines.begin_deallocate("g", "m"),
    (f"{MACHINE}/restart", "POST"): lambda cloud: cloud.compute.virtual_machines.begin_restart("g", "m"),
    (f"{MACHINE}/runCommand", "POST"): lambda cloud: cloud.compute.virtual_machines.begin_run_command("g", "m", {}),
    ("Microsoft.Compute usages", "GET"): lambda cloud: _first(cloud.compute.usage.list("westus")),
    ("Microsoft.Compute skus", "GET"): lambda cloud: _first(cloud.compute.resource_skus.list()),
    (ROLE, "PUT"): lambda cloud: cloud.authorization.role_assignments.create(f"/subscriptions/{SUBSCRIPTION}", "a", {}),
    ("Microsoft.Storage checkNameAvailability", "POST"): lambda cloud: (
        cloud.storage.storage_accounts.check_name_availability({"name": "n"})
    ),
    ("Resource Graph", "POST"): lambda cloud: ask_graph(cloud, [SUBSCRIPTION], "resources"),
    ("Key Vault secrets", "GET"): lambda cloud: cloud.secrets.get_secret("s"),
    ("Key Vault secrets", "PUT"): lambda cloud: cloud.secrets.set_secret("s", "v"),
}


def versions() -> dict[Place, str]:
    """The version of every request that Dormouse makes, by type and verb."""
    found = {
        (kind.type, verb): kind.api_version
        for kind in KINDS.values()
        if kind.api_version and kind.type not in (GROUP, DISK)
        for verb in ("PUT", "GET", "DELETE")
    }
    found |= {(DISK, verb): KINDS["disk"].api_version for verb in ("GET", "PATCH", "DELETE")}
    found |= {(f"{REGISTRY}/importImage", "POST"): KINDS["container_registry"].api_version}
    return {**found, **asyncio.run(_noted()), ("Metrics of machines", "POST"): METRICS_VERSION}


class Noting(AsyncHttpTransport):  # type: ignore[type-arg]
    """Notes where a request would have gone, and sends nothing."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    async def send(self, request: Any, **_: Any) -> Any:
        self.urls.append(request.url)
        raise ServiceRequestError("noted")

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def __aexit__(self, *_: Any) -> None:
        """Nothing to close."""


class Anybody:
    """A credential that no one checks."""

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken("token", 2**31)

    async def close(self) -> None:
        """Nothing to close."""


class Here:
    """The settings that clients read."""

    azure_resource_manager_url = "https://management.localhost"
    azure_resource_manager_scope = "https://management.azure.com/.default"
    azure_subscription_id = SUBSCRIPTION
    key_vault_url = "https://dormouse.vault.localhost"


async def _noted() -> dict[Place, str]:
    found = {}
    for place, ask in SDK.items():
        transport, cloud = Noting(), Cloud(Here(), None)  # type: ignore[arg-type]
        cloud.__dict__.update(transport=transport, credential=Anybody())
        with suppress(AzureError, CloudUnavailable):
            await ask(cloud)
        match = VERSION.search(transport.urls[-1])
        found[place] = match[1] if match else ""
    return found


async def _first(items: Any) -> None:
    async for _ in items:
        return
