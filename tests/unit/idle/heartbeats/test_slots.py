"""Slots: agents report within a few seconds, as many as a process can answer, and each keeps its place."""

import heapq
from collections import Counter
from zlib import crc32

import pytest

from dormouse.idle.heartbeats.agent_record import AgentRecord
from dormouse.idle.heartbeats.intervals import next_heartbeat
from dormouse.idle.heartbeats.slots import AGENTS_A_SECOND, NARROW, WIDE_CALM, WIDE_QUICK, Crowd, Slots, next_in_slot
from dormouse.resources.compute.machines import machine_id
from tests.unit.builders import IDENTIFIER, LONG_AGO, NOW, remembered

RECORD = AgentRecord(IDENTIFIER, NOW, LONG_AGO)
SOON = remembered(due_soon=True)
ROUND_TRIP = 0.4
BEGIN = NOW // 300 * 300


def key(number: int) -> str:
    return machine_id("00000000-0000-0000-0000-000000000000", "research", f"gpu{number}").lower()


class Fleet:
    """Agents that report when they are told to, answered by one process."""

    def __init__(self, count: int, *, quick: bool = False) -> None:
        self.slots, self.tracked = Slots(), SOON if quick else None
        self.due = [(BEGIN + number * 300 / count, key(number)) for number in range(count)]
        heapq.heapify(self.due)

    def after(self, minutes: int) -> Counter[int]:
        """How many reports arrive in each second of the last five of so many minutes."""
        arrivals = Counter[int]()
        while self.due[0][0] < BEGIN + minutes * 60:
            moment, each = self.due[0]
            if moment >= BEGIN + minutes * 60 - 300:
                arrivals[int(moment % 300)] += 1
            pause = next_heartbeat(each, RECORD, self.tracked, moment, 300, self.slots)
            heapq.heapreplace(self.due, (moment + ROUND_TRIP + pause, each))
        return arrivals


@pytest.mark.parametrize(("count", "seconds"), [(10, 2), (100, 3), (1_000, 25), (3_000, 60)])
def test_a_calm_fleet_reports_in_as_many_seconds_as_one_process_needs(count: int, seconds: int) -> None:
    fleet = Fleet(count)
    arrivals = fleet.after(30)
    assert arrivals.total() == count, "each once"
    assert len(arrivals) <= seconds + 2
    assert (min(arrivals), max(arrivals)) >= (300 - 69 - seconds, 0)
    assert max(arrivals) <= 300 - 67, "a minute before the sweep"
    if count >= 1_000:
        assert max(arrivals.values()) <= max(AGENTS_A_SECOND, count / WIDE_CALM) * 1.6


def test_agents_for_which_a_minute_counts_report_in_few_seconds_of_it() -> None:
    arrivals = Fleet(50, quick=True).after(15)
    assert arrivals.total() == 5 * 50
    assert {second % 60 for second in arrivals} <= set(range(60 - 10, 60 - 6))


def test_thousands_that_become_quick_at_once_spread_at_once() -> None:
    """As when working hours end for all of them: at first in slots for few, but never all in one."""
    fleet = Fleet(3_000)
    fleet.after(15)
    fleet.tracked = SOON
    first = fleet.after(20)
    assert max(first.values()) <= 4 * 3_000 / WIDE_QUICK
    later = fleet.after(25)
    assert later.total() == 5 * 3_000
    assert max(later.values()) <= 3_000 / WIDE_QUICK * 1.6
    assert all(60 - 8 - WIDE_QUICK - 1 <= second % 60 <= 60 - 7 for second in later)


def test_a_slot_grows_with_the_count_of_the_interval_before() -> None:
    crowd = Crowd(20.0)
    enough = int(NARROW * AGENTS_A_SECOND)
    assert [crowd.seconds(NOW, 60) for _ in range(enough + 2)] == [NARROW] * enough + [20.0] * 2, "how many will follow?"
    assert [crowd.seconds(NOW + 60, 60) for _ in range(enough + 3)] == [(enough + 2) / AGENTS_A_SECOND] * (enough + 2) + [
        20.0
    ]
    assert crowd.seconds(NOW + 120, 60) == (enough + 3) / AGENTS_A_SECOND
    assert crowd.seconds(NOW + 180, 60) == NARROW, "one before"
    assert [crowd.seconds(NOW + 180, 60) for _ in range(9_999)][-1] == 20.0
    assert crowd.seconds(NOW + 240, 60) == 20.0, "never longer"
    assert [crowd.seconds(NOW + 240, 60) for _ in range(9_998)][-1] == 20.0
    assert crowd.seconds(NOW + 360, 60) == NARROW, "none came for a minute"


def test_a_machine_keeps_its_place_in_slots_of_any_length() -> None:
    ends = {next_in_slot(key(1), BEGIN, 300, seconds, 1) + seconds * (1 - place(1)) for seconds in (2.0, 20.0, 60.0)}
    assert {round(end, 6) for end in ends} == {BEGIN + 300 - 68}


def place(number: int) -> float:
    return crc32(key(number).encode()) / 2**32
