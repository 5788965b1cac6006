"""Spot VMs in specs: what a spec that asks for them must not ask for as well, because Azure refuses it.

https://learn.microsoft.com/azure/virtual-machines/spot-vms
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from dormouse.errors import Fault
from dormouse.idle.policy import Action
from dormouse.resources.compute.spot import NO_LIMIT

if TYPE_CHECKING:
    from dormouse.blueprints.placement import MachineSpec

# A maximum price has up to five decimals, and is -1 or greater than 0.
# https://learn.microsoft.com/azure/virtual-machines/error-codes-spot (MaxPriceValueInvalid)
HIGHEST_PRICE, DECIMALS = 1000.0, 5
# B-series and promotional versions of other sizes cannot be Spot VMs.
NEVER_SPOT = re.compile(r"standard_b\d|.*_promo$", re.IGNORECASE)


def _max_price(value: float) -> float:
    if value != NO_LIMIT and value <= 0:
        raise ValueError(f"is a price in USD per hour that is greater than 0, or {NO_LIMIT:g} for the pay-as-you-go price")
    if round(value, DECIMALS) != value:
        raise ValueError(f"has at most {DECIMALS} decimals, such as 0.12345")
    return value


MAX_PRICE_AS_WRITTEN = {"anyOf": [{"const": -1}, {"exclusiveMinimum": 0, "maximum": HIGHEST_PRICE}], "type": "number"}
MaxPrice = Annotated[
    float,
    Field(le=HIGHEST_PRICE, allow_inf_nan=False),
    AfterValidator(_max_price),
    WithJsonSchema(MAX_PRICE_AS_WRITTEN),
]


def spot_misfits(spec: "MachineSpec") -> Iterator[Fault]:
    """The faults of a spec whose fields for Spot VMs do not fit its priority, its sizes or its idle policy.

    Spot VMs cannot hibernate: https://learn.microsoft.com/azure/virtual-machines/hibernate-resume
    """
    if not spec.spot:
        if spec.max_price != NO_LIMIT:
            yield Fault("/max_price", "is for Spot VMs only; add `priority: spot`, or leave it out")
        if spec.on_eviction != "notify":
            yield Fault("/on_eviction", "is for Spot VMs only; add `priority: spot`, or leave it out")
        return
    sizes = {"/size": spec.size, **{f"/fallback/sizes/{place}": size for place, size in enumerate(spec.fallback.sizes)}}
    for pointer, size in sizes.items():
        if NEVER_SPOT.match(size):
            yield Fault(pointer, f"{size} cannot be a Spot VM: Azure excludes B-series and promotional sizes")
    if spec.hibernation is not None:
        yield Fault("/hibernation", "Azure cannot hibernate Spot VMs; leave it out, or choose `priority: regular`")
    policy: Any = getattr(spec, "idle", None)
    if policy is not None and policy.action is Action.HIBERNATE:
        yield Fault("/idle/action", "Azure cannot hibernate Spot VMs; choose deallocate or notify")
