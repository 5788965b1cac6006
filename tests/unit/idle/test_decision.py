"""Decisions: whatever is recorded, no machine is stopped without a warning, and every objection counts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.clock import MINUTE
from dormouse.idle.alarms import alarm
from dormouse.idle.decision import BILLED_DELAY, Decision, NextAction
from dormouse.idle.evidence import Evaluation, Evidence
from dormouse.idle.policy import Action, IdlePolicy
from dormouse.idle.schedules.schedule import next_transition, read_schedule
from dormouse.idle.tracking import ActionReason, Hold, Lease, LeaseAction, PendingWarning, TrackedMachine
from dormouse.idle.verdict import VerdictKind
from dormouse.lifecycle import State
from tests.unit.builders import (
    LONG_AGO,
    NOW,
    WEEK,
    case,
    decided,
    machine,
    quiet,
    remembered,
    vm_of,
    warned,
    with_value,
)

ACTING = frozenset({NextAction.STOP, NextAction.START, NextAction.DELETE})
# A machine that Resource Graph lists is never absent, and only environments can be incomplete.
SHOWN = [state for state in State if state not in (State.ABSENT, State.INCOMPLETE)]
CLOCK = datetime.fromtimestamp(NOW, UTC)
ago = st.integers(0, 180).map(lambda minutes: NOW - minutes * MINUTE)
moments = st.integers(-180, 180).map(lambda minutes: NOW + minutes * MINUTE)
policies = st.builds(
    IdlePolicy,
    enabled=st.booleans(),
    grace=st.sampled_from([0, 30]),
    lead=st.sampled_from([0, 5, 60]),
    action=st.sampled_from(Action),
    undeliverable=st.sampled_from(["keep", "proceed"]),
)


@st.composite
def schedules(draw: st.DrawFn) -> str:
    """On-hours that begin and end near now."""
    begin, end = draw(st.lists(st.integers(-12, 12), min_size=2, max_size=2, unique=True))
    times = [CLOCK + timedelta(minutes=15 * number) for number in sorted((begin, end))]
    return f"mon-sun {times[0]:%H:%M}-{times[1]:%H:%M} UTC"


@st.composite
def memories(draw: st.DrawFn) -> TrackedMachine:
    """Any possible record of a machine."""
    given_at = draw(ago)
    warned = PendingWarning(
        id="w",
        reason=draw(st.sampled_from(ActionReason)),
        text="",
        given_at=given_at,
        stop_at=given_at + draw(st.integers(0, 60)) * MINUTE,
        delivered_at=draw(st.sampled_from([0.0, given_at, NOW])),
        undelivered=draw(st.sampled_from(["", "it cannot be reached"])),
    )
    lease = Lease(draw(moments), draw(st.sampled_from(LeaseAction)), "alice")
    return remembered(
        first_seen=draw(st.sampled_from([LONG_AGO, NOW, NOW - 10 * MINUTE])),
        state_since=draw(st.sampled_from([LONG_AGO]) | ago),
        schedule_since=draw(st.sampled_from([LONG_AGO]) | ago),
        retry_at=draw(st.sampled_from([0.0, NOW - 1, NOW, NOW + 1])),
        warning=draw(st.none() | st.just(warned)),
        lease=draw(st.none() | st.just(lease)),
    )


@st.composite
def situations(draw: st.DrawFn) -> Evaluation:
    """Machines of all kinds in all states, with any record and any request."""
    text = draw(st.none() | schedules())
    tags = draw(st.sampled_from([{}, {"dormouse": "lab"}, {"dormouse-keep": "yes"}]))
    state = draw(st.sampled_from([State.RUNNING] * 4 + SHOWN))
    evidence = quiet()
    if draw(st.booleans()):
        place, value = draw(st.integers(0, 29)), draw(st.sampled_from([None, 99.0]))
        evidence = with_value(evidence, "inside", "gpu_percent", place, value)
    return case(
        machine=machine(
            state=state,
            tags=tags,
            environment=tags.get("dormouse", ""),
            managed_by_others=draw(st.sampled_from([False] * 5 + [True])),
        ),
        tracked=draw(memories()),
        policy=draw(policies),
        schedule=read_schedule(text) if text else None,
        hold=draw(st.none() | st.builds(lambda until: Hold("bob", "", LONG_AGO, until), moments)),
        evidence=evidence,
        fault=draw(st.sampled_from(["", "", "", "unreadable"])),
    )


@st.composite
def stopping(
    draw: st.DrawFn, reasons: Sequence[ActionReason] = (ActionReason.IDLE, ActionReason.SCHEDULE, ActionReason.LEASE)
) -> Evaluation:
    """A machine that is stopped or deleted now: a stop is due, and its warning was delivered one lead ago."""
    reason, lead = draw(st.sampled_from(reasons)), draw(st.sampled_from([1, 5, 60]))
    delivered_at = NOW - lead * MINUTE - draw(st.integers(0, 600))
    given_at = delivered_at - draw(st.integers(0, 600))
    notice = warned(reason, given_at=given_at, stop_at=given_at + lead * MINUTE, delivered_at=delivered_at)
    lease = Lease(NOW - draw(st.integers(0, 600)), draw(st.sampled_from(LeaseAction)), "alice")
    return case(
        machine=machine(environment="lab", tags={"dormouse": "lab"}),
        tracked=remembered(warning=notice, lease=lease if reason is ActionReason.LEASE else None),
        policy=IdlePolicy(lead=lead, undeliverable=draw(st.sampled_from(["keep", "proceed"]))),
        schedule=read_schedule("fri 06:00-07:30 UTC") if reason is ActionReason.SCHEDULE else None,
    )


def mostly(often: st.SearchStrategy[Evaluation]) -> st.SearchStrategy[Evaluation]:
    """These situations, and one in five any other: most random situations lead to no action."""
    return st.sampled_from([often] * 4 + [situations()]).flatmap(lambda strategy: strategy)


anything = mostly(stopping())


@given(stopping(), st.data())
def test_nothing_is_stopped_before_the_lead_after_the_delivered_warning(one: Evaluation, data: st.DataObject) -> None:
    warning, lead = one.tracked.warning, one.policy.lead * MINUTE
    assert warning is not None
    assert decided(one)[1].action in (NextAction.STOP, NextAction.DELETE)

    def when(**changes: Any) -> Decision:
        return decided(replace(one, tracked=replace(one.tracked, warning=replace(warning, **changes))))[1]

    heard_at = NOW - data.draw(st.integers(0, one.policy.lead * 60 - 1))
    waits = when(delivered_at=heard_at)
    assert (waits.action, waits.at) == (NextAction.NOTHING, heard_at + lead)
    assert when(delivered_at=0.0).action is (
        NextAction.WARN if one.policy.undeliverable == "keep" else decided(one)[1].action
    )
    waits = when(given_at=heard_at, delivered_at=0.0)
    assert waits.action is (NextAction.WARN if one.policy.undeliverable == "keep" else NextAction.NOTHING)
    waits = when(stop_at=heard_at + lead)
    assert waits.action is NextAction.NOTHING, "a later time was announced"


@given(anything)
def test_every_stopped_machine_was_warned_for_that_reason_for_the_lead(one: Evaluation) -> None:
    _, decision = decided(one)
    if (
        decision.action not in (NextAction.STOP, NextAction.DELETE)
        or decision.reason is ActionReason.BILLED
        or not one.policy.lead
    ):
        return
    warned, lead = one.tracked.warning, one.policy.lead * MINUTE
    assert warned is not None
    assert warned.reason is decision.reason
    assert one.now >= warned.stop_at
    if one.policy.undeliverable == "keep" or warned.delivered_at:
        assert warned.delivered_at
        assert one.now >= warned.delivered_at + lead
    else:
        assert one.now >= warned.given_at + lead


@given(stopping(), st.sampled_from(ActionReason))
def test_a_warning_for_another_reason_does_not_count(one: Evaluation, reason: ActionReason) -> None:
    assert one.tracked.warning is not None
    due = decided(one)[1].reason
    step = decided(replace(one, tracked=replace(one.tracked, warning=replace(one.tracked.warning, reason=reason))))[1].action
    assert step is (decided(one)[1].action if reason is due else NextAction.WARN)


@given(anything, moments)
def test_a_hold_prevents_every_action(one: Evaluation, until: float) -> None:
    _, decision = decided(replace(one, hold=Hold("bob", "", LONG_AGO, until)))
    if until > one.now:
        assert decision.action not in (*ACTING, NextAction.WARN)
    else:
        assert decision == decided(replace(one, hold=None))[1]


@given(anything)
def test_nothing_is_done_about_a_machine_with_an_unreadable_record(one: Evaluation) -> None:
    verdict, decision = decided(replace(one, unreadable="This release cannot read row"))
    assert (decision.action, decision.at) == (NextAction.NOTHING, 0.0)
    assert verdict.kind in (VerdictKind.UNKNOWN, VerdictKind.STOPPED, VerdictKind.UNMANAGED)


@given(anything, st.sampled_from([{"tags": {"dormouse-keep": "yes"}}, {"managed_by_others": True}]))
def test_excluded_machines_are_never_acted_on(one: Evaluation, change: dict[str, Any]) -> None:
    one = replace(one, machine=replace(vm_of(one), **change))
    assert one.hands_off
    assert decided(one)[1].action in (NextAction.NOTHING, NextAction.WITHDRAW)


@given(anything, st.integers(-60, 60))
def test_after_a_refusal_nothing_is_retried_before_retry_at(one: Evaluation, minutes: int) -> None:
    until = NOW + minutes * MINUTE
    _, decision = decided(replace(one, tracked=replace(one.tracked, retry_at=until)))
    if one.now < until:
        assert decision.action not in ACTING
    else:
        assert decision.action is decided(replace(one, tracked=replace(one.tracked, retry_at=0.0)))[1].action


@given(anything)
def test_only_running_or_billed_machines_are_stopped_and_only_stopped_ones_started(one: Evaluation) -> None:
    _, decision = decided(one)
    state = one.machine.state
    if decision.action is NextAction.STOP:
        assert state in (State.RUNNING, State.STOPPED_BILLED)
    if decision.action is NextAction.START:
        assert state in (State.STOPPED, State.STOPPED_BILLED)
    if decision.action is NextAction.DELETE:
        assert one.machine.environment
        assert one.tracked.lease is not None
        assert one.tracked.lease.then is LeaseAction.DELETE


def works(one: Evaluation) -> Evaluation:
    return replace(one, evidence=with_value(one.evidence, "inside", "gpu_percent", 20, 99.0))


# Changes that make a machine other than idle, or its policy one that does not stop it.
NOT_IDLE: dict[str, Callable[[Evaluation], Evaluation]] = {
    "it works": works,
    "a minute is missing": lambda one: replace(one, evidence=with_value(one.evidence, "host", "cpu_percent", 9, None)),
    "it was started a moment ago": lambda one: replace(one, tracked=replace(one.tracked, state_since=NOW - MINUTE)),
    "it is within its hours": lambda one: replace(one, schedule=read_schedule("fri 06:00-20:00 UTC")),
    "it is not watched": lambda one: replace(one, policy=one.policy.model_copy(update={"enabled": False})),
    "its policy only notifies": lambda one: replace(one, policy=one.policy.model_copy(update={"action": Action.NOTIFY})),
    "it was first seen a moment ago": lambda one: replace(one, tracked=replace(one.tracked, first_seen=NOW - MINUTE)),
    "its disk is ephemeral": lambda one: replace(one, machine=replace(vm_of(one), ephemeral_disk=True)),
}


@pytest.mark.parametrize("change", NOT_IDLE)
@given(one=stopping([ActionReason.IDLE]))
def test_only_an_idle_verdict_leads_to_an_idle_stop(one: Evaluation, change: str) -> None:
    verdict, decision = decided(one)
    assert (verdict.kind, decision.action, decision.reason) == (VerdictKind.IDLE, NextAction.STOP, ActionReason.IDLE)
    assert decided(NOT_IDLE[change](one))[1].action in (NextAction.NOTHING, NextAction.WITHDRAW)


@given(mostly(stopping([ActionReason.IDLE])))
def test_only_an_idle_verdict_leads_to_an_idle_warning_or_stop(one: Evaluation) -> None:
    verdict, decision = decided(one)
    if decision.reason is ActionReason.IDLE and decision.action in (NextAction.WARN, NextAction.STOP):
        assert verdict.kind is VerdictKind.IDLE
        notified_only = one.policy.action is Action.NOTIFY
        assert notified_only or one.now >= one.tracked.first_seen + one.policy.grace * MINUTE
        assert not (notified_only and decision.action is NextAction.STOP)


@given(mostly(stopping([ActionReason.SCHEDULE])))
def test_a_schedule_never_stops_a_busy_machine(one: Evaluation) -> None:
    _, decision = decided(works(one))
    assert decision.reason is not ActionReason.SCHEDULE or decision.action is not NextAction.STOP


@given(anything)
def test_every_action_has_a_reason_and_a_time(one: Evaluation) -> None:
    _, decision = decided(one)
    if decision.action is not NextAction.NOTHING:
        assert decision.reason is not None
        assert decision.then
    if decision.action in ACTING:
        assert decision.at == one.now


@given(mostly(stopping([ActionReason.SCHEDULE])), st.booleans())
def test_a_new_schedule_or_a_new_machine_never_triggers_a_past_transition(one: Evaluation, at_once: bool) -> None:
    known = replace(one.tracked, warning=None)
    if at_once:  # a due action is not even warned about
        one = replace(one, policy=one.policy.model_copy(update={"lead": 0}))
    for memory in (
        replace(known, state_since=NOW),
        replace(known, schedule_since=NOW),
        replace(known, first_seen=NOW),
    ):
        _, decision = decided(replace(one, tracked=memory))
        if decision.reason is ActionReason.SCHEDULE:
            assert decision.action not in ACTING


def test_an_idle_machine_is_retried_at_retry_at_after_a_refusal() -> None:
    told = remembered(warning=warned(stop_at=NOW, delivered_at=NOW - 900))
    waiting = decided(case(tracked=replace(told, retry_at=NOW + 60)))[1]
    assert (waiting.action, waiting.at) == (NextAction.NOTHING, NOW + 60)
    assert decided(case(tracked=replace(told, retry_at=NOW)))[1].action is NextAction.STOP


def test_a_refusal_does_not_delay_a_warning() -> None:
    assert decided(case(tracked=remembered(retry_at=NOW + 60)))[1].action is NextAction.WARN


@pytest.mark.parametrize("tags", [{"dormouse-keep": "yes"}, {"dormouse-keep": ""}])
def test_a_machine_that_opted_out_is_neither_stopped_nor_started_nor_warned(tags: dict[str, str]) -> None:
    policy, hours = IdlePolicy(lead=0, grace=0), read_schedule("fri 06:00-08:00 UTC")
    memory = remembered(state_since=NOW - 7200, lease=Lease(NOW, LeaseAction.STOP, "alice"))
    assert decided(case(tracked=memory, policy=policy, schedule=hours))[1].action is NextAction.STOP
    for known in (machine(tags=tags), machine(managed_by_others=True)):
        assert decided(case(machine=known, tracked=memory, policy=policy, schedule=hours))[1].action is NextAction.NOTHING


def test_a_newly_seen_machine_is_left_alone_for_the_grace() -> None:
    policy = IdlePolicy(lead=0, grace=30)
    met = decided(case(policy=policy, tracked=remembered(first_seen=NOW - 60)))[1]
    assert (met.action, met.at) == (NextAction.NOTHING, NOW - 60 + 1800)
    assert decided(case(policy=policy, tracked=remembered(first_seen=NOW - 1800)))[1].action is NextAction.STOP


@pytest.mark.parametrize("enabled", [True, False])
def test_the_end_of_on_hours_stops_quiet_machines_and_waits_for_busy_ones(*, enabled: bool) -> None:
    policy, hours = IdlePolicy(lead=0, grace=0, enabled=enabled), read_schedule("fri 06:00-08:00 UTC")
    memory = remembered(state_since=NOW - 7200)
    working = with_value(quiet(), "inside", "gpu_percent", 20, 99.0)
    assert decided(case(policy=policy, tracked=memory, schedule=hours))[1].action is NextAction.STOP
    assert decided(case(policy=policy, tracked=memory, schedule=hours, evidence=working))[1].action is NextAction.NOTHING


@given(schedules(), st.integers(0, 179), st.sampled_from([0, 15]))
def test_a_machine_started_after_hours_runs_until_the_next_transition(text: str, minutes: int, lead: int) -> None:
    schedule, started = read_schedule(text), NOW - minutes * MINUTE
    moment = datetime.fromtimestamp(started, UTC)
    upcoming = next_transition(schedule, moment)
    one = case(
        policy=IdlePolicy(enabled=False, lead=lead),
        schedule=schedule,
        tracked=remembered(state_since=started, warning=None),
    )
    _, decision = decided(one)
    assert upcoming is not None
    if upcoming.at > CLOCK:
        assert decision.action in (NextAction.NOTHING, NextAction.WARN)
        assert decision.action is NextAction.NOTHING or not upcoming.on


@given(anything, st.integers(-50, 50))
def test_shifting_time_by_whole_weeks_does_not_change_decisions(one: Evaluation, weeks: int) -> None:
    shift = weeks * WEEK
    known, seen = one.tracked, one.evidence
    moved: dict[str, Any] = {
        "first_seen": known.first_seen + shift,
        "state_since": known.state_since + shift,
        "schedule_since": known.schedule_since + shift,
        "retry_at": known.retry_at + shift if known.retry_at else 0.0,
        "lease": known.lease and replace(known.lease, until=known.lease.until + shift),
    }
    if known.warning:
        delivered = known.warning.delivered_at + shift if known.warning.delivered_at else 0.0
        given_at, stop_at = known.warning.given_at + shift, known.warning.stop_at + shift
        moved["warning"] = replace(known.warning, given_at=given_at, stop_at=stop_at, delivered_at=delivered)
    later = replace(
        one,
        now=NOW + shift,
        machine=replace(vm_of(one), created=one.machine.created + shift),
        tracked=replace(known, **moved),
        hold=one.hold and replace(one.hold, until=one.hold.until + shift),
        evidence=replace(
            seen, host_end=seen.host_end + shift, heard_at=seen.heard_at + shift, booted_at=seen.booted_at + shift
        ),
    )
    (_, now), (_, then) = decided(one), decided(later)
    assert (now.action, now.reason) == (then.action, then.reason)
    assert not now.at or abs(then.at - now.at - shift) < 1


def test_an_idle_machine_is_warned_and_stopped_after_the_lead() -> None:
    first = decided(case())[1]
    assert (first.action, first.at) == (NextAction.WARN, NOW + 15 * MINUTE)
    waiting = decided(case(tracked=remembered(warning=warned(given_at=NOW - 60, stop_at=NOW + 840, delivered_at=NOW - 60))))[
        1
    ]
    assert (waiting.action, waiting.at) == (NextAction.NOTHING, NOW + 840)
    assert (
        decided(case(tracked=remembered(warning=warned(stop_at=NOW, delivered_at=NOW - 900))))[1].action is NextAction.STOP
    )


@pytest.mark.parametrize("reason", [ActionReason.IDLE, ActionReason.SCHEDULE, ActionReason.LEASE])
@pytest.mark.parametrize(("late", "step"), [(30 * MINUTE, NextAction.STOP), (30 * MINUTE + 1, NextAction.WARN)])
def test_a_warning_is_repeated_if_no_stop_followed_within_half_an_hour(
    reason: ActionReason, late: float, step: NextAction
) -> None:
    one = case(
        tracked=remembered(
            warning=warned(reason, stop_at=NOW - late, delivered_at=NOW - late - 900),
            lease=Lease(NOW - 7200, LeaseAction.STOP, "alice") if reason is ActionReason.LEASE else None,
        ),
        schedule=read_schedule("fri 05:00-06:00 UTC") if reason is ActionReason.SCHEDULE else None,
    )
    decision = decided(one)[1]
    assert (decision.action, decision.reason) == (step, reason)
    assert decision.at == (NOW if step is NextAction.STOP else NOW + 15 * MINUTE)
    refused = replace(one, tracked=replace(one.tracked, retry_at=NOW - 60))
    assert decided(refused)[1].action is NextAction.STOP, "a refused stop is retried without a second warning"


def test_the_lead_counts_from_the_delivery_of_the_warning() -> None:
    late = decided(case(tracked=remembered(warning=warned(stop_at=NOW - 60, delivered_at=NOW - 300))))[1]
    assert (late.action, late.at) == (NextAction.NOTHING, NOW + 600)


def test_an_undelivered_warning_is_repeated_unless_the_policy_proceeds_without_it() -> None:
    unheard = remembered(warning=warned(stop_at=NOW, delivered_at=0.0, undelivered="it cannot be reached"))
    again = decided(case(tracked=unheard))[1]
    assert again.action is NextAction.WARN
    assert "it cannot be reached" in again.then
    assert decided(case(tracked=unheard, policy=IdlePolicy(undeliverable="proceed")))[1].action is NextAction.STOP


def test_a_warning_is_withdrawn_when_its_reason_no_longer_applies() -> None:
    busy = case(tracked=remembered(warning=warned()), evidence=with_value(quiet(), "inside", "gpu_percent", 29, 90.0))
    assert decided(busy)[1].action is NextAction.WITHDRAW
    held = case(tracked=remembered(warning=warned()), hold=Hold("bob", "", NOW, NOW + 60))
    assert decided(held)[1].action is NextAction.WITHDRAW
    lease = case(tracked=remembered(warning=warned(ActionReason.LEASE), lease=Lease(NOW + 86400, LeaseAction.STOP, "alice")))
    assert decided(replace(lease, policy=IdlePolicy(enabled=False)))[1].action is NextAction.WITHDRAW


def test_while_the_verdict_is_unknown_a_warning_is_neither_acted_on_nor_withdrawn() -> None:
    unknown = case(tracked=remembered(warning=warned()), evidence=with_value(quiet(), "inside", "gpu_percent", 9, None))
    assert decided(unknown)[1].action is NextAction.NOTHING


def test_an_expired_lease_does_not_wait_for_a_pending_idle_warning() -> None:
    memory = remembered(warning=warned(), lease=Lease(NOW - 60, LeaseAction.STOP, "alice"))
    verdict, decision = decided(case(tracked=memory, policy=IdlePolicy(lead=0), evidence=quiet(host={}, host_end=0.0)))
    assert verdict.kind is VerdictKind.UNKNOWN
    assert (decision.action, decision.reason) == (NextAction.STOP, ActionReason.LEASE)


def test_a_lease_warns_one_lead_before_its_end_and_stops_even_a_busy_machine() -> None:
    working = with_value(quiet(), "inside", "gpu_percent", 29, 90.0)

    def at(left: float, **more: Any) -> Decision:
        memory = remembered(lease=Lease(NOW + left * MINUTE, LeaseAction.STOP, "alice"), **more)
        return decided(case(tracked=memory, evidence=working))[1]

    assert at(16).action is NextAction.NOTHING
    assert (at(15).action, at(15).at) == (NextAction.WARN, NOW + 900)
    assert (at(-5).action, at(-5).at) == (NextAction.WARN, NOW + 900)
    assert at(0, warning=warned(ActionReason.LEASE, stop_at=NOW, delivered_at=NOW - 900)).action is NextAction.STOP


@pytest.mark.parametrize("then", LeaseAction)
def test_a_lease_extended_after_its_warning_ends_later(then: LeaseAction) -> None:
    told, lab = warned(ActionReason.LEASE, stop_at=NOW, delivered_at=NOW - 900), machine(environment="lab")
    policy = IdlePolicy(enabled=False)

    def extended_by(minutes: float) -> Decision:
        memory = remembered(lease=Lease(NOW + minutes * MINUTE, then, "alice"), warning=told)
        return decided(case(tracked=memory, machine=lab, policy=policy))[1]

    assert extended_by(480).action is NextAction.WITHDRAW
    assert (extended_by(5).action, extended_by(5).at) == (NextAction.NOTHING, NOW + 300)
    assert extended_by(0).action in ACTING


def test_a_lease_warning_is_withdrawn_even_while_the_verdict_is_unknown() -> None:
    told = warned(ActionReason.LEASE, stop_at=NOW, delivered_at=NOW - 900)
    memory = remembered(lease=Lease(NOW + 86400, LeaseAction.STOP, "alice"), warning=told)
    verdict, decision = decided(case(tracked=memory, evidence=with_value(quiet(), "inside", "gpu_percent", 9, None)))
    assert (verdict.kind, decision.action) == (VerdictKind.UNKNOWN, NextAction.WITHDRAW)


def test_on_hours_extended_after_the_warning_end_later() -> None:
    told = warned(ActionReason.SCHEDULE, stop_at=NOW, delivered_at=NOW - 900)
    longer = case(
        tracked=remembered(warning=told, schedule_since=NOW - 60),
        schedule=read_schedule("fri 06:00-17:00 UTC"),
        policy=IdlePolicy(enabled=False),
    )
    assert decided(longer)[1].action is NextAction.WITHDRAW


def test_a_deleting_lease_deletes_only_environments() -> None:
    over = remembered(lease=Lease(NOW, LeaseAction.DELETE, "alice"))
    lab = machine(environment="lab", state=State.STOPPED)
    policy = IdlePolicy(lead=0)
    assert decided(case(tracked=over, machine=lab, policy=policy))[1].action is NextAction.DELETE
    assert decided(case(tracked=over, machine=machine(state=State.STOPPED), policy=policy))[1].action is NextAction.NOTHING


def test_a_stopped_billed_machine_is_deallocated_after_a_second_sweep() -> None:
    rests = machine(state=State.STOPPED_BILLED)

    def after(seconds: float, **more: Any) -> Decision:
        memory = remembered(state=State.STOPPED_BILLED, state_since=NOW - seconds)
        return decided(case(machine=rests, tracked=memory, **more))[1]

    assert (after(0).action, after(0).at) == (NextAction.NOTHING, NOW + BILLED_DELAY)
    assert after(BILLED_DELAY).action is NextAction.STOP
    assert after(BILLED_DELAY, policy=IdlePolicy(action=Action.NOTIFY)).action is NextAction.NOTHING
    memory = remembered(state=State.STOPPED_BILLED)
    unstoppable = machine(state=State.STOPPED_BILLED, ephemeral_disk=True)
    assert decided(case(machine=unstoppable, tracked=memory))[1].action is NextAction.NOTHING


@pytest.mark.parametrize("schedule", ["fri 09:00-17:00 UTC", "fri 08:00-17:00 UTC"])
def test_a_schedule_starts_a_stopped_machine_when_its_hours_begin(schedule: str) -> None:
    rests = machine(state=State.STOPPED)
    memory = remembered(state=State.STOPPED, state_since=NOW - 3600)
    # Nothing is measured on a deallocated machine, and no data are required.
    decision = decided(case(machine=rests, tracked=memory, schedule=read_schedule(schedule), evidence=Evidence()))[1]
    assert decision.blocked == ""
    assert (decision.action, decision.at) == (
        (NextAction.NOTHING, NOW + 3600) if "09:00" in schedule else (NextAction.START, NOW)
    )


def test_a_schedule_with_only_off_times_starts_nothing_and_keeps_nothing_running() -> None:
    evening = read_schedule("off at 07:00 UTC")
    rests = case(
        machine=machine(state=State.STOPPED),
        tracked=remembered(state=State.STOPPED, state_since=NOW - 7200),
        schedule=evening,
    )
    assert decided(rests)[1] == Decision(NextAction.NOTHING)
    runs = case(tracked=remembered(state_since=NOW - 7200), schedule=evening, policy=IdlePolicy(lead=0, enabled=False))
    verdict, decision = decided(runs)
    assert (verdict.kind, decision.action, decision.reason) == (
        VerdictKind.UNMANAGED,
        NextAction.STOP,
        ActionReason.SCHEDULE,
    )
    later = replace(runs, tracked=remembered(state_since=NOW - 1800))
    assert decided(later)[1].action is NextAction.NOTHING, "it was started after the moment of stopping"
    assert (
        decided(replace(runs, evidence=with_value(quiet(), "inside", "gpu_percent", 20, 99.0)))[1].action
        is NextAction.NOTHING
    )


def test_with_action_notify_an_idle_machine_is_notified_once() -> None:
    policy = IdlePolicy(action=Action.NOTIFY)
    assert decided(case(policy=policy))[1].action is NextAction.WARN
    assert decided(case(policy=policy, tracked=remembered(warning=warned())))[1].action is NextAction.NOTHING


def test_a_lasting_problem_is_reported_once_a_day() -> None:
    patience = 4 * 30 * MINUTE + 15 * MINUTE
    memory = remembered(verdict="idle", verdict_since=NOW - patience - 1, warning=warned(delivered_at=0.0, undelivered="no"))
    one = case(tracked=memory)
    assert "Idle since" in alarm(one, *decided(one))
    told = replace(one, tracked=replace(memory, alarmed_at=NOW - 3600))
    assert alarm(told, *decided(told)) == ""
    again = replace(one, tracked=replace(memory, alarmed_at=NOW))
    assert alarm(again, *decided(again)), "evaluated again at the same time: the notification may not have been sent"
    fresh = replace(one, tracked=replace(memory, verdict_since=NOW - patience))
    assert alarm(fresh, *decided(fresh)) == ""
    unknown = case(tracked=remembered(verdict="unknown", verdict_since=NOW - 86401), evidence=quiet(inside=None))
    assert "It has not been known since" in alarm(unknown, *decided(unknown))
