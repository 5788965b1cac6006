"""Managed clusters (AKS) without local accounts, whose nodes are in a resource group of their own.

https://learn.microsoft.com/rest/api/aks/managed-clusters/create-or-update
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dormouse.resources.billing.meters import ADDRESS, LOAD_BALANCER, Charge
from dormouse.resources.kinds import ResourceKind
from dormouse.resources.kubernetes.cluster_views import (
    SYSTEM_POOL,
    cluster_drift,
    cluster_outputs,
    power_state,
    problem,
    system_nodes_billed,
    ways_in,
)
from dormouse.resources.naming import group_of, name_of, subscription_of
from dormouse.resources.network import in_group
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

CLUSTERS = "Microsoft.ContainerService/managedClusters"
API_VERSION = "2026-08-01"
SURGE = 1
# 15 to 30 minutes. https://learn.microsoft.com/azure/aks/start-stop-cluster
REST_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class ClusterDesign:
    """A cluster as a blueprint asks for it: its system pool, the ID of the subnet of its nodes, its version ("": default).

    `private`: its API server has no public address. `namespace` is where the runners are.
    """

    size: str
    count: int
    subnet: str
    version: str = ""
    private: bool = False
    namespace: str = "runners"


def managed_cluster(
    target: DeploymentTarget, cluster: ClusterDesign, control: Resource, kubelet: Resource, needs: Sequence[Resource]
) -> Resource:
    """A cluster with two user-assigned identities, Entra ID with roles of Azure, and a small pool for the system.

    The identity of the kubelet is filled in when it is put: its IDs follow from the identity that exists then.
    """
    name = target.called("aks")
    properties = {
        **({"kubernetesVersion": cluster.version} if cluster.version else {}),
        "dnsPrefix": name,
        "nodeResourceGroup": name_of(node_group(target.id(CLUSTERS, name))),
        "enableRBAC": True,
        "disableLocalAccounts": True,
        "aadProfile": {"managed": True, "enableAzureRBAC": True},
        "oidcIssuerProfile": {"enabled": True},
        "securityProfile": {"workloadIdentity": {"enabled": True}},
        "networkProfile": {
            "networkPlugin": "azure",
            "networkPluginMode": "overlay",
            "loadBalancerSku": "standard",
            "outboundType": "loadBalancer",
        },
        "autoUpgradeProfile": {"upgradeChannel": "patch", "nodeOSUpgradeChannel": "NodeImage"},
        "agentPoolProfiles": [_system_pool(cluster)],
        **({"apiServerAccessProfile": {"enablePrivateCluster": True}} if cluster.private else {}),
    }
    body = {
        "sku": {"name": "Base", "tier": "Free"},
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {control.id: {}}},
        "properties": properties,
    }
    settings = {
        "size": cluster.size,
        "count": str(cluster.count),
        "kubelet": kubelet.name,
        "environment": target.environment,
        "namespace": cluster.namespace,
        **PRIVATE_SETTING[cluster.private],
    }
    wanted = ("group", control.name, kubelet.name, *(one.name for one in needs))
    found = in_group(target, "cluster", MANAGED_CLUSTER, name, body, settings=settings, needs=wanted)
    return Resource(found.name, found.kind, found.id, found.body, settings, None, wanted, (kubelet.name,), "group")


PRIVATE_SETTING: Mapping[bool, dict[str, str]] = {True: {"private": "true"}, False: {}}


def node_group(cluster: str) -> str:
    """The resource ID of the group with the nodes of a cluster: its name is ours, so that its end can be checked."""
    return f"/subscriptions/{subscription_of(cluster)}/resourceGroups/{group_of(cluster)}-nodes"


def _system_pool(cluster: ClusterDesign) -> dict[str, object]:
    return {
        "name": SYSTEM_POOL,
        "mode": "System",
        "count": cluster.count,
        "vmSize": cluster.size,
        "osType": "Linux",
        "osSKU": "AzureLinux",
        "vnetSubnetID": cluster.subnet,
        "upgradeSettings": {"maxSurge": str(SURGE)},
    }


def _sizes(resource: Resource) -> Mapping[str, int]:
    """The nodes that a quota must have room for: an upgrade adds one before it takes one away.

    https://learn.microsoft.com/azure/aks/upgrade-aks-cluster#customize-node-surge-upgrade
    """
    return {} if resource.before else {resource.settings["size"]: int(resource.settings["count"]) + SURGE}


def _charges(resource: Resource) -> Sequence[Charge]:
    """What a cluster of the tier Free is billed for, also while it is stopped: https://github.com/Azure/AKS/issues/3749."""
    return Charge.of(LOAD_BALANCER), Charge.of(ADDRESS)


def _nodes(resource: Resource) -> Sequence[Resource]:
    group = node_group(resource.id)
    return [Resource(f"{resource.name}-nodes", "resource_group", group, needs=("group",), contained_in=resource.name)]


MANAGED_CLUSTER = ResourceKind(
    "managed_cluster",
    CLUSTERS,
    API_VERSION,
    diff=cluster_drift,
    outputs=cluster_outputs,
    power_state=power_state,
    problem=problem,
    endpoints=ways_in,
    billing=system_nodes_billed,
    charges=_charges,
    charged="by the hour as long as it exists: its load balancer with a public address",
    by_use="OS disks of its nodes",
    sizes=_sizes,
    implied=_nodes,
    checks=("sizes_can_be_had", "versions_are_offered", "cost_is_allowed"),
    repeatable=False,
    rest=REST_SECONDS,
    still_billed="the load balancer of the cluster",
    actions=(
        *(f"{CLUSTERS}/{action}/action" for action in ("start", "stop", "listClusterUserCredential", "runCommand")),
        f"{CLUSTERS}/commandResults/read",
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        "Microsoft.ContainerService/locations/kubernetesVersions/read",
        "Microsoft.ContainerService/locations/operations/read",
        "Microsoft.Compute/skus/read",
        "Microsoft.Compute/locations/usages/read",
    ),
)
