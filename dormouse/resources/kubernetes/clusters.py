"""Managed clusters (AKS) without local accounts, whose nodes are in a resource group of their own.

https://learn.microsoft.com/rest/api/aks/managed-clusters/create-or-update
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.lifecycle import State
from dormouse.resources.kinds import (
    Change,
    Difference,
    Endpoint,
    Observed,
    Outputs,
    PriceQuery,
    ResourceKind,
    failed_or_as_put,
    provisioning_of,
)
from dormouse.resources.naming import group_of, name_of, subscription_of
from dormouse.resources.network import in_group
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

CLUSTERS = "Microsoft.ContainerService/managedClusters"
API_VERSION = "2026-08-01"
SYSTEM_POOL, SURGE = "system", 1
HTTPS = 443
# 15 to 30 minutes. https://learn.microsoft.com/azure/aks/start-stop-cluster
REST_SECONDS = 900.0
NEVER_CHANGES = "Azure never changes it"
# https://learn.microsoft.com/azure/aks/supported-kubernetes-versions: an upgrade goes to the next minor version only.
UPGRADES_ONLY = "clusters are upgraded, never downgraded"
STATES = {
    "creating": State.CREATING,
    "starting": State.STARTING,
    "stopping": State.STOPPING,
    "deleting": State.DELETING,
}


@dataclass(frozen=True, slots=True)
class Cluster:
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
    target: DeploymentTarget, cluster: Cluster, control: Resource, kubelet: Resource, needs: Sequence[Resource]
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


def _system_pool(cluster: Cluster) -> dict[str, object]:
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


def power_state(observed: Observed) -> State:
    """The state of a cluster; one that Azure calls stopped while one of its pools runs is still stopping."""
    properties = observed.get("properties") or {}
    known = STATES.get(provisioning_of(observed))
    if known:
        return known
    code = str((properties.get("powerState") or {}).get("code", "")).lower()
    if code == "stopped":
        pools = properties.get("agentPoolProfiles") or []
        runs = any(_power(pool) == "running" and pool.get("count") for pool in pools)
        return State.STOPPING if runs else State.STOPPED
    return State.RUNNING if code == "running" else State.UNKNOWN


def _power(pool: Mapping[str, object]) -> str:
    power = pool.get("powerState")
    return str(power.get("code", "")).lower() if isinstance(power, Mapping) else ""


def _problem(observed: Observed) -> str:
    """Why the last change of a cluster failed, or "". https://learn.microsoft.com/rest/api/aks/managed-clusters/get"""
    if provisioning_of(observed) != "failed":
        return ""
    error = ((observed["properties"].get("status") or {}).get("provisioningError")) or {}
    return f"The last change of the cluster failed: {error.get('message') or 'Azure gave no reason'}."


def _drift(resource: Resource, observed: Observed) -> Change:
    found = Change.of(_differences(resource, observed))
    return found if found.differences else failed_or_as_put(resource, observed)


def _differences(resource: Resource, observed: Observed) -> Iterator[Difference]:
    planned, shown = resource.body["properties"], observed["properties"]
    system, wanted = _system_in(observed), planned["agentPoolProfiles"][0]
    size = str(system.get("vmSize", ""))
    if size and size.lower() != wanted["vmSize"].lower():
        yield Difference("system.size", size, wanted["vmSize"], NEVER_CHANGES)
    if system and system.get("count") != wanted["count"]:
        yield Difference("system.count", str(system.get("count")), str(wanted["count"]))
    version, asked = str(shown.get("currentKubernetesVersion") or ""), planned.get("kubernetesVersion", "")
    if asked and version and not f"{version}.".startswith(f"{asked}."):
        obstacle = UPGRADES_ONLY if _numbers(asked) < _numbers(version) else ""
        yield Difference("kubernetes_version", version, asked, obstacle)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _outputs(observed: Observed) -> Outputs:
    """The host of the API server, and the resource ID of the cluster."""
    properties = observed["properties"]
    host = str(properties.get("fqdn") or properties.get("privateFQDN") or "")
    return {"id": str(observed.get("id", "")), "host": host}


def _endpoints(resource: Resource, outputs: Outputs) -> Sequence[Endpoint]:
    """How to get a kubeconfig, which holds no credential, and the kubectl line; everyone logs in with their own account.

    https://learn.microsoft.com/azure/aks/kubelogin-authentication
    """
    host, cluster, group = outputs.get("host", ""), name_of(resource.id), group_of(resource.id)
    if not host:
        return ()
    config = f"az aks get-credentials --resource-group {group} --name {cluster} --format exec"
    return (
        Endpoint("kubeconfig", host, HTTPS, config),
        Endpoint(
            "kubectl", host, HTTPS, f"kubectl --context {cluster} --namespace {resource.settings['namespace']} get pods"
        ),
    )


def _billing(resource: Resource, observed: Observed | None) -> PriceQuery | None:
    """The nodes of the system pool; those for GPUs are billed with their own pool."""
    system = _system_in(observed or {})
    size = str(system.get("vmSize") or resource.settings.get("size", ""))
    count = int(system.get("count") or resource.settings.get("count") or 1)
    return PriceQuery(size, count) if size else None


def _system_in(observed: Observed) -> Mapping[str, Any]:
    """The system pool of a cluster as it is shown, or nothing."""
    pools = (observed.get("properties") or {}).get("agentPoolProfiles") or []
    return next((pool for pool in pools if pool.get("name") == SYSTEM_POOL), {})


def _sizes(resource: Resource) -> Mapping[str, int]:
    """The nodes that a quota must have room for: an upgrade adds one before it takes one away.

    https://learn.microsoft.com/azure/aks/upgrade-aks-cluster#customize-node-surge-upgrade
    """
    return {} if resource.before else {resource.settings["size"]: int(resource.settings["count"]) + SURGE}


def _nodes(resource: Resource) -> Sequence[Resource]:
    group = node_group(resource.id)
    return [Resource(f"{resource.name}-nodes", "resource_group", group, needs=("group",), contained_in=resource.name)]


MANAGED_CLUSTER = ResourceKind(
    "managed_cluster",
    CLUSTERS,
    API_VERSION,
    diff=_drift,
    outputs=_outputs,
    power_state=power_state,
    problem=_problem,
    endpoints=_endpoints,
    billing=_billing,
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
