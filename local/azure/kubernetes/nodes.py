"""The nodes of a cluster: what they are labelled and tainted with, what they offer, and how they come and go.

https://learn.microsoft.com/azure/aks/node-resource-reservations (what a node keeps for itself),
https://learn.microsoft.com/azure/aks/use-labels (labels), https://learn.microsoft.com/azure/aks/use-nvidia-gpu
"""

import zlib
from typing import Any

from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.kubernetes.objects import Object, Server

GPU = "nvidia.com/gpu"
RESERVED_CPU = ((1, 60), (2, 100), (4, 140), (8, 180), (16, 260), (32, 420), (64, 740))  # cores, millicores
POOL_LABEL = "agentpool"
GIB, MIB = 2**30, 2**20
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def keep_count(world: World, cluster: Document, pool: Document, count: int, at: float) -> None:
    """Add or remove nodes of a pool until there are so many; those that run least go first.

    Its settings may have changed as well, so that the autoscaler looks again.
    """
    server = Server(world, cluster, at)
    arriving = [one for one in server.record.get("arrivals", []) if one["pool"] != pool["name"]]
    server.remember(arrivals=arriving, due=min(server.record["due"] or at, at))
    there = of_pool(server, pool["name"])
    for number in range(count - len(there)):
        add(server, pool, number)
    busy = {pod["spec"].get("nodeName") for pod in server.listed("pods") if not is_daemon(pod)}
    spare = sorted(there, key=lambda node: (node["metadata"]["name"] in busy, node["metadata"]["name"]))
    for node in spare[: max(len(there) - count, 0)]:
        drop(server, node["metadata"]["name"])


def of_pool(server: Server, pool: str) -> list[Object]:
    """The nodes of a pool."""
    return [node for node in server.listed("nodes") if node["metadata"]["labels"].get(POOL_LABEL) == pool]


def is_daemon(pod: Object) -> bool:
    """Whether a pod belongs to a DaemonSet, which keeps no node from being removed."""
    return any(ref["kind"] == "DaemonSet" for ref in pod["metadata"].get("ownerReferences", []))


def add(server: Server, pool: Document, number: int) -> Object:
    """Add a node that is ready; its GPUs are offered later, by the device plugin that runs on it."""
    names = {node["metadata"]["name"] for node in server.listed("nodes")}
    place = number
    while (name := name_of(server, pool, place)) in names:
        place += 1
    return server.write("nodes", node_like(server, pool, name))


def name_of(server: Server, pool: Document, number: int) -> str:
    """The name of a node: that of its scale set and its number in base 36."""
    crc = zlib.crc32(server.cluster["id"].lower().encode()) % 10**8
    return f"aks-{pool['name']}-{crc:08d}-vmss{LETTERS[number // 36 // 36 % 36]:0>4}{LETTERS[number // 36 % 36]}{LETTERS[number % 36]}"


def drop(server: Server, name: str) -> None:
    """Remove a node: pods of controllers are made again elsewhere, and others are gone."""
    for pod in server.listed("pods"):
        if pod["spec"].get("nodeName") == name:
            server.remove("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
    server.remove("nodes", "", name)


def node_like(server: Server, pool: Document, name: str) -> Object:
    """A node as one of a pool comes up."""
    properties, region = pool["properties"], server.cluster["location"]
    facts = server.world.catalogue[properties["vmSize"]]
    labels = {
        POOL_LABEL: pool["name"],
        "kubernetes.azure.com/agentpool": pool["name"],
        "kubernetes.azure.com/cluster": server.cluster["properties"]["nodeResourceGroup"],
        "kubernetes.azure.com/mode": properties["mode"].lower(),
        "kubernetes.azure.com/os-sku": properties["osSKU"],
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": properties["vmSize"],
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": "0",
        **({"accelerator": "nvidia", "kubernetes.azure.com/accelerator": "nvidia"} if facts["gpus"] else {}),
        **(properties.get("nodeLabels") or {}),
    }
    capacity, allocatable = _resources(facts, int(properties["maxPods"]))
    return {
        "metadata": {"name": name, "labels": labels, "annotations": {}},
        "spec": {
            "providerID": f"azure:///{name}",
            **({"taints": taints} if (taints := taints_of(properties)) else {}),
        },
        "status": {
            "capacity": capacity,
            "allocatable": allocatable,
            "conditions": [_ready(server)],
            "addresses": [{"type": "Hostname", "address": name}],
            "nodeInfo": {
                "kubeletVersion": f"v{properties['currentOrchestratorVersion']}",
                "osImage": properties["nodeImageVersion"],
                "architecture": "amd64",
                "operatingSystem": "linux",
                "containerRuntimeVersion": "containerd://2.0.0",
                "kernelVersion": "5.15.0-1102-azure",
                "kubeProxyVersion": f"v{properties['currentOrchestratorVersion']}",
                **{kind: server.world.guid(kind, name) for kind in ("bootID", "machineID", "systemUUID")},
            },
        },
    }


def taints_of(properties: dict[str, Any]) -> list[dict[str, str]]:
    """The taints of a pool's nodes, each written as key=value:effect in the pool."""
    found = []
    for text in properties.get("nodeTaints") or []:
        pair, _, effect = str(text).rpartition(":")
        key, _, value = pair.partition("=")
        found.append({"key": key, **({"value": value} if value else {}), "effect": effect})
    if properties.get("scaleSetPriority") == "Spot":
        found.append({"key": "kubernetes.azure.com/scalesetpriority", "value": "spot", "effect": "NoSchedule"})
    return found


def _ready(server: Server) -> dict[str, str]:
    now = server.time()
    text = {"reason": "KubeletReady", "message": "kubelet is posting ready status"}
    return {"type": "Ready", "status": "True", "lastHeartbeatTime": now, "lastTransitionTime": now, **text}


def _resources(facts: dict[str, Any], pods: int) -> tuple[dict[str, str], dict[str, str]]:
    cores, memory = int(facts["vcpus"]), int(facts["memory_gib"] * GIB)
    reserved = max(milli for most, milli in RESERVED_CPU if most <= cores)
    kept = min(20 * pods + 50, memory // MIB // 4) * MIB + 100 * MIB
    common = {"ephemeral-storage": "129886128Ki", "hugepages-1Gi": "0", "hugepages-2Mi": "0", "pods": str(pods)}
    capacity = {"cpu": str(cores), "memory": f"{memory // 1024}Ki", **common}
    return capacity, {"cpu": f"{cores * 1000 - reserved}m", "memory": f"{(memory - kept) // 1024}Ki", **common}
