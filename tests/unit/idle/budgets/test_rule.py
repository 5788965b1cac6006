"""Machines whose budget is used up: stopped only when they are not in use, after a delivered warning; started by people."""

from dataclasses import replace
from typing import Any

import pytest

from dormouse.clock import DAY, HOUR, MINUTE
from dormouse.idle.budgets.overspent import Overspent
from dormouse.idle.budgets.rule import BUDGET_LEAD, GRACE
from dormouse.idle.decision import Decision, NextAction
from dormouse.idle.evidence import Evaluation
from dormouse.idle.heartbeats.due_soon import is_due_soon
from dormouse.idle.jobs.waiting import WaitingJob
from dormouse.idle.outside.answers import ServiceAnswer
from dormouse.idle.outside.reports import ActivityReport
from dormouse.idle.policy import Action, IdlePolicy
from dormouse.idle.recheck import recheck
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.tracking import (
    ActionReason,
    Eviction,
    Hold,
    IdleShutdown,
    Lease,
    LeaseAction,
    PendingWarning,
)
from dormouse.lifecycle import State
from tests.unit.builders import NOW, case, decision_on, line_of, machine, planned, quiet, remembered, with_value
from tests.unit.builders import warned as warned_of

SINCE = NOW - DAY
OVER = Overspent("ml1", 100.0, 120.0, SINCE)
OFF = IdlePolicy(enabled=False)
DAYTIME = read_schedule("mon-fri 07:00-19:00 UTC")  # it is 08:00
NIGHT = read_schedule("mon-fri 20:00-23:00 UTC")
STOPPED = remembered(state=State.STOPPED, state_since=NOW - HOUR, shutdown=IdleShutdown(NOW - HOUR, 1.0, "USD", "budget"))
BUSY = with_value(quiet(), "inside", "gpu_percent", 3, 90.0)
UNKNOWN = with_value(quiet(), "inside", "gpu_percent", 3, None)


def over(**fields: Any) -> Evaluation:
    """A quiet machine whose budget is used up, and that is not stopped for idleness."""
    return case(**{"policy": OFF, "overspent": OVER, **fields})


def warned(**fields: Any) -> PendingWarning:
    """A warning whose lead has just passed."""
    given = NOW - BUDGET_LEAD
    return warned_of(ActionReason.BUDGET, **{"given_at": given, "stop_at": NOW, "delivered_at": given, **fields})


def due(**fields: Any) -> Evaluation:
    return over(**{"tracked": remembered(warning=warned()), **fields})


def test_it_is_warned_about_in_words_and_stopped_when_the_lead_is_over() -> None:
    first = decision_on(over())
    assert (first.action, first.reason, first.at) == (NextAction.WARN, ActionReason.BUDGET, NOW + BUDGET_LEAD)
    assert first.then == (
        "It will be stopped at 2027-01-15 08:15 UTC, because its budget for this month is used up, unless it is used or "
        "held. Estimated costs of 120.00 USD have used up the budget of 100.00 USD for ml1 in this month."
    )
    assert decision_on(due()).action is NextAction.STOP
    early = replace(warned(), given_at=NOW - BUDGET_LEAD + 1, delivered_at=NOW - BUDGET_LEAD + 1, stop_at=NOW + 1)
    assert decision_on(due(tracked=remembered(warning=early))).action is NextAction.NOTHING


def test_without_a_budget_that_is_used_up_nothing_happens() -> None:
    assert decision_on(over(overspent=None)).action is NextAction.NOTHING
    assert decision_on(due(overspent=None)).action is NextAction.WITHDRAW


@pytest.mark.parametrize("policy", [OFF, IdlePolicy(enabled=False, undeliverable="proceed"), IdlePolicy(lead=0)])
def test_only_a_delivered_warning_counts_and_the_lead_is_a_quarter_of_an_hour_at_least(policy: IdlePolicy) -> None:
    undelivered = remembered(warning=warned(delivered_at=0.0, undelivered="HTTP 500"))
    again = decision_on(due(tracked=undelivered, policy=policy))
    assert (again.action, again.at) == (NextAction.WARN, NOW + BUDGET_LEAD)
    assert "the warning was not delivered (HTTP 500)" in again.then
    assert decision_on(over(policy=policy)).at == NOW + BUDGET_LEAD


