"""The overview: one list of environments and machines from the records, selected, sorted and paged over the whole set."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from dormouse import serialization
from dormouse.access.roles import Caller, Channel, Role
from dormouse.clock import HOUR, rfc3339
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import InvalidRequest
from dormouse.idle.report import ReportHead, ReportPage, ReportRow, SweepSummary
from dormouse.idle.targets import target_ids, target_key
from dormouse.idle.tracking import Hold, TrackedMachine
from dormouse.idle.verdict import VerdictKind
from dormouse.lifecycle import State
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.lists.selection import Selection
from dormouse.services.overview.overview import show_overview
from dormouse.services.overview.rows import ATTENTION_FIRST, AWAKE_FIRST, NOT_JUDGED, Item, Order, entry_of, items_of
from dormouse.services.views.overview import Overview
from tests.unit.builders import GROUP, NOW, ULID, case, environment_record, line_of, remembered
from tests.unit.twins import MemoryTables, Orchestrations, reads_of

HEAD = ReportHead("sweep-1", False, NOW - 60, NOW - 30, 1, SweepSummary(machines=3))


def row(name: str, environment: str = "", **fields: Any) -> ReportRow:
    identifier = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}"
    known = {"id": identifier, "name": name, "environment": environment, "since": 0.0, "next_action_at": 0.0}
    return replace(line_of(case()), **{**known, **fields})


def leading_id(record: EnvironmentRecord) -> str:
    return target_ids(record.resources)[0]


def item(*rows: ReportRow, record: EnvironmentRecord | None = None, operation: str = "") -> Item:
    return Item(record.name if record else rows[0].id, record.name if record else rows[0].name, record, rows, operation)


@pytest.mark.parametrize("kind", VerdictKind)
def test_every_verdict_has_a_place_in_both_orders(kind: VerdictKind) -> None:
    assert kind in AWAKE_FIRST
    assert kind in ATTENTION_FIRST
    assert NOT_JUDGED in ATTENTION_FIRST


def test_the_machine_that_keeps_an_environment_awake_speaks_for_it() -> None:
    asleep, busy = row("a", verdict=VerdictKind.STOPPED), row("b", verdict=VerdictKind.BUSY)
    one = item(asleep, busy, record=environment_record())
    assert (one.leading, one.verdict) == (busy, "busy")
    assert item(record=environment_record()).verdict == NOT_JUDGED


@pytest.mark.parametrize(
    ("operation", "states", "shown"),
    [
        ("delete", [State.RUNNING], State.DELETING),
        ("provision", [], State.CREATING),
        ("provision", [State.RUNNING], State.RUNNING),
        ("start", [State.STOPPED], State.STARTING),
        ("start", [State.RUNNING], State.RUNNING),
        ("stop", [State.RUNNING], State.STOPPING),
        ("hibernate", [State.RUNNING], State.STOPPING),
        ("", [State.RUNNING, State.STOPPED], State.PARTIAL),
        ("", [], State.READY),
    ],
)
def test_a_running_operation_shows_in_the_state(operation: str, states: list[State], shown: State) -> None:
    rows = [row(str(place), "ml1", state=state) for place, state in enumerate(states)]
    one = item(*rows, record=environment_record(), operation=operation and f"ml1-{operation}-{ULID}")
    assert one.state is shown


def test_machines_belong_to_their_environment_or_stand_alone() -> None:
    found = items_of([environment_record()], [row("a", "ml1"), row("b"), row("c", "gone")], {"ml1": "op"})
    assert {one.name: ([each.name for each in one.rows], one.operation) for one in found} == {
        "ml1": (["a"], "op"),
        "b": (["b"], ""),
    }


@pytest.mark.parametrize(
    ("order", "first", "second"),
    [
        (Order.NAME, row("a"), row("b")),
        (Order.ATTENTION, row("b", verdict=VerdictKind.STOPPED_BILLED), row("a", verdict=VerdictKind.BUSY)),
        (Order.NEXT, row("b", next_action_at=NOW), row("a", next_action_at=NOW + 1)),
        (Order.SINCE, row("b", since=NOW - 1), row("a", since=NOW)),
    ],
)
def test_what_comes_first_has_the_smaller_value(order: Order, first: ReportRow, second: ReportRow) -> None:
    values = [entry_of(item(one), order).value for one in (first, second)]
    assert values == sorted(values, key=str if order is Order.NAME else float)  # type: ignore[arg-type]
    assert values[0] != values[1]


def test_what_runs_comes_first_and_what_is_unknown_has_no_value() -> None:
    running = item(row("z"), record=environment_record(), operation="ml1-start-x")
    assert entry_of(running, Order.ATTENTION).value == -1
    assert [entry_of(item(row("a")), order).value for order in (Order.NEXT, Order.SINCE, Order.OWNER)] == [None] * 3
    assert entry_of(running, Order.OWNER).value == "ann"


@pytest.fixture
def dependencies() -> Dependencies:
    """Environments ml1 and ml2, of which a sweep has judged the first, and 5 machines outside."""
    known = reads_of(MemoryTables(now=NOW), now=NOW)
    rows = [row("vm-ml1", "ml1", verdict=VerdictKind.IDLE, id=leading_id(environment_record()))]
    rows += [row(f"gpu{place}", verdict=VerdictKind.BUSY) for place in range(4)]
    rows.append(row("last", verdict=VerdictKind.STOPPED, state=State.STOPPED, size="Standard_D4s_v5"))

    async def fill() -> None:
        for name, owner in (("ml1", "ann"), ("ml2", "bob")):
            await known.records.remember_environment(environment_record(name, owner=owner, owner_id=owner))
        await known.machines.write_report(ReportPage(0, HEAD.sweep, NOW - 40, tuple(rows)))
        await known.machines.finish_report(HEAD)

    asyncio.run(fill())
    return known


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables(now=NOW)


def shown(dependencies: Dependencies, limit: int = 50, after: str = "", **selection: Any) -> tuple[Overview, str]:
    caller = Caller("ann", Channel.TOKEN, Role.USER, "ann")
    client: Any = Orchestrations()
    context = Context(client, dependencies, caller)
    return asyncio.run(show_overview(limit, after, context, Selection(**selection)))


def test_everything_is_in_one_list_with_counts_by_verdict(dependencies: Dependencies) -> None:
    view, after = shown(dependencies)
    assert [one.name for one in view.value] == ["gpu0", "gpu1", "gpu2", "gpu3", "last", "ml1", "ml2"]
    assert (view.total, after) == (7, "")
    assert view.verdicts == {"busy": 4, "idle": 1, "not_judged": 1, "stopped": 1}
    assert (view.me.role, view.sweep, view.complete, view.as_of) == (Role.USER, "sweep-1", True, rfc3339(HEAD.ended_at))
    may = {one.name: bool(one.may) for one in view.value}
    assert may == {**dict.fromkeys(may, False), "ml1": True}, "what belongs to the caller"


@pytest.mark.parametrize(
    ("search", "names"),
    [("BOB", ["ml2"]), ("gpu westeurope", ["gpu0", "gpu1", "gpu2", "gpu3"]), ("d4s stopped", ["last"]), ("gpu bob", [])],
)
def test_every_word_of_a_search_must_be_somewhere(dependencies: Dependencies, search: str, names: list[str]) -> None:
    view, _ = shown(dependencies, search=search)
    assert [one.name for one in view.value] == names
    assert sum(view.verdicts.values()) == view.total == len(names)


def test_a_filter_leaves_the_counts_of_the_other_verdicts(dependencies: Dependencies) -> None:
    view, _ = shown(dependencies, filters={"verdict": ("idle", "not_judged")})
    assert [one.name for one in view.value] == ["ml1", "ml2"]
    assert (view.total, sum(view.verdicts.values())) == (2, 7)


@pytest.mark.parametrize("sort", ["", "attention", "-name", "owner"])
def test_pages_hold_every_row_once(dependencies: Dependencies, sort: str) -> None:
    whole = [one.name for one in shown(dependencies, sort=sort)[0].value]
    found: list[str] = []
    after = ""
    while True:
        view, after = shown(dependencies, 3, after, sort=sort)
        found += [one.name for one in view.value]
        if not after:
            break
    assert found == whole
    assert len(whole) == len(set(whole)) == 7
    with pytest.raises(InvalidRequest, match="cursor"):
        shown(dependencies, 3, json.dumps(["other", 1, "x"]), sort=sort)


@pytest.mark.parametrize(("name", "identifier"), [("ml1", leading_id(environment_record())), ("gpu2", row("gpu2").id)])
def test_a_hold_made_since_the_sweep_is_shown_at_once(dependencies: Dependencies, name: str, identifier: str) -> None:

    def held(known: TrackedMachine | None) -> TrackedMachine:
        return replace(known or remembered(id=identifier), hold=Hold("ann", "demo", NOW, NOW + HOUR))

    asyncio.run(dependencies.machines.change_tracked(target_key(identifier), held))
    (one,) = shown(dependencies, search=name)[0].value
    assert one.hold
    assert (one.hold.by, [step.what for step in one.next]) == ("ann", ["hold_ends"])


@pytest.mark.parametrize(
    ("by", "recorded", "shown_by"),
    [
        ("bob (on gpu2)", None, "bob (on gpu2)"),  # made on the machine: only sweeps see it
        ("bob (on gpu2)", HOUR, "bob (on gpu2)"),
        ("bob (on gpu2)", 9 * HOUR, "ann"),  # the longer one
        ("bob", None, None),  # ended since the sweep
    ],
)
def test_a_hold_made_on_the_machine_stays(
    dependencies: Dependencies, by: str, recorded: float | None, shown_by: str | None
) -> None:
    seen = row("gpu2", hold=Hold(by, "", NOW - HOUR, NOW + 2 * HOUR))
    asyncio.run(dependencies.machines.write_report(ReportPage(0, HEAD.sweep, NOW - 40, (seen,))))
    own = Hold("ann", "", NOW, NOW + recorded) if recorded else None
    tracked = replace(remembered(id=seen.id), hold=own)
    asyncio.run(dependencies.machines.change_tracked(target_key(seen.id), lambda _: tracked))
    (one,) = shown(dependencies, search="gpu2")[0].value
    assert (one.hold.by if one.hold else None) == shown_by


def test_the_report_is_read_once_for_each_sweep(dependencies: Dependencies) -> None:
    before = [one.name for one in shown(dependencies)[0].value]
    asyncio.run(dependencies.machines.write_report(ReportPage(0, "sweep-2", NOW - 10, (row("new"),))))
    assert [one.name for one in shown(dependencies)[0].value] == before, "until the next one has ended"
    asyncio.run(dependencies.machines.finish_report(replace(HEAD, sweep="sweep-2", ended_at=NOW - 5)))
    assert [one.name for one in shown(dependencies)[0].value] == ["ml1", "ml2", "new"]


def test_an_environment_that_cannot_be_read_is_a_problem_and_hides_no_other(tables: MemoryTables) -> None:
    tables.put("environments", "odd", "{")
    known = reads_of(tables, now=NOW)
    asyncio.run(known.records.remember_environment(environment_record()))
    view, _ = shown(known)
    assert [one.name for one in view.value] == ["ml1"]
    assert any("odd" in problem for problem in view.problems)


def test_before_the_first_sweep_environments_are_there(dependencies: Dependencies) -> None:
    empty = reads_of(MemoryTables(now=NOW), now=NOW)
    asyncio.run(empty.records.remember_environment(environment_record()))
    view, _ = shown(empty)
    assert [(one.name, one.verdict, one.reason) for one in view.value] == [("ml1", None, "No sweep has judged it yet.")]
    assert (view.sweep, view.as_of, view.complete, view.problems) == (None, None, False, ("No sweep has ended yet.",))
    assert serialization.encode(view)["value"][0]["next"] == []
