"""Microsoft.Compute: hibernation of machines: what is refused at creation, when they hibernate, and while they are hibernated.

Conditions: https://learn.microsoft.com/azure/virtual-machines/hibernate-resume
Codes and words, where nothing else is said: https://learn.microsoft.com/azure/virtual-machines/hibernate-resume-troubleshooting
"""

import re

from local.azure.core.requests import Request
from local.azure.core.responses import Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body
from local.azure.providers.compute.images import LINUX, Image, image_of

GIB = 2**30
# The series that support hibernation, with the most memory in GiB.
GENERAL_PURPOSE, GPU = (
    re.compile(r"Standard_[DE]\d+(?:-\d+)?a?d?s_v5"),
    re.compile(r"Standard_NV\d+(?:as_v4|ad\w*_(?:A10|V710)_v5)"),
)
MOST_MEMORY = ((GENERAL_PURPOSE, 64), (GPU, 112))
# https://learn.microsoft.com/azure/virtual-machines/linux/hibernate-resume-linux
EXTENSION_TYPE = "LinuxHibernateExtension"
READY = "_can_hibernate"


def size_hibernates(size: str, memory_gib: float) -> bool:
    """Whether machines of a size can hibernate."""
    return any(pattern.fullmatch(size) and memory_gib <= most for pattern, most in MOST_MEMORY)


def is_enabled(properties: Body) -> bool:
    """Whether hibernation is enabled on a machine."""
    return bool((properties.get("additionalCapabilities") or {}).get("hibernationEnabled"))


def check_enabling(world: World, properties: Body) -> None:
    """Raise the refusal of a new machine with hibernation, if there is one."""
    if not is_enabled(properties):
        return
    size, storage = str(properties["hardwareProfile"]["vmSize"]), properties.get("storageProfile") or {}
    disk = storage.get("osDisk") or {}
    if properties.get("priority") == "Spot":
        raise Refused(409, "OperationNotAllowed", "Hibernation capability isn't supported for Spot VMs.")
    memory_gib = float(world.catalogue[size]["memory_gib"])
    if not size_hibernates(size, memory_gib):
        # The condition is documented; its words are assumed.
        raise Refused(409, "OperationNotAllowed", f"The VM size '{size}' does not support hibernation.")
    if "diffDiskSettings" in disk:  # documented; its words are assumed
        raise Refused(409, "OperationNotAllowed", "Hibernation is not supported for VMs with ephemeral OS disks.")
    image = image_of(storage.get("imageReference") or {})
    if storage.get("imageReference") and not image.hibernation:
        text = "The referenced platform image should support hibernation for a VM with hibernation capability."
        raise Refused(409, "OperationNotAllowed", text)
    _check_disk(image, disk, memory_gib)
    trusted = (properties.get("securityProfile") or {}).get("securityType") == "TrustedLaunch"
    if trusted and image.system == LINUX:
        # https://learn.microsoft.com/azure/virtual-machines/linux/hibernate-resume-linux says that it is not supported; that
        # Azure refuses it at creation, and its words, are assumed.
        raise Refused(409, "OperationNotAllowed", "Hibernation is not supported with Trusted Launch for Linux VMs.")


def _check_disk(image: Image, disk: Body, memory_gib: float) -> None:
    size_gib = int(disk.get("diskSizeGB") or image.size_gib)
    if size_gib <= memory_gib:
        text = (
            f"Hibernation can't be enabled on Virtual Machine since the OS Disk Size ({size_gib * GIB} bytes) should at least "
            f"be greater than the VM memory ({int(memory_gib * GIB)} bytes)."
        )
        raise Refused(409, "OperationNotAllowed", text)


def hibernates(machine: Document, request: Request) -> bool:
    """Whether a machine hibernates when it is deallocated; raises refusals for machines that cannot hibernate or deallocate."""
    unknown = set(request.query) - {"api-version", "hibernate"}
    if unknown:
        raise not_simulated(f"deallocate with {', '.join(sorted(unknown))}")
    name, properties = machine["name"], machine["properties"]
    # We found no recording of Azure's response in this case: its code is documented, its message is assumed.
    if "diffDiskSettings" in properties["storageProfile"]["osDisk"]:
        text = f"Operation 'deallocate' is not supported on VM '{name}' since it uses an ephemeral OS disk."
        raise Refused(409, "OperationNotAllowed", text)
    if request.query.get("hibernate", "").lower() != "true":
        return False
    if not is_enabled(properties):
        text = (
            "The Hibernate-Deallocate Operation can only be triggered on a VM that is enabled for hibernation. Enable the "
            "property additionalCapabilities.hibernationEnabled during VM creation, or after stopping and deallocating the VM."
        )
        raise Refused(409, "OperationNotAllowed", text)
    if machine["_power"] != "running":
        text = "The Hibernate-Deallocate Operation can only be triggered on a VM that is successfully provisioned and is running."
        raise Refused(409, "OperationNotAllowed", text)
    if not machine.get(READY):
        # The system needs the extension or the tool of the Linux page. The status of this code is assumed.
        text = f"The VM '{name}' doesn't support hibernation. Ensure that the VM is correctly configured to support hibernation."
        raise Refused(409, "VMHibernateNotSupported", text)
    return True


def check_awake(machine: Document, what: str) -> None:
    """Raise the refusal of a change that a hibernated machine does not take: of its size, disks or network interfaces.

    https://learn.microsoft.com/azure/virtual-machines/hibernate-resume#general-limitations; its words are assumed.
    """
    if machine.get("_hibernated"):
        text = f"Cannot change {what} of VM '{machine['name']}' while it is in hibernated state; start it, or deallocate it."
        raise Refused(409, "OperationNotAllowed", text)
