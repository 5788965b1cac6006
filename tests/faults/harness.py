"""The whole host inside the test process, with checkpoints of host and Azure, so that one run can be continued in many
ways.

It is the real host: its routes over HTTP, its engine, its durable store in a file, the real app with the real SDKs. One
undisturbed run of a command is recorded, with a checkpoint around every activity. A checkpoint is the state that a host
crash would leave behind at that moment: the file with the committed data, and Azure with every effect so far. A case
restores a checkpoint, starts a new host with a new app and new clients, and runs only the rest.
`tests/integration/environments/test_crashes_and_outages.py` kills whole processes.
"""

import asyncio
import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from dormouse.cloud.clients import Cloud
from dormouse.resources.registry import KINDS
from dormouse.settings import Settings
from function_app import build_app
from local.azure.server import SPOILABLE
from local.clock import Clock
from local.host.durable.rows import Instance, Work
from local.host.durable.store import Store
from local.host.functions.worker import Worker
from local.host.server import Host, Place
from local.sandbox import Ground, free_port
from tests.support import ROOT, WORKSTATION, AzureSide

PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state at one moment: the host's durable store, Azure, and how many responses Azure has sent so far."""

    store: bytes = field(repr=False)
    azure: int
    answers: int


@dataclass
class Recording:
    """An undisturbed run of a command: checkpoints where cases can begin, and the final state."""

    name: str
    verb: str
    begin: Checkpoint
    # The n-th activity has had its effect; its result is not committed yet, or is.
    unwritten: list[Checkpoint] = field(default_factory=list)
    written: list[Checkpoint] = field(default_factory=list)
    # No activity is running: the next ones have not begun.
    idle: list[Checkpoint] = field(default_factory=list)
    operation: str = ""
    state: str = "succeeded"
    spec: dict[str, Any] = field(default_factory=lambda: WORKSTATION)
    end: dict[str, Any] = field(default_factory=dict)
    # Steps that Azure refuses without any crash.
    refused: frozenset[str] = frozenset()

    def answers_at(self, checkpoint: Checkpoint) -> int:
        """How many responses Azure had sent in this run by then."""
        return checkpoint.answers - self.begin.answers

    def last_idle_before(self, answer: int) -> Checkpoint:
        """The last moment at which no activity was running and before Azure's n-th response."""
        return [one for one in (self.begin, *self.idle) if self.answers_at(one) < answer][-1]


class WatchedStore(Store):
    """The host's durable store on simulated time, which calls a watcher around every activity."""

    def __init__(self, path: Path, origin: float) -> None:
        super().__init__(path)
        self.path, self._origin = path, origin
        self.watcher: Watcher | None = None
        self._scheduled = self._finished = 0

    def clock(self, speed: float, origin: float | None = None) -> Clock:
        self.host_clock = Clock(speed, self._origin)
        return self.host_clock

    def schedule_work(self, instance: Instance, task: int, name: str, given: str | None) -> Work:
        self._scheduled += 1
        return super().schedule_work(instance, task, name, given)

    def finish_work(self, work: Work) -> bool:
        if self.watcher:
            self.watcher.unwritten(self)
        self._finished += 1
        return super().finish_work(work)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self._scheduled = self._finished = 0
        with super().transaction():
            yield
        if self.watcher and self._finished:
            self.watcher.written(self)
        if self.watcher and self._scheduled == len(self.work()) > 0:
            self.watcher.idle(self)


@dataclass
class Watcher:
    """Takes the checkpoints of a recording while nothing changes: the host waits, and simulated time stands still."""

    workbench: "Workbench"
    recording: Recording

    def unwritten(self, store: WatchedStore) -> None:
        self.recording.unwritten.append(self._taken(store))

    def written(self, store: WatchedStore) -> None:
        self.recording.written.append(self._taken(store))

    def idle(self, store: WatchedStore) -> None:
        self.recording.idle.append(self._taken(store))

    def _taken(self, store: WatchedStore) -> Checkpoint:
        checkpoint = self.workbench.checkpoint()
        store.host_clock.origin = self.workbench.origin
        return checkpoint


