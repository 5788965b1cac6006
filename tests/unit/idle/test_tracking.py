"""Memory: what a machine's sleep has saved adds up, whatever it is observed to do."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.clock import HOUR, MINUTE
from dormouse.idle.tracking import (
    FIRST_PAUSE,
    TRANSITIONAL,
    Hold,
    IdleShutdown,
    Lease,
    LeaseAction,
    TrackedMachine,
    is_replacement,
    with_failure,
    with_observation,
    with_shutdown,
    with_verdict,
    with_wakeup,
)
from dormouse.lifecycle import State
from dormouse.resources.machines import VirtualMachine
from tests.unit.builders import IDENTIFIER, NOW, machine, remembered

hours = st.floats(0.01, 1000)
states = st.sampled_from([State.RUNNING, State.STOPPED, State.STOPPED_BILLED, State.STARTING, State.STOPPING, State.UNKNOWN])


@given(st.lists(st.tuples(hours, hours, st.floats(0, 50)), max_size=10), hours)
def test_naps_add_up(naps: list[tuple[float, float, float]], last: float) -> None:
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
def test_a_state_counts_from_when_it_was_first_seen_and_what_is_in_between_counts_as_before(
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


def test_waking_up_on_the_way_does_not_end_a_nap_before_the_machine_runs() -> None:
    memory = with_shutdown(remembered(), IdleShutdown(NOW, 3.0, "EUR"))
    starting = with_observation(memory, machine(state=State.STARTING), "", NOW + HOUR)
    assert starting.shutdown is not None
    running = with_observation(starting, machine(), "", NOW + 2 * HOUR)
    assert (running.shutdown, running.slept_hours, running.saved) == (None, 2.0, 6.0)
    assert with_wakeup(running, NOW + 9 * HOUR) == running


def test_falling_asleep_ends_the_warning() -> None:
    assert with_shutdown(remembered(), IdleShutdown(NOW, 1.0, "USD")).warning is None


def test_a_schedule_counts_from_when_it_was_first_seen() -> None:
    memory = with_observation(None, machine(), "", NOW)
    changed = with_observation(memory, machine(), "mon 08:00-09:00 UTC", NOW + 60)
    assert changed.schedule_since == NOW + 60
    assert with_observation(changed, machine(), "mon 08:00-09:00 UTC", NOW + 120) == changed


def test_a_hold_is_forgotten_when_it_is_over() -> None:
    memory = replace(remembered(), hold=Hold("bob", "", NOW, NOW + 60))
    assert with_observation(memory, machine(), "", NOW + 59).hold
    assert with_observation(memory, machine(), "", NOW + 60).hold is None


def test_a_verdict_counts_from_its_first_time_without_a_break() -> None:
    memory = with_verdict(with_verdict(remembered(), "idle", NOW), "idle", NOW + 60)
    assert (memory.since("idle"), memory.since("busy")) == (NOW, 0.0)
    assert with_verdict(with_verdict(memory, "busy", NOW + 120), "idle", NOW + 180).since("idle") == NOW + 180


def test_what_failed_is_left_alone_for_a_while_and_told_once_a_day() -> None:
    once = with_failure(remembered(), NOW)
    again = with_failure(once, NOW + 3 * HOUR)
    assert (once.retry_at, once.alarmed_at) == (NOW + FIRST_PAUSE, NOW)
    assert (again.retry_at, again.alarmed_at) == (NOW + 3 * HOUR + 2 * FIRST_PAUSE, NOW)
    assert with_failure(again, NOW + 24 * HOUR).alarmed_at == NOW + 24 * HOUR


def test_what_fails_again_and_again_is_left_alone_for_longer_and_for_a_day_at_most() -> None:
    memory, pauses = remembered(), []
    for _ in range(9):
        memory = with_failure(memory, NOW)
        pauses.append((memory.retry_at - NOW) / HOUR)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 24, 24, 24]


@given(states)
def test_who_is_seen_for_the_first_time_has_no_past(state: State) -> None:
    there: VirtualMachine = machine(state=state)
    memory = with_observation(None, there, "mon 08:00-09:00 UTC", NOW)
    assert (memory.first_seen, memory.state, memory.state_since, memory.schedule_since) == (NOW, state, NOW, NOW)
    assert memory.hours_asleep(NOW + HOUR) == memory.money_saved(NOW + HOUR) == 0.0


def test_a_machine_that_was_made_again_is_a_stranger() -> None:
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
        ("one", "one", True, False),  # a clock that is off
        ("one", "two", False, True),
        ("one", "", False, False),  # Azure does not tell its id
        ("one", "", True, True),
        ("", "", True, True),
        ("", "two", True, False),  # it is only now seen for the first time
        ("", "two", False, False),
    ],
)
def test_a_machine_is_known_by_azures_own_id_and_by_when_it_was_made(
    known: str, seen: str, made_later: bool, another: bool
) -> None:
    memory = remembered(vm_id=known, first_seen=NOW - 900)
    assert is_replacement(memory, machine(vm_id=seen, created=NOW - (100 if made_later else 1000))) is another


@pytest.mark.parametrize(("since", "kept"), [(NOW - 101, False), (NOW - 100, True), (NOW - 99, True)])
def test_of_a_machine_that_was_made_again_only_what_was_asked_since_then_is_kept(since: float, kept: bool) -> None:
    hold, lease = Hold("bob", "", since, NOW + 60), Lease(NOW + 3600, LeaseAction.DELETE, "alice", since)
    new = machine(created=NOW - 100, vm_id="two")
    for held, leased in ((hold, lease), (hold, None), (None, lease), (None, None)):
        after = with_observation(remembered(vm_id="one", hold=held, lease=leased), new, "", NOW)
        assert (after.hold, after.lease) == ((held, leased) if kept else (None, None))


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
