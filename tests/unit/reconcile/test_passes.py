"""One pass at a time; a lock without an operation is released by the second pass that sees it."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import pytest
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from dormouse import serialization
from dormouse.clock import HOUR
from dormouse.ids import new_operation_id
from dormouse.lifecycle import Verb
from dormouse.reconcile.findings import Finding, FindingKind, Policy, Sighting
from dormouse.reconcile.passes import RECONCILE, PassRequest
from dormouse.records.environments import Lock, Records
from dormouse.records.reconcile import ReconcileRecords
from dormouse.services.durable_client import DurableClient
from dormouse.services.reconcile.passes import LONGEST_PASS, start_pass
from dormouse.services.views.reconcile import next_action_of
from tests.unit.reconcile.views import ADDRESS, NAME, ended
from tests.unit.twins import MemoryTables, Orchestrations, reads_of

NOW = 1_800_000_000.0
GHOST = new_operation_id("ghost1", Verb.STOP, NOW - 12 * HOUR)


@dataclass
class Hub:
    """A task hub and records, at some moment."""

    tables: MemoryTables = field(default_factory=MemoryTables)
    hub: Orchestrations = field(default_factory=Orchestrations)

    def do(self, act: Awaitable[Any]) -> Any:
        async def acted() -> Any:
            return await act

        return asyncio.run(acted())

    def start(self, now: float = NOW) -> bool:
        return bool(self.do(start_pass(DurableClient(self.hub), reads_of(self.tables, now=now))))

    def request(self) -> PassRequest:
        return serialization.decode(PassRequest, self.hub.running[RECONCILE])

    def held(self, name: str = "ghost1", operation: str = GHOST) -> None:
        self.do(Records(self.tables).take_lock(name, Lock(operation, NOW - HOUR)))

    def known(self, lock: Sighting, first_seen: float) -> None:
        """A finding that an earlier pass has stored."""
        finding = Finding(lock, first_seen, first_seen)
        self.do(ReconcileRecords(self.tables).write_findings({lock.key: finding}))

    def locks(self) -> set[str]:
        return {*self.do(Records(self.tables).locks())}


def test_a_pass_starts_unless_one_runs() -> None:
    hub = Hub()
    assert hub.start()
    assert hub.request().began == NOW
    assert not hub.start()


@pytest.mark.parametrize(("age", "ended_it"), [(LONGEST_PASS, []), (LONGEST_PASS + 1.0, [RECONCILE])])
def test_a_pass_that_hangs_is_ended_even_the_first_one(age: float, ended_it: list[str]) -> None:
    hub = Hub()
    given = serialization.encode(PassRequest(began=NOW))
    hub.hub.statuses[RECONCILE] = DurableOrchestrationStatus(
        *("", RECONCILE, "2026-05-01T12:00:00Z", "2026-05-01T12:00:00Z"), runtimeStatus="Running", input=given
    )
    assert not hub.start(NOW + age)
    assert hub.hub.terminated == ended_it


def test_a_stale_lock_is_released_when_an_earlier_pass_has_seen_the_same_one() -> None:
    hub = Hub()
    hub.held()
    hub.start()
    (lock,) = hub.request().locks
    assert (lock.kind, lock.id, GHOST in lock.why, hub.locks()) == (FindingKind.LOCK, "ghost1", True, {"ghost1"})
    for first_seen, unique, stays in (
        (NOW - HOUR + 1.0, lock.unique, True),
        (NOW - HOUR, "another operation", True),
        (NOW - HOUR, lock.unique, False),
    ):
        hub.hub.running.clear()
        hub.known(Sighting(FindingKind.LOCK, "ghost1", "ghost1", "", unique=unique), first_seen)
        hub.start()
        assert hub.locks() == ({"ghost1"} if stays else set())
    assert (hub.request().locks, hub.request().released) == ((), (f"ghost1: {GHOST}",))


def test_a_lock_whose_operation_runs_is_no_finding() -> None:
    hub = Hub()
    hub.held()
    hub.hub.running[GHOST] = {}
    hub.start()
    assert (hub.request().locks, hub.locks()) == ((), {"ghost1"})


def test_a_finding_that_cannot_be_read_releases_nothing_and_stops_no_pass() -> None:
    hub = Hub()
    hub.held()
    key = Sighting(FindingKind.LOCK, "ghost1", "", "").key
    hub.tables.put("reconcile", key, "{}", partition="findings")
    assert hub.start()
    assert ([one.id for one in hub.request().locks], hub.locks()) == (["ghost1"], {"ghost1"})


RESOURCE = next(one for one in ended().resources if one.id == ADDRESS)
ORPHAN = Sighting(FindingKind.RESOURCE, ADDRESS, NAME, "", "proof", resource=RESOURCE)


@pytest.mark.parametrize(
    ("finding", "policy", "said"),
    [
        (Finding(ORPHAN, NOW, NOW), Policy.DELETE, "A pass after"),
        (Finding(ORPHAN, NOW, NOW + HOUR, 2), Policy.DELETE, "It is deleted"),
        (Finding(ORPHAN, NOW, NOW + HOUR, 2), Policy.REPORT, "Nothing: RECONCILE is `report`"),
        (Finding(ORPHAN, NOW, NOW + HOUR, 2, tried_at=NOW), Policy.DELETE, "A deletion was tried"),
        (Finding(ORPHAN, NOW, NOW + HOUR, 2, tried_at=NOW), Policy.REPORT, "Nothing: RECONCILE is `report`"),
        (
            Finding(Sighting(FindingKind.SECRET, "s", NAME, ""), NOW, NOW + HOUR, 2),
            *(Policy.DELETE, "Nothing: no record proves"),
        ),
        (Finding(Sighting(FindingKind.LOCK, "l", "l", ""), NOW, NOW + HOUR, 2), Policy.REPORT, "The next pass releases"),
        (Finding(Sighting(FindingKind.SOFT_DELETED, "v", NAME, ""), NOW, NOW + HOUR, 2), Policy.DELETE, "Nothing: recover"),
        (
            Finding(Sighting(FindingKind.MISSING_ENVIRONMENT, NAME, NAME, ""), NOW, NOW + HOUR, 2),
            *(Policy.DELETE, "Nothing, until"),
        ),
        (
            Finding(Sighting(FindingKind.ROLE_ASSIGNMENT, "r", "", "", "proof", resource=RESOURCE), NOW, NOW + HOUR, 2),
            *(Policy.DELETE, "Nothing: it is of no environment"),
        ),
    ],
)
def test_each_finding_says_what_will_be_done_with_it(finding: Finding, policy: Policy, said: str) -> None:
    assert next_action_of(finding, policy).startswith(said)
