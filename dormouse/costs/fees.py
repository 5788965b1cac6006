"""What an environment is billed for as long as it exists, as intervals in which that was the same. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dormouse.clock import parse_moment
from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.power.history import next_month
from dormouse.idle.targets import target_ids
from dormouse.resources.billing.meters import Charge
from dormouse.resources.billing.recorded import billed_in
from dormouse.resources.kinds import PriceQuery


@dataclass(frozen=True, slots=True)
class CountedCharge:
    """A charge, and how many there are of it."""

    charge: Charge
    count: int


@dataclass(frozen=True, slots=True)
class FeeInterval:
    """A time in which an environment was billed for the same charges; `nodes` are machines that no sweep watches."""

    environment: str
    owner: str
    blueprint: str
    region: str
    began: float
    ended: float
    charges: tuple[CountedCharge, ...] = ()
    nodes: tuple[PriceQuery, ...] = ()
    by_use: tuple[str, ...] = ()


def fees_of(record: EnvironmentRecord, ended: float) -> FeeInterval:
    """What an environment has been billed for since that changed last, up to a moment."""
    watched = {identifier.lower() for identifier in target_ids(record.resources)}
    billed = billed_in(record.resources)
    nodes = billed_in(one for one in record.resources if one.id.lower() not in watched).machines
    charges = tuple(CountedCharge(charge, count) for charge, count in Counter(billed.charges).items())
    began = min(billed_since(record), ended)
    owner = (record.name, record.owner, record.blueprint, record.region)
    return FeeInterval(*owner, began, ended, charges, nodes, billed.by_use)


def billed_since(record: EnvironmentRecord) -> float:
    """Since when an environment has been billed for the same things."""
    return parse_moment(record.billed_since or record.requested_at)


def is_billed_alike(one: EnvironmentRecord, other: EnvironmentRecord) -> bool:
    """Whether two records of an environment are billed for the same things, to the same owner."""
    return replace(fees_of(one, 0.0), began=0.0) == replace(fees_of(other, 0.0), began=0.0)


def fees_by_month(interval: FeeInterval) -> Iterator[FeeInterval]:
    """The parts of an interval in each month that it touches."""
    began = interval.began
    while began < interval.ended:
        ended = min(next_month(began), interval.ended)
        yield replace(interval, began=began, ended=ended)
        began = ended
