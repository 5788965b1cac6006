"""What exists in Azure: one environment fresh from its resources, many from one query of Resource Graph."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloud.connection import Cloud, unavailable
from cloud.resource_types import api_version
from environments.lifecycle import State, state_of

# Resource Graph answers at most 1,000 rows a page.
# https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
PAGE = 1000

MACHINES = (
    "resources | where type in~ ('microsoft.compute/virtualmachines', 'microsoft.network/publicipaddresses')"
    " | where isnotempty(tags['dormouse'])"
    " | project id, name, type, location, resourceGroup, tags, properties | order by id asc"
)
BELONGINGS = (
    "resources | where tags['dormouse'] =~ '{environment}' | project id, name, type, resourceGroup | order by id asc"
)
NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Observation:
    """What Azure shows of an environment, and when that was so."""

    state: State
    observed_at: str
    fresh: bool
    size: str = ""
    address: str = ""
    private_address: str = ""
    provisioning: str = ""
    problem: str = ""


class Inventory:
    """Questions about what exists; nothing is changed."""

    def __init__(self, cloud: Cloud) -> None:
        """Ask over the clients of this cloud."""
        self._cloud = cloud

    async def observe(self, group: str, machine: str, name: str) -> Observation:
        """One environment, fresh: its machine's instance view and its public address."""
        view, address = await asyncio.gather(self._machine(group, machine), self._address(group, f"pip-{name}"))
        now = _now()
        if view is None:
            state = State.INCOMPLETE if await self.group_exists(group) else State.ABSENT
            return Observation(state, now, fresh=True, address=address)
        properties = view["properties"]
        statuses = (properties.get("instanceView") or {}).get("statuses") or []
        power = next((item["code"] for item in statuses if item["code"].startswith("PowerState/")), "")
        problem = next((_words(item) for item in statuses if item["code"].startswith("ProvisioningState/failed")), "")
        provisioning = str(properties.get("provisioningState", ""))
        size = str(properties.get("hardwareProfile", {}).get("vmSize", ""))
        state = state_of(power, provisioning)
        return Observation(state, now, True, size, address, provisioning=provisioning, problem=problem)

    async def list_machines(self) -> dict[str, Observation]:
        """Every environment with a machine, by name, from Resource Graph: may be some seconds old."""
        rows = await self._ask(MACHINES)
        now = _now()
        addresses = {_owner(row): _ip(row) for row in rows if row["type"].lower().endswith("publicipaddresses")}
        machines = [row for row in rows if row["type"].lower().endswith("virtualmachines")]
        return {_owner(row): _observation(row, addresses.get(_owner(row), ""), now) for row in machines}

    async def belongings(self, environment: str) -> list[str]:
        """The ids of everything that carries the environment's tag, wherever it lives; may be some seconds old."""
        if not NAME.fullmatch(environment):
            raise ValueError(f"{environment!r} is not the name of an environment")
        return [row["id"] for row in await self._ask(BELONGINGS.format(environment=environment))]

    async def group_exists(self, group: str) -> bool:
        """Whether a resource group exists."""
        return bool(await self._cloud.resources.resource_groups.check_existence(group))

    async def group_tags(self, group: str) -> dict[str, str] | None:
        """The tags of a resource group, or None if there is no such group."""
        found = await self._found(self._cloud.resources.resource_groups.get(group))
        return None if found is None else dict(found.get("tags") or {})

    async def exists(self, identifier: str) -> bool:
        """Whether a resource with this id exists; raises ValueError for a type we know nothing of."""
        version = api_version(identifier)
        return await self._found(self._cloud.resources.resources.get_by_id(identifier, api_version=version)) is not None

    async def _machine(self, group: str, machine: str) -> Any:
        return await self._found(self._cloud.compute.virtual_machines.get(group, machine, expand="instanceView"))

    async def _address(self, group: str, address: str) -> str:
        found = await self._found(self._cloud.network.public_ip_addresses.get(group, address))
        return "" if found is None else str(found["properties"].get("ipAddress") or "")

    async def _found(self, request: Any) -> Any:
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        try:
            return await request
        except ResourceNotFoundError:
            return None
        except HttpResponseError as error:
            raise unavailable(error) from error

    async def _ask(self, question: str) -> Sequence[dict[str, Any]]:
        from azure.core.exceptions import HttpResponseError

        rows: list[dict[str, Any]] = []
        options: dict[str, Any] = {"resultFormat": "objectArray", "$top": PAGE}
        subscriptions = [self._cloud.settings.azure_subscription_id]
        while True:
            body: Any = {"subscriptions": subscriptions, "query": question, "options": options}
            try:
                answer: Any = await self._cloud.graph.resources(body)
            except HttpResponseError as error:
                raise unavailable(error) from error
            rows += answer.data
            if not answer.skip_token:
                return rows
            options = {**options, "$skipToken": answer.skip_token}


def _observation(row: dict[str, Any], address: str, now: str) -> Observation:
    properties = row["properties"]
    view = (properties.get("extended") or {}).get("instanceView") or {}
    power = (view.get("powerState") or {}).get("code", "")
    provisioning = properties.get("provisioningState", "")
    size = (properties.get("hardwareProfile") or {}).get("vmSize", "")
    return Observation(state_of(power, provisioning), now, False, size, address, provisioning=provisioning)


def _owner(row: dict[str, Any]) -> str:
    return str(row["tags"]["dormouse"])


def _ip(row: dict[str, Any]) -> str:
    return str(row["properties"].get("ipAddress") or "")


def _words(status: dict[str, Any]) -> str:
    return str(status.get("message") or status.get("displayStatus") or status["code"])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
