"""Linked access checks: the rights on other resources that a body needs because it refers to them.

Resource providers declare for which property of which type another action is checked on the resource that it names:
https://learn.microsoft.com/javascript/api/@azure/arm-providerhub/linkedaccesscheck. Which ones those are is not documented
as a whole; the source of each is given below.
"""

from collections.abc import Iterator
from typing import Any

from local.azure.core.resource_ids import ResourceId, type_of
from local.azure.core.store import Document
from local.azure.providers.kinds import (
    CLUSTER,
    DIAGNOSTIC_SETTING,
    DISK,
    IDENTITY,
    LOG_WORKSPACE,
    MACHINE,
    ML_COMPUTE,
    ML_WORKSPACE,
    NIC,
    POOL,
    REGISTRY,
    SNAPSHOT,
    VNET,
)

NETWORK = "Microsoft.Network"
JOINS_A_SUBNET = f"{NETWORK}/virtualNetworks/subnets/join/action"
JOINS_A_FIREWALL = f"{NETWORK}/networkSecurityGroups/join/action"
ASSIGNS_IDENTITIES = ("identity.userAssignedIdentities{}", f"{IDENTITY}/assign/action")
# By type: the properties that refer to another resource, and the action that is checked on it.
REFERENCES: dict[str, tuple[tuple[str, str], ...]] = {
    # https://github.com/CheckPointSW/terraform-azure-cloudguard-network-security/issues/25 (subnet),
    # https://github.com/coreos/tectonic-installer/pull/1954 (security group), https://github.com/Azure/mpf/issues/44 (address)
    NIC: (
        ("properties.ipConfigurations[].properties.subnet.id", JOINS_A_SUBNET),
        ("properties.ipConfigurations[].properties.publicIPAddress.id", f"{NETWORK}/publicIPAddresses/join/action"),
        ("properties.networkSecurityGroup.id", JOINS_A_FIREWALL),
    ),
    # https://github.com/Azure/ARO-RP/pull/423
    VNET: (("properties.subnets[].properties.networkSecurityGroup.id", JOINS_A_FIREWALL),),
    # https://github.com/Azure/azure-cli/issues/28742 (disks), https://github.com/Azure/aad-pod-identity/issues/339 (identities);
    # network interfaces: https://learn.microsoft.com/azure/role-based-access-control/permissions/networking
    MACHINE: (
        ("properties.networkProfile.networkInterfaces[].id", f"{NIC}/join/action"),
        ("properties.storageProfile.osDisk.managedDisk.id", f"{DISK}/write"),
        ("properties.storageProfile.dataDisks[].managedDisk.id", f"{DISK}/write"),
        ASSIGNS_IDENTITIES,
    ),
    # https://github.com/Azure/OpenShift/issues/186, https://github.com/kubernetes/kubernetes/issues/93020
    SNAPSHOT: (("properties.creationData.sourceResourceId", "beginGetAccess/action"),),
    DISK: (("properties.creationData.sourceResourceId", "beginGetAccess/action"),),
    # https://learn.microsoft.com/azure/role-based-access-control/permissions/identity,
    # https://learn.microsoft.com/azure/machine-learning/how-to-secure-training-vnet (subnet)
    REGISTRY: (ASSIGNS_IDENTITIES,),
    ML_WORKSPACE: (ASSIGNS_IDENTITIES,),
    # https://github.com/JimGBritt/AzurePolicy/issues/17, https://github.com/MicrosoftDocs/azure-docs/issues/80159
    DIAGNOSTIC_SETTING: (("properties.workspaceId", f"{LOG_WORKSPACE}/sharedKeys/action"),),
    ML_COMPUTE: (ASSIGNS_IDENTITIES, ("properties.properties.subnet.id", JOINS_A_SUBNET)),
    # https://learn.microsoft.com/azure/aks/concepts-identity#azure-rbac-to-authorize-access-to-the-aks-resource and
    # https://github.com/Azure/AKS/issues/1557 (subnet), https://github.com/Azure/AKS/issues/2139 (identities)
    CLUSTER: (
        ASSIGNS_IDENTITIES,
        ("properties.identityProfile.kubeletidentity.resourceId", f"{IDENTITY}/assign/action"),
        ("properties.agentPoolProfiles[].vnetSubnetID", JOINS_A_SUBNET),
    ),
    POOL: (("properties.vnetSubnetID", JOINS_A_SUBNET),),
}
TYPES = {kind.lower(): kind for kind in REFERENCES}


def references(method: str, rid: ResourceId, body: Any, existing: Document | None) -> Iterator[tuple[str, str]]:
    """The actions that a PUT or PATCH needs on other resources, each with the resource."""
    kind = TYPES.get(rid.type.lower())
    if kind is None or not isinstance(body, dict):
        return
    whole = _merged(existing, body) if method == "PATCH" and kind == MACHINE and existing else body
    for path, action in REFERENCES[kind]:
        for identifier in _values(whole, path):
            if isinstance(identifier, str) and identifier:
                yield (action if "." in action else f"{type_of(identifier)}/{action}"), identifier
    if kind == MACHINE and existing is None and method == "PUT":
        yield from _new_disks(rid, body)


def _merged(existing: Document, body: dict[str, Any]) -> dict[str, Any]:
    """A machine as it is after a PATCH; a body that does not name identities changes none.

    Assumed: the source shows a PUT that sets tags, with everything that the machine has in its body, and whether a PATCH is
    checked for what it leaves alone is not known. The stricter of the two is simulated.
    """
    properties = {**existing["properties"], **(body.get("properties") or {})}
    asked, there = body.get("identity"), existing.get("identity") or {}
    if isinstance(asked, dict) and "UserAssigned" in str(asked.get("type")):
        named = {**(there.get("userAssignedIdentities") or {}), **(asked.get("userAssignedIdentities") or {})}
        return {"properties": properties, "identity": {"userAssignedIdentities": named}}
    return {"properties": properties}


def _new_disks(rid: ResourceId, body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The disks that Azure creates along with a machine; that they are checked like those with an ID is assumed."""
    here = f"{rid.group_id}/providers/{DISK}"
    profile = (body.get("properties") or {}).get("storageProfile") or {}
    for disk in [profile.get("osDisk") or {}, *(profile.get("dataDisks") or [])]:
        if not (disk.get("managedDisk") or {}).get("id"):
            yield f"{DISK}/write", f"{here}/{disk['name']}" if disk.get("name") else rid.group_id


def _values(value: Any, path: str) -> Iterator[Any]:
    """What stands at a path: `[]` goes through a list, and `{}` through the keys of an object whose values are not null."""
    if not path:
        yield value
        return
    step, _, rest = path.partition(".")
    name = step.rstrip("[]{}")
    found = value.get(name) if isinstance(value, dict) else None
    if step.endswith("[]"):
        for item in found if isinstance(found, list) else ():
            yield from _values(item, rest)
    elif step.endswith("{}"):
        yield from (key for key, item in found.items() if item is not None) if isinstance(found, dict) else ()
    elif found is not None:
        yield from _values(found, rest)
