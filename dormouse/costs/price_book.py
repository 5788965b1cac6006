"""The prices of the past: which one was in force when. Pure; moments are seconds since 1970."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from dormouse.clock import parse_moment
from dormouse.resources.sizes.price_rows import Price

SECONDS_AN_HOUR = Decimal(3600)


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which one price per hour was in force; `assumed`: it is older than the first known price, which counts."""

    began: float
    ended: float
    per_hour: Decimal
    assumed: bool = False

    @property
    def hours(self) -> Decimal:
        """How long it lasts: the difference of two instants, whatever clocks showed."""
        return hours_between(self.began, self.ended)


class PriceBook:
    """The prices per hour by region and key, each with the moment from which it was in force."""

    def __init__(self, prices: Mapping[tuple[str, str], Sequence[Price]]) -> None:
        """Use these prices, oldest first; those of one key must have one currency."""
        self._prices = {
            key: [(parse_moment(each.effective_since), exact(each.per_hour)) for each in known]
            for key, known in prices.items()
            if known
        }

    def latest(self, region: str, key: str) -> Decimal | None:
        """The newest price of a key, or None."""
        known = self._prices.get((region, key))
        return known[-1][1] if known else None

    def periods(self, region: str, key: str, began: float, ended: float) -> Iterator[Period]:
        """The time from one moment to another, in parts with one price each; nothing if the key has no price."""
        known = self._prices.get((region, key), [])
        for place, (since, per_hour) in enumerate(known):
            until = known[place + 1][0] if place + 1 < len(known) else ended
            if place == 0 and began < since:
                yield Period(began, min(since, ended), per_hour, assumed=True)
            if max(began, since) < min(until, ended):
                yield Period(max(began, since), min(until, ended), per_hour)


def exact(number: float) -> Decimal:
    """A number as it is written, without the error of its binary form."""
    return Decimal(repr(number))


def hours_between(began: float, ended: float) -> Decimal:
    """The hours between two instants."""
    return (exact(ended) - exact(began)) / SECONDS_AN_HOUR
