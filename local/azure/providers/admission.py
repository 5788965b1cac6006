"""Whether a machine may be made or changed: sizes, quota, capacity, names, logins, cards."""

import re

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.catalogue import NO_CAPACITY, RESTRICTIONS, family_usage, regional_usage
from local.azure.providers.common import Body, referenced

LARGEST_CUSTOM_DATA = 65535
ZONES = ("1", "2", "3")
UNCHANGEABLE = (("osProfile", "adminUsername"), ("osProfile", "computerName"), ("storageProfile", "imageReference"))


def check_size(world: World, size: str, region: str) -> None:
    """Raise the refusal for a size that is none, or not for this subscription in this region."""
    place = region.replace(" ", "").lower()
    known = world.catalogue.get(size)
    if known is None:
        raise Refused(400, "InvalidParameter", f"The value {size} provided for the VM size is not valid.", target="vmSize")
    if place not in known["usd_per_hour"] or world.store.get(RESTRICTIONS, f"{place}/{size}"):
        text = (
            f"The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: {size}' is currently "
            f"not available in location '{place}'. Please try another size or deploy to a different location or different "
            "zone. See https://aka.ms/azureskunotavailable for details."
        )
        raise Refused(409, "SkuNotAvailable", text)


def check_new(world: World, rid: ResourceId, body: Body) -> None:
    """Raise the refusal for a machine that cannot be made here, or not so."""
    given = body["properties"]
    _check_quota(world, given["hardwareProfile"]["vmSize"], body["location"].replace(" ", "").lower())
    if "imageReference" not in (given.get("storageProfile") or {}):
        raise _missing("imageReference")
    for field in ("computerName", "adminUsername"):
        if not (given.get("osProfile") or {}).get(field):
            raise _missing(field)
    _check_login(given["osProfile"])
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
    """Raise the refusal for a change of what can be said only once."""
    for part, field in UNCHANGEABLE:
        asked, known = (given.get(part) or {}).get(field), before[part].get(field)
        same = all(known.get(name) == value for name, value in asked.items()) if isinstance(asked, dict) else asked == known
        if asked is not None and not same:
            raise Refused(409, "PropertyChangeNotAllowed", f"Changing property '{field}' is not allowed.", target=field)


def no_capacity(world: World, machine: Document) -> Refused | None:
    """The failure that comes late when there is no room for a machine in its region or zone."""
    size, region = machine["properties"]["hardwareProfile"]["vmSize"], machine["location"]
    more = "Read more about improving likelihood of allocation success at http://aka.ms/allocation-guidance"
    for zone in machine.get("zones") or []:
        if world.store.get(NO_CAPACITY, f"{region}/{zone}/{size}"):
            text = f"Allocation failed. We do not have sufficient capacity for the requested VM size in this zone. {more}"
            return Refused(409, "ZonalAllocationFailed", text)
    if world.store.get(NO_CAPACITY, f"{region}//{size}"):
        text = f"Allocation failed. We do not have sufficient capacity for the requested VM size in this region. {more}"
        return Refused(409, "AllocationFailed", text)
    return None


def _check_quota(world: World, size: str, region: str) -> None:
    for usage in (family_usage(world, size, region), regional_usage(world, region)):
        needed = world.catalogue[size]["vcpus"]
        if usage["currentValue"] + needed > usage["limit"]:
            name = usage["name"]["localizedValue"].replace("vCPUs", "Cores")
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
