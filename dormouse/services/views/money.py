"""Amounts of money as callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from dormouse.resources.sizes.price_rows import HOURS_A_MONTH, Price
from dormouse.services.views.schema import schema
from dormouse.text.doc import doc

ASLEEP = doc(
    "The list price per hour of what is billed even while it sleeps; null if unknown.", {"amount": 0.01, "currency": "USD"}
)
UNPRICED = doc("What has no known price: the sums are then at least what it costs.", ["disk vm-disk"])
BY_USE = doc("What is billed by use, and in no sum.", ["outbound traffic"])


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

    @classmethod
    def exactly(cls, amount: Decimal | None, currency: str) -> Money | None:
        """An amount without further rounding, or None."""
        return None if amount is None else cls(float(amount), currency)

    @property
    def a_month(self) -> Money:
        """What costs this per hour costs in a month of 730 hours."""
        return Money(round(self.amount * HOURS_A_MONTH, 2), self.currency)
