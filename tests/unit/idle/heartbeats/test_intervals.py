"""Intervals of heartbeats: what is promised about detection, warnings and people holds at five minutes as it does at one."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from dormouse.clock import MINUTE
from dormouse.idle.heartbeats.agent_record import AgentRecord, HoldOnMachine
from dormouse.idle.heartbeats.intervals import SWEEP_SECONDS, next_heartbeat
from dormouse.idle.heartbeats.slots import NARROW, WIDE_CALM, Slots
from dormouse.idle.policy import Action, IdlePolicy
from dormouse.idle.tracking import Hold, TrackedMachine
from dormouse.idle.verdict import VerdictKind
from dormouse.resources.compute.machines import machine_id
from tests.unit.builders import IDENTIFIER, LONG_AGO, NOW, remembered, warned
from tests.unit.idle.heartbeats.timeline import BEGIN, Timeline

RECORD = AgentRecord(IDENTIFIER, NOW, LONG_AGO)
SEEDS = range(6)
# DESIGN: found within the window, one sweep and three minutes; a sweep itself begins up to 20 seconds late here.
MOST = 5 + 3 + 20 / 60


def key(number: int) -> str:
    return machine_id("00000000-0000-0000-0000-000000000000", "research", f"gpu{number}").lower()


def until(ends: float) -> Callable[[float], bool]:
    return lambda moment: moment < ends


def until_and_from(ends: float, back: float) -> Callable[[float], bool]:
    return lambda moment: moment < ends or moment >= back


def pause(record: AgentRecord = RECORD, tracked: TrackedMachine | None = None, usual: int = 300, now: float = NOW) -> int:
    return next_heartbeat(key(1), record, tracked, now, usual, Slots())


@pytest.mark.parametrize("usual", [60, 100, 150, 300])
def test_every_interval_that_can_be_set_has_a_heartbeat_before_each_sweep(usual: int) -> None:
    moment, slots = NOW, Slots()
    before, beats = set[float](), 0
    while moment < NOW + 3600:
        moment += next_heartbeat(key(1), RECORD, None, moment, usual, slots)
        beats += 1
        if 67 <= SWEEP_SECONDS - moment % SWEEP_SECONDS <= 68 + WIDE_CALM:
            before.add(moment // SWEEP_SECONDS)
    assert before >= {NOW // SWEEP_SECONDS + number for number in range(12)}
    assert abs(beats - 3600 // usual) <= 1


@pytest.mark.parametrize("late", [0.0, 20.0, 42.5, 290.0])
def test_a_heartbeat_out_of_turn_is_followed_by_one_in_its_slot(late: float) -> None:
    """One that was repeated, or that reports a hold: at least half a minute later, and before the next sweep but one."""
    for moment in (NOW + late + number for number in range(0, 300, 7)):
        following = moment + pause(now=moment)
        assert 30 <= following - moment <= 331
        assert 67 <= SWEEP_SECONDS - following % SWEEP_SECONDS <= 68 + WIDE_CALM


NEAR = {
    "a warning": remembered(warning=warned(stop_at=NOW + 600, given_at=NOW)),
    "a stop that is being verified": remembered(warning=warned(stop_at=NOW - 29 * MINUTE, given_at=NOW - 3600)),
    "soon": remembered(due_soon=True),
    "a new hold": remembered(hold=Hold("ann", "", NOW - 100, NOW + 3600)),
}


@pytest.mark.parametrize("why", NEAR)
def test_a_minute_counts_when_something_is_near(why: str) -> None:
    assert_every_minute(RECORD, NEAR[why])


def assert_every_minute(record: AgentRecord, tracked: TrackedMachine | None = None) -> None:
    for now in range(int(NOW), int(NOW) + 60):
        following = pause(record, tracked, now=now)
        assert 30 <= following <= 91
        assert 7 <= 60 - (now + following) % 60 <= 8 + NARROW


def assert_calm(record: AgentRecord, tracked: TrackedMachine | None = None) -> None:
    assert pause(record, tracked, 60_000, NOW) > 1_000


def test_a_minute_counts_after_a_boot_and_after_a_hold_on_the_machine() -> None:
    assert_every_minute(replace(RECORD, booted_at=NOW - 100))
    assert_calm(replace(RECORD, booted_at=NOW - 301))
    told = HoldOnMachine("ann", "", NOW - 200, NOW + 3600)
    assert_every_minute(replace(RECORD, holds=(told,)))
    assert_calm(replace(RECORD, holds=(replace(told, since=NOW - 400),)))
    assert_calm(RECORD, remembered(hold=Hold("ann", "", NOW - 400, NOW + 3600)))


def test_a_warning_that_no_stop_follows_does_not_make_an_agent_report_every_minute_for_ever() -> None:
    old = warned(given_at=NOW - 3600, stop_at=NOW - 31 * MINUTE)
    assert_calm(RECORD, remembered(warning=old))
    notify = Timeline(1, until(BEGIN), IdlePolicy(action=Action.NOTIFY), webhook=True).run(240)
    last_hour = [moment for moment in notify.beats if moment > BEGIN + 180 * MINUTE]
    assert notify.warned_at
    assert not notify.stopped_at
    assert len(last_hour) <= 13


@pytest.mark.parametrize(("window", "others"), [(5, 0), (30, 0), (60, 0), (5, 3_000)])
def test_true_idleness_is_found_and_warned_of_in_time_whenever_it_begins(window: int, others: int) -> None:
    for seed in SEEDS:
        ends = BEGIN + seed * 37.0
        seen = Timeline(seed, until(ends), IdlePolicy(window=window), others=others).run(window + 15)
        assert window <= (seen.found_at - ends) / MINUTE <= window + MOST, seed
        assert seen.warned_at == seen.found_at, "what is found is acted on"


def test_a_lost_heartbeat_delays_nothing() -> None:
    reference = Timeline(3, until(BEGIN)).run(45)
    first = next(number for number, moment in enumerate(reference.beats, 1) if moment > BEGIN)
    for lost in range(first, len(reference.beats) + 1):
        seen = Timeline(3, until(BEGIN), lost=frozenset([lost])).run(45)
        assert (seen.found_at - BEGIN) / MINUTE <= 30 + MOST, lost
        assert seen.warned_at == seen.found_at, lost


def test_heartbeats_that_are_late_or_missing_never_lead_to_a_stop() -> None:
    """An agent that falls silent: first nothing is done, then it is unknown."""
    seen = Timeline(5, until(BEGIN + 20 * MINUTE), lost=frozenset(range(9, 10_000)), webhook=True)
    seen.run(180)
    assert not seen.stopped_at
    assert seen.verdicts[-1][1] is VerdictKind.UNKNOWN


@pytest.mark.parametrize("at_once", [True, False], ids=["this release's agent", "an older agent"])
@pytest.mark.parametrize("others", [0, 1800], ids=["alone", "with thousands"])
def test_a_warning_reaches_the_terminal_within_a_minute_and_a_half_and_the_lead_follows(at_once: bool, others: int) -> None:
    for seed in SEEDS:
        seen = Timeline(seed, until(BEGIN + seed), at_once=at_once, others=others).run(120)
        assert 0 < seen.shown_at - seen.warned_at <= 90, seed
        lead = 15 * MINUTE
        assert seen.shown_at + lead <= seen.stopped_at <= seen.shown_at + lead + 11 * MINUTE, seed


def test_whoever_comes_back_after_a_warning_is_seen_before_the_stop() -> None:
    for seed in range(3):
        alone = Timeline(seed, until(BEGIN), webhook=True).run(120)
        for before in (150.0, 400.0, 800.0):
            back = alone.stopped_at - before
            seen = Timeline(seed, until_and_from(BEGIN, back), webhook=True).run(90)
            assert seen.warned_at == alone.warned_at
            assert not seen.stopped_at, (seed, before)


def test_a_busy_machine_sends_a_fifth_of_the_heartbeats_and_every_minute_arrives() -> None:
    often = Timeline(2, lambda moment: True, usual=60).run(180)
    seldom = Timeline(2, lambda moment: True).run(180)
    assert len(seldom.beats) * 4.8 <= len(often.beats)
    assert seldom.record is not None
    assert often.record is not None
    rows, every_minute = (
        {index for index in each.minutes if -180 < index - BEGIN // MINUTE < 0} for each in (seldom.record, often.record)
    )
    assert rows == every_minute
    assert {verdict for _, verdict in seldom.verdicts} == {VerdictKind.BUSY}
