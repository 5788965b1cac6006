"""Checks before a machine is created or changed: sizes, quota, capacity, names, logins, network interfaces."""

import re

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body, referenced
from local.azure.providers.compute.capacity import check_capacity, restricted
from local.azure.providers.compute.catalogue import (
    RESTRICTIONS,
    capabilities_of,
    family_usage,
    regional_usage,
    spot_usage,
)
from local.azure.providers.compute.hibernation import check_enabling
from local.azure.providers.compute.marketplace import check_image
from local.azure.providers.compute.spot import check_spot, is_spot

LARGEST_CUSTOM_DATA = 65535
ZONES = ("1", "2", "3")
UNCHANGEABLE = (("osProfile", "adminUsername"), ("osProfile", "computerName"), ("storageProfile", "imageReference"))


def check_size(world: World, size: str, region: str) -> None:
    """Raise a refusal for an unknown size, or one not available to this subscription in this region."""
    place = region.replace(" ", "").lower()
    known = world.catalogue.get(size)
    if place not in world.offering:
        raise not_simulated(f"machines in {region}")
    if known is None:
        raise Refused(400, "InvalidParameter", f"The value {size} provided for the VM size is not valid.", target="vmSize")
    if place not in known["usd_per_hour"] or world.store.get(RESTRICTIONS, f"{place}/{size}"):
        raise restricted(size, place)


def check_new(world: World, rid: ResourceId, body: Body) -> None:
    """Raise a refusal for a machine that cannot be created here, or not with these properties."""
    given = body["properties"]
    size, region = given["hardwareProfile"]["vmSize"], body["location"].replace(" ", "").lower()
    check_capacity(world, size, region, body.get("zones") or [])
    check_spot(world, given, region)
    _check_quota(world, size, region, spot=is_spot(given))
    storage = given.get("storageProfile") or {}
    check_disks(world, rid, given, body.get("zones") or [])
    secure = (given.get("securityProfile") or {}).get("securityType") == "TrustedLaunch"
    if (storage.get("osDisk") or {}).get("createOption") != "Attach":
        if "imageReference" not in storage:
            raise _missing("imageReference")
        check_image(world, given["hardwareProfile"]["vmSize"], storage, trusted_launch=secure)
        for field in ("computerName", "adminUsername"):
            if not (given.get("osProfile") or {}).get(field):
                raise _missing(field)
        _check_login(given["osProfile"])
    check_enabling(world, given)
    if secure and capabilities_of(world, given["hardwareProfile"]["vmSize"]).get("TrustedLaunchDisabled"):
        # https://github.com/Azure/azure-cli/issues/28005 has the words; the code is not known.
        size = given["hardwareProfile"]["vmSize"]
        text = f"The VM size '{size}' is not supported for creation of VMs and Virtual Machine Scale Set with 'TrustedLaunch' security type."
        raise Refused(400, "BadRequest", text)
    wrong = [zone for zone in body.get("zones") or [] if zone not in ZONES]
    if wrong:
        raise Refused(
            400, "InvalidAvailabilityZone", f"The zone(s) '{wrong[0]}' for resource '{rid.text}' is not supported."
        )
    for nic in given["networkProfile"]["networkInterfaces"]:
        card = referenced(world, nic["id"], rid.text)
        user = card["properties"].get("virtualMachine", {}).get("id", rid.text)
        if user.lower() != rid.text.lower():
            raise Refused(409, "NicInUse", f"Network Interface {nic['id']} is used by existing resource {user}.")


def check_change(given: Body, before: Body) -> None:
    """Raise a refusal for a change of a property that can be set only at creation."""
    for part, field in UNCHANGEABLE:
        asked, known = (given.get(part) or {}).get(field), (before.get(part) or {}).get(field)
        same = (
            all((known or {}).get(name) == value for name, value in asked.items())
            if isinstance(asked, dict)
            else asked == known
        )
        if asked is not None and not same:
            raise Refused(409, "PropertyChangeNotAllowed", f"Changing property '{field}' is not allowed.", target=field)


def check_zones(body: Body, existing: Document) -> None:
    """Raise the refusal for other zones than those of an existing machine.

    https://github.com/hashicorp/terraform-provider-azurerm/issues/3277
    """
    if "zones" in body and list(body["zones"] or []) != list(existing.get("zones") or []):
        raise Refused(409, "PropertyChangeNotAllowed", "Changing property 'zones' is not allowed.", target="zones")


def check_disks(world: World, rid: ResourceId, given: Body, zones: list[str]) -> None:
    """Raise the refusal of disks that a machine of this size cannot have, that another one has, or that are elsewhere."""
    _check_disk_type(world, given)
    data_disks = given["storageProfile"].get("dataDisks") or []
    _check_disk_count(world, given["hardwareProfile"]["vmSize"], data_disks)
    for disk in data_disks:
        there = world.resource(str((disk.get("managedDisk") or {}).get("id") or ""))
        if there is not None:
            _check_attachment(rid, there, zones)


