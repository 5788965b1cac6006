"""The recheck: nothing is done because of a decision that is no longer right."""

from dataclasses import replace
from typing import Any

import pytest

from dormouse.clock import MINUTE
from dormouse.idle.decision import NextAction, decide
from dormouse.idle.evidence import STALE, Evaluation, Evidence
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.recheck import VERDICT_LIVES, is_on_its_way, recheck
from dormouse.idle.schedule import read_schedule
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.tracking import ActionReason, Hold, Lease, LeaseAction, PendingWarning, TrackedMachine, with_observation
from dormouse.idle.verdict import evaluate
from dormouse.lifecycle import State
from tests.unit.idle.test_verdict import CPU_ONLY, IDENTIFIER, NOW, case, machine, quiet, remembered, with_value

AT_ONCE = IdlePolicy(lead=0)
OVER = Lease(NOW - 1, LeaseAction.STOP, "alice")
# On-hours that ended a few minutes ago.
HOURS_OVER = read_schedule("fri 06:00-07:55 UTC")


def planned(seen: Evaluation, age: float = 10.0) -> PlannedAction:
    """What a sweep has planned for a machine that looked like this."""
    decision = decide(seen, evaluate(seen))
    assert decision.reason is not None
    return PlannedAction(decision.action, decision.reason, "lab:vm", seen.machine, "", "", decision.at, NOW - age)


def idle(**fields: Any) -> Evaluation:
    return case(policy=AT_ONCE, **fields)


def leased() -> Evaluation:
    return idle(tracked=remembered(lease=OVER))


def scheduled() -> Evaluation:
    return idle(schedule=HOURS_OVER)


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
    assert "judges the machine again" in recheck(planned(seen(), VERDICT_LIVES + 1), seen())


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


def without_schedule(seen: Evaluation) -> Evaluation:
    return replace(seen, schedule=None)


def lease_extended(seen: Evaluation) -> Evaluation:
    return replace(seen, tracked=replace(seen.tracked, lease=Lease(NOW + 3600, LeaseAction.STOP, "alice")))


def replaced(seen: Evaluation) -> Evaluation:
    return replace(seen, machine=replace(seen.machine, vm_id="another"))


CHANGES = [
    *((seen, change) for seen in EVERY for change in (on_hold, kept, unreadable)),
    *((seen, change) for seen in (idle, scheduled) for change in (agent_silent, monitor_away, works)),
    (idle, opted_out),
    (scheduled, lambda seen: opted_out(without_schedule(seen))),
    (leased, agent_silent),
    (leased, lambda seen: works(lease_extended(seen))),
]


@pytest.mark.parametrize(("seen", "change"), CHANGES)
def test_whatever_the_decision_depended_on_is_heeded_when_it_has_changed(seen: Any, change: Any) -> None:
    assert recheck(planned(seen()), change(seen()))


def test_a_machine_of_the_same_name_is_not_the_one_that_was_judged() -> None:
    seen = idle(machine=machine(vm_id="one"))
    assert recheck(planned(seen), replaced(seen)) == "Another machine has its name now."


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


def test_what_has_begun_before_is_not_called_a_change() -> None:
    plan = planned(idle())
    assert is_on_its_way(plan, idle(machine=machine(state=State.STOPPING)))
    assert is_on_its_way(planned(asleep_in_its_hours()), idle(machine=machine(state=State.RUNNING)))
    assert not is_on_its_way(plan, idle())


def test_a_machine_that_was_made_again_is_a_stranger() -> None:
    old = TrackedMachine(IDENTIFIER, NOW - 900, State.RUNNING, NOW - 900, retry_at=NOW + 900, vm_id="one")
    old = replace(
        old, lease=Lease(NOW - 60, LeaseAction.DELETE, "alice", NOW - 800), hold=Hold("bob", "", NOW - 30, NOW + 60)
    )
    new = with_observation(old, machine(created=NOW - 100, vm_id="two"), "", NOW)
    assert (new.first_seen, new.lease, new.retry_at, new.vm_id) == (NOW, None, 0.0, "two")
    assert new.hold == old.hold, "what was set since it was made is for the new one"
    assert with_observation(old, machine(created=NOW - 100, vm_id="one"), "", NOW).lease == old.lease


def test_what_was_asked_of_an_environment_before_its_machine_existed_is_kept() -> None:
    asked = TrackedMachine(IDENTIFIER, NOW - 600, State.UNKNOWN, NOW - 600)
    lease, hold = Lease(NOW + 3600, LeaseAction.STOP, "alice", NOW - 500), Hold("bob", "", NOW - 500, NOW + 60)
    seen = with_observation(replace(asked, lease=lease, hold=hold), machine(created=NOW - 300, vm_id="one"), "", NOW)
    assert (seen.lease, seen.hold, seen.first_seen) == (lease, hold, NOW)
    assert with_observation(seen, machine(created=NOW - 300, vm_id="one"), "", NOW + MINUTE).lease == lease


def test_a_lease_that_has_stopped_a_machine_stops_it_no_more() -> None:
    lease = Lease(NOW - 60, LeaseAction.STOP, "alice", NOW - 800)
    asleep = TrackedMachine(IDENTIFIER, NOW - 900, State.STOPPED, NOW - 30, lease=lease)
    assert with_observation(asleep, machine(), "", NOW).lease is None
    running = replace(asleep, state=State.RUNNING)
    assert with_observation(running, machine(), "", NOW).lease == lease
