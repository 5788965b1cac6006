"""In which share of the time an instance handles heartbeats, which agents send in slots of a few seconds."""

import math

# As dormouse/idle/heartbeats: slots are as long as one process needs, and calm agents report a minute before each sweep.
AGENTS_A_SECOND, NARROW, WIDE_QUICK, WIDE_CALM = 25, 2.0, 45.0, 60.0
QUICK_EVERY = 60
ROUNDED = 1.0  # second: an agent is told whole seconds
LEAST_BILLED = 1.0  # second: https://learn.microsoft.com/azure/azure-functions/functions-consumption-costs


def active_share_in_slots(calm: float, quick: float, every: float) -> float:
    """The share of time for so many agents that report `every` so many seconds, and so many that report each minute.

    Slots of both end at the same second of a minute, so that the calm ones of a minute are handled with the quick ones.
    """
    together = _covered(calm + quick, max(_slot(calm, WIDE_CALM), _slot(quick, WIDE_QUICK)))
    others = every / QUICK_EVERY - 1
    return min((together + others * _covered(quick, _slot(quick, WIDE_QUICK))) / every, 1.0)


def active_share_spread(agents: float, every: float) -> float:
    """The share of time if agents report at any moment, each in its own: as if there were no slots."""
    return 1 - math.exp(-agents / every * LEAST_BILLED)


def _slot(agents: float, widest: float) -> float:
    return min(max(agents / AGENTS_A_SECOND, NARROW), widest)


def _covered(agents: float, slot: float) -> float:
    """The seconds in which at least one of so many heartbeats, at random moments of a slot, is being billed."""
    most = slot + ROUNDED + LEAST_BILLED
    return most * (1 - math.exp(-agents * LEAST_BILLED / most))
