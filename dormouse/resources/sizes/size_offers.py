"""What VM sizes cost in a region, and how much of them a subscription can get. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.resources.sizes.price_rows import SPOT, Price, price_in
from dormouse.resources.sizes.sku_rows import SkuRow
from dormouse.resources.sizes.vm_sizes import gpu_of, retirement_of

REGIONAL = "cores"
# The quota of the region that Spot VMs of all families count against, instead of the other two, also while deallocated.
# https://learn.microsoft.com/azure/virtual-machines/spot-vms
SPOT_CORES = "lowprioritycores"
ANY_GPU, NO_GPU = "any", "none"


@dataclass(frozen=True, slots=True)
class SizePrices:
    """The prices of a size, on demand and for Spot VMs; None where the price list has none."""

    on_demand: Price | None = None
    spot: Price | None = None


@dataclass(frozen=True, slots=True)
class SizeOffer:
    """A VM size as it can be had in a region.

    `gpu` is the accelerator's model ("" without one or if unknown), `quota_left` the vCPUs that the quotas of the region and
    of the family still allow (None if unknown).
    """

    sku: SkuRow
    gpu: str
    prices: SizePrices
    quota_left: int | None

    @property
    def problem(self) -> str:
        """Why no VM of this size can be had at the moment, or ""."""
        if self.sku.restriction:
            return f"This subscription cannot use it in this region ({self.sku.restriction})."
        if self.quota_left is not None and self.quota_left < self.sku.vcpus:
            return f"The quota allows {self.quota_left} more vCPUs; it needs {self.sku.vcpus}."
        return retirement_of(self.sku.name)


def prices_in(rows: Iterable[Mapping[str, Any]], region: str, currency: str, now: float) -> dict[str, SizePrices]:
    """The prices of all sizes in a region by name in lower case; raises KeyError, TypeError or ValueError as `price_in`."""
    by_size: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_size.setdefault(str(row["armSkuName"]).lower(), []).append(row)
    return {
        size: SizePrices(price_in(its, region, size, currency, now), price_in(its, region, size, currency, now, offer=SPOT))
        for size, its in by_size.items()
    }


def offers_of(
    skus: Iterable[SkuRow], prices: Mapping[str, SizePrices], left: Mapping[str, int] | None
) -> Sequence[SizeOffer]:
    """The sizes, cheapest first, those without a price last; `left` are the vCPUs left by quota in lower case, if known."""
    offers = [
        SizeOffer(sku, gpu_of(sku.name), prices.get(sku.name.lower(), SizePrices()), _left(sku.family, left)) for sku in skus
    ]
    return sorted(offers, key=rank)


def rank(offer: SizeOffer) -> tuple[float, str]:
    """The place of an offer in lists: by price, then by name."""
    price = offer.prices.on_demand
    return price.per_hour if price else float("inf"), offer.sku.name


def has_gpu_like(offer: SizeOffer, asked: str) -> bool:
    """Whether an offer has the GPU that was asked for: a model such as `a100`, `any`, or `none`; "" asks for nothing."""
    wanted = asked.lower()
    if wanted in ("", ANY_GPU, NO_GPU):
        return not wanted or (offer.sku.gpus > 0 or bool(offer.gpu)) is (wanted == ANY_GPU)
    return re.fullmatch(rf"(?:.*[^a-z0-9])?{re.escape(wanted)}", offer.gpu.lower()) is not None


def _left(family: str, left: Mapping[str, int] | None) -> int | None:
    if left is None:
        return None
    known = [left[name] for name in (REGIONAL, family.lower()) if name in left]
    return max(min(known), 0) if known else None
