"""Whether a warning or a stop may follow within two sweeps, by the same rules that decide about them."""

import random
from collections import Counter
from typing import Any

import pytest

from dormouse.idle.decision import decide
from dormouse.idle.evidence import TimeSeries
from dormouse.idle.heartbeats.due_soon import ACTIONS, is_due_soon, unused_until_later
from dormouse.idle.heartbeats.signals import INSIDE
from dormouse.idle.policy import Action, IdlePolicy
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.tracking import Hold, Lease, LeaseAction
from dormouse.idle.verdict import evaluate
from dormouse.lifecycle import State
from tests.unit.builders import NOW, case, machine, quiet, remembered, warned, with_value
from tests.unit.idle.heartbeats.any_case import any_case

ON_THEIR_WAY = {signal.name: TimeSeries((0.0,) * 27 + (None,) * 3, (None,) * 3) for signal in INSIDE}
OFF = IdlePolicy(enabled=False)
CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "unused for the whole window": ({}, True),
    "used in the middle of it": ({"evidence": with_value(quiet(), "inside", "jobs", 10, 1.0)}, False),
    "used before that": ({"evidence": with_value(quiet(), "inside", "jobs", 9, 1.0)}, True),
    "Azure Monitor saw use lately": ({"evidence": with_value(quiet(), "host", "cpu_percent", 10, 90.0)}, False),
    "and before that": ({"evidence": with_value(quiet(), "host", "cpu_percent", 9, 90.0)}, True),
    "the newest minutes are on their way": ({"evidence": quiet(inside=ON_THEIR_WAY)}, True),
    "behind, and used before": ({"evidence": with_value(quiet(behind=3), "inside", "jobs", 12, 1.0)}, True),
    "behind, and used since": ({"evidence": with_value(quiet(behind=3), "inside", "jobs", 13, 1.0)}, False),
    "a minute is missing for good": ({"evidence": with_value(quiet(), "inside", "jobs", 20, None)}, False),
    "without an agent there is none to hurry": (
        {"evidence": quiet(inside=None), "policy": IdlePolicy(gpu="optional")},
        False,
    ),
    "nor if its lease ends": (
        {
            "evidence": quiet(inside=None),
            "policy": OFF,
            "tracked": remembered(lease=Lease(NOW + 1400, LeaseAction.STOP, "ann")),
        },
        False,
    ),
    "stopped": ({"machine": machine(state=State.STOPPED)}, False),
    "held for hours": ({"hold": Hold("ann", "", NOW, NOW + 7200)}, False),
    "held for five more minutes": ({"hold": Hold("ann", "", NOW - 7200, NOW + 300)}, True),
    "disabled": ({"policy": OFF}, False),
    "notify only": ({"policy": IdlePolicy(action=Action.NOTIFY)}, True),
    "and already told": ({"policy": IdlePolicy(action=Action.NOTIFY), "tracked": remembered(warning=warned())}, False),
    "warned, and the stop is due": ({"tracked": remembered(warning=warned(stop_at=NOW + 300, given_at=NOW - 600))}, True),
    "young for long": ({"evidence": quiet(booted_at=NOW - 300)}, False),
    "young for nine more minutes": ({"evidence": quiet(booted_at=NOW - 21 * 60)}, True),
    "its lease ends within lead and two sweeps": (
        {"policy": OFF, "tracked": remembered(lease=Lease(NOW + 1400, LeaseAction.STOP, "ann"))},
        True,
    ),
    "used, and its lease ends within lead and two sweeps": (
        {
            "evidence": with_value(quiet(), "inside", "jobs", 29, 1.0),
            "tracked": remembered(lease=Lease(NOW + 1400, LeaseAction.STOP, "ann")),
        },
        True,
    ),
    "its lease ends later": (
        {"policy": OFF, "tracked": remembered(lease=Lease(NOW + 1600, LeaseAction.STOP, "ann"))},
        False,
    ),
    "its hours end within lead and two sweeps": (
        {"policy": OFF, "schedule": read_schedule("mon-sun 06:00-08:20 UTC")},
        True,
    ),
    "its hours end later": ({"policy": OFF, "schedule": read_schedule("mon-sun 06:00-09:20 UTC")}, False),
}


@pytest.mark.parametrize("name", CASES)
def test_a_stop_is_near_if_nothing_that_is_known_speaks_against_it(name: str) -> None:
    fields, expected = CASES[name]
    assert is_due_soon(case(**fields)) is expected


BUSY = {"evidence": with_value(quiet(), "inside", "jobs", 29, 1.0)}
IN_USE: dict[str, dict[str, Any]] = {
    "in use": BUSY,
    "and its lease ends": BUSY | {"tracked": remembered(lease=Lease(NOW + 1400, LeaseAction.STOP, "ann"))},
    "and its hours end": BUSY | {"schedule": read_schedule("mon-sun 06:00-08:20 UTC")},
    **{
        f"used {30 - minute} minutes before the end of the window, {behind} behind": {
            "evidence": with_value(quiet(behind=behind), "inside", "jobs", minute, 1.0)
        }
        for behind in (0, 2, 5)
        for minute in range(8, 18)
    },
    **{
        f"its host used in minute {minute}, {behind} behind": {
            "evidence": with_value(quiet(behind=behind), "host", "cpu_percent", minute, 90.0)
        }
        for behind in (0, 5)
        for minute in range(8, 18)
    },
}


@pytest.mark.parametrize("name", IN_USE)
def test_the_quick_look_at_what_is_in_use_agrees_with_the_rules(name: str) -> None:
    seen = case(**IN_USE[name])
    later = unused_until_later(seen)
    assert is_due_soon(seen) is (decide(later, evaluate(later)).action in ACTIONS)


def test_what_is_used_lately_is_answered_at_once_and_not_otherwise() -> None:
    """The short way is taken only where the long one says the same, whatever was used when, held, leased or scheduled."""
    dice, found = random.Random(5), Counter[bool]()
    for _ in range(300):
        one = any_case(dice)
        later = unused_until_later(one)
        assert is_due_soon(one) is (decide(later, evaluate(later)).action in ACTIONS)
        found[is_due_soon(one)] += 1
    assert min(found[True], found[False]) > 50