@dataclass
class Life:
    """What a client of the control plane can do between one start and the next crash of the host."""

    client: httpx.AsyncClient
    store: WatchedStore

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request; retry while the response is 503, which may take a minute: what failed is not fetched sooner."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while (answer := await self.client.request(method, path, json=body)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"{method} {path} is still answered 503: {answer.text}")
            await asyncio.sleep(0.05)
        return answer

    async def until_ended(self, operation: str) -> None:
        """Wait for the end of an operation."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while (instance := self.store.instance(operation)) is None or not instance.ended:
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"{operation} does not end: {instance}")
            await asyncio.sleep(0.005)


@dataclass(frozen=True, slots=True)
class Done:
    """A finished operation, and everything that was done to its environment."""

    operation: dict[str, Any]
    trail: list[dict[str, Any]]


@dataclass
class Workbench:
    """Runs commands on a host that is started and stopped; `speed` must be that of the simulated Azure."""

    ground: Ground
    simulation: httpx.Client
    home: Path
    speed: float
    runner: asyncio.Runner
    origin: float  # of the clock that host and simulated Azure share
    restored: Checkpoint | None = None  # simulated time goes on from there when the next host serves

    @property
    def file(self) -> Path:
        """The file of the host's durable store."""
        return self.home / "host.sqlite"

    def checkpoint(self) -> Checkpoint:
        """The state at this moment; of the host only what it has committed."""
        with contextlib.closing(sqlite3.connect(self.file)) as reader:
            store = reader.serialize()
        taken = self.simulation.post("/checkpoints").raise_for_status().json()
        self.origin, self.restored = taken["origin"], None
        answers = sum(count for service, count in taken["calls"].items() if service in SPOILABLE)
        return Checkpoint(store, taken["id"], answers)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore a checkpoint, including simulated time; no host may be running."""
        answer = self.simulation.post("/checkpoints/restore", json={"id": checkpoint.azure})
        self.origin, self.restored = answer.raise_for_status().json()["origin"], checkpoint
        for file in self.home.glob(f"{self.file.name}-*"):
            file.unlink()
        self.file.write_bytes(checkpoint.store)

    def _go_on(self, store: WatchedStore) -> None:
        """Let simulated time go on from the restored checkpoint: a crash takes none of it, however slow the start."""
        if self.restored:
            answer = self.simulation.post("/checkpoints/resume", json={"id": self.restored.azure})
            self.origin = store.host_clock.origin = answer.raise_for_status().json()["origin"]
            self.restored = None

    @contextlib.asynccontextmanager
    async def life(self, recording: Recording | None = None) -> AsyncIterator[Life]:
        """A host from its start to its end; its activities are recorded on request."""
        store = WatchedStore(self.file, self.origin)
        store.watcher = Watcher(self, recording) if recording else None
        port = free_port()
        settings = Settings.from_environment()
        cloud = Cloud(settings, settings.clock)
        host = Host(Place(ROOT, self.home, port, self.speed, sessions=True), Worker(build_app(lambda: cloud)), store)
        self._go_on(store)
        ready = asyncio.Event()
        serving = asyncio.create_task(host.serve(ready.set))
        starting = asyncio.create_task(ready.wait())
        await asyncio.wait([serving, starting], return_when=asyncio.FIRST_COMPLETED)
        headers = {"x-functions-key": host.keys.function}
        url = f"http://127.0.0.1:{port}/api"
        try:
            # Nothing is verified because nothing is encrypted; loading certificates would take longer than all requests.
            async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, verify=False, timeout=30) as client:
                yield Life(client, store)
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving
            await cloud.close()

    def command(self, name: str, verb: str, spec: dict[str, Any] = WORKSTATION) -> Done:
        """Send a command and follow the operation to its end."""
        return self.runner.run(self._command(name, verb, spec, None))

    def record(self, name: str, verb: str, spec: dict[str, Any] = WORKSTATION) -> tuple[Recording, Done]:
        """Send a command, and take a checkpoint at every moment at which a case can begin."""
        recording = Recording(name, verb, self.checkpoint(), spec=spec)
        return recording, self.runner.run(self._command(name, verb, spec, recording))

    def finish(self, recording: Recording, checkpoint: Checkpoint) -> Done:
        """Follow an operation from a checkpoint to its end; if it had not begun, send the command."""
        if checkpoint is recording.begin:
            return self.command(recording.name, recording.verb, recording.spec)
        return self.runner.run(self._finished(recording))

    async def _command(self, name: str, verb: str, spec: dict[str, Any], recording: Recording | None) -> Done:
        method, path = REQUESTS[verb]
        body = spec if method == "PUT" else LARGER[spec["blueprint"]] if verb == "resize" else None
        async with self.life(recording) as life:
            answer = await life.ask(method, path.format(name=name), body)
            assert answer.status_code == httpx.codes.ACCEPTED, answer.text
            operation = str(answer.json()["operation"])
            await life.until_ended(operation)
            if recording:
                recording.operation, life.store.watcher = operation, None
            return await self._done(life, name, operation)

    async def _finished(self, recording: Recording) -> Done:
        async with self.life() as life:
            await life.until_ended(recording.operation)
            return await self._done(life, recording.name, recording.operation)

    async def _done(self, life: Life, name: str, operation: str) -> Done:
        answer = await life.ask("GET", f"/operations/{operation}")
        trail = await life.ask("GET", f"/operations?environment={name}")
        return Done(answer.json(), trail.json()["value"])


REQUESTS: dict[str, tuple[str, str]] = {
    "provision": ("PUT", "/environments/{name}"),
    "rotate-password": ("POST", "/environments/{name}/rotate-password"),
    "resize": ("POST", "/environments/{name}/resize"),
    "stop": ("POST", "/environments/{name}/stop"),
    "start": ("POST", "/environments/{name}/start"),
    "delete": ("DELETE", "/environments/{name}"),
    "hibernate": ("POST", "/environments/{name}/hibernate"),
}
LARGER = {
    "build-agent": {"size": "Standard_NV12ads_A10_v5", "restart": True},
    "workstation": {"size": "Standard_NV12ads_A10_v5", "restart": True},
    "pair": {"size": "Standard_D4s_v5", "restart": True},
}
# What every environment takes; hibernation needs a spec with it.
VERBS = tuple(verb for verb in REQUESTS if verb != "hibernate")
NOTHING: dict[str, Any] = {"kinds": {}, "states": set(), "secrets": 0, "locks": [], "records": []}


ADDED = {kind.type.lower() for kind in KINDS.values() if kind.added}


def contents(side: AzureSide, name: str) -> dict[str, Any]:
    """The resources of an environment, without what differs from one run to the next.

    What Azure adds minutes later is counted only if nothing else is left.
    """
    found = side.resources(name)
    resources = [resource for resource in found if resource["type"].lower() not in ADDED] or found
    rows = [row["properties"]["Document"][1] for row in side.rows("environments") if row["RowKey"] == name]
    records = [json.loads(row) for row in rows]
    return {
        "kinds": Counter(resource["type"] for resource in resources),
        "states": {str(resource["properties"].get("provisioningState", "Succeeded")) for resource in resources},
        "secrets": len(side.secrets(name)),
        "locks": side.locks(name),
        # A later deletion deletes what the record names.
        "records": [(record["ready"], len(record["resources"])) for record in records],
    }


def assert_same_end(side: AzureSide, recording: Recording, name: str, done: Done) -> None:
    """Assert that an operation ended once and as the undisturbed run did, with the same final state."""
    verb = recording.verb
    assert done.operation["outcome"] == recording.state, (name, verb, done.operation)
    assert contents(side, name) == recording.end, (name, verb)
    assert done.operation["leftovers"] == [], (name, verb)
    if recording.state == "succeeded":
        # A step can be refused although the operation succeeds: the suspension and the resumption of what runs in a machine.
        others = [step for step in done.operation["steps"] if step["state"] not in ("done", "unchanged")]
        assert {step["name"] for step in others} == recording.refused, (name, verb, others, done.operation["reason"])
    assert done.operation["began_at"] <= done.operation["ended_at"] != "", (name, verb)
    # A command whose request got 503 is in the history as refused, and nothing is left open.
    ended = [operation["outcome"] for operation in done.trail if operation["verb"] == verb]
    assert ended.count(recording.state) == 1, (name, verb, done.trail)
    assert set(ended) <= {recording.state, "refused"}, (name, verb, done.trail)
