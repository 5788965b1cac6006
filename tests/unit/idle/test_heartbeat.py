"""Heartbeats: whatever comes late, twice, in the wrong order or from a wrong clock, no quiet minute is invented."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dormouse.idle.agent_record import KEPT_MINUTES, AgentRecord, merge_heartbeat
from dormouse.idle.heartbeat import Heartbeat
from dormouse.idle.signals import INSIDE
from tests.unit.builders import IDENTIFIER, NOW

FIRST, SECOND = "a" * 32, "b" * 32
NAMES = [signal.name for signal in INSIDE]
BEGIN = NOW - 200 * 60  # when the agent began, on the minute


def beat(minutes: list[tuple[int, float, float]], boot: str = FIRST, **more: Any) -> Heartbeat:
    """A heartbeat of minutes: their number, how many seconds ago they ended, and what the GPU did."""
    told = [
        {"sequence": number, "age_seconds": max(age, 0.0), "signals": {name: {"max": gpu, "p95": gpu} for name in NAMES}}
        for number, age, gpu in minutes
    ]
    about = {"version": 1, "machine": IDENTIFIER, "boot": boot, "uptime_seconds": 9e5, "gpu": "ok"}
    return Heartbeat.model_validate({**about, "minutes": told, **more})


def exact(numbers: list[int], at: float, work: list[float]) -> Heartbeat:
    """A heartbeat that is sent at a moment by an agent with a perfect clock, of minutes that are over."""
    return beat([(number, at - (BEGIN + (number + 1) * 60), work[number]) for number in numbers])


def gpu(record: AgentRecord) -> dict[int, float | None]:
    column = record.names.index("gpu_percent")
    return {place: row[column] for place, row in record.minutes.items()}


works = st.lists(st.sampled_from([0.0, 0.0, 90.0]), min_size=100, max_size=100)
ARRIVAL = NOW - 60 * 60


@given(
    works, st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=30, unique=True), min_size=1, max_size=12), st.data()
)
def test_minutes_in_any_order_and_as_often_as_they_like_are_what_they_were(
    work: list[float], told: list[list[int]], data: st.DataObject
) -> None:
    record: AgentRecord | None = None
    for step, numbers in enumerate(told):
        at = ARRIVAL + step * 60
        record = merge_heartbeat(record, exact(numbers, at, work), at + data.draw(st.floats(0, 20)))
    assert record is not None
    for place, value in gpu(record).items():
        assert value == work[place - int(BEGIN // 60)]


@given(works, st.lists(st.integers(0, 99), min_size=1, max_size=40, unique=True), st.floats(0, 86400))
def test_a_captured_heartbeat_changes_nothing(work: list[float], numbers: list[int], later: float) -> None:
    old = exact(numbers, ARRIVAL, work)
    record = merge_heartbeat(None, old, ARRIVAL)
    again = merge_heartbeat(record, old, ARRIVAL + later)
    assert gpu(again).items() <= gpu(record).items()
    assert again.boots == record.boots
    if later < KEPT_MINUTES * 30:
        assert gpu(again) == gpu(record)


@given(st.randoms(use_true_random=False), st.floats(-0.02, 0.02), st.floats(0, 59), st.sets(st.integers(5, 190)))
def test_minutes_that_follow_each_other_leave_no_hole_whatever_the_jitter_and_the_drift(
    chance: random.Random, drift: float, offset: float, lost: set[int]
) -> None:
    """Heartbeats that were lost are told again together with the next one."""
    record: AgentRecord | None = None
    waiting: list[int] = []
    for number in range(200):
        waiting.append(number)
        if number in lost:
            continue
        # The agent's clock runs fast or slow, its minutes with it; the heartbeat takes up to 20 seconds more or less.
        sent = BEGIN + offset + (number + 1) * 60 * (1 + drift)
        minutes = [(one, (number - one) * 60.0 + 20.0, 1.0) for one in waiting]
        record = merge_heartbeat(record, beat(minutes), sent + 20.0 + chance.uniform(-20, 20))
        waiting = []
    assert record is not None
    places = sorted(record.minutes)
    assert places == list(range(places[0], places[-1] + 1))
    assert abs(places[-1] - (BEGIN + offset + 199.5 * 60 * (1 + drift)) // 60) <= 2


@given(works, works, st.integers(0, 99), st.integers(0, 59))
def test_another_run_of_the_agent_never_lowers_what_is_known(
    one: list[float], other: list[float], first: int, off: int
) -> None:
    record = merge_heartbeat(None, exact(list(range(100)), ARRIVAL, one), ARRIVAL)
    minutes = [(number, ARRIVAL + off - (BEGIN + (number + 1) * 60), other[number]) for number in range(first, 100)]
    both = merge_heartbeat(record, beat(minutes, SECOND), ARRIVAL + off)
    before, after = gpu(record), gpu(both)
    for place, value in before.items():
        assert (after[place] or 0.0) >= (value or 0.0)


@given(works, st.integers(1, 99))
def test_a_captured_heartbeat_of_an_earlier_run_changes_nothing_either(work: list[float], split: int) -> None:
    early = exact(list(range(split)), ARRIVAL, work)
    record = merge_heartbeat(None, early, ARRIVAL)
    minutes = [(number, ARRIVAL + 600 - (BEGIN + (number + 1) * 60), 90.0) for number in range(split, 100)]
    record = merge_heartbeat(record, beat(minutes, SECOND), ARRIVAL + 600)
    assert gpu(merge_heartbeat(record, early, ARRIVAL + 1200)) == gpu(record)


@given(st.floats(0, 1e12))
def test_what_is_kept_of_a_value_is_never_below_it(value: float) -> None:
    record = merge_heartbeat(None, beat([(0, 30, value)]), NOW)
    (row,) = record.minutes.values()
    for kept in row:
        assert kept is not None
        assert value <= kept * (1 + 1e-12)
        assert kept <= value * 1.011 + 0.1


def test_of_what_has_peaks_the_95th_percentile_is_kept_and_of_all_else_the_peak() -> None:
    signals = {name: {"max": 7, "p95": 2} for name in NAMES}
    told = beat([]).model_dump() | {"minutes": [{"sequence": 0, "age_seconds": 30, "signals": signals}]}
    (row,) = merge_heartbeat(None, Heartbeat.model_validate(told), NOW).minutes.values()
    assert dict(zip(NAMES, row, strict=True)) == {signal.name: 7 if signal.peaks else 2 for signal in INSIDE}


@pytest.mark.parametrize("drift", [-0.02, 0.02])
def test_a_clock_that_drifts_by_minutes_leaves_no_hole_and_is_followed(drift: float) -> None:
    record: AgentRecord | None = None
    for number in range(300):
        record = merge_heartbeat(record, beat([(number, 0.0, 1.0)]), BEGIN + (number + 1) * 60 * (1 + drift))
    assert record is not None
    places = sorted(record.minutes)
    assert places == list(range(places[0], places[-1] + 1))
    assert abs(places[-1] - (BEGIN + 299.5 * 60 * (1 + drift)) // 60) <= 2


def test_a_machine_that_has_slept_leaves_a_hole() -> None:
    record = merge_heartbeat(None, beat([(0, 0, 0.0), (1, 0, 0.0)]), NOW)
    record = merge_heartbeat(record, beat([(2, 0, 0.0)]), NOW + 3600)
    assert max(record.minutes) - min(record.minutes) > 58
    assert len(record.minutes) <= 3


def test_minutes_of_which_nothing_was_told_stay_unknown() -> None:
    record = merge_heartbeat(None, beat([(0, 600, 0.0), (5, 300, 0.0)]), NOW)
    series = record.series(min(record.minutes), max(record.minutes) + 1)
    assert series["gpu_percent"] == (0.0, None, None, None, None, 0.0)
    assert set(series) == set(NAMES)


def test_minutes_are_forgotten_after_the_longest_window() -> None:
    record = merge_heartbeat(None, beat([(number, (300 - number) * 60.0, 1.0) for number in range(300)]), NOW)
    record = merge_heartbeat(record, beat([(301, 0, 1.0)]), NOW + 3 * 3600)
    assert min(record.minutes) > (NOW + 3 * 3600) // 60 - KEPT_MINUTES
    assert len(record.minutes) < 300


def test_a_hold_that_is_told_every_minute_is_one_hold_since_it_was_made() -> None:
    record = None
    for minute in range(30):
        wish = {"by": "bob", "reason": "demo", "until_in_seconds": 7200 - minute * 60 + (minute % 3 - 1) * 20}
        record = merge_heartbeat(record, beat([], holds=[wish]), NOW + minute * 60)
    assert record is not None
    (hold,) = record.holds
    assert hold.since == NOW
    assert not merge_heartbeat(record, beat([]), NOW + 1800).holds


def test_a_warning_was_shown_when_it_was_first_reported() -> None:
    record = merge_heartbeat(None, beat([], shown=["w1"]), NOW)
    assert merge_heartbeat(record, beat([], shown=["w1", "w2"]), NOW + 60).shown == {"w1": NOW, "w2": NOW + 60}


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 2},
        {"boot": "x"},
        {"gpu": "maybe"},
        {"uptime_seconds": -1},
        {"uptime_seconds": float("inf")},
        {"minutes": [{"sequence": -1, "age_seconds": 0, "signals": {}}]},
        {"minutes": [{"sequence": 0, "age_seconds": -60, "signals": {}}]},
        {"minutes": [{"sequence": 0, "age_seconds": float("nan"), "signals": {}}]},
        {"minutes": [{"sequence": 0, "age_seconds": 0, "signals": {"gpu_percent": {"max": -1, "p95": 0}}}]},
        {"minutes": [{"sequence": 0, "age_seconds": 0, "signals": {"gpu_percent": {"max": float("nan"), "p95": 0}}}]},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Heartbeat.model_validate({**beat([]).model_dump(), **wrong})


HOLD = {"by": "ana", "reason": "demo", "until_in_seconds": 60}


@pytest.mark.parametrize(
    "odd",
    [
        {"holds": [HOLD] * 50},
        {"holds": [{**HOLD, "by": "b" * 400, "reason": "r" * 4000}]},
        {"holds": [{**HOLD, "reason": None}, {"by": "bob"}, "x", None, {**HOLD, "until_in_seconds": -1}]},
        {"holds": [{**HOLD, "until_in_seconds": 1e300}]},
        {"holds": None},
        {"holds": {"by": "ana"}},
        {"shown": [None, 7, "w" * 65, "w1"]},
        {"shown": "w1"},
        {"gpu_problem": "p" * 5000},
        {"gpu_problem": None},
        {"agent": 3},
        {"problems": {f"signal {number}": "why" for number in range(500)}},
        {"problems": {"kernels": 7, "x" * 500: "why", "logins": "w" * 5000, "jobs": ""}},
        {"problems": ["kernels"]},
        {"problems": None},
    ],
)
def test_whatever_is_odd_about_the_rest_of_a_heartbeat_its_minutes_count(odd: dict[str, Any]) -> None:
    told = Heartbeat.model_validate({**beat([(0, 30, 90.0)]).model_dump(), **odd})
    record = merge_heartbeat(None, told, NOW)
    assert list(gpu(record).values()) == [90.0]
    assert len(record.holds) <= 20
    assert all(hold.by == "ana" or hold.by == "b" * 64 for hold in record.holds)
    assert all(len(hold.reason) <= 300 for hold in record.holds)
    assert bool(record.holds) == bool(isinstance(odd.get("holds"), list))
    assert record.shown.keys() <= {"w1"}
    assert sum(map(len, record.problems.values())) <= 4000


def test_of_too_many_holds_those_that_last_longest_are_kept() -> None:
    holds = [{**HOLD, "by": f"user {number}", "until_in_seconds": 60.0 * (number % 50)} for number in range(100)]
    record = merge_heartbeat(None, beat([], holds=holds), NOW)
    assert {hold.until for hold in record.holds} == {NOW + 60.0 * number for number in range(40, 50)}
    assert len(record.holds) == 20


def test_reasons_are_kept_as_long_as_minutes_are_missing_that_they_explain() -> None:
    def told(number: int, *, blind: bool, why: str = "") -> Heartbeat:
        signals = {name: {"max": 0, "p95": 0} for name in NAMES if not (blind and name == "kernels_busy")}
        minute = {"sequence": number, "age_seconds": 0, "signals": signals}
        problems = {"kernels_busy": why} if why else {}
        return Heartbeat.model_validate({**beat([]).model_dump(), "minutes": [minute], "problems": problems})

    record = merge_heartbeat(None, told(0, blind=True, why="port 8888\x1b[2J answers\n403"), NOW)
    assert record.problems == {"kernels_busy": "port 8888 [2J answers 403"}
    record = merge_heartbeat(record, told(1, blind=False), NOW + 60)
    assert record.problems == {"kernels_busy": "port 8888 [2J answers 403"}
    record = merge_heartbeat(record, told(2, blind=True, why="port 8888 answers 500"), NOW + 120)
    assert record.problems == {"kernels_busy": "port 8888 answers 500"}
    for number in range(3, KEPT_MINUTES + 10):
        record = merge_heartbeat(record, told(number, blind=False), NOW + 60 * number)
    assert record.problems == {}


def test_reasons_for_everything_are_short_enough_for_a_row() -> None:
    record = merge_heartbeat(None, beat([], problems=dict.fromkeys(NAMES, "w" * 5000)), NOW)
    assert set(record.problems) == set(NAMES)
    assert 2000 < sum(map(len, record.problems.values())) <= 4000
    few = merge_heartbeat(None, beat([], problems={"kernels": "w" * 5000, "unheard of": "x"}), NOW)
    assert few.problems == {"kernels": "w" * 300}
