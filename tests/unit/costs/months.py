"""Moments, prices and intervals for months that are computed by hand."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dormouse.costs.ledger import lines_of_power
from dormouse.costs.price_book import PriceBook
from dormouse.costs.query import CostQuery
from dormouse.costs.tally import Tally, tallied
from dormouse.idle.power.history import PowerInterval
from dormouse.lifecycle import State
from dormouse.resources.sizes.price_rows import Price

REGION, SIZE = "polandcentral", "Standard_D4s_v5"
WARSAW = "Europe/Warsaw"
VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-{}"


def at(*moment: int, zone: str = "UTC") -> float:
    place = UTC if zone == "UTC" else ZoneInfo(zone)
    return datetime(*moment, tzinfo=place).timestamp()  # type: ignore[arg-type, misc]


def price(amount: float, since: str) -> Price:
    return Price(amount, "USD", "D4s v5", since)


def book(**more: list[Price]) -> PriceBook:
    """0.20 an hour; from 11 March 2026 at 06:00 UTC, 0.25. Spot 0.04 all the time; twice the size, twice the first price."""
    known = {
        "standard_d4s_v5": [price(0.2, "2024-01-01T00:00:00Z"), price(0.25, "2026-03-11T06:00:00Z")],
        "spot standard_d4s_v5": [price(0.04, "2024-01-01T00:00:00Z")],
        "standard_d8s_v5": [price(0.4, "2024-01-01T00:00:00Z")],
        **more,
    }
    return PriceBook({(REGION, key): prices for key, prices in known.items()})


def ran(began: float, ended: float, name: str = "ml1", **fields: Any) -> PowerInterval:
    known = {"size": SIZE, "region": REGION, "environment": name, "owner": "ann", "blueprint": "workstation"}
    return PowerInterval(VM.format(name), began=began, ended=ended, **{"state": State.RUNNING, **known, **fields})


def slept(began: float, ended: float, by: str, name: str = "ml1", **fields: Any) -> PowerInterval:
    return ran(began, ended, name, state=State.STOPPED, stopped_by=by, **fields)


def counted(
    intervals: list[PowerInterval], query: CostQuery, prices: PriceBook | None = None
) -> tuple[Tally, dict[str, Tally]]:
    return tallied(lines_of_power(intervals, query, prices or book()), query.group_by)