def _check_attachment(rid: ResourceId, disk: Document, zones: list[str]) -> None:
    owner, own = str(disk.get("managedBy") or ""), list(disk.get("zones") or [])
    if owner and owner.lower() != rid.text.lower():
        # https://github.com/Azure/aks-engine/issues/1146 has the code and words; the status is assumed.
        text = f"Disk '{disk['id']}' cannot be attached as the disk is already owned by VM '{owner}'."
        raise Refused(409, "ConflictingUserInput", text)
    if own != zones:
        # https://github.com/jenkins-infra/azure/pull/1406, and https://github.com/jrudlin/Azure/pull/7 for one without zone;
        # for a machine without zone, the words are assumed.
        why = f"it is not in the same zone as the VM. VM zone: '{' '.join(zones)}'. Disk zone: '{' '.join(own)}'."
        why = why if own else f"it is not in zone '{' '.join(zones)}'."
        raise Refused(400, "BadRequest", f"Disk {disk['id']} cannot be attached to the VM because {why}")


def _check_disk_count(world: World, size: str, disks: list[Body]) -> None:
    """Raise the refusal of more data disks than a size takes: https://github.com/CodeValet/codevalet/issues/54 has the words."""
    most = capabilities_of(world, size).get("MaxDataDiskCount")
    if most and len(disks) > int(most):
        text = f"The maximum number of data disks allowed to be attached to a VM of this size is {most}."
        raise Refused(409, "OperationNotAllowed", text, target="dataDisks")


def _check_disk_type(world: World, given: Body) -> None:
    disk = given["storageProfile"].get("osDisk") or {}
    kind, size = str((disk.get("managedDisk") or {}).get("storageAccountType", "")), given["hardwareProfile"]["vmSize"]
    if kind.startswith("Premium") and capabilities_of(world, size)["PremiumIO"] != "True":
        # https://github.com/google/cloud-forensics-utils/issues/488
        text = (
            f"Requested operation cannot be performed because the VM size {size} does not support the storage account type "
            f"{kind} of disk '{disk.get('name', '')}'. Consider updating the VM to a size that supports Premium storage."
        )
        raise Refused(400, "InvalidParameter", text)


def check_more_vcpus(world: World, before: str, size: str, region: str, *, spot: bool) -> None:
    """Raise a refusal if the quota does not suffice for another size of an existing machine, whose vCPUs are counted."""
    own = world.catalogue[before]["vcpus"]
    same_family = world.catalogue[before]["family"] == world.catalogue[size]["family"]
    _check_quota(world, size, region, counted=(own if same_family and not spot else 0, own), spot=spot)


def _check_quota(world: World, size: str, region: str, counted: tuple[int, int] = (0, 0), *, spot: bool) -> None:
    """Raise the refusal of a quota that does not suffice: those of family and region, or that of Spot VMs.

    `counted` are the vCPUs of the machine itself that they count already.
    """
    usages = [family_usage(world, size, region), regional_usage(world, region)]
    usages = [spot_usage(world, region)] if spot else usages
    for usage, already in zip(usages, counted[-len(usages) :], strict=True):
        needed = world.catalogue[size]["vcpus"] - already
        if needed > 0 and usage["currentValue"] + needed > usage["limit"]:
            value = usage["name"]["value"]
            # The name of the quota of Spot VMs: https://github.com/Azure/karpenter-provider-azure/issues/192
            name = {"cores": "Total Regional Cores", "lowPriorityCores": "LowPriorityCores"}.get(value, f"{value} Cores")
            text = (
                f"Operation could not be completed as it results in exceeding approved {name} quota. "
                f"Additional details - Deployment Model: Resource Manager, Location: {region}, Current Limit: {usage['limit']}, "
                f"Current Usage: {usage['currentValue']}, Additional Required: {needed}, (Minimum) New Limit Required: "
                f"{usage['currentValue'] + needed}."
            )
            raise Refused(409, "OperationNotAllowed", text)


def _check_login(profile: Body) -> None:
    linux = profile.get("linuxConfiguration") or {}
    password = profile.get("adminPassword") or ""
    classes = sum(bool(re.search(kind, password)) for kind in ("[a-z]", "[A-Z]", "[0-9]", r"[\W_]"))
    if not linux.get("disablePasswordAuthentication", False) and not (12 <= len(password) <= 72 and classes >= 3):
        text = "The supplied password must be between 12-72 characters long and must satisfy at least 3 of password complexity requirements."
        raise Refused(400, "InvalidParameter", text, target="adminPassword")
    if len(profile.get("customData") or "") > LARGEST_CUSTOM_DATA * 4 // 3 + 4:
        raise Refused(400, "InvalidParameter", "Custom data is too long.", target="customData")


def _missing(field: str) -> Refused:
    return Refused(400, "InvalidParameter", f"Required parameter '{field}' is missing (null).", target=field)
