"""In which share of the time instances handle heartbeats, which agents send in slots of a few seconds."""

import math

# As dormouse/idle/heartbeats: slots are as long as one process needs, and calm agents report a minute before each sweep.
AGENTS_A_SECOND, NARROW, WIDE_QUICK, WIDE_CALM = 40, 2.0, 45.0, 60.0
QUICK_EVERY = 60
CPU_SECONDS = 0.01  # of a heartbeat, on an instance with one core
ROUNDED = 1.0  # second: an agent is told whole seconds
LEAST_BILLED = 1.0  # second: https://learn.microsoft.com/azure/azure-functions/functions-consumption-costs


def active_share_in_slots(calm: float, quick: float, every: float, cores: float) -> float:
    """How many instances are busy, on average over the time, with `calm` agents and `quick` ones.

    The calm ones report `every` so many seconds, and the quick ones each minute; an instance has so many `cores`.
    Slots of both end at the same second of a minute, so that the calm ones of a minute are handled with the quick ones.
    """
    together = _covered(calm + quick, max(_slot(calm, WIDE_CALM), _slot(quick, WIDE_QUICK)), cores)
    others = every / QUICK_EVERY - 1
    return (together + others * _covered(quick, _slot(quick, WIDE_QUICK), cores)) / every


def active_share_spread(a_second: float, cores: float) -> float:
    """The same if so many heartbeats a second arrive at any moment: as if there were no slots."""
    return (1 - math.exp(-a_second * LEAST_BILLED)) * _instances(a_second, cores)


def _slot(agents: float, widest: float) -> float:
    return min(max(agents / AGENTS_A_SECOND, NARROW), widest)


def _covered(agents: float, slot: float, cores: float) -> float:
    """The seconds that are billed for so many heartbeats at random moments of a slot: those in which there is any."""
    most = slot + ROUNDED + LEAST_BILLED
    return most * (1 - math.exp(-agents * LEAST_BILLED / most)) * _instances(agents / slot, cores)


def _instances(a_second: float, cores: float) -> float:
    """How many instances with so many cores each are busy with so many heartbeats a second."""
    return max(1.0, a_second * CPU_SECONDS / cores)
