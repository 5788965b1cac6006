"""Memory: what a machine's sleep has saved adds up, whatever it is observed to do."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dormouse.clock import HOUR
from dormouse.idle.tracking import (
    IN_BETWEEN,
    LEFT_ALONE,
    Hold,
    IdleShutdown,
    with_failure,
    with_observation,
    with_shutdown,
    with_verdict,
    with_wakeup,
)
from dormouse.lifecycle import State
from dormouse.resources.machines import VirtualMachine
from tests.unit.idle.test_verdict import NOW, machine, remembered

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
        if state not in IN_BETWEEN and state is not expected:
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
    assert (once.retry_at, once.alarmed_at) == (NOW + LEFT_ALONE, NOW)
    assert (again.retry_at, again.alarmed_at) == (NOW + 3 * HOUR + 2 * LEFT_ALONE, NOW)
    assert with_failure(again, NOW + 24 * HOUR).alarmed_at == NOW + 24 * HOUR


@given(states)
def test_who_is_seen_for_the_first_time_has_no_past(state: State) -> None:
    there: VirtualMachine = machine(state=state)
    memory = with_observation(None, there, "mon 08:00-09:00 UTC", NOW)
    assert (memory.first_seen, memory.state, memory.state_since, memory.schedule_since) == (NOW, state, NOW, NOW)
    assert memory.hours_asleep(NOW + HOUR) == memory.money_saved(NOW + HOUR) == 0.0
