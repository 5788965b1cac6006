"""What AKS refuses about pools and identities: sizes, quota, capacity, names, and roles that are missing.

Codes and texts: https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/error-codes/. None of them is recorded.
"""

import re
from collections.abc import Sequence

from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body
from local.azure.providers.compute import capacity, catalogue
from local.azure.providers.containers.errors import BareRefused, invalid
from local.azure.providers.kinds import IDENTITY, ROLE, SUBNET

POOL_NAME = re.compile(r"[a-z][a-z0-9]{0,11}")
CLUSTER_NAME = re.compile(r"[a-zA-Z0-9]|[a-zA-Z0-9][-_a-zA-Z0-9]{0,61}[a-zA-Z0-9]")
DNS_PREFIX = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,52}[a-zA-Z0-9])?")
MANAGED_IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
QUOTA_HELP = (
    "If you want to increase the quota, please follow this instruction: https://learn.microsoft.com/azure/quotas/view-quotas. "
    "Surge nodes would also consume vcpu quota, please consider use smaller maxSurge or use maxUnavailable to proceed upgrade "
    "without surge nodes, details: aka.ms/aks/maxUnavailable."
)
MOST_NODES = 1000


def check_pool(world: World, name: str, given: Body, region: str) -> None:
    """Raise the refusal for a pool that cannot be in a region, whatever its number of nodes."""
    if not POOL_NAME.fullmatch(name):
        raise invalid(
            "agentPoolName", "The agent pool name must start with a lowercase letter and have at most 12 characters."
        )
    size = str(given.get("vmSize") or "")
    facts = world.catalogue.get(size)
    restricted = world.store.get(catalogue.RESTRICTIONS, f"{region}/{size}") is not None
    if facts is None or region not in facts["usd_per_hour"] or restricted:
        offered = ",".join(sorted(one for one, about in world.catalogue.items() if region in about["usd_per_hour"]))
        text = (
            f"Virtual Machine size: '{size}' is not supported for subscription in location '{region}'. The available VM sizes "
            f"are '{offered}'. For more details please visit: https://aka.ms/aks/quotas-skus-regions"
        )
        raise BareRefused(400, "VMSizeNotSupported", text)
    zones = [str(zone) for zone in given.get("availabilityZones") or []]
    offered_zones = catalogue.ZONES.get((region, size), ["1", "2", "3"])
    if set(zones) - set(offered_zones):
        text = (
            "Preflight validation check for resource(s) for container service in resource group failed. Message: The zone(s) "
            f"'{','.join(zones)}' for resource '{name}' is not supported. The supported zones for location '{region}' are "
            f"'{','.join(offered_zones)}'. Details:"
        )
        raise BareRefused(400, "AvailabilityZoneNotSupported", text)
    _check_counts(given)
    subnet = given.get("vnetSubnetID")
    if subnet and not has_subnet(world, str(subnet)):
        text = f"The subnet {subnet} was not found."
        raise BareRefused(400, "VnetSubnetIDNotFound", text)


def has_subnet(world: World, identifier: str) -> bool:
    """Whether a subnet exists."""
    network = world.resource(identifier.partition("/subnets/")[0])
    names = [subnet["name"].lower() for subnet in (network or {"properties": {}})["properties"].get("subnets", [])]
    return identifier.rpartition("/")[2].lower() in names and SUBNET.rpartition("/")[2] in identifier


def _check_counts(given: Body) -> None:
    least, most, count = given.get("minCount"), given.get("maxCount"), given.get("count")
    if not given.get("enableAutoScaling"):
        if least is not None or most is not None:
            raise invalid("agentPoolProfile.minCount", "minCount and maxCount need enableAutoScaling.")
        return
    if least is None or most is None or int(least) > int(most) or int(most) > MOST_NODES or int(most) < 1:
        raise invalid(
            "agentPoolProfile.maxCount", "minCount and maxCount must be set, and 0 <= minCount <= maxCount <= 1000."
        )
    if int(least) < 1 and given.get("mode") == "System":
        raise invalid("agentPoolProfile.minCount", "The minimum of a system pool is 1.")
    if count is not None and not int(least) <= int(count) <= int(most):
        raise invalid("agentPoolProfile.count", "The count must be between minCount and maxCount.")


