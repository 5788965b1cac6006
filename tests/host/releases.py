"""An app in two releases, and hosts of them in this process, on the same state."""

# The SDK's decorators have no types.
# mypy: disable-error-code="untyped-decorator"

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from local.clock import Clock
from local.host.configuration import HostJson
from local.host.durable.engine import Engine
from local.host.durable.rows import Instance
from local.host.durable.store import Store
from local.host.functions.worker import Worker
from orchestrators.durable import began_before

GO, PATIENCE = "Go", 20.0


def worker(*, careless: bool = False) -> Worker:
    """The second release: its orchestrator has a new first step, in instances that began with it or (careless) in all."""
    app = df.DFApp()

    @app.function_name("changed")
    @app.orchestration_trigger(context_name="context")
    def changed(context: df.DurableOrchestrationContext) -> Any:
        done = []
        if careless or not began_before(context, "1.1"):
            done.append((yield context.call_activity("new_step", "")))
        done.append((yield context.call_activity("old_step", "")))
        yield context.wait_for_external_event(GO)
        done.append((yield context.call_activity("old_step", "")))
        return done

    @app.function_name("reports")
    @app.orchestration_trigger(context_name="context")
    def reports(context: df.DurableOrchestrationContext) -> Any:
        """Its version, and those of its sub-orchestrations: without one of their own, with one, and retried with one."""
        yield context.wait_for_external_event(GO)
        plain = yield context.call_sub_orchestrator("version_of", None)
        given = yield context.call_sub_orchestrator("version_of", None, version="1.0.5")
        again = yield context.call_sub_orchestrator_with_retry("version_of", df.RetryOptions(1000, 2), None, version="0.9")
        return [context.version, plain, given, again]

    @app.function_name("version_of")
    @app.orchestration_trigger(context_name="context")
    def version_of(context: df.DurableOrchestrationContext) -> Any:
        yield context.call_activity("old_step", "")
        return context.version

    @app.function_name("continues")
    @app.orchestration_trigger(context_name="context")
    def continues(context: df.DurableOrchestrationContext) -> Any:
        yield context.wait_for_external_event(GO)
        if context.get_input() is None:
            context.continue_as_new("second")
            return None
        return [context.get_input(), context.version]

    @app.function_name("ahead")
    @app.orchestration_trigger(context_name="context")
    def ahead(context: df.DurableOrchestrationContext) -> Any:
        return (yield context.call_sub_orchestrator("version_of", None, version="7.0"))

    for name, result in (("new_step", "new"), ("old_step", "old")):
        app.function_name(name)(app.activity_trigger(input_name="given")(_step(result)))
    return Worker(app)


def _step(result: str) -> Any:
    def step(given: str) -> str:
        return result

    return step


@dataclass(frozen=True, slots=True)
class Release:
    """A host of a release, while it runs."""

    engine: Engine
    store: Store

    async def begun(self, name: str, version: str | None = None) -> str:
        """Start an orchestration and wait until it waits for an event, or has ended."""
        identifier = self.engine.start(name, uuid.uuid4().hex, None, version)
        await self._until(lambda: self.instance(identifier).status != "Pending" and self._idle(identifier))
        return identifier

    def _idle(self, identifier: str) -> bool:
        return not self.store.work() and not self.store.inbox(identifier)

    async def finished(self, identifier: str) -> Any:
        """The output of an orchestration that is told to go on."""
        self.engine.raise_event(identifier, GO, "1")
        done = await self.ended(identifier)
        assert done.status == "Completed", done
        return json.loads(done.output or "null")

    async def ended(self, identifier: str) -> Instance:
        await self._until(lambda: self.instance(identifier).ended)
        return self.instance(identifier)

    async def settled(self) -> None:
        """Wait until the host has done all that it does without further messages."""
        for _ in range(20):
            await asyncio.sleep(0.005)

    def instance(self, identifier: str) -> Instance:
        found = self.store.instance(identifier)
        assert found is not None
        return found

    async def _until(self, holds: Callable[[], bool]) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not holds():
            assert asyncio.get_running_loop().time() < deadline, self.store.instances()
            await asyncio.sleep(0.002)


SECOND, CARELESS = worker(), worker(careless=True)


@contextlib.asynccontextmanager
async def release(file: Path, settings: dict[str, str], app: Worker = SECOND) -> AsyncIterator[Release]:
    """A host with these settings of `durableTask`, on the state in a file."""
    configuration = HostJson.model_validate({"version": "2.0", "extensions": {"durableTask": settings}})
    store = Store(file)
    engine = Engine(app, store, Clock(speed=1000), configuration)
    engine.take_up()
    try:
        yield Release(engine, store)
    finally:
        await engine.close()
        store.close()
