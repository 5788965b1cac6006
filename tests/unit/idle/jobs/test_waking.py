"""Waking: a waiting job starts only machines that a sweep has stopped, and only as their specs allow it."""

from typing import Any

import pytest

from dormouse.clock import DAY, MINUTE, moment_text
from dormouse.idle.alarms import alarm, with_alarm
from dormouse.idle.decision import NextAction
from dormouse.idle.evidence import Evaluation
from dormouse.idle.jobs.waiting import WaitingJob
from dormouse.idle.jobs.waking import with_told_of, with_woken_for
from dormouse.idle.planning import Evaluated, plan_actions
from dormouse.idle.recheck import recheck
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.tracking import ActionReason, Hold, IdleShutdown, Lease, LeaseAction
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import KEEP_TAG
from tests.unit.builders import IDENTIFIER, NOW, case, decided, decision_on, machine, planned, remembered

JOB = WaitingJob(IDENTIFIER.lower(), 90, "A job (request 90) has waited.", wakes=True)
HINT = WaitingJob(IDENTIFIER.lower(), 90, "A job (request 90) has waited. Start it.")
SLEPT = IdleShutdown(NOW - 3600, 0.5, "USD")
STARTS = (NextAction.START, ActionReason.JOBS)


def asleep(tracked: dict[str, Any] | None = None, **fields: Any) -> Evaluation:
    """A machine that a sweep has stopped, and for which a job waits."""
    known = {"state": State.STOPPED, "state_since": NOW - 3600, "shutdown": SLEPT, **(tracked or {})}
    view = fields.pop("view", {})
    parts = {
        "machine": machine(state=State.STOPPED, **view),
        "tracked": remembered(**known),
        "job": JOB,
        "wakes_for_jobs": True,
    }
    return case(**{**parts, **fields})


def test_a_waiting_job_starts_a_machine_that_a_sweep_has_stopped() -> None:
    decision = decision_on(asleep())
    assert (decision.action, decision.reason, decision.then) == (*STARTS, "A waiting job starts it now.")


@pytest.mark.parametrize(
    "fields",
    [
        {"wakes_for_jobs": False},
        {"job": None},
        {"job": HINT},
        {"tracked": {"shutdown": None}},
        {"tracked": {"woken_for": (7, 90)}},
        {"tracked": {"retry_at": NOW + 60}},
        {"hold": Hold("ann", "", NOW, NOW + 60)},
        {"fault": "its tag is misspelt"},
        {"unreadable": "row"},
        {"view": {"tags": {KEEP_TAG: "yes"}}},
        {"view": {"managed_by_others": True}},
        {"schedule": read_schedule("mon-fri 10:00-19:00 UTC")},
        {"schedule": read_schedule("mon-fri 10:00-19:00, off at 09:00 UTC")},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_it_starts_nothing_else(fields: dict[str, Any]) -> None:
    assert decision_on(asleep(**fields)).action is NextAction.NOTHING


@pytest.mark.parametrize("state", [State.RUNNING, State.STARTING, State.STOPPING, State.STOPPED_BILLED, State.UNKNOWN])
def test_only_a_machine_that_is_stopped_is_started(state: State) -> None:
    assert decision_on(asleep(machine=machine(state=state))).action is not NextAction.START


@pytest.mark.parametrize("schedule", ["mon-fri 07:00-19:00 UTC", "off at 19:00 UTC"])
def test_it_starts_within_the_scheduled_hours(schedule: str) -> None:
    decision = decision_on(asleep(schedule=read_schedule(schedule)))
    assert (decision.action, decision.reason) == STARTS


def test_the_end_of_a_lease_comes_first() -> None:
    lease = Lease(NOW - 60, LeaseAction.DELETE, "ann")
    decision = decision_on(asleep({"lease": lease}, view={"environment": "ml1"}))
    assert decision.reason is ActionReason.LEASE


def test_the_planned_start_carries_the_job() -> None:
    one = asleep()
    (plan,) = plan_actions([Evaluated(one, *decided(one), "")], {}, "")
    assert (plan.action, plan.reason, plan.job, plan.verdict_reason) == (*STARTS, JOB, JOB.text)


def test_the_recheck_confirms_the_start_and_names_what_forbids_it() -> None:
    start = planned(asleep())
    assert recheck(start, asleep()) == ""
    assert recheck(start, asleep(hold=Hold("ann", "", NOW, NOW + 60))) == "It is now on hold by ann."
    assert recheck(start, asleep(machine=machine(state=State.STOPPING))) == "It is stopping now."
    assert "set wake_for_jobs" in recheck(start, asleep(wakes_for_jobs=False))
    assert recheck(start, asleep({"shutdown": None})).startswith("It was not a sweep that stopped it")


def test_a_request_that_a_machine_was_started_for_is_remembered_once() -> None:
    tracked = remembered()
    for request in (1, 2, 1, *range(3, 60)):
        tracked = with_woken_for(tracked, request)
        tracked = with_told_of(tracked, request + 100)
    assert (len(tracked.woken_for), tracked.woken_for[-1], len(set(tracked.woken_for))) == (50, 59, 50)
    assert tracked.told_of == tuple(known + 100 for known in tracked.woken_for)


def test_the_owner_is_told_once_about_each_job_that_waits() -> None:
    one = asleep(job=HINT)
    assert alarm(one, *decided(one)) == HINT.text
    after = with_alarm(one, HINT.text)
    assert (after.alarmed_at, after.told_of) == (NOW, (90,))
    assert with_alarm(one, "about something else").told_of == ()
    assert with_alarm(one, "") == one.tracked
    told = asleep({"alarmed_at": NOW - 2 * DAY, "told_of": after.told_of}, job=HINT)
    assert alarm(told, *decided(told)) == "", "also after a day"
    again = asleep({"alarmed_at": NOW, "told_of": (90,)}, job=HINT)
    assert alarm(again, *decided(again)) == HINT.text, "this sweep, run again"
    other = asleep({"alarmed_at": NOW - 2 * DAY, "told_of": (89,)}, job=HINT)
    assert alarm(other, *decided(other)) == HINT.text, "about another job"
    soon = asleep({"alarmed_at": NOW - 5 * MINUTE}, job=HINT)
    assert alarm(soon, *decided(soon)) == "", "one notification a day about a machine"
    starts = asleep()
    assert alarm(starts, *decided(starts)) == ""


def test_a_hold_is_named_with_its_end() -> None:
    decision = decision_on(asleep(hold=Hold("ann", "", NOW, NOW + 60)))
    assert decision.then == f"Not stopped or started before its hold ends at {moment_text(NOW + 60)}."
