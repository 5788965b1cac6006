"""Of which machines Azure Monitor is asked: of those about which it could change anything."""

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from dormouse.clock import HOUR, MINUTE
from dormouse.idle.alarms import alarm
from dormouse.idle.budgets.overspent import Overspent
from dormouse.idle.evidence import Evidence
from dormouse.idle.heartbeats.due_soon import is_due_soon
from dormouse.idle.heartbeats.in_use import needs_host_metrics
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.tracking import Lease, LeaseAction
from dormouse.idle.verdict import VerdictKind
from tests.unit.builders import NOW, case, decided, machine, quiet, remembered, with_value
from tests.unit.idle.heartbeats.any_case import any_case

IN_USE = with_value(quiet(), "inside", "jobs", 29, 1.0)
LEASE = remembered(lease=Lease(NOW + HOUR, LeaseAction.STOP, "ann"))
HOURS = read_schedule("mon-sun 06:00-20:00 UTC")
OVER = Overspent("ml1", 100.0, 120.0, NOW - HOUR)
OFF, KEPT = IdlePolicy(enabled=False), machine(tags={"dormouse-keep": "on"})
CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "without an agent": ({"evidence": quiet(inside=None)}, True),
    "its agent shows no use": ({}, True),
    "its agent shows use": ({"evidence": IN_USE}, False),
    "its agent shows use that is in the window two sweeps later": (
        {"evidence": with_value(quiet(), "inside", "jobs", 10, 1.0)},
        False,
    ),
    "its agent shows use that is not": ({"evidence": with_value(quiet(), "inside", "jobs", 9, 1.0)}, True),
    "it is behind, and shows use that is": ({"evidence": with_value(quiet(behind=3), "inside", "jobs", 13, 1.0)}, False),
    "it is behind, and shows use that is not": ({"evidence": with_value(quiet(behind=3), "inside", "jobs", 12, 1.0)}, True),
    "its agent shows what its policy does not count": (
        {"evidence": with_value(quiet(), "inside", "gpu_watts", 29, 300.0)},
        True,
    ),
    "in use, and it has a lease": ({"evidence": IN_USE, "tracked": LEASE}, True),
    "in use, and it has a schedule": ({"evidence": IN_USE, "schedule": HOURS}, True),
    "in use, and its budget is used up": ({"evidence": IN_USE, "overspent": OVER}, True),
    "idle shutdown is not enabled": ({"policy": OFF}, False),
    "it is not enabled, but it has a lease": ({"policy": OFF, "tracked": LEASE}, True),
    "it is not enabled, but it has a schedule": ({"policy": OFF, "schedule": HOURS}, True),
    "it is not enabled, but its budget is used up": ({"policy": OFF, "overspent": OVER}, True),
    "it is excluded": ({"machine": KEPT, "tracked": LEASE, "schedule": HOURS}, False),
}


@pytest.mark.parametrize("name", CASES)
def test_azure_monitor_is_asked_where_it_may_change_something(name: str) -> None:
    fields, expected = CASES[name]
    assert needs_host_metrics(case(**fields)) is expected


def any_host(dice: random.Random) -> Evidence:
    """What Azure Monitor may have answered: nothing, an error, rest, or use."""
    used = with_value(quiet(), "host", "cpu_percent", dice.randrange(30), 90.0)
    late = quiet(host_end=NOW - 20 * MINUTE)
    return dice.choice([Evidence(), Evidence(host_problem="Azure Monitor is overloaded"), quiet(), late, used])


def test_of_a_machine_that_is_not_asked_about_no_answer_would_have_changed_anything() -> None:
    dice, seen, kinds = random.Random(7), Counter[bool](), Counter[VerdictKind]()
    for _ in range(2500):
        one, other = any_case(dice), any_host(dice)
        host, end, problem = other.host, other.host_end, other.host_problem
        asked = replace(one, evidence=replace(one.evidence, host=host, host_end=end, host_problem=problem))
        unasked = replace(one, evidence=replace(one.evidence, host={}, host_end=0.0, host_problem=""))
        seen[needs_host_metrics(unasked)] += 1
        if needs_host_metrics(unasked):
            continue
        (verdict, decision), (without, decision_without) = decided(asked), decided(unasked)
        kinds[verdict.kind] += 1
        assert (without.kind, decision_without) == (verdict.kind, decision)
        assert alarm(unasked, without, decision_without) == alarm(asked, verdict, decision)
        assert is_due_soon(unasked) is is_due_soon(asked)
        assert verdict.reason.startswith(without.reason.rstrip(".")), "what the agent shows is said first"
    assert min(seen[True], seen[False]) > 300
    assert min(kinds[VerdictKind.BUSY], kinds[VerdictKind.UNMANAGED], kinds[VerdictKind.HELD]) > 30
