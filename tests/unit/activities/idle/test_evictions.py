"""Evictions on a page of a sweep: what Resource Health and our own operations say, and what they do not say."""

import asyncio
from typing import Any

import pytest

from activities.idle.evictions import with_evictions
from dormouse.clock import MINUTE, rfc3339
from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.idle.evidence import Evaluation
from dormouse.idle.tracking import Eviction
from dormouse.ids import new_operation_id
from dormouse.lifecycle import State, Verb
from dormouse.records.environments import Records
from dormouse.records.operation_rows import OPERATIONS
from tests.unit.azure import Azure, cloud_over
from tests.unit.builders import IDENTIFIER, LONG_AGO, NOW, case, machine, remembered
from tests.unit.twins import MemoryTables

GRAPH = "POST /providers/Microsoft.ResourceGraph/resources"
SPOT = machine(state=State.STOPPED, spot=True, environment="ml1")
TRACKED = remembered(state=State.STOPPED, state_since=NOW, ran_since=NOW - 60 * MINUTE)
AT = NOW - 2 * MINUTE


def row(annotation: str = "VirtualMachinePreempted", at: float = AT, identifier: str = IDENTIFIER) -> dict[str, Any]:
    occurred = rfc3339(at).replace("Z", ".9245071Z").replace("+00:00", ".9245071Z")
    return {"id": identifier, "machine": identifier.upper(), "annotation": annotation, "occurred": occurred}


def asked(
    *rows: dict[str, Any], tables: MemoryTables | None = None, status: int = 200, seen: Evaluation | None = None
) -> tuple[Evaluation, str, Azure]:
    """The evaluation after Resource Graph has answered with these rows, the problem, and what was asked."""
    body = {"totalRecords": len(rows), "count": len(rows), "data": list(rows), "resultTruncated": "false", "facets": []}
    answer = body if status == 200 else {"error": {"code": "Forbidden", "message": "no"}}
    azure = Azure({}, {GRAPH: (status, answer, {})})
    stopped = seen or case(machine=SPOT, tracked=TRACKED)
    (found,), problem = asyncio.run(with_evictions([stopped], cloud_over(azure, tables)))
    return found, problem, azure


def operated(verb: Verb, *, minutes_ago: float, ended: bool = True) -> MemoryTables:
    """Tables with one operation on the environment."""
    tables, at = MemoryTables(NOW), NOW - minutes_ago * MINUTE
    outcome = Outcome(OutcomeStatus.SUCCEEDED, "") if ended else None
    record = OperationRecord(new_operation_id("ml1", verb, at), "ml1", verb, "ann", rfc3339(at), outcome=outcome)
    asyncio.run(Records(tables).remember_operation(record))
    return tables


def test_the_annotation_of_azure_is_an_eviction() -> None:
    found, problem, azure = asked(row())
    assert found.tracked.evicted is not None
    assert (round(found.tracked.evicted.at), found.tracked.evicted.seen_at, problem) == (round(AT + 0.9), NOW, "")
    assert azure.asked == [GRAPH]
    assert IDENTIFIER in azure.sent[0]["query"]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row("VirtualMachineDeallocationInitiated")],
        [row(), row("VirtualMachineDeallocationInitiated", AT + 60)],
        [row(at=NOW - 90 * MINUTE)],
        [{**row(), "occurred": ""}],
        [row(identifier=f"{IDENTIFIER}2")],
    ],
)
def test_anything_else_is_none(rows: list[dict[str, Any]]) -> None:
    found, problem, _ = asked(*rows)
    assert (found.tracked, problem) == (TRACKED, "")


def test_the_newest_annotation_counts_in_any_order() -> None:
    found, _, _ = asked(row(), row("VirtualMachineStartInitiatedByControlPlane", AT - 600))
    assert found.tracked.evicted is not None


@pytest.mark.parametrize(
    ("verb", "minutes_ago", "ended", "evicted"),
    [
        (Verb.STOP, 5, True, False),
        (Verb.RESIZE, 5, False, False),
        (Verb.STOP, 70, True, True),
        (Verb.START, 5, True, True),
        (Verb.RESIZE, 5, True, True),
    ],
)
def test_what_dormouse_has_stopped_since_the_run_began_is_not_evicted(
    verb: Verb, minutes_ago: float, ended: bool, evicted: bool
) -> None:
    found, _, _ = asked(row(), tables=operated(verb, minutes_ago=minutes_ago, ended=ended))
    assert (found.tracked.evicted is not None) is evicted


def test_an_operation_that_cannot_be_read_may_have_stopped_it() -> None:
    tables = operated(Verb.START, minutes_ago=5)
    (key,) = tables.keys(OPERATIONS)
    tables.put(OPERATIONS, key, "{}")
    entity = tables.get_table_client(OPERATIONS).rows[OPERATIONS, key]
    entity["Environment"] = "ml1"
    assert asked(row(), tables=tables)[0].tracked == TRACKED


@pytest.mark.parametrize("away", [False, True])
def test_without_an_answer_nothing_is_called_an_eviction(away: bool) -> None:
    tables = MemoryTables(NOW)
    tables.away = away
    found, problem, _ = asked(row(), tables=tables, status=200 if away else 403)
    assert found.tracked == TRACKED
    assert problem.startswith("it is not known whether stopped Spot VMs were evicted: ")


def test_azure_is_not_asked_for_machines_that_run() -> None:
    running = case(machine=machine(spot=True), tracked=remembered())
    found, _, azure = asked(row(), seen=running)
    assert (found, azure.asked) == (running, [])


KNOWN = Eviction(AT, NOW - MINUTE)


def waiting(**fields: Any) -> Evaluation:
    """A machine that an earlier sweep has called evicted, and that is to be started again."""
    tracked = remembered(state=State.STOPPED, state_since=NOW - MINUTE, ran_since=LONG_AGO, eviction=KNOWN)
    return case(**{"machine": SPOT, "tracked": tracked, "restarts_evicted": True, **fields})


def test_an_eviction_stays_known_as_long_as_azure_says_nothing_else() -> None:
    for rows in ([{**row(), "occurred": ""}], [], [row("VirtualMachineStartInitiatedByControlPlane", AT + 60)]):
        assert asked(*rows, seen=waiting())[0] == waiting()
    assert asked(status=403, seen=waiting())[0] == waiting()


def test_a_machine_that_someone_has_started_and_stopped_between_two_sweeps_is_no_longer_evicted() -> None:
    found, _, _ = asked(row("VirtualMachineDeallocationInitiated", AT + 30), seen=waiting())
    assert (found.tracked.evicted, found.tracked.state_since) == (None, NOW)
    found, _, _ = asked(tables=operated(Verb.STOP, minutes_ago=1), seen=waiting())
    assert found.tracked.evicted is None
    for verb, ended in ((Verb.START, True), (Verb.START, False), (Verb.STOP, False)):
        found, _, _ = asked(tables=operated(verb, minutes_ago=1, ended=ended), seen=waiting())
        assert found == waiting(), "what is still running holds the lock"


def test_a_machine_that_is_evicted_again_between_two_sweeps_is_told_again_and_waits_longer() -> None:
    found, _, _ = asked(row(at=AT + 30), seen=waiting())
    evicted = found.tracked.evicted
    assert evicted is not None
    assert (evicted.count, evicted.seen_at, round(evicted.at)) == (2, NOW, round(AT + 30.9))
