"""Differences that are known and why they stay: Azure differs from itself here, or the recording cannot be made again."""

import re

# Operation, difference, reason.
EXPLAINED: tuple[tuple[str, str, str], ...] = (
    (r"", r"ipamPoolPrefixAllocations", "a roll-out of September 2024 that was taken back"),
    (r"", r"extra: .*privateEndpointVNetPolicies", "recorded before the property had reached that region"),
    (
        r"",
        r"extra: .*(?:auxiliaryMode|ddosSettings|enableAcceleratedNetworking)",
        "answered in some regions of one version only",
    ),
    (
        r"GET .*virtualnetworks",
        r"missing: .*subnets\[\]\.properties\.ipConfigurations",
        "who used those networks is not recorded",
    ),
    (r"GET .*(?:virtualmachines|virtualnetworks)/\{\}$", r"header etag", "sent by some gateways and not by others"),
    (r"extensions", r"extra: properties\.settings", "left out by some handlers"),
    (r"disks", r"missing: .*(?:supportedCapabilities\.|supportsHibernation)", "depends on an image that is not simulated"),
    (r"GET .*disks$", r"missing: value\[\]\.tags", "tags that a disk got apart from its machine"),
    (r"GET vault:/secrets$", r"type of nextLink", "a vault with more than one page"),
    (r"DELETE .*networkinterfaces", r"status: 200", "one recording of thirteen"),
    (r"PUT .*networkinterfaces", r"header azure-asyncoperation: none", "six updates of fifteen are answered without"),
    (r"PUT .*publicipaddresses", r"extra: properties\.ipAddress", "the number of a Basic address is drawn later"),
    (
        r"\[sub\]/microsoft.authorization",
        r"canDelegate|createdBy|value\[\]",
        "preview versions; assignments that nobody recorded",
    ),
    (
        r"vault:/secrets",
        r"managed|kid|attributes\.(?:created|updated|recoverableDays)|contentType",
        "secrets of certificates",
    ),
    (
        r"vault:/",
        r"(?:deletedDate|recoveryId|scheduledPurgeDate)",
        "vaults without soft delete, which cannot be made any more",
    ),
    (r"GET vault:/(?:deleted)?secrets$", r"extra: value\[\]", "a list that was empty"),
    (
        r"vault:/deletedsecrets/\{\}/recover",
        r"409|Conflict|error lacks",
        "while it is being deleted: here that takes no time",
    ),
    (r"resourcegraph", r"missing: \$skipToken", "a subscription with three thousand resources"),
    (r"PUT /subscriptions/\{\}/resourcegroups", r"missing: tags", "tags that a policy had added"),
)


def unexplained(op: str, differences: tuple[str, ...]) -> list[str]:
    """The differences that nobody has explained."""
    return [line for line in differences if not any(re.search(o, op) and re.search(d, line) for o, d, _ in EXPLAINED)]


def explains(entry: tuple[str, str, str], op: str, differences: tuple[str, ...]) -> bool:
    """Whether an entry explains one of these differences."""
    return bool(re.search(entry[0], op)) and any(re.search(entry[1], line) for line in differences)
