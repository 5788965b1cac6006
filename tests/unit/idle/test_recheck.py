"""The recheck: no action is taken on a decision that is no longer right."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dormouse.idle.decision import NextAction
from dormouse.idle.evidence import STALE, Evaluation, Evidence
from dormouse.idle.policy import Action, IdlePolicy
from dormouse.idle.recheck import has_begun, recheck
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.tracking import ActionReason, Hold, Lease, LeaseAction, PendingWarning
from dormouse.lifecycle import State
from tests.unit.builders import (
    CPU_ONLY,
    NOW,
    case,
    decision_on,
    machine,
    planned,
    quiet,
    remembered,
    vm_of,
    warned,
    with_value,
)

AT_ONCE = IdlePolicy(lead=0)
# With it, only the subject of a row prevents the stop.
NOT_WATCHED = IdlePolicy(lead=0, enabled=False)
OVER = Lease(NOW, LeaseAction.STOP, "alice")
DELETES = replace(OVER, then=LeaseAction.DELETE)
LATER = replace(OVER, until=NOW + 3600)
# On-hours that ended a few minutes ago.
HOURS_OVER = read_schedule("fri 06:00-07:55 UTC")


def idle(**fields: Any) -> Evaluation:
    return case(policy=AT_ONCE, **fields)


def leased() -> Evaluation:
    return case(policy=NOT_WATCHED, tracked=remembered(lease=OVER), machine=machine(environment="lab"))


def leased_to_delete() -> Evaluation:
    return case(policy=NOT_WATCHED, tracked=remembered(lease=DELETES), machine=machine(environment="lab"))


def scheduled() -> Evaluation:
    return case(policy=NOT_WATCHED, schedule=HOURS_OVER)


def shut_down() -> Evaluation:
    memory = remembered(state=State.STOPPED_BILLED, state_since=NOW - 3600)
    return idle(machine=machine(state=State.STOPPED_BILLED), tracked=memory)


def asleep_in_its_hours() -> Evaluation:
    memory = remembered(state=State.STOPPED, state_since=NOW - 3600)
    hours = read_schedule("fri 07:30-18:00 UTC")
    return idle(machine=machine(state=State.STOPPED), tracked=memory, schedule=hours)


EVERY = [idle, leased, leased_to_delete, scheduled, shut_down, asleep_in_its_hours]


@pytest.mark.parametrize("seen", EVERY)
def test_an_unchanged_situation_confirms_the_action(seen: Any) -> None:
    plan = planned(seen())
    assert plan.action in (NextAction.STOP, NextAction.START, NextAction.DELETE)
    assert recheck(plan, seen()) == ""


@pytest.mark.parametrize("seen", EVERY)
def test_an_old_decision_is_not_carried_out(seen: Any) -> None:
    assert recheck(planned(seen(), 300), seen()) == ""
    why = "The verdict is 5 minutes old; the next sweep evaluates the machine again."
    assert recheck(planned(seen(), 301), seen()) == why


def agent_silent(seen: Evaluation) -> Evaluation:
    return replace(seen, evidence=replace(seen.evidence, heard_at=NOW - STALE - 1))


def monitor_away(seen: Evaluation) -> Evaluation:
    return replace(seen, evidence=replace(seen.evidence, host={}, host_problem="Azure Monitor does not answer"))


def works(seen: Evaluation) -> Evaluation:
    return replace(seen, evidence=with_value(seen.evidence, "inside", "gpu_percent", 29, 88.0))


def on_hold(seen: Evaluation) -> Evaluation:
    return replace(seen, hold=Hold("bob", "", NOW, NOW + 60))


def kept(seen: Evaluation) -> Evaluation:
    return replace(seen, machine=replace(vm_of(seen), tags={"dormouse-keep": "yes"}))


def invalid(seen: Evaluation) -> Evaluation:
    return replace(seen, fault="the tag dormouse_keep is not known")


def opted_out(seen: Evaluation) -> Evaluation:
    return replace(seen, policy=seen.policy.model_copy(update={"enabled": False}))


def only_notifies(seen: Evaluation) -> Evaluation:
    return replace(seen, policy=seen.policy.model_copy(update={"action": Action.NOTIFY}))


def has_a_lead(seen: Evaluation) -> Evaluation:
    return replace(seen, policy=seen.policy.model_copy(update={"lead": 15}))


def without_schedule(seen: Evaluation) -> Evaluation:
    return replace(seen, schedule=None)


def other_hours(seen: Evaluation) -> Evaluation:
    tracked = replace(seen.tracked, schedule_since=NOW - 5)
    return replace(seen, schedule=read_schedule("fri 10:00-18:00 UTC"), tracked=tracked)


def started_since(seen: Evaluation) -> Evaluation:
    return replace(seen, tracked=replace(seen.tracked, state_since=NOW - 5))


def in_a_scale_set(seen: Evaluation) -> Evaluation:
    return replace(seen, machine=replace(vm_of(seen), managed_by_others=True))


def refused_before(seen: Evaluation) -> Evaluation:
    return replace(seen, tracked=replace(seen.tracked, retry_at=NOW + 60))


def one_row_unreadable(seen: Evaluation) -> Evaluation:
    return replace(seen, unreadable="This release cannot read the row")


def with_lease(lease: Lease | None) -> Callable[[Evaluation], Evaluation]:
    return lambda seen: replace(seen, tracked=replace(seen.tracked, lease=lease))


def moved_to(state: State) -> Callable[[Evaluation], Evaluation]:
    return lambda seen: replace(seen, machine=replace(vm_of(seen), state=state))


def warned_a_minute_ago(seen: Evaluation) -> Evaluation:
    return replace(
        has_a_lead(seen),
        tracked=replace(seen.tracked, warning=warned(given_at=NOW - 60, stop_at=NOW + 840, delivered_at=NOW - 60)),
    )


def longer_grace(seen: Evaluation) -> Evaluation:
    tracked = replace(seen.tracked, first_seen=NOW - 40 * 60)
    return replace(seen, policy=seen.policy.model_copy(update={"grace": 60}), tracked=tracked)


def leased_with_a_lead(seen: Evaluation) -> Evaluation:
    return has_a_lead(with_lease(OVER)(seen))


def refused_after_work(seen: Evaluation) -> Evaluation:
    return works(refused_before(seen))


def out_of_its_environment(seen: Evaluation) -> Evaluation:
    return replace(seen, machine=replace(vm_of(seen), environment=""))


IN_USE = "In use: GPU at 88 % (3 min ago)."
KEPT = "Not managed by Dormouse: it is excluded by its tag dormouse-keep."
OTHERS = "Not managed by Dormouse: it belongs to a scale set or a service that starts and stops its own machines."
SILENT = "its agent last reported 10 minutes ago"
UNHEARD = f"{SILENT}, so a hold set on the machine would not be noticed"
AWAY = "Azure Monitor does not answer"
NOT_DUE = "The action is not due now."
FIRST = "{} comes first now; the next sweep acts on it."
# One change each, and the sentence about it. Each is the only reason not to act: what was planned is right without it.
CHANGES: list[tuple[Callable[[], Evaluation], Callable[[Evaluation], Evaluation], str]] = [
    *((seen, one_row_unreadable, "This release cannot read the row.") for seen in EVERY),
    *((seen, on_hold, "It is now on hold by bob.") for seen in EVERY),
    *((seen, kept, KEPT) for seen in EVERY),
    *((seen, in_a_scale_set, OTHERS) for seen in EVERY),
    *(
        (seen, invalid, "It is left unchanged, because its configuration is invalid: the tag dormouse_keep is not known.")
        for seen in EVERY
    ),
    *(
        (seen, refused_before, f"{NOT_DUE} The last attempt failed; it is repeated at 2027-01-15 08:01 UTC.")
        for seen in EVERY
    ),
    *((seen, has_a_lead, "Its users must be warned first.") for seen in (idle, leased, leased_to_delete, scheduled)),
    (idle, agent_silent, f"Kept running, because {SILENT}."),
    *((seen, agent_silent, f"It is left unchanged, because {UNHEARD}.") for seen in (leased, leased_to_delete)),
    (scheduled, agent_silent, f"It is left unchanged, because {SILENT}."),
    (idle, monitor_away, f"Kept running, because {AWAY}."),
    (scheduled, monitor_away, f"It is left unchanged, because {AWAY}."),
    *((seen, works, IN_USE) for seen in (idle, scheduled)),
    (idle, opted_out, "Idle shutdown is not enabled for it (tag dormouse-idle)."),
    (shut_down, opted_out, "Idle shutdown is not enabled for it (tag dormouse-idle)."),
    *((seen, only_notifies, "Its policy now has action=notify.") for seen in (idle, shut_down)),
    (idle, started_since, "Started 0 minutes ago; not stopped for idleness before 2027-01-15 08:29 UTC."),
    *(
        (seen, started_since, "It has been started or stopped since the decision.")
        for seen in (scheduled, asleep_in_its_hours)
    ),
    (shut_down, started_since, f"{NOT_DUE} It will be deallocated at 2027-01-15 08:09 UTC."),
    *((seen, without_schedule, "Its schedule has been removed.") for seen in (scheduled, asleep_in_its_hours)),
    *((seen, other_hours, "Its schedule has been changed.") for seen in (scheduled, asleep_in_its_hours)),
    *((seen, with_lease(None), "Its lease has been removed.") for seen in (leased, leased_to_delete)),
    (leased, with_lease(LATER), "Its lease now ends at 2027-01-15 09:00 UTC."),
    (leased_to_delete, with_lease(replace(LATER, then=LeaseAction.DELETE)), "Its lease now ends at 2027-01-15 09:00 UTC."),
    (leased, with_lease(DELETES), "Its lease now deletes it."),
    (leased_to_delete, with_lease(OVER), "Its lease no longer deletes it."),
    (leased_to_delete, out_of_its_environment, "It no longer belongs to an environment."),
    *((seen, with_lease(OVER), FIRST.format("The end of its lease")) for seen in (idle, scheduled, shut_down)),
    (idle, leased_with_a_lead, FIRST.format("The end of its lease")),
    (asleep_in_its_hours, refused_after_work, f"{NOT_DUE} The last attempt failed; it is repeated at 2027-01-15 08:01 UTC."),
    (idle, longer_grace, f"{NOT_DUE} First seen recently; not stopped before 2027-01-15 08:20 UTC."),
    (
        idle,
        warned_a_minute_ago,
        f"{NOT_DUE} A warning was sent. It will be deallocated at 2027-01-15 08:14 UTC unless it is used or held.",
    ),
    (idle, moved_to(State.STARTING), "It is starting now."),
    (idle, moved_to(State.CREATING), "It is being created now."),
    (idle, moved_to(State.DELETING), "It is being deleted now."),
    (idle, moved_to(State.STOPPED_BILLED), "It is shut down from inside now."),
    (idle, moved_to(State.UNKNOWN), "Azure does not report whether it is running."),
    (shut_down, moved_to(State.RUNNING), "It is running now."),
]


@pytest.mark.parametrize(("seen", "change", "words"), CHANGES)
def test_the_reason_not_to_act_is_what_has_changed(
    seen: Callable[[], Evaluation], change: Callable[[Evaluation], Evaluation], words: str
) -> None:
    assert recheck(planned(seen()), seen()) == ""
    assert recheck(planned(seen()), change(seen())) == words


def test_an_expired_hold_is_not_given_as_the_reason() -> None:
    over = replace(works(idle()), hold=Hold("bob", "", NOW - 60, NOW))
    assert recheck(planned(idle()), over).startswith("In use")


@pytest.mark.parametrize("seen", EVERY)
def test_two_changes_are_reported_whenever_they_change_the_decision(seen: Callable[[], Evaluation]) -> None:
    plan = planned(seen())
    changes = [change for of, change, _ in CHANGES if of is seen]
    for one, other in itertools.permutations(changes, 2):
        changed = other(one(seen()))
        decision = decision_on(changed)
        assert (recheck(plan, changed) == "") is ((decision.action, decision.reason) == (plan.action, plan.reason))


def test_of_several_changes_the_one_that_forbids_most_is_reported() -> None:
    seen = replace(leased(), schedule=HOURS_OVER)
    plan = planned(seen)
    for change, words in (
        (monitor_away, ""),
        (with_lease(None), "Its lease has been removed."),
        (moved_to(State.STARTING), "It is starting now."),
        (invalid, "It is left unchanged, because its configuration is invalid: the tag dormouse_keep is not known."),
        (kept, KEPT),
        (on_hold, "It is now on hold by bob."),
        (one_row_unreadable, "This release cannot read the row."),
    ):
        seen = change(seen)
        assert recheck(plan, seen) == words


def test_missing_data_is_reported_before_a_change_of_the_lease() -> None:
    seen = agent_silent(with_lease(DELETES)(leased()))
    assert recheck(planned(leased()), seen) == f"It is left unchanged, because {UNHEARD}."


def test_a_deletion_does_not_depend_on_the_state_of_the_machine() -> None:
    asleep = moved_to(State.STOPPED)(leased_to_delete())
    assert recheck(planned(leased_to_delete()), asleep) == ""
    assert recheck(planned(leased_to_delete()), with_lease(None)(asleep)) == "Its lease has been removed."


def test_scheduled_hours_that_begin_or_end_after_the_decision_are_reported() -> None:
    hours = read_schedule("fri 06:00-07:55, fri 08:01-18:00 UTC")
    runs = replace(scheduled(), schedule=hours)
    assert recheck(planned(runs), replace(runs, now=NOW + 59)) == ""
    assert recheck(planned(runs), replace(runs, now=NOW + 60)) == "Its scheduled hours have begun."
    asleep = replace(asleep_in_its_hours(), schedule=read_schedule("fri 07:30-08:01 UTC"))
    assert recheck(planned(asleep), replace(asleep, now=NOW + 59)) == ""
    assert recheck(planned(asleep), replace(asleep, now=NOW + 60)) == "Its scheduled hours have ended."


def test_a_scheduled_stop_that_becomes_due_replaces_a_stop_for_idleness() -> None:
    seen = idle(schedule=read_schedule("off at 08:01 UTC"), tracked=remembered(schedule_since=NOW - 3600))
    assert planned(seen).reason is ActionReason.IDLE
    assert recheck(planned(seen), replace(seen, now=NOW + 60)) == FIRST.format("Its schedule")


def test_a_recreated_machine_of_the_same_name_is_not_stopped() -> None:
    for judged, found, why in (
        ("one", "one", ""),
        ("one", "another", "Another VM now has this name."),
        ("one", "", ""),
        ("", "one", ""),
    ):
        assert recheck(planned(idle(machine=machine(vm_id=judged))), idle(machine=machine(vm_id=found))) == why


def test_nothing_is_stopped_if_the_warning_turns_out_undelivered() -> None:
    warned = PendingWarning("w", ActionReason.IDLE, "", NOW - 3600, NOW - 60, NOW - 3600)
    heard = case(tracked=remembered(warning=warned))
    unheard = case(tracked=remembered(warning=replace(warned, delivered_at=0.0)))
    assert recheck(planned(heard), heard) == ""
    assert recheck(planned(heard), unheard)


def test_a_machine_without_an_agent_is_stopped_only_on_fresh_metrics() -> None:
    seen = idle(machine=machine(size=CPU_ONLY), evidence=replace(quiet(), inside=None, gpu=""))
    assert recheck(planned(seen), seen) == ""
    assert "Azure Monitor" in recheck(planned(seen), replace(seen, evidence=Evidence()))


@pytest.mark.parametrize(
    ("seen", "begun"),
    [(idle, {State.STOPPING, State.STOPPED}), (asleep_in_its_hours, {State.STARTING, State.RUNNING})],
)
def test_an_action_already_in_progress_is_not_treated_as_a_change(seen: Callable[[], Evaluation], begun: set[State]) -> None:
    plan = planned(seen())
    assert {state for state in State if has_begun(plan, idle(machine=machine(state=state)))} == begun


def test_a_deletion_is_never_treated_as_already_in_progress() -> None:
    over = remembered(lease=replace(OVER, then=LeaseAction.DELETE))
    plan = planned(idle(machine=machine(environment="lab"), tracked=over))
    assert plan.action is NextAction.DELETE
    assert not any(has_begun(plan, idle(machine=machine(state=state))) for state in State)
