"""A host that crashes at any moment and restarts brings any orchestration to the same result."""

import asyncio
import itertools
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from local.clock import Clock
from local.host.configuration import HostJson
from local.host.durable.engine import Engine
from local.host.durable.store import Store
from tests.host.programs import ATTEMPTS, Statement, come_to, heard, programs, worker

# The SDK warns of values of unknown types, and of results that arrive after a task_any has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")

WORKER = worker()
PATIENCE = 6.0
ROOT = "root"


class PowerCut(BaseException):
    """The host crashes."""


class FragileStore(Store):
    """A store that crashes at the n-th transaction: just before or just after its commit."""

    def __init__(self, path: Path, transactions: int | None, *, after: bool) -> None:
        super().__init__(path)
        self.left, self._after, self.dead = transactions, after, False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.dead:
            raise PowerCut
        if self.left is not None:
            self.left -= 1
        with super().transaction():
            yield
            if self.left is not None and self.left <= 0 and not self._after:
                self.dead = True
                raise PowerCut
        if self.left is not None and self.left <= 0:
            self.dead = True
            raise PowerCut


class Life:
    """A host from its start to its crash, or to the end of the program."""

    def __init__(self, path: Path, clock: Clock, crash: tuple[int, bool] | None, *, sessions: bool) -> None:
        transactions, after = crash or (None, False)
        self.store = FragileStore(path, transactions, after=after)
        self.engine = Engine(WORKER, self.store, clock, HostJson(version="2.0"), sessions=sessions)

    async def live(self, program: list[Any], told: set[str]) -> dict[str, Any] | None:
        self.engine.take_up()
        try:
            if self.store.instance(ROOT) is None:
                start = {"name": ROOT, "generations": program, "results": []}
                self.engine.start("program", ROOT, json.dumps(json.dumps(start)))
            return await self._end(heard(program, ROOT), told)
        except PowerCut:
            return None
        finally:
            await self.engine.close()
            self.store.close()

    async def _end(self, events: dict[str, int], told: set[str]) -> dict[str, Any] | None:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < deadline and not self.store.dead:
            instances = {instance.id: instance for instance in self.store.instances()}
            for name, number in events.items():
                listener = self._listener(name, instances)
                if listener and name not in told:
                    self.engine.raise_event(listener, name, json.dumps(number))
                    told.add(name)
            root = instances[ROOT]
            if root.ended and not self.store.work() and not self.store.with_messages():
                return {"status": root.status, "output": root.output and json.loads(root.output), "left": self.left()}
            await asyncio.sleep(0.002)
        if not self.store.dead:
            raise AssertionError(f"it does not end: {self.store.instances()}")
        return None

    def _listener(self, event: str, instances: dict[str, Any]) -> str | None:
        """The running instance whose current generation waits for an event: an earlier generation would lose it."""
        name, place, _ = event.rsplit("/", 2)
        for instance in instances.values():
            program = json.loads(json.loads(instance.input))
            if not instance.ended and program["name"] == name and f"{len(program['generations'])}." in place:
                return str(instance.id)
        return None

    def left(self) -> list[Any]:
        alarm = self.store.next_alarm()
        return [*self.store.work(), *self.store.with_messages(), *([alarm] if alarm else [])]


def run(program: list[Any], crashes: list[tuple[int, bool]], *, sessions: bool) -> dict[str, Any]:
    """Run a program to its end on a host that crashes after the given numbers of transactions."""
    ATTEMPTS.clear()
    clock, told = Clock(speed=2000), set[str]()
    with tempfile.TemporaryDirectory() as folder:
        for crash in [*crashes, None]:
            life = Life(Path(folder) / "host.sqlite", clock, crash, sessions=sessions)
            ended = asyncio.run(life.live(program, told))
            if ended is not None:
                return ended
    raise AssertionError("a host that does not crash ends")


crashes = st.lists(st.tuples(st.integers(1, 25), st.booleans()), max_size=6)


@settings(max_examples=240, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(program=programs, crashes=crashes, sessions=st.booleans())
@example(
    program=[[("any", [("sleep", 40), ("call", 1)]), ("family", [[("hear", 1)], [("count", 2)]])]],
    crashes=[(1, True)] * 6,
    sessions=False,
)
def test_a_crashing_host_reaches_the_same_result(
    program: list[Any], crashes: list[tuple[int, bool]], sessions: bool
) -> None:
    plain = json.loads(json.dumps(program))
    ended = run(plain, crashes, sessions=sessions)
    assert ended["status"] == "Completed", ended
    assert ended["output"] == come_to(plain)
    assert ended["left"] == []


@pytest.mark.parametrize("sessions", [False, True], ids=["replays", "extended sessions"])
def test_a_crash_at_any_transaction_does_not_change_the_result(sessions: bool) -> None:
    program: list[list[Statement]] = [
        [["call", 3], ["fails", 1, 3], ["family", [[["call", 1]], [["count", 5]]]]],
        [["all", [["call", 1], ["sleep", 5], ["call", 2]]], ["any", [["sleep", 9], ["call", 4]]], ["hear", 8]],
    ]
    for place, after in itertools.product(range(1, _transactions(program, sessions=sessions)), (False, True)):
        ended = run(program, [(place, after)], sessions=sessions)
        assert (ended["status"], ended["output"], ended["left"]) == ("Completed", come_to(program), []), (place, after)


def _transactions(program: list[Any], *, sessions: bool) -> int:
    """How many transactions an undisturbed run needs."""
    plenty = 10_000
    with tempfile.TemporaryDirectory() as folder:
        ATTEMPTS.clear()
        life = Life(Path(folder) / "host.sqlite", Clock(speed=2000), (plenty, True), sessions=sessions)
        assert asyncio.run(life.live(program, set())) is not None
        assert life.store.left is not None
        return plenty - life.store.left
