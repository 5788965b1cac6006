"""What an environment costs as callers see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dormouse.services.views.money import Money
from dormouse.services.views.schema import schema
from dormouse.text.doc import doc


@schema("EnvironmentCosts")
@dataclass(frozen=True, slots=True)
class EnvironmentCosts:
    """An environment in money, at list prices: what it would cost, and what its computing has cost.

    The time that counts is the one that sweeps have seen; fees of disks, addresses and other resources are not in it.
    """

    per_month: Annotated[
        Money | None,
        doc(
            "What it would cost in a month of 730 hours if it is left on, fees included.",
            {"amount": 437.4, "currency": "USD"},
        ),
    ]
    this_month: Annotated[
        Money | None,
        doc(
            "What was spent on computing since the first of the month (UTC); null if a price is not known.",
            {"amount": 12.27, "currency": "USD"},
        ),
    ]
    hours_this_month: Annotated[float, doc("The billed hours of its machines in this month, in all.", 20.8)]
    saved: Annotated[
        Money | None,
        doc("What the hours would have cost in which sweeps had stopped it.", {"amount": 7.38, "currency": "USD"}),
    ]
    hours_asleep: Annotated[float, doc("For how many hours sweeps had stopped its machines, in all.", 12.5)]
