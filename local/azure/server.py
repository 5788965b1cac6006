"""The simulated Azure over HTTPS: one port, one host name for each service."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

from local.azure import control
from local.azure.core import operations
from local.azure.core.faults import Fault
from local.azure.core.requests import Request
from local.azure.core.responses import JSON, Answer, Refused, not_simulated
from local.azure.core.store import Store
from local.azure.core.world import TENANT, World
from local.azure.kubernetes import clusters as kubernetes_clusters
from local.azure.kubernetes.api import server as kubernetes
from local.azure.kubernetes.api.statuses import Unreachable
from local.azure.providers import vaults
from local.azure.providers.containers import credentials, long_running
from local.azure.providers.containers.errors import bare
from local.azure.services import (
    activity,
    arm,
    cloud_metadata,
    key_vault,
    metrics,
    pipelines,
    prices,
    registry_contents,
    service_principals,
    sign_in,
    webhooks,
)
from local.azure.services.blobs import service as blobs
from local.azure.services.tables import service as tables
from local.azure.services.tokens import Issuer, managed_identity
from local.azure.vms import pipelines as build_agents
from local.azure.vms.agents import Agents

MANAGEMENT, VAULT = "management.localhost", "dormouse.vault.localhost"
TABLES, BLOBS = "dormouse.records.table.localhost", "records.blob.localhost"
HOOKS, PRICES, IDENTITY, LOGIN, SIMULATION = (
    "hooks.localhost",
    "prices.localhost",
    "identity.localhost",
    "login.localhost",
    "simulation.localhost",
)
ACTIVITY = activity.HOST
DIRECTORY = "graph.localhost"  # Microsoft Graph, which is not simulated: clients of it get a 501
DEVOPS = "devops.localhost"
CLUSTERS = credentials.HOST  # the API servers of all clusters, each below a path of its own
NAMES = (CLUSTERS, DIRECTORY, DEVOPS, MANAGEMENT, VAULT, TABLES, BLOBS, HOOKS, ACTIVITY, PRICES, IDENTITY, LOGIN, SIMULATION)
SERVICES: dict[str, Callable[[World, Request], Answer]] = {
    MANAGEMENT: arm.answer,
    VAULT: key_vault.answer,
    TABLES: tables.answer,
    BLOBS: blobs.answer,
    HOOKS: webhooks.answer,
    ACTIVITY: activity.answer,
    DEVOPS: pipelines.answer,
    SIMULATION: control.answer,
    CLUSTERS: kubernetes.answer,
}
AUDIENCE = "api://dormouse"
PAUSE_OF_WATCHES = 0.2  # of real time: nothing is sent in between
LARGEST_REQUEST = 16 * 2**20
METRICS = "metrics.localhost"  # each region has a host name below it
REGISTRIES = "registry.localhost"  # and each registry
SPOILABLE = (MANAGEMENT, VAULT, TABLES, BLOBS, PRICES, METRICS, HOOKS, ACTIVITY, DEVOPS, REGISTRIES, CLUSTERS)


@dataclass(frozen=True, slots=True)
class Place:
    """How to run the simulated Azure: folder for certificates and state, port, speed, seed, origin of time.

    `control_plane` and `audience` are for agents without a configuration of their own; without the first they are silent.
    With `tails`, one operation in ten takes longer than the 90th percentile of the recorded ones.
    """

    home: Path
    port: int
    speed: float
    seed: int
    state: Path | str
    identity_secret: str
    origin: float | None = None
    control_plane: str = ""
    audience: str = AUDIENCE
    tails: bool = False


class SimulatedAzure:
    """One running simulation."""

    def __init__(self, place: Place) -> None:
        """Create certificates and open the state."""
        self._place, self.port = place, place.port
        place.home.mkdir(parents=True, exist_ok=True)
        self._store = Store(place.state)
        self.world = World(self._store, speed=place.speed, seed=place.seed, origin=place.origin, tails=place.tails)
        self._tls = _certificates(place.home)
        self.world.authority = (place.home / "ca.pem").read_text()
        base = f"https://{LOGIN}:{place.port}"
        self._issuer = Issuer(self._store, base, self.world.guid("control plane"), self.world.seconds)
        self._agents = Agents(self.world, self._issuer, place.control_plane.rstrip("/"), place.audience)
        self.world.pending_agents = self._agents.pending
        vaults.adopt_own(self.world, VAULT.partition(".")[0], f"https://{VAULT}:{place.port}/")

    async def serve(self, started: Callable[[], None]) -> None:
        """Serve until cancelled; `started` is called when requests are accepted."""
        server = web.Server(self._handle, request_factory=_large)
        runner = web.ServerRunner(server)
        await runner.setup()
        reporting = asyncio.create_task(self._agents.run())
        try:
            await web.TCPSite(runner, "127.0.0.1", self._place.port, ssl_context=self._tls).start()
            started()
            await reporting
        finally:
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)
            await runner.cleanup()
            self._store.close()

    async def _handle(self, received: web.BaseRequest) -> web.StreamResponse:
        name = (received.host or "").partition(":")[0].lower()
        raw_path, _, _ = received.raw_path.partition("?")
        request = Request(
            method=received.method,
            path=raw_path,
            query=dict(received.query),
            headers=received.headers,
            body=await received.read(),
            base=f"https://{name}:{self._place.port}",
            url=f"https://{name}:{self._place.port}{received.raw_path}",
            issuer=self._issuer,
        )
        operations.settle(self.world)
        build_agents.settle(self.world)
        kubernetes_clusters.settle(self.world)
        if self._matching_fault("drop", name, request) and received.transport is not None:
            received.transport.abort()
            return web.Response(status=500)
        slow = self._matching_fault("slow", name, request)
        if slow:
            await self.world.clock.sleep(slow.seconds)
        if name == CLUSTERS and kubernetes.is_watch(request):
            await asyncio.sleep(PAUSE_OF_WATCHES)
        try:
            said = self.answered(name, request)
        except Unreachable:
            if received.transport is not None:
                received.transport.abort()
            return web.Response(status=500)
        if self._matching_fault("lose", name, request) and received.transport is not None:
            received.transport.abort()
        headers = {"x-ms-request-id": self.world.fresh_guid("request"), **said.headers}
        if said.body is not None:
            headers.setdefault("Content-Type", JSON)
        return web.Response(status=said.status, body=said.content, headers=headers)

    def answered(self, name: str, request: Request) -> Answer:
        """The response of a service to a request; every failure becomes an error in Azure's format."""
        service = _service_of(name)
        self.world.calls[service] = self.world.calls.get(service, 0) + 1
        try:
            fault = self._matching_fault("refuse", name, request)
            if fault:
                raise bare(fault.refusal) if long_running.PROVIDER.lower() in request.path.lower() else fault.refusal
            return self._service(name, request)
        except Refused as refused:
            return refused.answer
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            text = f"The request content was invalid and could not be deserialized: {type(error).__name__} {error}."
            return Refused(400, "InvalidRequestContent", text).answer

    def _matching_fault(self, effect: str, name: str, request: Request) -> Fault | None:
        service = _service_of(name)
        if service not in SPOILABLE:
            return None
        kind = arm.kind_of(request.path) if service == MANAGEMENT else service
        return self.world.faults.striking(effect, request.method, request.path, kind, request.body)

    def _service(self, name: str, request: Request) -> Answer:
        if name == MANAGEMENT and request.path == cloud_metadata.PATH and request.method == "GET":
            return cloud_metadata.answer(request, self._place.port, LOGIN, DIRECTORY)
        if name in SERVICES:
            return SERVICES[name](self.world, request)
        if name.endswith(metrics.SUFFIX):
            return metrics.answer(self.world, name.removesuffix(metrics.SUFFIX), request)
        if name.endswith(registry_contents.SUFFIX):
            return registry_contents.answer(self.world, name.removesuffix(registry_contents.SUFFIX), request)
        if name == PRICES and request.path == "/api/retail/prices":
            return prices.answer(self.world, request)
        if name == IDENTITY and request.path == "/msi/token":
            header = request.headers.get("X-IDENTITY-HEADER", "")
            resource, roles = request.query.get("resource", ""), self.world.app_roles
            return managed_identity(
                self._issuer, self._place.identity_secret, header, resource, roles, self.world.clock.speed
            )
        login = _login(self.world, request) if name == LOGIN else None
        if login is not None:
            return login
        if name == LOGIN and request.path == f"/{TENANT}/discovery/v2.0/keys":
            return self._issuer.keys()
        if name == LOGIN and request.path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            return self._issuer.configuration()
        raise not_simulated(f"{request.method} https://{name}{request.path}")


def _login(world: World, request: Request) -> Answer | None:
    return sign_in.answer(world, request) or service_principals.answer(world, request)


def _service_of(name: str) -> str:
    below = {metrics.SUFFIX: METRICS, registry_contents.SUFFIX: REGISTRIES}
    return next((service for suffix, service in below.items() if name.endswith(suffix)), name)


def _large(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """Whether a request may be as large as the largest blob here."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=LARGEST_REQUEST)


def _certificates(home: Path) -> ssl.SSLContext:
    authority = _authority(home / "ca.pem", home / "ca-key.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # A wildcard does not cover names right below .localhost, so every name is listed. It does cover regions below a service.
    authority.issue_cert(*NAMES, f"*{metrics.SUFFIX}", f"*{registry_contents.SUFFIX}").configure_cert(context)
    return context


def _authority(certificate: Path, key: Path) -> trustme.CA:
    if certificate.exists() and key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    authority = trustme.CA(organization_name="Simulated Azure")
    key.touch(mode=0o600)
    key.write_bytes(authority.private_key_pem.bytes())
    certificate.write_bytes(authority.cert_pem.bytes())
    return authority