def test_a_longer_lead_of_the_policy_counts() -> None:
    assert decision_on(over(policy=IdlePolicy(enabled=False, lead=60))).at == NOW + HOUR


REPORTED = remembered(warning=warned(), reports=(ActivityReport("slurm", "slurm", NOW + HOUR, "job 7", NOW),))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"evidence": BUSY}, "stopped when it is no longer in use"),
        ({"tracked": REPORTED}, "stopped when it is no longer in use"),
        ({"activity": ServiceAnswer("the activity service", until=NOW + HOUR)}, "stopped when it is no longer in use"),
        ({"needed_by": ("vm-b (running)",)}, "stopped when it is no longer in use"),
        ({"hold": Hold("ann", "", NOW - 60, NOW + HOUR)}, "before its hold ends"),
        ({"machine": machine(tags={"dormouse-keep": "on"})}, "withdrawn"),
        ({"machine": machine(ephemeral_disk=True)}, "withdrawn"),
    ],
)
def test_what_is_in_use_held_or_excluded_is_not_stopped(fields: dict[str, Any], words: str) -> None:
    decision = decision_on(due(**fields))
    assert decision.action is NextAction.WITHDRAW
    assert words in decision.then
    assert decision_on(over(**{**fields, "tracked": replace(fields.get("tracked", remembered()), warning=None)})).action is (
        NextAction.NOTHING
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"evidence": UNKNOWN},
        {"activity": ServiceAnswer("the activity service", unknown="the activity service did not answer", failed=True)},
        {"fault": "bad tag"},
        {"unreadable": "the record cannot be read"},
        {"evidence": quiet(heard_at=NOW - HOUR)},
    ],
)
def test_not_knowing_whether_it_is_in_use_is_no_reason_to_stop(fields: dict[str, Any]) -> None:
    assert decision_on(due(**fields)).action is NextAction.NOTHING
    assert decision_on(over(**fields)).action is NextAction.NOTHING


@pytest.mark.parametrize("policy", [IdlePolicy(), OFF, IdlePolicy(action=Action.NOTIFY)])
@pytest.mark.parametrize("schedule", [None, DAYTIME, read_schedule("mon-sun 00:00-24:00 UTC")])
def test_policies_and_scheduled_hours_do_not_keep_it(policy: IdlePolicy, schedule: Any) -> None:
    assert decision_on(due(policy=policy, schedule=schedule)).action is NextAction.STOP


def test_a_start_by_someone_begins_a_grace_at_the_end_of_which_it_is_warned_about_again() -> None:
    def started(ago: float, **fields: Any) -> Decision:
        return decision_on(over(tracked=remembered(state_since=NOW - ago, **fields)))

    assert started(DAY).action is NextAction.WARN, "it has run since before that was known"
    assert started(DAY - 1).action is NextAction.WARN
    assert started(HOUR).action is NextAction.NOTHING
    assert started(GRACE - BUDGET_LEAD - 1).action is NextAction.NOTHING
    warns = started(GRACE - BUDGET_LEAD)
    assert (warns.action, warns.at) == (NextAction.WARN, NOW + BUDGET_LEAD)
    assert started(GRACE, warning=warned()).action is NextAction.STOP
    assert started(HOUR, warning=warned()).action is NextAction.WITHDRAW


def test_a_hold_postpones_it_and_when_it_ends_there_is_another_warning() -> None:
    assert decision_on(over(hold=Hold("ann", "", NOW - HOUR, NOW))).action is NextAction.WARN


def test_the_end_of_a_lease_comes_first() -> None:
    lease = Lease(NOW, LeaseAction.STOP, "ann")
    assert decision_on(over(tracked=remembered(lease=lease))).reason is ActionReason.LEASE


def test_a_machine_that_is_off_is_treated_as_before() -> None:
    billed = remembered(state=State.STOPPED_BILLED, state_since=NOW - HOUR)
    off = over(machine=machine(state=State.STOPPED_BILLED), tracked=billed, policy=IdlePolicy())
    assert (decision_on(off).action, decision_on(off).reason) == (NextAction.STOP, ActionReason.BILLED)


