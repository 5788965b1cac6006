"""Power history: how long each machine was in which state, and what that cost. Pure; moments are seconds since 1970.

Months are those of UTC, by which Azure bills.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import MACHINE_ID

# Who stopped a machine if no sweep did, and a sweep of an earlier release, which has not recorded why.
PEOPLE, EVICTION, SWEEP = "people", "eviction", "sweep"


@dataclass(frozen=True, slots=True)
class PowerInterval:
    """A time in which a machine was in one state, as sweeps have seen it.

    `per_hour` is the price that was in force when the interval ended, or None if it was not known. Environment, owner and
    blueprint are those of that time ("" for an adopted machine). `spot`: the price is that of Spot VMs. `count` is how many
    nodes there were, and `stopped_by` what had stopped it: the reason of a sweep, `people` or `eviction` ("": not recorded).
    """

    machine: str
    state: State
    began: float
    ended: float
    size: str = ""
    region: str = ""
    environment: str = ""
    owner: str = ""
    blueprint: str = ""
    per_hour: float | None = None
    currency: str = ""
    spot: bool = False
    count: int = 1
    stopped_by: str = ""


def ended_interval(before: TrackedMachine | None, after: TrackedMachine) -> PowerInterval | None:
    """The interval that ended between two tracked states of a machine, or None if it is billed and runs as before.

    It is not known when a machine ended that was created again under the same ID, so its last interval is left out.
    """
    if before is None or before.state is State.UNKNOWN:
        return None
    if before.vm_id and after.vm_id and before.vm_id != after.vm_id:
        return None
    if before.state is not after.state:
        return _interval(before, after.state_since)
    is_changed = before.billed is not None and after.billed is not None and before.billed != after.billed
    return _interval(before, after.billed_since) if is_changed else None


def last_interval(tracked: TrackedMachine, now: float) -> PowerInterval:
    """The interval that has not ended yet, as if it ended now."""
    return _interval(replace(tracked, state_since=min(tracked.state_since, now)), now)


def _interval(tracked: TrackedMachine, ended: float) -> PowerInterval:
    began = max(tracked.state_since, tracked.billed_since)
    found = PowerInterval(tracked.id, tracked.state, began, max(ended, began), stopped_by=_stopped_by(tracked))
    if (known := tracked.billed) is not None:
        found = replace(found, size=known.size, region=known.region, count=known.count, spot=known.spot)
        found = replace(found, environment=known.environment, owner=known.owner, blueprint=known.blueprint)
    if tracked.shutdown and not MACHINE_ID.fullmatch(tracked.id):  # it says how many nodes would have stayed
        return replace(found, count=1, per_hour=tracked.shutdown.per_hour, currency=tracked.shutdown.currency)
    return found


def _stopped_by(tracked: TrackedMachine) -> str:
    if tracked.state is not State.STOPPED:
        return ""
    if tracked.shutdown is not None:
        return tracked.shutdown.reason or SWEEP
    return EVICTION if tracked.evicted else PEOPLE


def by_month(interval: PowerInterval) -> Iterator[PowerInterval]:
    """The parts of an interval in each month that it touches."""
    began = interval.began
    while began < interval.ended:
        ended = min(next_month(began), interval.ended)
        yield replace(interval, began=began, ended=ended)
        began = ended


def month_of(moment: float) -> str:
    """The month of a moment, as 2026-11."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m}"


def month_began(moment: float) -> float:
    """When the month of a moment began."""
    return datetime.fromtimestamp(moment, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()


def next_month(moment: float) -> float:
    """When the month after that of a moment begins."""
    began = datetime.fromtimestamp(month_began(moment), UTC)
    years, month = divmod(began.month, 12)
    return began.replace(year=began.year + years, month=month + 1).timestamp()
