"""Heartbeats that are late, repeated, out of order or from a wrong clock never create a quiet minute."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dormouse.idle.heartbeats.agent_record import KEPT_MINUTES, AgentRecord, merge_heartbeat
from dormouse.idle.heartbeats.heartbeat import Heartbeat, ReportedHold
from dormouse.idle.heartbeats.signals import INSIDE
from tests.unit.builders import IDENTIFIER, NOW

FIRST, SECOND = "a" * 32, "b" * 32
NAMES = [signal.name for signal in INSIDE]
BEGIN = NOW - 200 * 60  # when the agent began, on the minute


def beat(minutes: list[tuple[int, float, float]], boot: str = FIRST, **more: Any) -> Heartbeat:
    """A heartbeat of minutes: their sequence number, how many seconds ago they ended, and the GPU load."""
    told = [
        {"sequence": number, "age_seconds": max(age, 0.0), "signals": {name: {"max": gpu, "p95": gpu} for name in NAMES}}
        for number, age, gpu in minutes
    ]
    about = {"version": 1, "machine": IDENTIFIER, "boot": boot, "uptime_seconds": 9e5, "gpu": "ok"}
    return Heartbeat.model_validate({**about, "minutes": told, **more})


def exact(numbers: list[int], at: float, work: list[float]) -> Heartbeat:
    """A heartbeat with finished minutes that an agent with a perfect clock sends at a given time."""
    return beat([(number, at - (BEGIN + (number + 1) * 60), work[number]) for number in numbers])


def gpu(record: AgentRecord) -> dict[int, float | None]:
    column = record.names.index("gpu_percent")
    return {place: row[column] for place, row in record.minutes.items()}


works = st.lists(st.sampled_from([0.0, 0.0, 90.0]), min_size=100, max_size=100)
ARRIVAL = NOW - 60 * 60


@given(
    works, st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=30, unique=True), min_size=1, max_size=12), st.data()
)
def test_minutes_are_merged_in_any_order_and_any_number_of_times(
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
def test_a_replayed_heartbeat_changes_nothing(work: list[float], numbers: list[int], later: float) -> None:
    old = exact(numbers, ARRIVAL, work)
    record = merge_heartbeat(None, old, ARRIVAL)
    again = merge_heartbeat(record, old, ARRIVAL + later)
    assert gpu(again).items() <= gpu(record).items()
    assert again.boots == record.boots
    if later < KEPT_MINUTES * 30:
        assert gpu(again) == gpu(record)


@given(st.randoms(use_true_random=False), st.floats(-0.02, 0.02), st.floats(0, 59), st.sets(st.integers(5, 190)))
def test_consecutive_minutes_leave_no_gap_despite_jitter_and_drift(
    chance: random.Random, drift: float, offset: float, lost: set[int]
) -> None:
    """Lost heartbeats are sent again together with the next one."""
    record: AgentRecord | None = None
    waiting: list[int] = []
    for number in range(200):
        waiting.append(number)
        if number in lost:
            continue
        # The agent's clock runs fast or slow, and its minutes with it; delivery takes up to 20 seconds more or less.
        sent = BEGIN + offset + (number + 1) * 60 * (1 + drift)
        minutes = [(one, (number - one) * 60.0 + 20.0, 1.0) for one in waiting]
        record = merge_heartbeat(record, beat(minutes), sent + 20.0 + chance.uniform(-20, 20))
        waiting = []
    assert record is not None
    places = sorted(record.minutes)
    assert places == list(range(places[0], places[-1] + 1))
    assert abs(places[-1] - (BEGIN + offset + 199.5 * 60 * (1 + drift)) // 60) <= 2


@given(works, works, st.integers(0, 99), st.integers(0, 59))
def test_another_boot_never_lowers_known_values(one: list[float], other: list[float], first: int, off: int) -> None:
    record = merge_heartbeat(None, exact(list(range(100)), ARRIVAL, one), ARRIVAL)
    minutes = [(number, ARRIVAL + off - (BEGIN + (number + 1) * 60), other[number]) for number in range(first, 100)]
    both = merge_heartbeat(record, beat(minutes, SECOND), ARRIVAL + off)
    before, after = gpu(record), gpu(both)
    for place, value in before.items():
        assert (after[place] or 0.0) >= (value or 0.0)


@given(works, st.integers(1, 99))
def test_a_replayed_heartbeat_of_an_earlier_boot_changes_nothing(work: list[float], split: int) -> None:
    early = exact(list(range(split)), ARRIVAL, work)
    record = merge_heartbeat(None, early, ARRIVAL)
    minutes = [(number, ARRIVAL + 600 - (BEGIN + (number + 1) * 60), 90.0) for number in range(split, 100)]
    record = merge_heartbeat(record, beat(minutes, SECOND), ARRIVAL + 600)
    assert gpu(merge_heartbeat(record, early, ARRIVAL + 1200)) == gpu(record)


@given(st.floats(0, 1e12))
def test_stored_values_are_never_rounded_down(value: float) -> None:
    record = merge_heartbeat(None, beat([(0, 30, value)]), NOW)
    (row,) = record.minutes.values()
    for kept in row:
        assert kept is not None
        assert value <= kept * (1 + 1e-12)
        assert kept <= value * 1.011 + 0.1


def test_the_95th_percentile_is_kept_for_signals_with_peaks_and_the_maximum_for_others() -> None:
    signals = {name: {"max": 7, "p95": 2} for name in NAMES}
    told = beat([]).model_dump() | {"minutes": [{"sequence": 0, "age_seconds": 30, "signals": signals}]}
    (row,) = merge_heartbeat(None, Heartbeat.model_validate(told), NOW).minutes.values()
    assert dict(zip(NAMES, row, strict=True)) == {signal.name: 7 if signal.peaks else 2 for signal in INSIDE}


@pytest.mark.parametrize("drift", [-0.02, 0.02])
def test_a_drifting_clock_is_followed_and_leaves_no_gap(drift: float) -> None:
    record: AgentRecord | None = None
    for number in range(300):
        record = merge_heartbeat(record, beat([(number, 0.0, 1.0)]), BEGIN + (number + 1) * 60 * (1 + drift))
    assert record is not None
    places = sorted(record.minutes)
    assert places == list(range(places[0], places[-1] + 1))
    assert abs(places[-1] - (BEGIN + 299.5 * 60 * (1 + drift)) // 60) <= 2


def test_a_suspended_machine_leaves_a_gap() -> None:
    record = merge_heartbeat(None, beat([(0, 0, 0.0), (1, 0, 0.0)]), NOW)
    record = merge_heartbeat(record, beat([(2, 0, 0.0)]), NOW + 3600)
    assert max(record.minutes) - min(record.minutes) > 58
    assert len(record.minutes) <= 3


def test_unreported_minutes_stay_unknown() -> None:
    record = merge_heartbeat(None, beat([(0, 600, 0.0), (5, 300, 0.0)]), NOW)
    series = record.series(min(record.minutes), max(record.minutes) + 1)
    assert series["gpu_percent"] == (0.0, None, None, None, None, 0.0)
    assert set(series) == set(NAMES)


def test_minutes_older_than_the_longest_window_are_dropped() -> None:
    record = merge_heartbeat(None, beat([(number, (300 - number) * 60.0, 1.0) for number in range(300)]), NOW)
    record = merge_heartbeat(record, beat([(301, 0, 1.0)]), NOW + 3 * 3600)
    assert min(record.minutes) > (NOW + 3 * 3600) // 60 - KEPT_MINUTES
    assert len(record.minutes) < 300


def test_a_hold_repeated_in_every_heartbeat_is_one_hold() -> None:
    record = None
    for minute in range(30):
        wish = {"by": "bob", "reason": "demo", "until_in_seconds": 7200 - minute * 60 + (minute % 3 - 1) * 20}
        record = merge_heartbeat(record, beat([], holds=[wish]), NOW + minute * 60)
    assert record is not None
    (hold,) = record.holds
    assert hold.since == NOW
    assert not merge_heartbeat(record, beat([]), NOW + 1800).holds


def test_a_warning_counts_as_shown_from_its_first_report() -> None:
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
def test_an_invalid_heartbeat_is_rejected(wrong: dict[str, Any]) -> None:
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
def test_oversized_optional_fields_do_not_discard_minutes(odd: dict[str, Any]) -> None:
    told = Heartbeat.model_validate({**beat([(0, 30, 90.0)]).model_dump(), **odd})
    record = merge_heartbeat(None, told, NOW)
    assert list(gpu(record).values()) == [90.0]
    assert len(record.holds) <= 20
    assert all(hold.by == "ana" or hold.by == "b" * 64 for hold in record.holds)
    assert all(len(hold.reason) <= 300 for hold in record.holds)
    assert bool(record.holds) == bool(isinstance(odd.get("holds"), list))
    assert record.shown.keys() <= {"w1"}
    assert sum(map(len, record.problems.values())) <= 4000


def test_only_the_longest_holds_are_kept() -> None:
    holds = [{**HOLD, "by": f"user {number}", "until_in_seconds": 60.0 * (number % 50)} for number in range(100)]
    record = merge_heartbeat(None, beat([], holds=holds), NOW)
    assert {hold.until for hold in record.holds} == {NOW + 60.0 * number for number in range(40, 50)}
    assert len(record.holds) == 20


def test_a_reason_is_kept_as_long_as_the_minutes_it_explains_are_missing() -> None:
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


def test_reasons_are_truncated_to_fit_into_a_row() -> None:
    record = merge_heartbeat(None, beat([], problems=dict.fromkeys(NAMES, "w" * 5000)), NOW)
    assert set(record.problems) == set(NAMES)
    assert 2000 < sum(map(len, record.problems.values())) <= 4000
    few = merge_heartbeat(None, beat([], problems={"kernels": "w" * 5000, "unheard of": "x"}), NOW)
    assert few.problems == {"kernels": "w" * 300}


def read(**members: Any) -> Heartbeat:
    return Heartbeat.model_validate({**beat([]).model_dump(), **members})


QUIET = {"max": 0.0, "p95": 0.0}


def minute(**members: Any) -> dict[str, Any]:
    return {"sequence": 0, "age_seconds": 0.0, "signals": {}, **members}


@pytest.mark.parametrize(
    ("largest", "too_large"),
    [
        ({"machine": "m" * 512}, {"machine": "m" * 513}),
        ({"uptime_seconds": 1e18}, {"uptime_seconds": 1.1e18}),
        ({"minutes": [minute()] * 360}, {"minutes": [minute()] * 361}),
        ({"minutes": [minute(age_seconds=7 * 86400)]}, {"minutes": [minute(age_seconds=7 * 86400 + 0.5)]}),
        (
            {"minutes": [minute(signals={f"s{number}": QUIET for number in range(60)})]},
            {"minutes": [minute(signals={f"s{number}": QUIET for number in range(61)})]},
        ),
        (
            {"minutes": [minute(signals={"jobs": {"max": 1e18, "p95": 0}})]},
            {"minutes": [minute(signals={"jobs": {"max": 1.1e18, "p95": 0}})]},
        ),
    ],
)
def test_required_members_are_refused_above_their_limits(largest: dict[str, Any], too_large: dict[str, Any]) -> None:
    read(**largest)
    with pytest.raises(ValidationError):
        read(**too_large)


def test_optional_texts_are_shortened_and_anything_else_is_read_as_empty() -> None:
    long = read(agent="a" * 33, gpu_problem="p" * 301)
    assert (long.agent, long.gpu_problem) == ("a" * 32, "p" * 300)
    odd = read(agent=1.0, gpu_problem=None)
    assert (odd.agent, odd.gpu_problem) == ("", "")
    minimal = {name: value for name, value in beat([]).model_dump().items() if name in Heartbeat.model_fields}
    for name in ("agent", "minutes", "gpu_problem", "problems", "holds", "shown"):
        del minimal[name]
    least = Heartbeat.model_validate({**minimal, "from_a_newer_agent": 1})
    assert (least.agent, least.minutes, least.gpu_problem, least.problems, least.holds, least.shown) == (
        "", (), "", {}, (), (),
    )  # fmt: skip


def test_a_hold_is_read_with_limits_and_an_invalid_one_is_dropped() -> None:
    long = {"by": "b" * 65, "reason": "r" * 301, "until_in_seconds": 1e300}
    soon = {"by": "eve", "reason": "", "until_in_seconds": "soon"}
    (hold, other) = read(holds=[soon, long, {"by": "bob", "until_in_seconds": 60}]).holds
    assert (hold.by, hold.reason, hold.until_in_seconds) == ("b" * 64, "r" * 300, 1e18)
    assert other == ReportedHold(by="bob", reason="", until_in_seconds=60)
    assert read(holds=[{**HOLD, "until_in_seconds": float("nan")}]).holds == ()


def test_the_last_twenty_valid_warnings_are_read() -> None:
    assert read(shown=["w" * 64, "w" * 65]).shown == ("w" * 64,)
    assert read(shown=[f"w{number}" for number in range(21)]).shown == tuple(f"w{number}" for number in range(1, 21))


def test_the_first_forty_valid_reasons_are_read() -> None:
    assert read(problems={"n" * 64: "why", "n" * 65: "why", "logins": "", "jobs": " \n", 7: "why"}).problems == {
        "n" * 64: "why"
    }
    assert list(read(problems={f"s{number}": "w" * 301 for number in range(41)}).problems.items()) == [
        (f"s{number}", "w" * 300) for number in range(40)
    ]


def test_a_heartbeat_that_is_written_down_is_read_back() -> None:
    told = read(minutes=[minute(signals={"jobs": QUIET})], holds=[HOLD], shown=["w1"], problems={"logins": "no utmp"})
    assert Heartbeat.model_validate(told.model_dump()) == told
    assert Heartbeat.model_validate_json(told.model_dump_json()) == told
