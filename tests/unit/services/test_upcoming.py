"""What happens next: holds, leases, schedules, what sweeps have decided and what follows a long sleep, soonest first."""

from dataclasses import replace
from typing import Any

import pytest

from dormouse.clock import HOUR, MINUTE, rfc3339
from dormouse.idle.decision import NextAction
from dormouse.idle.report import ReportRow
from dormouse.idle.stages.sleep import PlannedStage
from dormouse.idle.tracking import Hold, Lease, LeaseAction
from dormouse.lifecycle import State
from dormouse.services.views.upcoming import CHECKED, UpcomingStep, next_steps, next_steps_of
from tests.unit.builders import NOW, case, line_of
from tests.unit.twins import SETTINGS

WEEKDAYS = "mon-fri 08:00-19:00 UTC"  # now is a Friday, 08:00 UTC
HELD = Hold("bob", "demo", NOW - HOUR, NOW + HOUR)
DELETED = PlannedStage("delete", NOW + 2 * HOUR, "The environment ml1 will be deleted.")


def row(**fields: Any) -> ReportRow:
    known = {"next_action": NextAction.NOTHING, "next_action_text": "", "next_action_at": 0.0}
    return replace(line_of(case()), **{**known, **fields})


def steps(one: ReportRow) -> list[tuple[str, str | None]]:
    return [(step.what, step.at) for step in next_steps_of(one, NOW, SETTINGS)]


def asked(state: State = State.RUNNING, **parts: Any) -> list[str]:
    known = {"hold": None, "lease": None, "schedule": "", **parts}
    planned = known.pop("planned", None)
    found = next_steps(
        state, known["hold"], known["lease"], known["schedule"], known.get("now", NOW), SETTINGS, planned=planned
    )
    return [step.what for step in found]


def test_a_running_machine_is_at_least_looked_at_again() -> None:
    assert next_steps_of(row(), NOW + 60, SETTINGS) == (UpcomingStep("check", rfc3339(NOW + 300), CHECKED),)
    assert steps(row(next_action_at=NOW + HOUR, next_action_text="Grace.")) == [("check", rfc3339(NOW + HOUR))]


@pytest.mark.parametrize("state", [State.STOPPED, State.ABSENT])
def test_nothing_is_planned_for_what_sleeps(state: State) -> None:
    assert steps(row(state=state)) == []


@pytest.mark.parametrize(
    ("action", "at", "what"),
    [
        (NextAction.WARN, NOW + HOUR, "stop"),
        (NextAction.WARN, 0.0, "warn"),
        (NextAction.STOP, NOW, "stop"),
        (NextAction.START, NOW, "start"),
        (NextAction.DELETE, NOW, "delete"),
    ],
)
def test_what_a_sweep_has_decided_is_named_with_its_time(action: NextAction, at: float, what: str) -> None:
    text = f"It is {what}."
    (step,) = next_steps_of(row(next_action=action, next_action_at=at, next_action_text=text), NOW, SETTINGS)
    assert step == UpcomingStep(what, rfc3339(at) if at > NOW else None, text)  # type: ignore[arg-type]


def test_a_warning_that_was_sent_announces_the_stop() -> None:
    text = "A warning was sent. It will be deallocated at 09:00."
    assert steps(row(next_action_at=NOW + HOUR, next_action_text=text)) == [("stop", rfc3339(NOW + HOUR))]


@pytest.mark.parametrize("action", [NextAction.WARN, NextAction.NOTHING])
@pytest.mark.parametrize(("then", "what"), [(LeaseAction.DELETE, "delete"), (LeaseAction.STOP, "stop")])
def test_a_warning_about_a_lease_announces_what_the_lease_does(action: NextAction, then: LeaseAction, what: str) -> None:
    lease, text = Lease(NOW + HOUR, then, "ann"), "A warning was sent. It will be done at 09:00 by its lease."
    warned = row(next_action=action, next_action_at=NOW + HOUR, next_action_text=text, lease=lease)
    assert steps(warned) == [(what, rfc3339(NOW + HOUR))]
    later = replace(warned, lease=replace(lease, until=NOW + 9 * HOUR))
    assert steps(later)[0] == ("stop", rfc3339(NOW + HOUR)), "this warning is not about the lease"


