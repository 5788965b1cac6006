"""Extended sessions: the same results as with a replay in every episode; what is not deterministic fails."""

# The SDK's decorators have no types.
# mypy: disable-error-code="untyped-decorator"

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from local.clock import Clock
from local.host.configuration import HostJson
from local.host.durable.answers import Replays
from local.host.durable.engine import Engine
from local.host.durable.events import EventType
from local.host.durable.rows import Instance
from local.host.durable.sessions import Sessions
from local.host.durable.store import Store
from local.host.functions.worker import Worker

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads")

PATIENCE = 20.0
CALLS: Counter[str] = Counter()


def worker() -> Worker:
    """Orchestrators that count how often they are called, and an activity."""
    app = df.DFApp()

    @app.orchestration_trigger(context_name="context")
    def adds(context: df.DurableOrchestrationContext) -> Any:
        CALLS["adds"] += 1
        total = 0
        for _ in range(context.get_input()):
            total = yield context.call_activity("add_one", total)
            context.set_custom_status(f"at {total}")
        return total

    @app.orchestration_trigger(context_name="context")
    def drifts(context: df.DurableOrchestrationContext) -> Any:
        """What it returns depends on how often it was called before."""
        CALLS["drifts"] += 1
        number = CALLS["drifts"]
        for _ in range(3):
            yield context.call_activity("add_one", 0)
        return number

    @app.orchestration_trigger(context_name="context")
    def stumbles(context: df.DurableOrchestrationContext) -> Any:
        """It fails, and does not when it is rewound."""
        yield context.call_activity("add_one", 0)
        try:
            yield context.call_activity("refuses", "")
        except Exception as error:
            raise RuntimeError("refused") from error
        return "done"

    @app.activity_trigger(input_name="given")
    def add_one(given: int) -> int:
        return given + 1

    @app.activity_trigger(input_name="given")
    def refuses(given: str) -> str:
        CALLS["refuses"] += 1
        if CALLS["refuses"] == 1:
            raise ValueError("not yet")
        return given

    return Worker(app)


def run(home: Path, name: str, given: Any, *, sessions: bool, rewound: bool = False) -> tuple[Instance, list[Any]]:
    """An orchestration at its end, and its history without times."""
    CALLS.clear()

    async def live() -> tuple[Instance, list[Any]]:
        store = Store(home / f"{name}-{sessions}-{rewound}.sqlite")
        engine = Engine(worker(), store, Clock(speed=1000), HostJson(version="2.0"), sessions=sessions)
        engine.take_up()
        try:
            engine.start(name, "one", json.dumps(json.dumps(given)))
            ended = await _ended(store)
            if rewound:
                engine.rewind("one", "once more")
                ended = await _ended(store)
            assert vars(engine._asks).get("_kept", {}) == {}, "what has ended is not kept in memory"
            changing = ("Timestamp", "OrchestrationInstance")
            return ended, [
                {key: value for key, value in item.items() if key not in changing} for item in store.history("one")
            ]
        finally:
            await engine.close()
            store.close()

    return asyncio.run(live())


async def _ended(store: Store) -> Instance:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while (found := store.instance("one")) is None or not found.ended:
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.002)
    return found


def test_an_orchestrator_is_called_for_few_replays_and_its_history_is_the_same(tmp_path: Path) -> None:
    replayed, history = run(tmp_path, "adds", 30, sessions=False)
    assert (replayed.output, CALLS["adds"]) == ("30", 31)
    kept, same = run(tmp_path, "adds", 30, sessions=True)
    assert (kept.status, kept.output, kept.custom_status) == ("Completed", "30", '"at 30"')
    assert same == history
    # At its start, at 16 events, when they have doubled, and at its end.
    assert CALLS["adds"] == 1 + 3 + 1


def test_an_orchestrator_whose_last_replay_differs_fails(tmp_path: Path) -> None:
    assert run(tmp_path, "drifts", None, sessions=False)[0].status == "Completed", "only its result differs"
    failed, _ = run(tmp_path, "drifts", None, sessions=True)
    assert failed.status == "Failed"
    assert "Non-deterministic orchestrator: its last replay differs" in str(failed.output)


@pytest.mark.parametrize("sessions", [False, True])
def test_a_failed_orchestration_is_rewound(tmp_path: Path, sessions: bool) -> None:
    ended, _ = run(tmp_path, "stumbles", None, sessions=sessions)
    assert ended.status == "Failed"
    assert "refused" in str(ended.output)
    again, _ = run(tmp_path, "stumbles", None, sessions=sessions, rewound=True)
    assert (again.status, again.output) == ("Completed", '"done"')


def test_a_session_goes_on_only_if_what_it_has_seen_is_in_the_history(tmp_path: Path) -> None:
    ended, history = run(tmp_path, "adds", 3, sessions=False)
    history = [{**item, "Timestamp": "2026-11-30T12:00:00.0000000Z"} for item in history]
    app = worker()
    function, sessions, replays = app.find("adds", "orchestrationTrigger"), Sessions(app), Replays(app)
    assert function is not None
    begins = [place for place, item in enumerate(history) if item["EventType"] == EventType.ORCHESTRATOR_STARTED]
    first, second = history[:2], history[begins[1] : begins[1] + 2]
    CALLS.clear()
    begun = sessions.ask(function, ended, [], first)
    gone_on = sessions.ask(function, ended, history[: begins[1]], second)
    assert (len(begun.actions), len(gone_on.actions), CALLS["adds"]) == (1, 2, 1)
    # The last episode was not committed.
    assert sessions.ask(function, ended, history[: begins[1]], second) == gone_on
    assert CALLS["adds"] == 2
    # An instance with the same ID was started again, for nothing to add.
    other = replace(ended, execution="other")
    none = [{**item, **({"Input": json.dumps("0")} if "Input" in item else {})} for item in first]
    other = replace(other, input=json.dumps("0"))
    assert sessions.ask(function, other, [], none) == replays.ask(function, other, [], none)
