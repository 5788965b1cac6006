"""Machines with any agent: used now and then, held, leased, scheduled or over budget."""

import random

from dormouse.clock import HOUR
from dormouse.idle.budgets.overspent import Overspent
from dormouse.idle.evidence import Evaluation
from dormouse.idle.heartbeats.signals import INSIDE
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.tracking import Hold, Lease, LeaseAction
from tests.unit.builders import NOW, case, machine, quiet, remembered, warned, with_value


def any_case(dice: random.Random) -> Evaluation:
    """One such machine."""
    evidence = quiet(behind=dice.choice([0, 0, 3]))
    for _ in range(dice.choice([0, 1, 1, 2])):
        name = dice.choice([signal.name for signal in INSIDE])
        evidence = with_value(evidence, "inside", name, dice.randrange(30), dice.choice([0.5, 1.0, 4.0, 5.0, 99.0, None]))
    ends = NOW + dice.choice([300, 1400, 1600, 9000])
    lease = dice.choice([None, None, None, Lease(ends, LeaseAction.STOP, "ann")])
    told = dice.choice([None, None, warned()])
    return case(
        machine=machine(tags=dice.choice([{}] * 9 + [{"dormouse-keep": "on"}])),
        evidence=evidence,
        policy=IdlePolicy(enabled=dice.random() < 0.8, sessions=dice.choice(["active", "connected"])),
        schedule=dice.choice([None, None, None, read_schedule("mon-sun 06:00-08:20 UTC")]),
        tracked=remembered(lease=lease, warning=told),
        hold=dice.choice([None, None, Hold("ann", "", NOW - HOUR, NOW + 300)]),
        overspent=dice.choice([None, None, None, Overspent("ml1", 100.0, 120.0, NOW - HOUR)]),
    )