def test_a_shutdown_from_inside_is_deallocated() -> None:
    assert steps(row(state=State.STOPPED_BILLED, next_action_at=NOW + MINUTE)) == [("stop", rfc3339(NOW + MINUTE))]


def test_a_hold_hides_what_it_prevents_and_says_when_it_ends() -> None:
    held = row(hold=HELD, next_action=NextAction.STOP, planned=DELETED)
    assert steps(held) == [("hold_ends", rfc3339(HELD.until))]
    assert [what for what, _ in steps(replace(held, hold=replace(HELD, until=NOW)))] == ["delete"], "it has ended"


@pytest.mark.parametrize(
    ("state", "then", "expected"),
    [
        (State.RUNNING, LeaseAction.STOP, ["stop"]),
        (State.STOPPED, LeaseAction.STOP, []),
        (State.STOPPED, LeaseAction.DELETE, ["delete"]),
    ],
)
def test_a_lease_stops_what_runs_and_deletes_what_sleeps(state: State, then: LeaseAction, expected: list[str]) -> None:
    lease = Lease(NOW + HOUR, then, "ann")
    assert asked(state, lease=lease) == expected
    assert asked(state, lease=replace(lease, until=NOW)) == []


@pytest.mark.parametrize(
    ("state", "now", "expected"),
    [
        (State.RUNNING, NOW, ["stop"]),
        (State.STOPPED, NOW, []),  # it is on: what has stopped it since stays in force until the next hours
        (State.STOPPED, NOW + 12 * HOUR, ["start"]),
        (State.RUNNING, NOW + 12 * HOUR, []),
    ],
)
def test_a_schedule_says_the_change_that_the_state_waits_for(state: State, now: float, expected: list[str]) -> None:
    assert asked(state, schedule=WEEKDAYS, now=now) == expected
    assert asked(state, schedule="whenever", now=now) == []


def test_what_follows_a_long_sleep_is_part_of_what_is_next() -> None:
    sleeping = row(state=State.STOPPED, planned=DELETED, next_action=NextAction.WARN, next_action_at=NOW + HOUR)
    assert next_steps_of(sleeping, NOW, SETTINGS) == (UpcomingStep("delete", rfc3339(DELETED.at), DELETED.text),)
    assert asked(State.STOPPED, planned=replace(DELETED, then="stop")) == ["stop"]
    due = next_steps(State.STOPPED, None, None, "", DELETED.at, SETTINGS, planned=DELETED)
    assert [(step.what, step.at) for step in due] == [("delete", None)], "at the next sweep"


def test_what_is_not_planned_for_now_is_not_next() -> None:
    stays = PlannedStage("delete", 0.0, "It is not deleted while its disks are shared.")
    assert asked(State.STOPPED, planned=stays) == []
    assert [what for what, _ in steps(row(planned=stays))] == ["check"]


def test_the_soonest_comes_first() -> None:
    lease = Lease(NOW + 2 * HOUR, LeaseAction.DELETE, "ann")
    found = next_steps(State.RUNNING, replace(HELD, until=NOW + 24 * HOUR), lease, WEEKDAYS, NOW, SETTINGS)
    assert [step.what for step in found] == ["delete", "stop", "hold_ends"]
    assert sorted(str(step.at) for step in found) == [step.at for step in found]


def test_a_row_of_the_report_remembers_what_is_planned() -> None:
    seen = case()
    planned = replace(seen, tracked=replace(seen.tracked, sleep=replace(seen.tracked.sleep, planned=DELETED)))
    assert (line_of(planned).planned, line_of(seen).planned) == (DELETED, None)
