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
    """An environment in money, at list prices: what it would cost, and what it has cost since the first of the month (UTC).

    The figures are those of `/api/costs`, whose rows say what they consist of.
    """

    per_month: Annotated[
        Money | None,
        doc(
            "What it would cost in a month of 730 hours if it is left on, fees included.",
            {"amount": 437.4, "currency": "USD"},
        ),
    ]
    this_month: Annotated[
        Money,
        doc(
            "What was spent since the first of the month (UTC): computing and fees.", {"amount": 12.2736, "currency": "USD"}
        ),
    ]
    hours_this_month: Annotated[float, doc("The billed hours of its machines in this month, in all.", 20.8)]
    saved: Annotated[
        Money,
        doc(
            "What the hours of this month would have cost in which sweeps had stopped it.",
            {"amount": 7.3812, "currency": "USD"},
        ),
    ]
    hours_asleep: Annotated[float, doc("For how many hours of this month sweeps had stopped its machines, in all.", 12.5)]
    at_least: Annotated[bool, doc("Whether a price is unknown: then the amounts are lower bounds.", False)] = False
