"""The way to Azure: official SDK clients, each made when first asked for, all over one credential and one transport."""

import json
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dormouse.cloud import long_running
from dormouse.cloud.deployment_tables import DeploymentTables
from dormouse.environments.results import Progress
from dormouse.resources.ownership import table_prefix
from dormouse.settings import Settings

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from azure.core.pipeline.transport import AioHttpTransport
    from azure.identity.aio import DefaultAzureCredential
    from azure.keyvault.secrets.aio import SecretClient
    from azure.mgmt.authorization.aio import AuthorizationManagementClient
    from azure.mgmt.compute.aio import ComputeManagementClient
    from azure.mgmt.network.aio import NetworkManagementClient
    from azure.mgmt.resource.resources.aio import ResourceManagementClient
    from azure.mgmt.resourcegraph.aio import ResourceGraphClient
    from azure.mgmt.storage.aio import StorageManagementClient
    from azure.monitor.querymetrics.aio import MetricsClient

    from dormouse.cloud.prices import Prices

# No client waits and repeats by itself: waiting is the orchestrators' business, and they do it without a thread.
PATIENCE: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 10}


HTTPS = 443


class Cloud:
    """Official SDK clients, each made when first asked for, all over one credential."""

    def __init__(self, settings: Settings) -> None:
        """Remember where Azure is; nothing is reached before it is needed."""
        self.settings = settings
        self._metrics: dict[str, MetricsClient] = {}
        self._compute: dict[str, ComputeManagementClient] = {}

    @cached_property
    def transport(self) -> "AioHttpTransport":
        """One pool of connections for all clients, so that calls to the same host share them."""
        import aiohttp
        from azure.core.pipeline.transport import AioHttpTransport

        session = aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True)
        return AioHttpTransport(session=session, session_owner=False)

    @cached_property
    def outside(self) -> "ClientSession":
        """Connections to places that are not Azure: webhooks and chats."""
        from dormouse.cloud.egress import session_to_the_outside

        return session_to_the_outside(self.settings.private_hosts)

    async def close(self) -> None:
        """Let all connections go."""
        if "transport" in self.__dict__ and self.transport.session is not None:
            await self.transport.session.close()
        if "outside" in self.__dict__:
            await self.outside.close()

    @cached_property
    def credential(self) -> "DefaultAzureCredential":
        """The app's identity: managed in Azure, the developer's own elsewhere (AZURE_TOKEN_CREDENTIALS narrows it)."""
        from azure.identity.aio import DefaultAzureCredential

        return DefaultAzureCredential(transport=self.transport)

    @cached_property
    def network(self) -> "NetworkManagementClient":
        """Virtual networks, firewalls, addresses and cards."""
        from azure.mgmt.network.aio import NetworkManagementClient

        return NetworkManagementClient(**self._manager)

    @cached_property
    def storage(self) -> "StorageManagementClient":
        """Storage accounts and blob containers."""
        from azure.mgmt.storage.aio import StorageManagementClient

        return StorageManagementClient(**self._manager)

    @property
    def compute(self) -> "ComputeManagementClient":
        """Machines, their extensions and what is offered where, in our own subscription."""
        return self.compute_in(self.settings.azure_subscription_id)

    def compute_in(self, subscription: str) -> "ComputeManagementClient":
        """Machines of any subscription that our identity may see."""
        from azure.mgmt.compute.aio import ComputeManagementClient

        if subscription not in self._compute:
            self._compute[subscription] = ComputeManagementClient(**{**self._manager, "subscription_id": subscription})
        return self._compute[subscription]

    def metrics(self, region: str) -> "MetricsClient":
        """Azure Monitor's metrics of one region."""
        from azure.monitor.querymetrics.aio import MetricsClient

        if region not in self._metrics:
            where = self.settings.monitor_metrics_url.replace("{region}", region)
            self._metrics[region] = MetricsClient(where, self.credential, transport=self.transport, **PATIENCE)
        return self._metrics[region]

    @cached_property
    def prices(self) -> "Prices":
        """What machines cost, remembered for a day."""
        from dormouse.cloud.prices import Prices

        return Prices(self)

    @cached_property
    def authorization(self) -> "AuthorizationManagementClient":
        """Role assignments."""
        from azure.mgmt.authorization.aio import AuthorizationManagementClient

        return AuthorizationManagementClient(**self._manager)

    @cached_property
    def resources(self) -> "ResourceManagementClient":
        """Resource groups, and any resource by its id."""
        from azure.mgmt.resource.resources.aio import ResourceManagementClient

        return ResourceManagementClient(**self._manager)

    @cached_property
    def graph(self) -> "ResourceGraphClient":
        """Questions over everything that exists."""
        from azure.mgmt.resourcegraph.aio import ResourceGraphClient

        shared = {name: value for name, value in self._manager.items() if name != "subscription_id"}
        return ResourceGraphClient(**shared)

    @cached_property
    def secrets(self) -> "SecretClient":
        """The key vault's secrets."""
        from azure.keyvault.secrets.aio import SecretClient

        return SecretClient(self.settings.key_vault_url, self.credential, transport=self.transport, **PATIENCE)

    @cached_property
    def tables(self) -> DeploymentTables:
        """The tables that hold the records of this deployment."""
        from azure.data.tables.aio import TableServiceClient

        where = self.settings.records_tables_url
        service = TableServiceClient(where, credential=self.credential, transport=self.transport, **PATIENCE)
        return DeploymentTables(service, table_prefix(self.settings.deployment_id))

    @staticmethod
    def now() -> float:
        """The present moment, in seconds since 1970."""
        return time.time()

    async def begin(self, begin: Callable[..., Awaitable[Any]], *request: Any, **options: Any) -> Progress:
        """Start a long operation and come back at once: done, refused, or where and when to ask again."""
        answers: list[Any] = []
        return await self._answered(begin(*request, polling=False, raw_response_hook=answers.append, **options), answers)

    async def put(self, put: Callable[..., Awaitable[Any]], *request: Any, **options: Any) -> Progress:
        """Make a request that Azure answers in one go: done, refused, or when to ask again."""
        answers: list[Any] = []
        return await self._answered(put(*request, raw_response_hook=answers.append, **options), answers)

    async def ask(self, url: str) -> tuple[Progress, Any]:
        """Ask at an operation's address how it stands; the body of the answer comes along."""
        from azure.core.rest import HttpRequest

        asked, ours = urlsplit(url), urlsplit(self.settings.azure_resource_manager_url)
        if (asked.scheme, asked.hostname, asked.port or HTTPS) != (ours.scheme, ours.hostname, ours.port or HTTPS):
            raise ValueError("an operation's address must be the resource manager's: our token goes nowhere else")
        response = await self.resources.send_request(HttpRequest("GET", url))
        body = _json(response)
        return long_running.asked(url, response.status_code, response.headers, body), body

    async def _answered(self, request: Awaitable[Any], answers: list[Any]) -> Progress:
        from azure.core.exceptions import HttpResponseError

        try:
            await request
        except HttpResponseError as error:
            said: Any = error.response
            if said is None:
                raise
            return long_running.failed(said.status_code, said.headers, _json(said))
        response = answers[-1].http_response
        return long_running.begun(response.status_code, response.headers, _json(response))

    @property
    def _manager(self) -> dict[str, Any]:
        return {
            "credential": self.credential,
            "subscription_id": self.settings.azure_subscription_id,
            "base_url": self.settings.azure_resource_manager_url,
            "credential_scopes": [self.settings.azure_resource_manager_scope],
            "transport": self.transport,
            **PATIENCE,
        }


def _json(response: Any) -> Any:
    text = response.text() if callable(response.text) else response.text
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
