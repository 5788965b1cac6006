"""Intervals of heartbeats: what is promised about detection, warnings and people holds at five minutes as it does at one."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from dormouse.clock import MINUTE
from dormouse.idle.heartbeats.agent_record import AgentRecord, HoldOnMachine
from dormouse.idle.heartbeats.intervals import QUICK_SECONDS, SWEEP_SECONDS, next_heartbeat
from dormouse.idle.policy import Action, IdlePolicy
from dormouse.idle.tracking import Hold
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


def test_ten_thousand_agents_are_spread_over_the_time_before_a_sweep_and_stay_where_they_are() -> None:
    arrivals: dict[int, int] = {}
    for number in range(10_000):
        moment = NOW + number % 301
        first = moment + next_heartbeat(key(number), RECORD, None, moment, 300)
        assert 30 <= first - moment <= 331
        second = first + 0.4 + next_heartbeat(key(number), RECORD, None, first + 0.4, 300)
        assert second - first == pytest.approx(SWEEP_SECONDS, abs=1.5), "its place in the five minutes is its own"
        left = SWEEP_SECONDS - first % SWEEP_SECONDS
        assert 29 <= left <= 75, "before the sweep, with time to try again once"
        arrivals[int(first % SWEEP_SECONDS)] = arrivals.get(int(first % SWEEP_SECONDS), 0) + 1
    assert max(arrivals.values()) < 10_000 / 45 * 1.3
    assert len(arrivals) >= 45


@pytest.mark.parametrize("usual", [60, 100, 150, 300])
def test_every_interval_that_can_be_set_has_a_heartbeat_before_each_sweep(usual: int) -> None:
    moment = NOW
    before = set[float]()
    for _ in range(20):
        moment += next_heartbeat(key(1), RECORD, None, moment, usual)
        if SWEEP_SECONDS - moment % SWEEP_SECONDS <= 76:
            before.add(moment // SWEEP_SECONDS)
    assert len(before) == 20 * usual // 300


NEAR = {
    "a warning": remembered(warning=warned(stop_at=NOW + 600, given_at=NOW)),
    "a stop that is being verified": remembered(warning=warned(stop_at=NOW - 29 * MINUTE, given_at=NOW - 3600)),
    "soon": remembered(due_soon=True),
    "a new hold": remembered(hold=Hold("ann", "", NOW - 100, NOW + 3600)),
}


@pytest.mark.parametrize("why", NEAR)
def test_a_minute_counts_when_something_is_near(why: str) -> None:
    assert next_heartbeat(key(1), RECORD, NEAR[why], NOW, 300) == QUICK_SECONDS


def test_a_minute_counts_after_a_boot_and_after_a_hold_on_the_machine() -> None:
    assert next_heartbeat(key(1), replace(RECORD, booted_at=NOW - 500), None, NOW, 300) == QUICK_SECONDS
    told = HoldOnMachine("ann", "", NOW - 200, NOW + 3600)
    assert next_heartbeat(key(1), replace(RECORD, holds=(told,)), None, NOW, 300) == QUICK_SECONDS
    old = replace(RECORD, holds=(replace(told, since=NOW - 400),))
    assert next_heartbeat(key(1), old, None, NOW, 60_000) > QUICK_SECONDS


def test_a_warning_that_no_stop_follows_does_not_make_an_agent_report_every_minute_for_ever() -> None:
    old = warned(given_at=NOW - 3600, stop_at=NOW - 31 * MINUTE)
    assert next_heartbeat(key(1), RECORD, remembered(warning=old), NOW, 60_000) > QUICK_SECONDS
    notify = Timeline(1, until(BEGIN), IdlePolicy(action=Action.NOTIFY), webhook=True).run(240)
    last_hour = [moment for moment in notify.beats if moment > BEGIN + 180 * MINUTE]
    assert notify.warned_at
    assert not notify.stopped_at
    assert len(last_hour) <= 13


@pytest.mark.parametrize("window", [5, 30, 60])
def test_true_idleness_is_found_and_warned_of_in_time_whenever_it_begins(window: int) -> None:
    for seed in SEEDS:
        ends = BEGIN + seed * 37.0
        seen = Timeline(seed, until(ends), IdlePolicy(window=window)).run(window + 15)
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
def test_a_warning_reaches_the_terminal_within_a_minute_and_a_half_and_the_lead_follows(at_once: bool) -> None:
    for seed in SEEDS:
        seen = Timeline(seed, until(BEGIN + seed), at_once=at_once).run(120)
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
    rows, others = ({index for index in one.minutes if index * MINUTE < BEGIN} for one in (seldom.record, often.record))
    assert rows == others
    assert {verdict for _, verdict in seldom.verdicts} == {VerdictKind.BUSY}
