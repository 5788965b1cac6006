"""Amounts of money as callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dormouse.cloud.prices import Price
from dormouse.services.views.schema import schema
from dormouse.text.doc import doc


@schema("Money")
@dataclass(frozen=True, slots=True)
class Money:
    """An amount of money."""

    amount: Annotated[float, doc("The amount, before tax and discounts.", 0.59)]
    currency: Annotated[str, doc("The ISO 4217 code of the currency.", "USD")]

    @classmethod
    def of(cls, price: Price | None) -> Money | None:
        """What a machine costs per hour, or None if the price list does not say."""
        return cls(price.per_hour, price.currency) if price else None