def check_quota(world: World, size: str, region: str, more: int, *, spot: bool = False) -> None:
    """Raise the refusal if so many more machines of a size are beyond the quota of the region or of their family."""
    refusal = over_quota(world, size, region, more, spot=spot)
    if refusal is not None:
        raise refusal


def over_quota(world: World, size: str, region: str, more: int, *, spot: bool = False) -> BareRefused | None:
    """Why so many more machines of a size are beyond the quota, or None."""
    wanted = more * int(world.catalogue[size]["vcpus"])
    if wanted <= 0:
        return None
    rows = (
        [catalogue.spot_usage(world, region)]
        if spot
        else [
            catalogue.regional_usage(world, region),
            catalogue.family_usage(world, size, region),
        ]
    )
    for place, row in enumerate(rows):
        left = row["limit"] - row["currentValue"]
        if wanted <= left:
            continue
        text = f"Insufficient regional vcpu quota left for location {region}. left regional vcpu quota {left}, requested quota {wanted}."
        if place:
            family = world.catalogue[size]["family"]
            text = f"Insufficient vcpu quota requested {wanted}, remaining {left} for family {family} for region {region}."
        return BareRefused(400, "ErrCode_InsufficientVCPUQuota", f"{text} {QUOTA_HELP}")
    return None


def no_capacity(world: World, size: str, region: str, zones: Sequence[str]) -> Refused | None:
    """The late failure of an operation when there are no machines of a size to be had."""
    machine: Document = {"properties": {"hardwareProfile": {"vmSize": size}}, "location": region, "zones": list(zones)}
    try:
        capacity.check_capacity(world, size, region, zones)
    except Refused as refused:
        return BareRefused(409, "SKUNotAvailable", refused.message)
    refusal = capacity.no_capacity(world, machine)
    return BareRefused(409, refusal.code, refusal.message) if refusal else None


def check_identities(world: World, rid: ResourceId, body: Body) -> None:
    """Raise the refusal for identities that do not exist, or that lack the role that a kubelet's own identity needs.

    https://learn.microsoft.com/azure/aks/use-managed-identity#bring-your-own-kubelet-managed-identity
    """
    identity = body.get("identity") or {}
    assigned = list(identity.get("userAssignedIdentities") or {})
    for one in assigned:
        if (known := world.resource(one)) is None or known["type"] != IDENTITY:
            raise BareRefused(400, "InvalidUserAssignedIdentity", f"The user assigned identity {one} was not found.")
    kubelet = ((body.get("properties") or {}).get("identityProfile") or {}).get("kubeletidentity")
    if not kubelet:
        return
    if not assigned:
        text = "Custom kubelet identity is only supported on a cluster that uses a user-assigned managed identity."
        raise BareRefused(400, "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster", text)
    own = world.resource(str(kubelet.get("resourceId")))
    if own is None:
        raise BareRefused(
            400, "InvalidUserAssignedIdentity", f"The kubelet identity {kubelet.get('resourceId')} was not found."
        )
    principal = str((world.resource(assigned[0]) or {})["properties"]["principalId"])
    if not holds(world, principal, MANAGED_IDENTITY_OPERATOR, own["id"]):
        text = (
            "The cluster using user-assigned managed identity must be granted 'Managed Identity Operator' role to assign kubelet "
            "identity. You can run 'az role assignment create --assignee <control-plane-identity-principal-id> --role 'Managed "
            f"Identity Operator' --scope {own['id']}' to grant the permission."
        )
        raise BareRefused(400, "CustomKubeletIdentityMissingPermissionError", text)


def holds(world: World, principal: str, role: str, scope: str) -> bool:
    """Whether a principal has a role at a scope, or above it, and the assignment is effective by now."""
    return any(
        assignment["properties"]["principalId"] == principal
        and assignment["properties"]["roleDefinitionId"].rpartition("/")[2] == role
        and f"{scope.lower()}/".startswith(assignment["properties"]["scope"].lower().rstrip("/") + "/")
        and assignment["_effective"] <= world.seconds()
        for assignment in world.resources(ROLE)
    )
