"""Tracked machines: hours and savings add up, whatever states are observed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.clock import HOUR, MINUTE
from dormouse.idle.heartbeats.agent_record import AgentRecord
from dormouse.idle.power.observation import TRANSITIONAL, is_replacement, with_observation
from dormouse.idle.stages.sleep import SleepRecord
from dormouse.idle.tracking import (
    FIRST_PAUSE,
    ActionReason,
    Eviction,
    Hold,
    IdleShutdown,
    Lease,
    LeaseAction,
    PendingWarning,
    TrackedMachine,
    with_failure,
    with_shutdown,
    with_verdict,
    with_wakeup,
)
from dormouse.idle.warning import with_delivered_warning
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import VirtualMachine
from tests.unit.builders import IDENTIFIER, LONG_AGO, NOW, machine, remembered, warned

hours = st.floats(0.01, 1000)
states = st.sampled_from([State.RUNNING, State.STOPPED, State.STOPPED_BILLED, State.STARTING, State.STOPPING, State.UNKNOWN])


@given(st.lists(st.tuples(hours, hours, st.floats(0, 50)), max_size=10), hours)
def test_hours_and_savings_of_shutdowns_add_up(naps: list[tuple[float, float, float]], last: float) -> None:
    memory, now = remembered(), NOW
    for awake, slept, per_hour in naps:
        now += awake * HOUR
        memory = with_shutdown(memory, IdleShutdown(now, per_hour, "USD"))
        now += slept * HOUR
        memory = with_observation(memory, machine(), "", now)
    total, saved = sum(slept for _, slept, _ in naps), sum(slept * per_hour for _, slept, per_hour in naps)
    assert abs(memory.hours_asleep(now) - total) < 1e-4 * (total + 1)
    assert abs(memory.money_saved(now) - saved) < 1e-4 * (saved + 1)
    assert memory.hours_asleep(now + last * HOUR) == memory.hours_asleep(now)
    sleeping = with_shutdown(memory, IdleShutdown(now, 2.0, "USD"))
    assert abs(sleeping.hours_asleep(now + last * HOUR) - memory.hours_asleep(now) - last) < 1e-4 * (total + last + 1)


@given(st.lists(st.tuples(states, st.floats(1, 1e5)), max_size=15))
def test_a_state_counts_from_its_first_observation_and_transitional_states_do_not_interrupt_it(
    seen: list[tuple[State, float]],
) -> None:
    memory, now = with_observation(None, machine(), "", NOW), NOW
    expected, since = State.RUNNING, NOW
    for state, later in seen:
        now += later
        memory = with_observation(memory, machine(state=state), "", now)
        if state not in TRANSITIONAL and state is not expected:
            expected, since = state, now
        assert (memory.state, memory.state_since, memory.first_seen) == (expected, since, NOW)


def test_a_shutdown_ends_when_the_machine_runs_and_not_while_it_starts() -> None:
    memory = with_shutdown(remembered(), IdleShutdown(NOW, 3.0, "EUR"))
    starting = with_observation(memory, machine(state=State.STARTING), "", NOW + HOUR)
    assert starting.shutdown is not None
    running = with_observation(starting, machine(), "", NOW + 2 * HOUR)
    assert (running.shutdown, running.slept_hours, running.saved) == (None, 2.0, 6.0)
    assert with_wakeup(running, NOW + 9 * HOUR) == running


def test_a_stop_by_dormouse_ends_the_warning_and_counts_from_its_own_time() -> None:
    shutdown = IdleShutdown(NOW - 60, 1.0, "USD")
    stopped = with_shutdown(remembered(warning=warned(), failures=1), shutdown)
    assert stopped == remembered(state=State.STOPPED, state_since=NOW - 60, shutdown=shutdown, failures=1)


def test_a_schedule_counts_from_its_first_observation() -> None:
    memory = with_observation(None, machine(), "", NOW)
    changed = with_observation(memory, machine(), "mon 08:00-09:00 UTC", NOW + 60)
    assert changed.schedule_since == NOW + 60
    assert with_observation(changed, machine(), "mon 08:00-09:00 UTC", NOW + 120) == changed


def test_an_expired_hold_is_removed() -> None:
    memory = replace(remembered(), hold=Hold("bob", "", NOW, NOW + 60))
    assert with_observation(memory, machine(), "", NOW + 59).hold
    assert with_observation(memory, machine(), "", NOW + 60).hold is None


def test_a_verdict_counts_from_its_latest_uninterrupted_start() -> None:
    memory = with_verdict(with_verdict(remembered(), "idle", NOW), "idle", NOW + 60)
    assert (memory.since("idle"), memory.since("busy")) == (NOW, 0.0)
    assert with_verdict(with_verdict(memory, "busy", NOW + 120), "idle", NOW + 180).since("idle") == NOW + 180


def test_a_failed_action_is_delayed_and_reported_once_a_day() -> None:
    once = with_failure(remembered(), NOW)
    again = with_failure(once, NOW + 3 * HOUR)
    assert (once.retry_at, once.alarmed_at) == (NOW + FIRST_PAUSE, NOW)
    assert (again.retry_at, again.alarmed_at) == (NOW + 3 * HOUR + 2 * FIRST_PAUSE, NOW)
    assert with_failure(again, NOW + 24 * HOUR).alarmed_at == NOW + 24 * HOUR


def test_repeated_failures_back_off_up_to_a_day() -> None:
    memory, pauses = remembered(), []
    for _ in range(9):
        memory = with_failure(memory, NOW)
        pauses.append((memory.retry_at - NOW) / HOUR)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 24, 24, 24]


@given(states)
def test_a_newly_seen_machine_has_no_history(state: State) -> None:
    there: VirtualMachine = machine(state=state)
    memory = with_observation(None, there, "mon 08:00-09:00 UTC", NOW)
    assert (memory.first_seen, memory.state, memory.state_since, memory.schedule_since) == (NOW, state, NOW, NOW)
    assert memory.hours_asleep(NOW + HOUR) == memory.money_saved(NOW + HOUR) == 0.0


def test_a_recreated_machine_is_tracked_as_new() -> None:
    old = TrackedMachine(IDENTIFIER, NOW - 900, State.RUNNING, NOW - 900, retry_at=NOW + 900, vm_id="one")
    old = replace(
        old, lease=Lease(NOW - 60, LeaseAction.DELETE, "alice", NOW - 800), hold=Hold("bob", "", NOW - 30, NOW + 60)
    )
    new = with_observation(old, machine(created=NOW - 100, vm_id="two"), "", NOW)
    assert (new.first_seen, new.lease, new.retry_at, new.vm_id) == (NOW, None, 0.0, "two")
    assert new.hold == old.hold, "what was set since it was made is for the new one"
    same = with_observation(old, machine(created=NOW - 100, vm_id="one"), "", NOW)
    assert (same.first_seen, same.lease, same.retry_at) == (old.first_seen, old.lease, old.retry_at)


@pytest.mark.parametrize(
    ("known", "seen", "made_later", "another"),
    [
        ("one", "one", False, False),
        ("one", "one", True, False),  # a wrong clock
        ("one", "two", False, True),
        ("one", "", False, False),  # Azure does not return its ID
        ("one", "", True, True),
        ("", "", True, True),
        ("", "two", True, False),  # first seen now
        ("", "two", False, False),
    ],
)
def test_a_replacement_is_recognized_by_vm_id_and_creation_time(
    known: str, seen: str, made_later: bool, another: bool
) -> None:
    memory = remembered(vm_id=known, first_seen=NOW - 900)
    assert is_replacement(memory, machine(vm_id=seen, created=NOW - (100 if made_later else 1000))) is another


@pytest.mark.parametrize(("since", "kept"), [(NOW - 101, False), (NOW - 100, True), (NOW - 99, True)])
def test_a_recreated_machine_keeps_only_newer_holds_and_leases(since: float, kept: bool) -> None:
    hold, lease = Hold("bob", "", since, NOW + 60), Lease(NOW + 3600, LeaseAction.DELETE, "alice", since)
    new = machine(created=NOW - 100, vm_id="two")
    for held, leased in ((hold, lease), (hold, None), (None, lease), (None, None)):
        after = with_observation(remembered(vm_id="one", hold=held, lease=leased), new, "", NOW)
        assert (after.hold, after.lease) == ((held, leased) if kept else (None, None))


def test_holds_and_leases_set_before_the_machine_existed_are_kept() -> None:
    asked = TrackedMachine(IDENTIFIER, NOW - 600, State.UNKNOWN, NOW - 600)
    lease, hold = Lease(NOW + 3600, LeaseAction.STOP, "alice", NOW - 500), Hold("bob", "", NOW - 500, NOW + 60)
    seen = with_observation(replace(asked, lease=lease, hold=hold), machine(created=NOW - 300, vm_id="one"), "", NOW)
    assert (seen.lease, seen.hold, seen.first_seen) == (lease, hold, NOW)
    assert with_observation(seen, machine(created=NOW - 300, vm_id="one"), "", NOW + MINUTE).lease == lease


def test_a_lease_that_has_stopped_its_machine_is_removed() -> None:
    lease = Lease(NOW - 60, LeaseAction.STOP, "alice", NOW - 800)
    asleep = TrackedMachine(IDENTIFIER, NOW - 900, State.STOPPED, NOW - 30, lease=lease)
    assert with_observation(asleep, machine(), "", NOW).lease is None
    running = replace(asleep, state=State.RUNNING)
    assert with_observation(running, machine(), "", NOW).lease == lease


def test_what_is_stored_has_these_words_and_defaults() -> None:
    stages = {"stop_after", "forget_after", "budget"}
    assert set(ActionReason) == {"idle", "schedule", "lease", "stopped_billed", "eviction", "jobs"} | stages
    assert set(LeaseAction) == {"stop", "delete"}
    assert Lease(NOW, LeaseAction.STOP, "alice").since == 0.0
    told = PendingWarning("w", ActionReason.IDLE, "text", NOW, NOW + 60)
    assert (told.delivered_at, told.undelivered, told.token) == (0.0, "", "")
    new = TrackedMachine(IDENTIFIER, NOW, State.RUNNING, NOW)
    assert (new.schedule, new.schedule_since, new.verdict, new.verdict_since) == ("", 0.0, "", 0.0)
    assert (new.alarmed_at, new.retry_at, new.failures, new.hibernation_failures) == (0.0, 0.0, 0, 0)
    assert (new.warning, new.hold, new.lease, new.shutdown) == (None, None, None, None)
    assert (new.slept_hours, new.saved, new.vm_id) == (0.0, 0.0, "")
    assert (new.ran_since, new.eviction, new.evicted) == (0.0, None, None)
    assert (Eviction(NOW, NOW).count, Eviction(NOW, NOW).settled) == (1, False)
    assert (new.woken_for, new.job_ended_at, new.job_problem) == ((), 0.0, "")
    assert new.sleep == SleepRecord(0.0, None, 0.0)


def test_the_texts_of_a_warning_are_shortened_before_they_are_stored() -> None:
    told = PendingWarning("w", ActionReason.IDLE, "t" * 2000, NOW, NOW, undelivered="u" * 2000)
    assert len(told.text) == len(told.undelivered) == 1000


def test_the_current_stop_counts_towards_hours_and_savings() -> None:
    awake = remembered(slept_hours=5.0, saved=7.0)
    assert (awake.hours_asleep(NOW), awake.money_saved(NOW)) == (5.0, 7.0)
    asleep = with_shutdown(awake, IdleShutdown(NOW, 3.0, "USD"))
    assert (asleep.hours_asleep(NOW + 2 * HOUR), asleep.money_saved(NOW + 2 * HOUR)) == (7.0, 13.0)
    woken = with_wakeup(asleep, NOW + 2 * HOUR)
    assert (woken.shutdown, woken.slept_hours, woken.saved) == (None, 7.0, 13.0)
    assert with_wakeup(awake, NOW + HOUR) == awake


FAILED = {"failures": 3, "retry_at": NOW + HOUR, "hibernation_failures": 2}


@pytest.mark.parametrize("state", [State.STOPPED, State.STOPPED_BILLED])
def test_another_state_counts_from_now_and_ends_the_pause_after_failures(state: State) -> None:
    seen = with_observation(remembered(**FAILED), machine(state=state), "", NOW)
    assert seen == remembered(state=state, state_since=NOW, ran_since=LONG_AGO)


@pytest.mark.parametrize("state", [State.STARTING, State.STOPPING, State.CREATING, State.UNKNOWN, State.DELETING])
def test_a_state_on_the_way_to_another_one_changes_nothing(state: State) -> None:
    assert with_observation(remembered(**FAILED), machine(state=state), "", NOW) == remembered(**FAILED)


def test_the_same_state_changes_nothing() -> None:
    assert with_observation(remembered(**FAILED), machine(), "", NOW) == remembered(**FAILED)


def test_a_stop_ends_only_when_the_machine_runs() -> None:
    asleep = with_shutdown(remembered(), IdleShutdown(NOW, 3.0, "EUR"))
    billed = with_observation(asleep, machine(state=State.STOPPED_BILLED), "", NOW + HOUR)
    assert (billed.shutdown, billed.state) == (asleep.shutdown, State.STOPPED_BILLED)
    running = with_observation(billed, machine(), "", NOW + 2 * HOUR)
    assert (running.shutdown, running.slept_hours, running.state_since) == (None, 2.0, NOW + 2 * HOUR)


@pytest.mark.parametrize("created", [LONG_AGO - 60, LONG_AGO])
def test_a_known_machine_keeps_its_past_when_its_vm_id_becomes_known(created: float) -> None:
    known = remembered(verdict="idle", schedule="x", schedule_since=LONG_AGO)
    assert with_observation(known, machine(created=created, vm_id="one"), "x", NOW) == replace(known, vm_id="one")
    assert with_observation(None, machine(vm_id="one"), "", NOW).vm_id == "one"


def test_a_machine_that_appears_after_its_environment_was_requested_has_no_past() -> None:
    asked = remembered(first_seen=NOW - 600, verdict="unknown", failures=2)
    seen = with_observation(asked, machine(created=NOW - 599, vm_id="one"), "", NOW)
    assert seen == TrackedMachine(IDENTIFIER, NOW, State.RUNNING, NOW, vm_id="one")


@pytest.mark.parametrize(
    ("lease", "state", "kept"),
    [
        (Lease(NOW, LeaseAction.STOP, "alice"), State.STOPPED, False),
        (Lease(NOW + 1, LeaseAction.STOP, "alice"), State.STOPPED, True),
        (Lease(NOW, LeaseAction.DELETE, "alice"), State.STOPPED, True),
        (Lease(NOW, LeaseAction.STOP, "alice"), State.STOPPED_BILLED, True),
        (Lease(NOW, LeaseAction.STOP, "alice"), State.RUNNING, True),
    ],
)
def test_only_a_stop_lease_that_expired_on_a_stopped_machine_is_over(lease: Lease, state: State, kept: bool) -> None:
    seen = with_observation(remembered(state=state, lease=lease), machine(state=state), "", NOW)
    assert seen.lease == (lease if kept else None)


@pytest.mark.parametrize(
    ("warning", "shown", "after"),
    [
        (warned(delivered_at=0.0, undelivered="x"), {"w": NOW}, warned(delivered_at=NOW)),
        (warned(delivered_at=0.0, undelivered="x"), {"other": NOW}, warned(delivered_at=0.0, undelivered="x")),
        (warned(delivered_at=NOW - 60), {"w": NOW}, warned(delivered_at=NOW - 60)),
        (None, {"w": NOW}, None),
    ],
)
def test_a_warning_counts_as_delivered_once_a_terminal_has_shown_it(
    warning: PendingWarning | None, shown: dict[str, float], after: PendingWarning | None
) -> None:
    record = AgentRecord(IDENTIFIER, NOW, NOW, shown=shown)
    assert with_delivered_warning(remembered(warning=warning), record) == remembered(warning=after)
