"""Microsoft.Compute: Spot VMs, what Azure refuses of them, and their eviction.

Codes and messages: https://learn.microsoft.com/azure/virtual-machines/error-codes-spot. Their statuses are assumed, except
that of sizes: https://github.com/Azure/azure-powershell/issues/12007.
"""

from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body
from local.azure.providers.compute import annotations, disks
from local.azure.providers.compute.catalogue import capabilities_of
from local.azure.services.prices import spot_price
from local.azure.vms.timelines import with_power

NO_LIMIT = -1.0


def is_spot(properties: Body) -> bool:
    """Whether these are the properties of a Spot VM."""
    return properties.get("priority") == "Spot"


def check_spot(world: World, given: Body, region: str) -> None:
    """Raise the refusal of a new machine whose properties do not fit its priority."""
    max_price = (given.get("billingProfile") or {}).get("maxPrice")
    if not is_spot(given):
        if given.get("evictionPolicy"):
            text = "Eviction policy can be set only on Azure Spot Virtual Machines."
            raise Refused(409, "EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines", text)
        if max_price is not None:
            text = "Max price is supported only for Azure Spot Virtual Machines."
            raise Refused(409, "MaxPriceIsSupportedOnlyForAzureSpotVirtualMachines", text)
        return
    size = given["hardwareProfile"]["vmSize"]
    if capabilities_of(world, size)["LowPriorityCapable"] != "True":
        text = f"Azure Spot Virtual Machine is not supported for this VM size {size}."
        raise Refused(409, "AzureSpotIsNotSupportedForThisVMSize", text)
    if max_price is not None and float(max_price) != NO_LIMIT and float(max_price) <= 0:
        text = (
            "Invalid max price value. The only supported values for max price are -1 or a decimal greater than zero. Max "
            "price value of -1 indicates the Azure Spot Virtual Machine will not be evicted for price reasons."
        )
        raise Refused(409, "MaxPriceValueInvalid", text)
    if (given.get("additionalCapabilities") or {}).get("hibernationEnabled"):
        # https://learn.microsoft.com/azure/virtual-machines/hibernate-resume has the rule; words and code are assumed.
        text = "Hibernation is not supported for Azure Spot Virtual Machines."
        raise Refused(409, "OperationNotAllowed", text)
    check_price(world, given, region, "Create VM")


def check_price(world: World, properties: Body, region: str, operation: str) -> None:
    """Raise the refusal of a Spot VM whose maximum price is lower than the present one."""
    most = float((properties.get("billingProfile") or {}).get("maxPrice", NO_LIMIT))
    size = properties["hardwareProfile"]["vmSize"]
    price = spot_price(world, size, region) if is_spot(properties) and most != NO_LIMIT else None
    if price is not None and price > most:
        text = (
            f"Unable to perform operation '{operation}' since the provided max price '{most:g} USD' is lower than the "
            f"current spot price '{price:g} USD' for Azure Spot Virtual Machine size '{size}'."
        )
        raise Refused(409, "SpotPriceGreaterThanProvidedMaxPrice", text)


def check_spot_change(given: Body, existing: Document) -> None:
    """Raise the refusal of another priority, eviction policy or maximum price of an existing machine."""
    before, name = existing["properties"], existing["name"]
    for field in ("priority", "evictionPolicy"):
        asked, known = given.get(field), before.get(field)
        if asked is None or asked == known or (field, asked, known) == ("priority", "Regular", None):
            continue
        if field == "priority" and known is None:
            text = (
                f"The specified priority value '{asked}' cannot be applied to the Virtual Machine '{name}' since no priority "
                "was specified when the Virtual Machine was created."
            )
            raise Refused(409, "VMPriorityCannotBeApplied", text)
        raise Refused(409, "PropertyChangeNotAllowed", f"Changing property '{field}' is not allowed.", target=field)
    asked = (given.get("billingProfile") or {}).get("maxPrice")
    if asked is None or asked == (before.get("billingProfile") or {}).get("maxPrice"):
        return
    if not is_spot(before):
        text = "Max price is supported only for Azure Spot Virtual Machines."
        raise Refused(409, "MaxPriceIsSupportedOnlyForAzureSpotVirtualMachines", text)
    if existing["_power"] != "deallocated":
        text = f"Max price change is not allowed when the VM '{name}' is currently allocated. Deallocate and try again."
        raise Refused(409, "MaxPriceChangeNotAllowedForAllocatedVMs", text)


def evict(world: World, machine: Document, *, annotated: bool = True) -> None:
    """Evict a running Spot VM: it is deallocated and keeps its disks, and Azure does not start it again.

    Unless it is `annotated`, Resource Health does not say so (yet). https://learn.microsoft.com/azure/virtual-machines/spot-vms
    """
    if not is_spot(machine["properties"]) or machine["_power"] not in ("running", "starting"):
        raise Refused(409, "NotEvictable", f"{machine['id']} is not a Spot VM that is running.")
    stopped = with_power(machine, "deallocated", world.seconds())
    world.keep(stopped)
    disks.mark(world, stopped)
    if annotated:
        annotations.annotate(world, machine["id"], "VirtualMachinePreempted")
