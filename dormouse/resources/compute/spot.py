"""Spot VMs: what Azure is asked for, and how it shows them. Pure.

https://learn.microsoft.com/azure/virtual-machines/spot-vms
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dormouse.resources.plan import Resource

# A maximum price that lets the machine cost up to the pay-as-you-go price, so that its price never evicts it.
NO_LIMIT = -1.0
SPOT, REGULAR = "spot", "regular"
SETTING = "priority"
OTHER_STOPS = frozenset(
    {"VirtualMachineDeallocationInitiated", "VirtualMachineStopInitiatedByControlPlane", "VirtualMachineStoppedInternally"}
)


@dataclass(frozen=True, slots=True)
class Annotation:
    """What Resource Health says about a VM: the name of the annotation, and when that occurred (seconds since 1970).

    https://learn.microsoft.com/azure/service-health/resource-health-vm-annotation
    """

    name: str
    at: float

    @property
    def is_eviction(self) -> bool:
        """Whether Azure has evicted the VM."""
        return self.name == "VirtualMachinePreempted"

    @property
    def is_other_stop(self) -> bool:
        """Whether someone has stopped the VM, or a program inside it."""
        return self.name in OTHER_STOPS


def spot_properties(max_price: float) -> dict[str, Any]:
    """The properties of a Spot VM; an evicted one is deallocated, so that its disks stay. `max_price` in USD per hour."""
    return {"priority": "Spot", "evictionPolicy": "Deallocate", "billingProfile": {"maxPrice": max_price}}


def priority_of(properties: Mapping[str, Any]) -> str:
    """The priority of a VM in the words of specs; Azure omits that of regular ones."""
    return str(properties.get("priority") or REGULAR).lower()


def max_price_in(resource: Resource) -> float:
    """The maximum price of a planned Spot VM in USD per hour, or NO_LIMIT."""
    properties = resource.body.get("properties") or {}
    return float((properties.get("billingProfile") or {}).get("maxPrice", NO_LIMIT))


def is_spot(resource: Resource) -> bool:
    """Whether a planned or recorded VM is a Spot VM."""
    return resource.settings.get(SETTING) == SPOT
