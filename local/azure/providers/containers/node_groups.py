"""The node resource group of a cluster: what AKS makes in it, and that it goes with the cluster.

https://learn.microsoft.com/azure/aks/faq#why-are-two-resource-groups-created-with-aks: network, load balancer, public
address, scale sets and the kubelet's identity; the group and everything in it are deleted with the cluster.
"""

import zlib
from typing import Any

from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, TENANT, World
from local.azure.providers.containers.errors import BareRefused
from local.azure.providers.kinds import ADDRESS, CLUSTER, GROUP, IDENTITY, LOAD_BALANCER, SCALE_SET
from local.azure.providers.roles import new_principal

STANDARD = {"name": "Standard", "tier": "Regional"}


def group_id(cluster: Document) -> str:
    """The ID of the node resource group."""
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{cluster['properties']['nodeResourceGroup']}"


def check_new(world: World, name: str) -> None:
    """Raise the refusal for a node resource group that exists already."""
    if world.resource(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}") is not None:
        text = (
            f"A resource group with name {name} already exists and cannot be used as a nodeResourceGroup. Please specify "
            "another name."
        )
        raise BareRefused(400, "NodeResourceGroupAlreadyExists", text)


def create(world: World, cluster: Document) -> None:
    """Make the group at once, as the first step of the creation of a cluster."""
    where, name = group_id(cluster), cluster["properties"]["nodeResourceGroup"]
    tags = {
        "aks-managed-cluster-name": cluster["name"],
        "aks-managed-cluster-rg": cluster["id"].split("/")[4],
    }
    world.keep(
        {
            "id": where,
            "name": name,
            "type": GROUP,
            "location": cluster["location"],
            "tags": tags,
            "managedBy": cluster["id"],
            "properties": {"provisioningState": "Succeeded"},
        }
    )


def fill(world: World, cluster: Document) -> Document:
    """Make the load balancer with its address and the kubelet's identity; returns the cluster with their IDs."""
    properties, network = dict(cluster["properties"]), dict(cluster["properties"]["networkProfile"])
    if network["outboundType"] == "loadBalancer" and "effectiveOutboundIPs" not in network["loadBalancerProfile"]:
        address = _address(world, cluster)
        balancer = {"effectiveOutboundIPs": [{"id": address}]}
        network["loadBalancerProfile"] = {
            "managedOutboundIPs": network["loadBalancerProfile"]["managedOutboundIPs"],
            **balancer,
            "backendPoolType": network["loadBalancerProfile"]["backendPoolType"],
        }
        _part(world, cluster, LOAD_BALANCER, "kubernetes", {"frontendIPConfigurations": [{"id": address}]}, sku=STANDARD)
    properties["networkProfile"] = network
    if not (properties.get("identityProfile") or {}).get("kubeletidentity"):
        properties["identityProfile"] = {"kubeletidentity": _identity(world, cluster, f"{cluster['name']}-agentpool")}
    addons = properties.get("addonProfiles") or {}
    for name, addon in addons.items():
        if addon["enabled"] and "identity" not in addon:
            addons = {
                **addons,
                name: {**addon, "config": None, "identity": _identity(world, cluster, f"{name}-{cluster['name']}")},
            }
    properties |= {"addonProfiles": addons} if addons else {}
    return {**cluster, "properties": properties}


def scale(world: World, cluster: Document, pool: Document, count: int) -> None:
    """Give the scale set of a pool so many machines; it appears with the pool."""
    number, properties = zlib.crc32(cluster["id"].lower().encode()) % 10**8, pool["properties"]
    subnet = properties.get("vnetSubnetID")
    _part(
        world,
        cluster,
        SCALE_SET,
        f"aks-{pool['name']}-{number:08d}-vmss",
        {
            "singlePlacementGroup": False,
            "orchestrationMode": "Uniform",
            **({"priority": "Spot"} if properties.get("scaleSetPriority") == "Spot" else {}),
            **({"virtualMachineProfile": _in_subnet(subnet)} if subnet else {}),
        },
        sku={"name": properties["vmSize"], "tier": "Standard", "capacity": count},
        tags={
            "aks-managed-poolName": pool["name"],
            "aks-managed-kubeletIdentityClientID": cluster["properties"]["identityProfile"]["kubeletidentity"]["clientId"],
            "aks-managed-orchestrator": f"Kubernetes:{properties['currentOrchestratorVersion']}",
        },
    )


def remove_scale_set(world: World, cluster: Document, pool: str) -> None:
    """Remove the machines of a pool that is deleted."""
    for found in list(world.resources(SCALE_SET, group_id(cluster) + "/")):
        if found["tags"].get("aks-managed-poolName") == pool:
            world.forget(found["id"])


def remove(world: World, cluster: Document) -> None:
    """Delete the group with everything in it."""
    world.forget(group_id(cluster))


def cluster_of(world: World, group: str) -> Document | None:
    """The cluster whose node resource group has this ID."""
    return next((one for one in world.resources(CLUSTER) if group_id(one).lower() == group.lower()), None)


def _address(world: World, cluster: Document) -> str:
    number = zlib.crc32(cluster["id"].lower().encode())
    properties = {
        "provisioningState": "Succeeded",
        "resourceGuid": world.guid("address", cluster["id"]),
        "ipAddress": f"20.{number % 200}.{number // 200 % 250}.{number // 50000 % 250}",
        "publicIPAddressVersion": "IPv4",
        "publicIPAllocationMethod": "Static",
        "idleTimeoutInMinutes": 30,
        "ipTags": [],
    }
    return _part(world, cluster, ADDRESS, world.guid("outbound", cluster["id"]), properties, sku=STANDARD, etag='W/"aks"')


def _identity(world: World, cluster: Document, name: str) -> dict[str, Any]:
    principal, client = new_principal(world, f"{cluster['id']}/{name}"), world.fresh_guid("client", cluster["id"], name)
    properties = {"tenantId": TENANT, "principalId": principal, "clientId": client}
    return {"resourceId": _part(world, cluster, IDENTITY, name, properties), "clientId": client, "objectId": principal}


def _in_subnet(subnet: str) -> dict[str, Any]:
    address = {"name": "ipconfig1", "properties": {"subnet": {"id": subnet}}}
    return {
        "networkProfile": {
            "networkInterfaceConfigurations": [{"name": "nic", "properties": {"ipConfigurations": [address]}}]
        }
    }


def _part(world: World, cluster: Document, kind: str, name: str, properties: dict[str, Any], **more: Any) -> str:
    identifier = f"{group_id(cluster)}/providers/{kind}/{name}"
    document = {"id": identifier, "name": name, "type": kind, "location": cluster["location"], "tags": {}}
    return str(world.keep({**document, **more, "properties": {"provisioningState": "Succeeded", **properties}})["id"])
