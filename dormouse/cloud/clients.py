"""Azure SDK clients, each created on first use, sharing one credential and one transport."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dormouse.clock import Clock
from dormouse.cloud import long_running
from dormouse.cloud.deployment_tables import DeploymentTables
from dormouse.cloud.error_bodies import json_in
from dormouse.environments.answers import Answer
from dormouse.resources.naming import table_prefix
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
    from azure.mgmt.storage.aio import StorageManagementClient
    from azure.monitor.querymetrics.aio import MetricsClient

    from dormouse.cloud.deployments import Deployments
    from dormouse.cloud.kubernetes.api import KubernetesApi
    from dormouse.cloud.prices import Prices
    from dormouse.resources.sizes.price_rows import Price

# SDK clients never retry: orchestrators do, with durable timers that block no thread.
NO_RETRIES: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 10}
# The methods of requests for a resource, which a GET of the same URL shows.
FOR_RESOURCES = ("PUT", "PATCH", "DELETE")
HTTPS = 443
PAGES_AT_ONCE = 4


class Cloud:
    """Azure SDK clients, each created on first use, sharing one credential."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Use the endpoints in these settings; nothing connects before the first call."""
        self.settings, self.clock = settings, clock
        self._metrics: dict[str, MetricsClient] = {}
        self._compute: dict[str, ComputeManagementClient] = {}
        # Keeps a price that was used: region, VM size, price, and the moment in seconds since 1970.
        self.keep_price: Callable[[str, str, Price, float], Awaitable[None]] | None = None
        # The resource providers that were seen to be registered: registrations are not taken back in practice.
        self.registered_providers: set[str] = set()
        # Each page of a sweep takes some 25 MiB while it is evaluated, and 50,000 machines are 50 pages.
        self.pages_at_once = asyncio.Semaphore(PAGES_AT_ONCE)

    @cached_property
    def transport(self) -> "AioHttpTransport":
        """One connection pool for all clients."""
        from urllib.request import getproxies

        import aiohttp
        from azure.core.pipeline.transport import AioHttpTransport

        # Where a proxy is set, aiohttp looks for it and for ~/.netrc at each request, in two threads one after the other.
        proxied = bool(getproxies())
        session = aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=proxied)
        return AioHttpTransport(session=session, session_owner=False)

    @cached_property
    def outside(self) -> "ClientSession":
        """A connection pool for webhooks and chats outside Azure."""
        from dormouse.cloud.egress import open_external_session

        return open_external_session(self.settings.notify_private_hosts)

    async def close(self) -> None:
        """Close all connections."""
        if "transport" in self.__dict__ and self.transport.session is not None:
            await self.transport.session.close()
        if "outside" in self.__dict__:
            await self.outside.close()

    @cached_property
    def credential(self) -> "DefaultAzureCredential":
        """The app's identity: managed in Azure, the developer's elsewhere (AZURE_TOKEN_CREDENTIALS selects it)."""
        from azure.identity.aio import DefaultAzureCredential

        return DefaultAzureCredential(transport=self.transport)

    @cached_property
    def network(self) -> "NetworkManagementClient":
        """The client for virtual networks, security groups, public IP addresses and network interfaces."""
        from azure.mgmt.network.aio import NetworkManagementClient

        return NetworkManagementClient(**self._manager)

    @cached_property
    def storage(self) -> "StorageManagementClient":
        """The client for storage accounts and blob containers."""
        from azure.mgmt.storage.aio import StorageManagementClient

        return StorageManagementClient(**self._manager)

    @property
    def compute(self) -> "ComputeManagementClient":
        """The client for VMs, extensions, SKUs and quotas in the control plane's subscription."""
        return self.compute_in(self.settings.azure_subscription_id)

    def compute_in(self, subscription: str) -> "ComputeManagementClient":
        """The client for VMs in another subscription."""
        from azure.mgmt.compute.aio import ComputeManagementClient

        if subscription not in self._compute:
            self._compute[subscription] = ComputeManagementClient(**{**self._manager, "subscription_id": subscription})
        return self._compute[subscription]

    def metrics(self, region: str) -> "MetricsClient":
        """The Azure Monitor metrics client for one region."""
        from azure.monitor.querymetrics.aio import MetricsClient

        if region not in self._metrics:
            where = self.settings.monitor_metrics_url.replace("{region}", region)
            self._metrics[region] = MetricsClient(where, self.credential, transport=self.transport, **NO_RETRIES)
        return self._metrics[region]

    @cached_property
    def prices(self) -> "Prices":
        """Retail prices of VMs, cached for a day."""
        from dormouse.cloud.prices import Prices

        return Prices(self)

    @cached_property
    def deployments(self) -> "Deployments":
        """The other deployments of the control plane."""
        from dormouse.cloud.deployments import Deployments

        return Deployments(self)

    @cached_property
    def authorization(self) -> "AuthorizationManagementClient":
        """The client for role assignments."""
        from azure.mgmt.authorization.aio import AuthorizationManagementClient

        return AuthorizationManagementClient(**self._manager)

    @cached_property
    def resources(self) -> "ResourceManagementClient":
        """The client for resource groups, and for any resource by ID."""
        from azure.mgmt.resource.resources.aio import ResourceManagementClient

        return ResourceManagementClient(**self._manager)

    @cached_property
    def secrets(self) -> "SecretClient":
        """The client for key vault secrets."""
        from azure.keyvault.secrets.aio import SecretClient

        return SecretClient(self.settings.key_vault_url, self.credential, transport=self.transport, **NO_RETRIES)

    @cached_property
    def tables(self) -> DeploymentTables:
        """The tables with the records of this deployment."""
        from azure.data.tables.aio import TableServiceClient

        where = self.settings.records_tables_url
        service = TableServiceClient(where, credential=self.credential, transport=self.transport, **NO_RETRIES)
        return DeploymentTables(service, table_prefix(self.settings.deployment_id))

    def now(self) -> float:
        """The current time in seconds since 1970."""
        return self.clock.now()

    async def cluster_api(self, cluster: str) -> "KubernetesApi":
        """The Kubernetes API of the cluster with this resource ID; raises CloudUnavailable and ReadRefused."""
        from dormouse.cloud.kubernetes.access import api_of_cluster

        return await api_of_cluster(cluster, self)

    async def begin(self, begin: Callable[..., Awaitable[Any]], *request: Any, **options: Any) -> Answer:
        """Start a long-running operation without waiting: done, refused, or where and when to poll."""
        answers: list[Any] = []
        return await self._answer_of(begin(*request, polling=False, raw_response_hook=answers.append, **options), answers)

    async def put(self, put: Callable[..., Awaitable[Any]], *request: Any, **options: Any) -> Answer:
        """Make a synchronous request: done, refused, or when to repeat it."""
        answers: list[Any] = []
        return await self._answer_of(put(*request, raw_response_hook=answers.append, **options), answers)

    async def ask(self, url: str, *, may_repeat: bool = False) -> tuple[Answer, Any]:
        """Poll a long-running operation; returns the answer and the response body.

        `may_repeat`: a failure for which one repetition of the request helps is pending, not refused.
        """
        from azure.core.rest import HttpRequest

        asked, ours = urlsplit(url), urlsplit(self.settings.azure_resource_manager_url)
        if (asked.scheme, asked.hostname, asked.port or HTTPS) != (ours.scheme, ours.hostname, ours.port or HTTPS):
            raise ValueError(
                "the operation URL is not on the Azure Resource Manager host; the token is not sent to other hosts"
            )
        response = await self.resources.send_request(HttpRequest("GET", url))
        body = json_in(response)
        answer = long_running.answer_of_poll(
            url, response.status_code, response.headers, body, now=self.now(), may_repeat=may_repeat
        )
        return answer, body

    async def _answer_of(self, request: Awaitable[Any], answers: list[Any]) -> Answer:
        from azure.core.exceptions import HttpResponseError

        try:
            await request
        except HttpResponseError as error:
            said: Any = error.response
            if said is None:
                raise
            return long_running.answer_of_error(said.status_code, said.headers, json_in(said), now=self.now())
        response, asked = answers[-1].http_response, answers[-1].http_request
        url = asked.url if asked.method in FOR_RESOURCES else ""
        return long_running.answer_of_start(
            response.status_code, response.headers, json_in(response), now=self.now(), resource_url=url
        )

    @property
    def _manager(self) -> dict[str, Any]:
        return {
            "credential": self.credential,
            "subscription_id": self.settings.azure_subscription_id,
            "base_url": self.settings.azure_resource_manager_url,
            "credential_scopes": [self.settings.azure_resource_manager_scope],
            "transport": self.transport,
            **NO_RETRIES,
        }
