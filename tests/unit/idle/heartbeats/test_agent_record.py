"""Agent records: where each minute of a heartbeat is stored, and what is kept of the rest."""

from typing import Any

import pytest

from dormouse.idle.heartbeats.agent_record import (
    BOOTS_REMEMBERED,
    KEPT_MINUTES,
    AgentRecord,
    Boot,
    HoldOnMachine,
    merge_heartbeat,
)
from dormouse.idle.heartbeats.heartbeat import Heartbeat
from dormouse.idle.heartbeats.signals import INSIDE
from tests.unit.builders import IDENTIFIER, NOW

FIRST, SECOND = "a" * 32, "b" * 32
NAMES = tuple(signal.name for signal in INSIDE)
PRESENT = int(NOW // 60)  # the index of the minute that begins now


def beat(*minutes: tuple[int, float, float | None], boot: str = FIRST, **more: Any) -> Heartbeat:
    """A heartbeat of minutes: the number of each, how many seconds ago it ended, and the value of all signals."""
    reported = [
        {
            "sequence": number,
            "age_seconds": age,
            "signals": {} if value is None else {name: {"max": value, "p95": value} for name in NAMES},
        }
        for number, age, value in minutes
    ]
    about = {"version": 1, "machine": IDENTIFIER, "boot": boot, "uptime_seconds": 7200.0, "gpu": "ok"}
    return Heartbeat.model_validate({**about, "minutes": reported, **more})


def jobs(record: AgentRecord) -> dict[int, float | None]:
    """The values of the first signal, by minutes before the present one."""
    assert record.names == NAMES
    return {PRESENT - index: row[0] for index, row in record.minutes.items()}


def test_the_first_heartbeat_makes_a_record() -> None:
    told = beat(
        (7, 0, 1.0),
        agent="1.4",
        gpu="broken",
        gpu_problem="no driver",
        holds=[{"by": "bob", "reason": "demo", "until_in_seconds": 60}],
        shown=["w1"],
        problems={"logins": "there is no utmp"},
    )
    assert merge_heartbeat(None, told, NOW) == AgentRecord(
        machine=IDENTIFIER,
        heard_at=NOW,
        booted_at=NOW - 7200,
        version="1.4",
        gpu="broken",
        gpu_problem="no driver",
        boots=(Boot(FIRST, PRESENT - 8, 7),),
        names=NAMES,
        minutes={PRESENT - 1: (1.0,) * len(NAMES)},
        holds=(HoldOnMachine("bob", "demo", NOW, NOW + 60),),
        shown={"w1": NOW},
        problems={"logins": "there is no utmp"},
    )


def test_a_record_without_a_heartbeat_knows_nothing() -> None:
    assert AgentRecord(IDENTIFIER, NOW, NOW) == AgentRecord(IDENTIFIER, NOW, NOW, "", "", "", (), (), {}, (), {}, {})


def test_a_later_heartbeat_replaces_what_is_about_the_present() -> None:
    before = merge_heartbeat(None, beat((0, 0, 1.0), agent="1.0", gpu="broken", gpu_problem="no driver"), NOW)
    after = merge_heartbeat(before, beat((1, 0, 2.0), agent="1.1", uptime_seconds=7260.0), NOW + 60)
    assert (after.machine, after.heard_at, after.booted_at) == (IDENTIFIER, NOW + 60, NOW + 60 - 7260)
    assert (after.version, after.gpu, after.gpu_problem, after.holds) == ("1.1", "ok", "", ())
    assert jobs(after) == {1: 1.0, 0: 2.0}


@pytest.mark.parametrize(("age", "ago"), [(0, 1), (30, 1), (31, 2), (90, 2), (91, 3), (150, 3)])
def test_the_first_minute_of_an_agent_is_stored_where_most_of_it_was(age: float, ago: int) -> None:
    record = merge_heartbeat(None, beat((5, age, 1.0)), NOW)
    assert jobs(record) == {ago: 1.0}
    assert record.boots == (Boot(FIRST, PRESENT - ago - 5, 5),)


@pytest.mark.parametrize(
    ("off", "stored"),
    [
        *((0, 0), (1, 0), (-1, 0)),  # the delay of a heartbeat
        *((2, 1), (3, 1), (-2, -1), (-3, -1)),  # a fast or slow clock is followed by one minute
        *((4, 4), (-4, -4)),  # a suspended machine
    ],
)
def test_a_later_minute_is_counted_from_the_one_before_and_corrected(off: int, stored: int) -> None:
    record = merge_heartbeat(None, beat((0, 3600, 1.0)), NOW)
    assert jobs(record) == {61: 1.0}
    record = merge_heartbeat(record, beat((10, 3000.0 - off * 60, 2.0)), NOW)
    assert jobs(record) == {61: 1.0, 51 - stored: 2.0}
    assert record.boots == (Boot(FIRST, PRESENT - 61 + stored, 10),)


def test_a_gap_between_two_consecutive_minutes_that_a_correction_opens_is_filled() -> None:
    first = merge_heartbeat(None, beat((0, 600, 1.0)), NOW)
    assert jobs(merge_heartbeat(first, beat((1, 420, 2.0)), NOW)) == {11: 1.0, 9: 2.0, 10: 2.0}
    assert jobs(merge_heartbeat(first, beat((2, 360, 2.0)), NOW)) == {11: 1.0, 8: 2.0}, "another minute is missing"
    assert jobs(merge_heartbeat(first, beat((1, 300, 2.0)), NOW)) == {11: 1.0, 6: 2.0}, "the machine was suspended"
    later = merge_heartbeat(None, beat((5, 600, 1.0)), NOW)
    assert jobs(merge_heartbeat(later, beat((6, 420, 2.0)), NOW)) == {11: 1.0, 9: 2.0, 10: 2.0}


def test_the_filled_gap_keeps_a_higher_value_of_an_earlier_run() -> None:
    earlier = merge_heartbeat(None, beat((0, 540, 9.0), boot=SECOND), NOW)
    first = merge_heartbeat(earlier, beat((0, 600, 1.0)), NOW)
    assert jobs(merge_heartbeat(first, beat((1, 420, 2.0)), NOW)) == {11: 1.0, 9: 2.0, 10: 9.0}


def test_minutes_are_ordered_by_their_number_and_known_ones_are_ignored() -> None:
    record = merge_heartbeat(None, beat((2, 0, 3.0), (0, 120, 1.0), (1, 60, 2.0)), NOW)
    assert jobs(record) == {3: 1.0, 2: 2.0, 1: 3.0}
    older = merge_heartbeat(record, beat((0, 600, 4.0), boot=SECOND), NOW)
    assert [PRESENT - index for index in older.minutes] == [11, 3, 2, 1]
    again = merge_heartbeat(record, beat((1, 60, 9.0), (2, 0, 9.0)), NOW)
    assert jobs(again) == jobs(record)
    assert again.boots == record.boots


def test_of_two_values_of_one_minute_the_higher_one_is_kept() -> None:
    record = merge_heartbeat(None, beat((0, 0, 5.0), boot=SECOND), NOW)
    assert jobs(merge_heartbeat(record, beat((0, 0, 3.0)), NOW)) == {1: 5.0}
    assert jobs(merge_heartbeat(record, beat((0, 0, 7.0)), NOW)) == {1: 7.0}
    assert jobs(merge_heartbeat(record, beat((0, 0, None)), NOW)) == {1: 5.0}
    unknown = merge_heartbeat(None, beat((0, 0, None), boot=SECOND), NOW)
    assert jobs(merge_heartbeat(unknown, beat((0, 0, None)), NOW)) == {1: None}
    assert jobs(merge_heartbeat(unknown, beat((0, 0, 0.0)), NOW)) == {1: 0.0}


def test_minutes_older_than_the_longest_window_and_a_quarter_of_an_hour_are_dropped() -> None:
    assert KEPT_MINUTES == 6 * 60 + 15
    record = merge_heartbeat(None, beat((0, 374 * 60 - 60, 1.0), (1, 373 * 60 - 60, 2.0)), NOW)
    assert jobs(record) == {374: 1.0, 373: 2.0}
    assert jobs(merge_heartbeat(record, beat(), NOW + 59)) == {374: 1.0, 373: 2.0}
    assert jobs(merge_heartbeat(record, beat(), NOW + 60)) == {373: 2.0}


def test_the_last_eight_runs_of_the_agent_are_remembered_and_the_newest_is_last() -> None:
    assert BOOTS_REMEMBERED == 8
    record = None
    for number in range(9):
        record = merge_heartbeat(record, beat((0, 0, 1.0), boot=f"{number:032x}"), NOW)
    assert record is not None
    assert [boot.id for boot in record.boots] == [f"{number:032x}" for number in range(1, 9)]
    record = merge_heartbeat(record, beat((0, 0, 1.0), boot=f"{3:032x}"), NOW)
    assert [int(boot.id, 16) for boot in record.boots] == [1, 2, 4, 5, 6, 7, 8, 3]
    silent = merge_heartbeat(record, beat(boot=FIRST), NOW)
    assert silent.boots == record.boots, "a run without a minute has no place in time yet"


@pytest.mark.parametrize(
    ("by", "reason", "until", "since"),
    [
        ("bob", "demo", 600, NOW),
        ("bob", "demo", 660 - 1, NOW),
        ("bob", "demo", 420 + 1, NOW),
        ("bob", "demo", 660, NOW + 60),
        ("bob", "demo", 420, NOW + 60),
        ("eve", "demo", 540, NOW + 60),
        ("bob", "other", 540, NOW + 60),
    ],
)
def test_a_hold_is_the_same_one_if_it_ends_within_two_minutes_of_the_known_end(
    by: str, reason: str, until: float, since: float
) -> None:
    other = {"by": "ana", "reason": "", "until_in_seconds": 60}
    record = merge_heartbeat(None, beat(holds=[other, {"by": "bob", "reason": "demo", "until_in_seconds": 600}]), NOW)
    told = {"by": by, "reason": reason, "until_in_seconds": until}
    (hold,) = merge_heartbeat(record, beat(holds=[told]), NOW + 60).holds
    assert hold == HoldOnMachine(by, reason, since, NOW + 60 + until)


def test_the_last_twenty_shown_warnings_are_remembered_with_the_time_of_their_first_report() -> None:
    record = merge_heartbeat(None, beat(shown=[f"w{number}" for number in range(20)]), NOW)
    record = merge_heartbeat(record, beat(shown=["w5", "new"]), NOW + 60)
    assert list(record.shown.items()) == [*((f"w{number}", NOW) for number in range(1, 20)), ("new", NOW + 60)]


def test_reasons_are_kept_only_while_a_minute_without_that_signal_is_known() -> None:
    blind = merge_heartbeat(None, beat((0, 0, None), problems={"logins": "no utmp", "unheard": "x"}), NOW)
    assert blind.problems == {"logins": "no utmp"}
    still = merge_heartbeat(blind, beat((1, 0, 0.0), problems={"jobs": "new"}), NOW + 60)
    assert still.problems == {"logins": "no utmp", "jobs": "new"}
    assert merge_heartbeat(still, beat((2, 0, None), problems={"logins": "other"}), NOW + 120).problems["logins"] == "other"
    seen = merge_heartbeat(None, beat((0, 0, 0.0), problems={"logins": "no utmp"}), NOW)
    assert merge_heartbeat(seen, beat((1, 0, 0.0)), NOW + 60).problems == {}


@pytest.mark.parametrize(("count", "longest"), [(1, 300), (13, 300), (14, 4000 // 14), (20, 200)])
def test_all_reasons_together_have_at_most_4000_characters(count: int, longest: int) -> None:
    problems = dict.fromkeys(NAMES[:count], "w" * 300)
    assert merge_heartbeat(None, beat(problems=problems), NOW).problems == dict.fromkeys(NAMES[:count], "w" * longest)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        *((0.0, 0.0), (0.01, 0.1), (4.9, 4.9), (4.91, 5.0), (999.0, 999.0), (999.91, 1000.0)),
        *(
            (1000.0, 1000.0),
            (1001.0, 1010.0),
            (1000.5, 1010.0),
            (99_901.0, 100_000.0),
            (123_456.0, 124_000.0),
            (1_000_000.0, 1_000_000.0),
        ),
    ],
)
def test_values_are_rounded_up_to_three_digits(value: float, kept: float) -> None:
    record = merge_heartbeat(None, beat((0, 0, value)), NOW)
    assert record.minutes[PRESENT - 1] == (kept,) * len(NAMES)


def test_a_record_of_another_release_keeps_the_signals_that_this_one_knows() -> None:
    known = AgentRecord(IDENTIFIER, NOW, NOW, names=("logins", "forgotten", "jobs"), minutes={PRESENT - 1: (1.0, 2.0, None)})
    record = merge_heartbeat(known, beat((0, 0, None)), NOW)
    row = dict(zip(NAMES, record.minutes[PRESENT - 1], strict=True))
    assert {name: value for name, value in row.items() if value is not None} == {"logins": 1.0}
    assert record.names == NAMES
    assert known.minutes == {PRESENT - 1: (1.0, 2.0, None)}


def test_a_series_has_a_place_for_every_minute() -> None:
    record = AgentRecord(IDENTIFIER, NOW, NOW, names=("jobs", "logins"), minutes={5: (1.0, None), 7: (0.0, 2.0)})
    assert record.series(4, 8) == {"jobs": (None, 1.0, None, 0.0), "logins": (None, None, None, 2.0)}
    assert record.series(5, 5) == {"jobs": (), "logins": ()}
    assert AgentRecord(IDENTIFIER, NOW, NOW).series(4, 8) == {}
