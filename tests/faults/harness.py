"""The whole host inside the test, so that the power can be cut at any activity, and it comes up again at once.

It is the real host: its routes over HTTP, its engine, its memory in a file, the real app with the real SDKs. Only the
process stays, with the modules it has imported: everything else is made anew after each cut.
`tests/integration/environments/test_crashes_and_outages.py` kills whole processes.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dormouse.cloud.clients import Cloud
from dormouse.settings import Settings
from function_app import build_app
from local.host.durable.rows import Work
from local.host.durable.store import Store
from local.host.functions.worker import Worker
from local.host.server import Host, Place
from local.sandbox import Ground, free_port
from tests.support import ROOT, WORKSTATION, AzureSide

PATIENCE = 60.0


class PowerCut(BaseException):
    """The host is gone, in the middle of something."""


@dataclass(frozen=True, slots=True)
class Cut:
    """When the power is cut: at the n-th activity that has come to its end, before or after that is written down."""

    place: int
    written: bool


class FragileStore(Store):
    """The host's memory, which knows when the power is cut."""

    def __init__(self, path: Path, cut: Cut | None) -> None:
        super().__init__(path)
        self._cut, self.activities, self.dead = cut, 0, False
        self._now = False

    def finish_work(self, work: Work) -> bool:
        self.activities += 1
        if self._cut and self.activities == self._cut.place:
            if not self._cut.written:
                self.dead = True
                raise PowerCut
            self._now = True
        return super().finish_work(work)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        if self.dead:
            raise PowerCut
        with super().transaction():
            yield
        if self._now:
            self.dead = True
            raise PowerCut


@dataclass
class Life:
    """What a client of the control plane can do during one life of the host."""

    client: httpx.AsyncClient
    store: FragileStore

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the control plane; raises PowerCut if the power goes meanwhile."""
        asking = asyncio.ensure_future(self.client.request(method, path, json=body))
        while not asking.done():
            if self.store.dead:
                asking.cancel()
                raise PowerCut
            await asyncio.wait([asking], timeout=0.01)
        return asking.result()

    async def until_ended(self, operation: str) -> bool:
        """Wait for the end of an operation; False if the power went before."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not self.store.dead:
            instance = self.store.instance(operation)
            if instance is not None and instance.ended:
                return True
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"{operation} does not end: {instance}")
            await asyncio.sleep(0.005)
        return False


@dataclass(frozen=True, slots=True)
class Done:
    """An operation at its end, everything that was done to its environment, and whether the power was cut on the way."""

    operation: dict[str, Any]
    trail: list[dict[str, Any]]
    struck: bool


@dataclass
class Workbench:
    """A place to run commands on a host that is cut off at will; `speed` must be that of the simulated Azure."""

    ground: Ground
    home: Path
    speed: float
    runner: asyncio.Runner

    @contextlib.asynccontextmanager
    async def life(self, cut: Cut | None = None) -> AsyncIterator[Life]:
        self.home.mkdir(parents=True, exist_ok=True)
        store = FragileStore(self.home / "host.sqlite", cut)
        port = free_port()
        cloud = Cloud(Settings.from_environment())
        host = Host(Place(ROOT, self.home, port, self.speed), Worker(build_app(lambda: cloud)), store)
        ready = asyncio.Event()
        serving = asyncio.create_task(host.serve(ready.set))
        await asyncio.wait([serving, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        headers = {"x-functions-key": host.keys.function}
        url = f"http://127.0.0.1:{port}/api"
        try:
            async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
                yield Life(client, store)
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError, PowerCut):
                await serving
            await cloud.close()

    def command(self, name: str, verb: str, cut: Cut | None = None) -> Done:
        """Give a command, on a host that is cut off once, and follow the operation to its end."""
        return self.runner.run(self._command(name, verb, cut))

    async def _command(self, name: str, verb: str, cut: Cut | None) -> Done:
        operation, struck = "", False
        for one in (cut, None):
            async with self.life(one) as life:
                operation = operation or await self._accepted(life, name, verb)
                if operation and await life.until_ended(operation):
                    answer = await self._patiently(life, "GET", f"/operations/{operation}")
                    trail = await self._patiently(life, "GET", f"/operations?environment={name}")
                    return Done(answer.json(), trail.json()["value"], struck)
                struck = life.store.dead
        raise AssertionError("a host that is not cut off ends what it has begun")

    async def _accepted(self, life: Life, name: str, verb: str) -> str:
        method, path, body = REQUESTS[verb]
        try:
            answer = await self._patiently(life, method, path.format(name=name), body)
        except PowerCut:
            return ""
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["operation"])

    async def _patiently(self, life: Life, method: str, path: str, body: Any = None) -> httpx.Response:
        """A caller who comes back when told that Azure cannot be asked right now."""
        for _ in range(30):
            answer = await life.ask(method, path, body)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
        raise AssertionError(f"{method} {path} is still answered 503")


REQUESTS: dict[str, tuple[str, str, Any]] = {
    "provision": ("PUT", "/environments/{name}", WORKSTATION),
    "stop": ("POST", "/environments/{name}/stop", None),
    "start": ("POST", "/environments/{name}/start", None),
    "delete": ("DELETE", "/environments/{name}", None),
}


def snapshot(side: AzureSide, name: str) -> dict[str, Any]:
    """What there is of an environment, without what differs from one building to the next."""
    resources = side.resources(name)
    return {
        "kinds": Counter(resource["type"] for resource in resources),
        "states": {str(resource["properties"].get("provisioningState", "Succeeded")) for resource in resources},
        "secrets": len(side.secrets(name)),
        "locks": side.locks(name),
    }