def test_a_machine_that_was_shut_down_from_inside_is_deallocated_and_not_started_by_its_schedule() -> None:
    billed = remembered(state=State.STOPPED_BILLED, state_since=NOW - 2 * HOUR)
    off = over(machine=machine(state=State.STOPPED_BILLED), tracked=billed, policy=IdlePolicy(), schedule=DAYTIME)
    assert decision_on(replace(off, overspent=None)).action is NextAction.START
    assert (decision_on(off).action, decision_on(off).reason) == (NextAction.STOP, ActionReason.BILLED)


def asleep(**fields: Any) -> Evaluation:
    return over(**{"machine": machine(state=State.STOPPED), "tracked": STOPPED, **fields})


JOB = WaitingJob(machine="vm", request=7, text="a job waits", wakes=True)
STARTS: list[dict[str, Any]] = [
    {"schedule": DAYTIME, "tracked": replace(STOPPED, state_since=NOW - 2 * HOUR)},
    {"job": JOB, "wakes_for_jobs": True},
    {
        "machine": machine(state=State.STOPPED, spot=True),
        "tracked": replace(STOPPED, shutdown=None, eviction=Eviction(NOW - HOUR, NOW - HOUR)),
        "restarts_evicted": True,
    },
]


@pytest.mark.parametrize("fields", STARTS, ids=["schedule", "job", "eviction"])
def test_no_sweep_starts_it_in_this_month(fields: dict[str, Any]) -> None:
    without = asleep(**{**fields, "overspent": None})
    assert decision_on(without).action is NextAction.START, "otherwise it is started"
    decision = decision_on(asleep(**fields))
    assert (decision.action, decision.at, decision.reason) == (NextAction.NOTHING, 0.0, decision_on(without).reason)
    assert decision.then.startswith("Sweeps do not start it in this month; start it if it is needed. Estimated costs")
    why = recheck(planned(without), asleep(**fields))
    assert "Sweeps do not start it in this month" in why


def test_a_schedule_announces_no_start_in_this_month_and_one_in_the_next() -> None:
    plain = asleep(schedule=NIGHT)
    assert "Its schedule starts it at" in decision_on(replace(plain, overspent=None)).then
    assert "Sweeps do not start it" in decision_on(plain).then
    last_day = NOW + 14 * DAY + 15 * HOUR  # 29 January, 23:00, a Friday: the hours begin again on Monday, 1 February
    late = replace(plain, now=last_day + HOUR / 2)
    assert "Its schedule starts it at 2027-02-01 20:00" in decision_on(late).then


def test_an_agent_reports_every_minute_when_the_grace_is_about_to_end() -> None:
    near = remembered(state_since=NOW - GRACE + BUDGET_LEAD + 5 * MINUTE)
    assert is_due_soon(over(tracked=near))
    assert not is_due_soon(over(tracked=remembered(state_since=NOW - HOUR)))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, ""),
        ({"overspent": None}, "Its budget is no longer known to be used up."),
        ({"evidence": BUSY}, "In use: "),
        ({"tracked": REPORTED}, "In use: slurm reports it busy"),
        ({"hold": Hold("ann", "", NOW - 60, NOW + HOUR)}, "It is now on hold by ann."),
        (
            {"tracked": remembered(warning=warned(), state_since=NOW - HOUR)},
            "It has been started since",
        ),
        ({"tracked": remembered()}, "Its users must be warned first."),
        ({"evidence": UNKNOWN}, "It is left unchanged, because "),
        ({"machine": machine(state=State.STOPPING)}, "It is stopping now."),
        (
            {"tracked": remembered(warning=warned(), lease=Lease(NOW, LeaseAction.STOP, "ann"))},
            "The end of its lease comes first now",
        ),
    ],
)
def test_right_before_the_stop_everything_is_decided_again(fields: dict[str, Any], why: str) -> None:
    found = recheck(planned(due()), due(**fields))
    assert found.startswith(why)
    assert bool(found) is bool(why)


def test_another_action_gives_way_to_a_stop_by_the_budget() -> None:
    idle = case(tracked=remembered(warning=warned_of(ActionReason.IDLE, stop_at=NOW, given_at=NOW - HOUR / 4)))
    assert decision_on(idle).action is NextAction.STOP
    assert "A stop because of its budget comes first now" in recheck(planned(idle), replace(idle, overspent=OVER))


def test_reports_show_what_is_planned() -> None:
    row = line_of(due())
    assert (row.next_action, row.next_action_text) == (NextAction.STOP, decision_on(due()).then)
