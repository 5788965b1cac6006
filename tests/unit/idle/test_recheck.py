"""The recheck: nothing is done because of a decision that is no longer right."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dormouse.idle.decision import NextAction
from dormouse.idle.evidence import STALE, Evaluation, Evidence
from dormouse.idle.policy import Action, IdlePolicy
from dormouse.idle.recheck import LONGEST_AGE, has_begun, recheck
from dormouse.idle.schedule import read_schedule
from dormouse.idle.tracking import ActionReason, Hold, Lease, LeaseAction, PendingWarning
from dormouse.lifecycle import State
from tests.unit.builders import CPU_ONLY, NOW, case, machine, planned, quiet, remembered, with_value

AT_ONCE = IdlePolicy(lead=0)
# With it, nothing but what a row is about stops the machine.
NOT_WATCHED = IdlePolicy(lead=0, enabled=False)
OVER = Lease(NOW - 1, LeaseAction.STOP, "alice")
# On-hours that ended a few minutes ago.
HOURS_OVER = read_schedule("fri 06:00-07:55 UTC")


def idle(**fields: Any) -> Evaluation:
    return case(policy=AT_ONCE, **fields)


def leased() -> Evaluation:
    return case(policy=NOT_WATCHED, tracked=remembered(lease=OVER))


def scheduled() -> Evaluation:
    return case(policy=NOT_WATCHED, schedule=HOURS_OVER)


def shut_down() -> Evaluation:
    memory = remembered(state=State.STOPPED_BILLED, state_since=NOW - 3600)
    return idle(machine=machine(state=State.STOPPED_BILLED), tracked=memory)


def asleep_in_its_hours() -> Evaluation:
    memory = remembered(state=State.STOPPED, state_since=NOW - 3600)
    hours = read_schedule("fri 07:30-18:00 UTC")
    return idle(machine=machine(state=State.STOPPED), tracked=memory, schedule=hours)


EVERY = [idle, leased, scheduled, shut_down, asleep_in_its_hours]


@pytest.mark.parametrize("seen", EVERY)
def test_what_is_still_as_it_was_is_done(seen: Any) -> None:
    plan = planned(seen())
    assert plan.action in (NextAction.STOP, NextAction.START)
    assert recheck(plan, seen()) == ""


@pytest.mark.parametrize("seen", EVERY)
def test_a_decision_does_not_live_long(seen: Any) -> None:
    assert recheck(planned(seen(), LONGEST_AGE), seen()) == ""
    assert "evaluates the machine again" in recheck(planned(seen(), LONGEST_AGE + 1), seen())


def agent_silent(seen: Evaluation) -> Evaluation:
    return replace(seen, evidence=replace(seen.evidence, heard_at=NOW - STALE - 1))


def monitor_away(seen: Evaluation) -> Evaluation:
    return replace(seen, evidence=replace(seen.evidence, host={}, host_problem="Azure Monitor does not answer"))


def works(seen: Evaluation) -> Evaluation:
    return replace(seen, evidence=with_value(seen.evidence, "inside", "gpu_percent", 29, 88.0))


def on_hold(seen: Evaluation) -> Evaluation:
    return replace(seen, hold=Hold("bob", "", NOW, NOW + 60))


def kept(seen: Evaluation) -> Evaluation:
    return replace(seen, machine=replace(seen.machine, tags={"dormouse-keep": "yes"}))


def unreadable(seen: Evaluation) -> Evaluation:
    return replace(seen, fault="the tag dormouse_keep is not known")


def opted_out(seen: Evaluation) -> Evaluation:
    return replace(seen, policy=seen.policy.model_copy(update={"enabled": False}))


def only_notifies(seen: Evaluation) -> Evaluation:
    return replace(seen, policy=seen.policy.model_copy(update={"action": Action.NOTIFY}))


def has_a_lead(seen: Evaluation) -> Evaluation:
    return replace(seen, policy=seen.policy.model_copy(update={"lead": 15}))


def without_schedule(seen: Evaluation) -> Evaluation:
    return replace(seen, schedule=None)


def longer_hours(seen: Evaluation) -> Evaluation:
    return replace(seen, schedule=read_schedule("fri 06:00-17:00 UTC"))


def later_hours(seen: Evaluation) -> Evaluation:
    return replace(seen, schedule=read_schedule("fri 10:00-18:00 UTC"))


def started_since(seen: Evaluation) -> Evaluation:
    return replace(seen, tracked=replace(seen.tracked, state_since=NOW - 60))


def in_a_scale_set(seen: Evaluation) -> Evaluation:
    return replace(seen, machine=replace(seen.machine, managed_by_others=True))


def refused_before(seen: Evaluation) -> Evaluation:
    return replace(seen, tracked=replace(seen.tracked, retry_at=NOW + 60))


def one_row_unreadable(seen: Evaluation) -> Evaluation:
    return replace(seen, unreadable="This release cannot read the row")


def lease_extended(seen: Evaluation) -> Evaluation:
    return replace(seen, tracked=replace(seen.tracked, lease=Lease(NOW + 3600, LeaseAction.STOP, "alice")))


def lease_ended(seen: Evaluation) -> Evaluation:
    return replace(seen, tracked=replace(seen.tracked, lease=None))


# One change each, and what it is called. Each is the only reason not to act: what was planned is right without it.
KEPT = "it is excluded by its tag dormouse-keep"
CHANGES: list[tuple[Callable[[], Evaluation], Callable[[Evaluation], Evaluation], str]] = [
    *((seen, on_hold, "It is now on hold by bob.") for seen in EVERY),
    *((seen, kept, KEPT) for seen in EVERY),
    *((seen, in_a_scale_set, "it belongs to a scale set") for seen in EVERY),
    *((seen, unreadable, "the tag dormouse_keep is not known") for seen in EVERY),
    *((seen, one_row_unreadable, "") for seen in EVERY),
    *((seen, refused_before, "") for seen in EVERY),
    *((seen, has_a_lead, "") for seen in (idle, leased, scheduled)),
    *((seen, agent_silent, "its agent last reported 10 minutes ago") for seen in (idle, leased, scheduled)),
    *((seen, monitor_away, "Azure Monitor does not answer") for seen in (idle, scheduled)),
    (idle, works, "In use: GPU at 88 %"),
    (scheduled, works, "when it is no longer in use"),
    (idle, opted_out, "Idle shutdown is not enabled for it"),
    (idle, only_notifies, ""),
    (idle, started_since, "Started "),
    (scheduled, started_since, ""),
    (scheduled, without_schedule, ""),
    (scheduled, longer_hours, ""),
    (asleep_in_its_hours, without_schedule, ""),
    (asleep_in_its_hours, later_hours, "Its schedule starts it at 2027-01-15 10:00 UTC."),
    (asleep_in_its_hours, started_since, ""),
    (shut_down, started_since, ""),
    (shut_down, only_notifies, ""),
    (leased, lease_extended, "Its lease has been changed."),
    (leased, lease_ended, "Its lease has been changed."),
]


@pytest.mark.parametrize(("seen", "change", "words"), CHANGES)
def test_whatever_the_decision_depended_on_is_heeded_when_it_has_changed(
    seen: Callable[[], Evaluation], change: Callable[[Evaluation], Evaluation], words: str
) -> None:
    assert recheck(planned(seen()), seen()) == ""
    why = recheck(planned(seen()), change(seen()))
    assert why
    assert words in why


def test_a_hold_that_is_over_is_not_the_reason() -> None:
    over = replace(works(idle()), hold=Hold("bob", "", NOW - 60, NOW))
    assert recheck(planned(idle()), over).startswith("In use")


def test_a_stop_for_another_reason_is_another_decision() -> None:
    seen = idle(tracked=remembered(lease=OVER))
    assert planned(seen).reason is ActionReason.LEASE
    assert planned(lease_extended(seen)).action is planned(seen).action
    assert recheck(planned(seen), lease_extended(seen)) == "Its lease has been changed."


def test_a_machine_of_the_same_name_is_not_the_one_that_was_judged() -> None:
    for judged, found, why in (
        ("one", "one", ""),
        ("one", "another", "Another VM now has this name."),
        ("one", "", ""),
        ("", "one", ""),
    ):
        assert recheck(planned(idle(machine=machine(vm_id=judged))), idle(machine=machine(vm_id=found))) == why


@pytest.mark.parametrize("state", [State.STOPPED_BILLED, State.STARTING, State.CREATING, State.DELETING, State.UNKNOWN])
def test_a_machine_in_another_state_is_left_alone(state: State) -> None:
    assert recheck(planned(idle()), idle(machine=machine(state=state))) == f"It is {state} now."


def test_a_warning_that_was_not_delivered_after_all_stops_nothing() -> None:
    warned = PendingWarning("w", ActionReason.IDLE, "", NOW - 3600, NOW - 60, NOW - 3600)
    heard = case(tracked=remembered(warning=warned))
    unheard = case(tracked=remembered(warning=replace(warned, delivered_at=0.0)))
    assert recheck(planned(heard), heard) == ""
    assert recheck(planned(heard), unheard)


def test_a_machine_without_an_agent_is_stopped_on_fresh_measurements_only() -> None:
    seen = idle(machine=machine(size=CPU_ONLY), evidence=replace(quiet(), inside=None, gpu=""))
    assert recheck(planned(seen), seen) == ""
    assert "Azure Monitor" in recheck(planned(seen), replace(seen, evidence=Evidence()))


@pytest.mark.parametrize(
    ("seen", "begun"),
    [(idle, {State.STOPPING, State.STOPPED}), (asleep_in_its_hours, {State.STARTING, State.RUNNING})],
)
def test_what_has_begun_before_is_not_called_a_change(seen: Callable[[], Evaluation], begun: set[State]) -> None:
    plan = planned(seen())
    assert {state for state in State if has_begun(plan, idle(machine=machine(state=state)))} == begun


def test_no_deletion_counts_as_begun_before_its_own_look() -> None:
    over = remembered(lease=replace(OVER, then=LeaseAction.DELETE))
    plan = planned(idle(machine=machine(environment="lab"), tracked=over))
    assert plan.action is NextAction.DELETE
    assert not any(has_begun(plan, idle(machine=machine(state=state))) for state in State)
