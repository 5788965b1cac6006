"""VMs and their disks as Azure shows them: identity, state and failure, and what of them differs from a plan."""

from collections.abc import Iterator, Mapping
from typing import Any

from dormouse.lifecycle import State, state_of
from dormouse.resources.compute.spot import priority_of
from dormouse.resources.kinds import Change, Difference, Observed, Outputs
from dormouse.resources.plan import Resource
from dormouse.resources.sizes.vm_sizes import find_size, size_if_known

IMAGE_PARTS = ("publisher", "offer", "sku")
# The states of a disk that no running machine uses: https://learn.microsoft.com/rest/api/compute/disks/get#diskstate
AT_REST = frozenset({"Reserved", "Unattached"})
HIBERNATED = "HibernationState/Hibernated"
# https://learn.microsoft.com/azure/virtual-machines/ephemeral-os-disks
EPHEMERAL = "its OS disk is ephemeral, and Azure cannot deallocate the machine without losing it"


def identity_of(observed: Observed) -> Outputs:
    """The principal of a VM's identity, if it has one."""
    principal = (observed.get("identity") or {}).get("principalId")
    return {"principal_id": str(principal)} if principal else {}


def power_state(observed: Observed) -> State:
    """The state of a VM in its instance view, or in a row of Resource Graph."""
    properties = observed["properties"]
    in_graph = ((properties.get("extended") or {}).get("instanceView") or {}).get("powerState") or {}
    statuses = (properties.get("instanceView") or {}).get("statuses") or []
    power = next((str(item["code"]) for item in statuses if item["code"].startswith("PowerState/")), "")
    return state_of(power or str(in_graph.get("code", "")), str(properties.get("provisioningState", "")))


def hibernated(observed: Observed) -> bool:
    """Whether the instance view of a VM says that its memory is kept on its disk, and resumes at the next start.

    https://learn.microsoft.com/rest/api/compute/virtual-machines/instance-view
    """
    statuses = (observed["properties"].get("instanceView") or {}).get("statuses") or []
    return any(item["code"] == HIBERNATED for item in statuses)


def failure(observed: Observed) -> str:
    """Azure's message if the last change of a VM failed, or ""."""
    statuses = (observed["properties"].get("instanceView") or {}).get("statuses") or []
    failed = next((item for item in statuses if item["code"].startswith("ProvisioningState/failed")), None)
    return str(failed.get("message") or failed.get("displayStatus") or failed["code"]) if failed else ""


def machine_drift(resource: Resource, observed: Observed) -> Change:
    """What of an existing VM differs from the plan; only its size can change."""
    wanted, found = resource.body["properties"], observed["properties"]
    return Change.of((*_size_drift(wanted, found, observed), *_fixed_drift(wanted, found)))


def _size_drift(wanted: Any, found: Any, observed: Observed) -> Iterator[Difference]:
    size, planned = str((found.get("hardwareProfile") or {}).get("vmSize") or ""), wanted["hardwareProfile"]["vmSize"]
    if not size or size.lower() == planned.lower():
        return
    obstacle, stopped = _obstacle_to_size(size, planned, found), power_state(observed) is State.STOPPED
    yield Difference("size", size, planned, obstacle, needs_stop=not obstacle and not stopped)


def _obstacle_to_size(size: str, planned: str, found: Any) -> str:
    """Why a VM of one size cannot get another, or ""."""
    before, after = size_if_known(size), find_size(planned)
    if before and before.driver is not after.driver:
        return f"{size} and {planned} need different GPU drivers ({before.driver} and {after.driver})"
    if (found.get("securityProfile") or {}).get("securityType") == "TrustedLaunch" and not after.trusted_launch:
        return f"the machine was created with trusted launch, which {planned} does not support"
    return EPHEMERAL if is_ephemeral(found) else ""


def is_ephemeral(properties: Mapping[str, Any]) -> bool:
    """Whether the OS disk of a VM is ephemeral, so that Azure can neither deallocate nor resize the VM without losing it."""
    disk = (properties.get("storageProfile") or {}).get("osDisk") or {}
    return bool(disk.get("diffDiskSettings"))


def unstoppable(observed: Observed) -> str:
    """Why a VM cannot be stopped, or ""."""
    return EPHEMERAL if is_ephemeral(observed["properties"]) else ""


def _fixed_drift(wanted: Any, found: Any) -> Iterator[Difference]:
    """What can be set only when a VM is created. https://learn.microsoft.com/rest/api/compute/virtual-machines/update"""
    image, planned = (found.get("storageProfile") or {}).get("imageReference") or {}, wanted["storageProfile"]
    parts = [part for part in IMAGE_PARTS if part in image and part in planned["imageReference"]]
    now, asked = (":".join(str(one[part]) for part in parts) for one in (image, planned["imageReference"]))
    if now.lower() != asked.lower():
        yield Difference("image", now, asked, "Azure cannot change the image of a machine")
    user, name = str((found.get("osProfile") or {}).get("adminUsername") or ""), wanted["osProfile"]["adminUsername"]
    if user and user != name:
        yield Difference("admin_username", user, name, "Azure cannot change the administrator of a machine")
    if _may_hibernate(wanted) and not _may_hibernate(found):
        yield Difference("hibernation", "null", "on", "Dormouse enables hibernation only when it creates a machine")
    priority, asked = priority_of(found), priority_of(wanted)
    if priority != asked:  # https://learn.microsoft.com/azure/virtual-machines/error-codes-spot
        yield Difference("priority", priority, asked, "Azure cannot change the priority of a machine")


def _may_hibernate(properties: Mapping[str, Any]) -> bool:
    return bool((properties.get("additionalCapabilities") or {}).get("hibernationEnabled"))


def disk_drift(resource: Resource, observed: Observed) -> Change:
    """What of an OS disk differs from the plan: it can grow and change its kind while no machine runs from it.

    https://learn.microsoft.com/azure/virtual-machines/linux/expand-disks
    https://learn.microsoft.com/azure/virtual-machines/disks-convert-types
    """
    found = observed.get("properties") or {}
    busy = str(found.get("diskState") or "") not in AT_REST
    size, planned = int(found.get("diskSizeGB") or 0), int(resource.body["properties"]["diskSizeGB"])
    kind, asked = str((observed.get("sku") or {}).get("name") or ""), str(resource.body["sku"]["name"])
    differences = []
    if size and size != planned:
        obstacle = "Azure cannot shrink a disk" if size > planned else ""
        grows = Difference("disk.size_gib", str(size), str(planned), obstacle, needs_stop=busy and not obstacle)
        differences.append(grows)
    if kind and kind != asked:
        differences.append(Difference("disk.type", kind, asked, needs_stop=busy))
    return Change.of(differences)
