"""VM sizes as callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dormouse.resources.sizes.size_offers import SizeOffer
from dormouse.services.views.blueprints import SIZE
from dormouse.services.views.money import Money
from dormouse.services.views.schema import schema
from dormouse.text.doc import doc


@schema("VmSize")
@dataclass(frozen=True, slots=True)
class SizeView:
    """A VM size in a region: what it has, what it costs, and how much of it the subscription can get."""

    name: Annotated[str, doc("The name.", SIZE)]
    vcpus: Annotated[int, doc("The number of vCPUs.", 6)]
    memory_gib: Annotated[float, doc("The memory in GiB.", 55.0)]
    gpus: Annotated[int, doc("The number of GPUs; 1 also for a share of one.", 1)]
    gpu: Annotated[
        str | None, doc("The model of the GPU or other accelerator; null without one, or if unknown.", "NVIDIA A10")
    ]
    zones: Annotated[
        tuple[str, ...], doc("The availability zones in which it can be used; empty if it has no zones.", ["1", "2"])
    ]
    price_per_hour: Annotated[
        Money | None,
        doc("The pay-as-you-go price per hour with Linux; null if unknown.", {"amount": 0.59, "currency": "USD"}),
    ]
    spot_price_per_hour: Annotated[
        Money | None,
        doc("The present price per hour of Spot VMs with Linux; null if unknown.", {"amount": 0.12, "currency": "USD"}),
    ]
    quota_left_vcpus: Annotated[
        int | None, doc("The vCPUs that the quotas of the region and of its family still allow; null if unknown.", 48)
    ]
    problem: Annotated[
        str | None,
        doc(
            "Why no VM of this size can be had: a restriction, the quota or its retirement; null if no reason is known.",
            "The quota allows 0 more vCPUs; it needs 6.",
        ),
    ]

    @classmethod
    def of(cls, offer: SizeOffer) -> SizeView:
        """The view of an offer."""
        return cls(
            offer.sku.name,
            offer.sku.vcpus,
            offer.sku.memory_gib,
            offer.sku.gpus,
            offer.gpu or None,
            offer.sku.zones,
            Money.of(offer.prices.on_demand),
            Money.of(offer.prices.spot),
            offer.quota_left,
            offer.problem or None,
        )


@schema("VmSizeList")
@dataclass(frozen=True, slots=True)
class SizeList:
    """One page of the VM sizes of a region, cheapest first."""

    value: Annotated[tuple[SizeView, ...], doc("The sizes on this page.", [])]
    next: Annotated[str | None, doc("The URL of the next page; null on the last page.", "/api/sizes?region=westus")]
    problems: Annotated[tuple[str, ...], doc("What could not be read, and why.", [])]
