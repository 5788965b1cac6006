"""The properties of an agent pool: what the caller gives, with the defaults that come back as recorded in 2026."""

from typing import Any

from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body
from local.azure.providers.containers import versions

SCALE_SETS = "VirtualMachineScaleSets"
MOST_PODS = {"overlay": 250, "kubenet": 110, "none": 250}
FEW_PODS = 30  # of Azure CNI with an address of the virtual network for each pod
# https://learn.microsoft.com/azure/aks/manage-node-pools: decided when a pool is created.
FIXED = (
    *("vmSize", "maxPods", "osDiskSizeGB", "osDiskType", "osType", "type", "vnetSubnetID", "availabilityZones"),
    *("gpuProfile", "gpuInstanceProfile", "enableFIPS", "scaleSetPriority", "scaleSetEvictionPolicy", "enableNodePublicIP"),
)
GIVEN = (
    *("availabilityZones", "scaleSetPriority", "scaleSetEvictionPolicy", "spotMaxPrice", "gpuProfile", "gpuInstanceProfile"),
    *("vnetSubnetID",),
)
READ_ONLY = ("provisioningState", "currentOrchestratorVersion", "nodeImageVersion", "eTag", "status")


def properties(world: World, given: Body, cluster: Document, known: Body | None) -> Body:
    """The properties of a new pool of a cluster, or of a `known` one that is changed."""
    before = known or {}
    asked = {name: value for name, value in given.items() if value is not None and name != "name"}
    version = asked.get("orchestratorVersion") or before.get("orchestratorVersion") or _version_of(cluster)
    whole = {**before, **{name: value for name, value in asked.items() if name not in READ_ONLY}}
    system = whole.get("osSKU", "Ubuntu")
    scales = whole.get("enableAutoScaling", False)
    return {
        "count": _count(whole, asked, before),
        "vmSize": whole["vmSize"],
        "osDiskSizeGB": whole.get("osDiskSizeGB") or 128,
        "osDiskType": whole.get("osDiskType", "Managed"),
        "kubeletDiskType": whole.get("kubeletDiskType", "OS"),
        "maxPods": whole.get("maxPods") or _most_pods(cluster["properties"].get("networkProfile") or {}),
        "type": whole.get("type", SCALE_SETS),
        **({name: whole[name] for name in ("minCount", "maxCount") if name in whole} if scales else {}),
        **({"enableAutoScaling": scales} if "enableAutoScaling" in whole else {}),
        "scaleDownMode": whole.get("scaleDownMode", "Delete"),
        "provisioningState": before.get("provisioningState", "Creating"),
        "powerState": whole.get("powerState", {"code": "Running"}),
        "orchestratorVersion": version,
        "currentOrchestratorVersion": versions.resolved(world, version, cluster["location"])
        if version != before.get("orchestratorVersion")
        else before["currentOrchestratorVersion"],
        "enableNodePublicIP": whole.get("enableNodePublicIP", False),
        **{name: whole[name] for name in ("tags", "nodeLabels", "nodeTaints") if whole.get(name) is not None},
        "mode": whole.get("mode", "User"),
        "osType": whole.get("osType", "Linux"),
        "osSKU": system,
        "nodeImageVersion": before.get("nodeImageVersion") or versions.node_image(world, system),
        "upgradeSettings": {"maxSurge": "10%", "maxUnavailable": "0", **(whole.get("upgradeSettings") or {})},
        "enableFIPS": whole.get("enableFIPS", False),
        "securityProfile": {
            "sshAccess": "LocalUser",
            "enableVTPM": False,
            "enableSecureBoot": False,
            **(whole.get("securityProfile") or {}),
        },
        **{name: whole[name] for name in GIVEN if whole.get(name) not in (None, [])},
    }


def without_empty(given: Body) -> Body:
    """Properties as they are read: empty tags, labels and taints, which only the response to a PUT repeats, are left out."""
    return {
        name: value
        for name, value in given.items()
        if name not in ("tags", "nodeLabels", "nodeTaints") or value not in ({}, [])
    }


def changed_fixed(given: Body, known: Body) -> list[str]:
    """The properties that cannot be changed and that a request would change."""
    return [name for name in FIXED if given.get(name) is not None and not _same(given[name], known.get(name))]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    return one == other or (one in ([], {}, False) and other is None)


def _version_of(cluster: Document) -> str:
    return str(cluster["properties"]["kubernetesVersion"])


def _count(whole: Body, asked: Body, before: Body) -> int:
    """How many nodes are wanted: the autoscaler keeps its own count within its bounds."""
    if not whole.get("enableAutoScaling"):
        return int(whole.get("count", 1))
    least, most = int(whole.get("minCount", 0)), int(whole.get("maxCount", 0))
    wanted = before.get("count") if before.get("enableAutoScaling") else asked.get("count", before.get("count"))
    return min(max(int(least if wanted is None else wanted), least), most)


def _most_pods(network: Body) -> int:
    if network.get("networkPlugin", "azure") == "azure" and network.get("networkPluginMode") != "overlay":
        return FEW_PODS
    return MOST_PODS[network.get("networkPluginMode") or network.get("networkPlugin", "overlay")]
