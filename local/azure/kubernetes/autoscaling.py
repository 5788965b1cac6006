"""The cluster autoscaler: nodes for pods that fit nowhere, and no nodes for longer than they are needed.

https://learn.microsoft.com/azure/aks/cluster-autoscaler: it looks every ten seconds; a node that has been unneeded for ten
minutes goes, but not within ten minutes after one was added. https://github.com/kubernetes/autoscaler: pods of daemon sets
hold no node, and a GPU node is only counted as there once it offers its GPUs.
"""

import re
from collections import Counter

from local.azure.core.store import Document
from local.azure.kubernetes import nodes
from local.azure.kubernetes.objects import Object, Server
from local.azure.kubernetes.scheduling import asked_by, misfit, usage
from local.azure.providers.containers import admission, node_groups, pools

SOURCE = "cluster-autoscaler"
BACK_OFF = 300.0
UNREADY = 1200.0  # seconds after which a node goes that does not offer its GPUs
UNNEEDED, AFTER_ADD = "scale-down-unneeded-time", "scale-down-delay-after-add"
USUAL = "10m"
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
SPAN = re.compile(r"(\d+)([smh])")


def run(server: Server) -> list[float]:
    """Let nodes join that are due, ask for those that are needed, and remove those that are not."""
    scaled = [pool for pool in pools.of_cluster(server.world, server.cluster["id"]) if _is_scaled(pool)]
    following = _join(server)
    if scaled:
        following += _scale_up(server, scaled)
        following += _scale_down(server, scaled)
    return following


def _is_scaled(pool: Document) -> bool:
    properties = pool["properties"]
    ready = properties["provisioningState"] == "Succeeded" and properties["powerState"]["code"] == "Running"
    return bool(properties.get("enableAutoScaling")) and ready


def _join(server: Server) -> list[float]:
    """Add the nodes whose machines have come up."""
    waiting = [one for one in server.record.get("arrivals", []) if one["at"] > server.now]
    for one in server.record.get("arrivals", []):
        pool = server.world.resource(f"{server.cluster['id']}/agentPools/{one['pool']}")
        if one["at"] <= server.now and pool is not None:
            nodes.add(server, pool, 0)
    if len(waiting) != len(server.record.get("arrivals", [])):
        server.remember(arrivals=waiting)
    return [float(one["at"]) for one in waiting]


def _scale_up(server: Server, scaled: list[Document]) -> list[float]:
    """Ask for a node for each pod that fits neither on a node nor on one that is on its way."""
    coming = [template(server, pool) for pool in scaled for _ in range(_on_the_way(server, pool))]
    used = usage(server)
    for place, node in enumerate(coming):
        node["metadata"]["name"] = f"coming {place}"
    following: list[float] = []
    for pod in server.listed("pods"):
        if pod["spec"].get("nodeName") or pod["status"]["phase"] != "Pending" or not _refused(pod):
            continue
        room = next((node for node in coming if not misfit(pod, node, used)), None)
        if room is None:
            room = _asked(server, pod, scaled, following)
            if room is None:
                continue
            room["metadata"]["name"] = f"coming {len(coming)}"
            coming.append(room)
        used.setdefault(room["metadata"]["name"], Counter()).update({**asked_by(pod), "pods": 1.0})
    return following


def _refused(pod: Object) -> bool:
    return any(one.get("reason") == "Unschedulable" for one in pod["status"].get("conditions") or [])


def _on_the_way(server: Server, pool: Document) -> int:
    """The nodes of a pool that have not joined, or do not offer their GPUs yet."""
    joined = nodes.of_pool(server, pool["name"])
    arriving = len([one for one in server.record.get("arrivals", []) if one["pool"] == pool["name"]])
    has_gpus = server.world.catalogue[pool["properties"]["vmSize"]]["gpus"]
    return arriving + len([node for node in joined if has_gpus and nodes.GPU not in node["status"]["allocatable"]])


def template(server: Server, pool: Document) -> Object:
    """A node as the autoscaler expects it of a pool, with its GPUs."""
    node = nodes.node_like(server, pool, "template")
    gpus = int(server.world.catalogue[pool["properties"]["vmSize"]]["gpus"])
    offered = {**node["status"]["allocatable"], **({nodes.GPU: str(gpus)} if gpus else {})}
    return {**node, "status": {**node["status"], "allocatable": offered}}


def _asked(server: Server, pod: Object, scaled: list[Document], following: list[float]) -> Object | None:
    """Ask Azure for a node of the first pool that could take a pod; tells the pod what came of it."""
    reasons = Counter[str]()
    for pool in scaled:
        current = server.world.resource(pool["id"]) or pool
        properties, node = current["properties"], template(server, current)
        if fault := misfit(pod, node, {}):
            reasons[fault] += 1
        elif properties["count"] >= properties["maxCount"]:
            reasons["max node group size reached"] += 1
        elif (until := _backing_off(server, pool)) > server.now:
            reasons["in backoff after failed scale-up"] += 1
            following.append(until)
        elif _grow(server, current, pod):
            return node
        else:
            following.append(server.now + BACK_OFF)
            return None
    if reasons and pod.get("_told") != dict(reasons):
        listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        server.write("pods", {**pod, "_told": dict(reasons)})
        server.tell(pod, "Normal", "NotTriggerScaleUp", f"pod didn't trigger scale-up: {listed}", SOURCE)
    return None


def _grow(server: Server, pool: Document, pod: Object) -> bool:
    """Add a machine to a pool unless quota or capacity forbid it; returns whether one comes."""
    world, properties, name = server.world, pool["properties"], _group_name(server, pool)
    size, region, count = properties["vmSize"], server.cluster["location"], int(properties["count"])
    spot = properties.get("scaleSetPriority") == "Spot"
    refused = admission.over_quota(world, size, region, 1, spot=spot)
    refused_later = admission.no_capacity(world, size, region, properties.get("availabilityZones") or [])
    fault = refused or refused_later
    if fault is not None:
        text = f"Failed adding 1 nodes to group {name} due to OutOfResource.{fault.code}; source errors: {fault.message}"
        server.tell(pod, "Warning", "FailedScaleUp", text, SOURCE)
        server.remember(backing_off={**server.record.get("backing_off", {}), pool["name"]: server.now + BACK_OFF})
        return False
    text = f"pod triggered scale-up: [{{{name} {count}->{count + 1} (max: {properties['maxCount']})}}]"
    server.tell(pod, "Normal", "TriggeredScaleUp", text, SOURCE)
    _count(server, pool, count + 1)
    arrival = {"pool": pool["name"], "at": server.now + world.draw("aks node", pool["name"])}
    server.remember(arrivals=[*server.record.get("arrivals", []), arrival], added=server.now)
    return True


def _backing_off(server: Server, pool: Document) -> float:
    return float(server.record.get("backing_off", {}).get(pool["name"], 0.0))


def _group_name(server: Server, pool: Document) -> str:
    return nodes.name_of(server, pool, 0)[:-6]


def _count(server: Server, pool: Document, count: int) -> None:
    """Show so many machines in Azure."""
    changed = {**pool, "properties": {**pool["properties"], "count": count}}
    pools.keep_pool(server.world, changed)
    node_groups.scale(server.world, server.cluster, changed, count)


def _scale_down(server: Server, scaled: list[Document]) -> list[float]:
    """Remove the nodes that no pod has needed for long enough, down to the minimum."""
    following: list[float] = []
    profile = server.cluster["properties"].get("autoScalerProfile") or {}
    unneeded, after = (seconds_of(profile.get(name, USUAL)) for name in (UNNEEDED, AFTER_ADD))
    busy = {
        pod["spec"]["nodeName"]
        for pod in server.listed("pods")
        if pod["spec"].get("nodeName") and pod["status"]["phase"] in ("Pending", "Running") and not nodes.is_daemon(pod)
    }
    for pool in scaled:
        for node in nodes.of_pool(server, pool["name"]):
            current = server.world.resource(pool["id"]) or pool
            name, since = node["metadata"]["name"], node.get("_unneeded")
            if name in busy:
                if since is not None:
                    server.write("nodes", {key: value for key, value in node.items() if key != "_unneeded"})
                continue
            if since is None:
                since = server.now
                server.write("nodes", {**node, "_unneeded": since})
            waits = (
                bool(server.world.catalogue[pool["properties"]["vmSize"]]["gpus"])
                and nodes.GPU not in node["status"]["allocatable"]
            )
            due = max(since + (UNREADY if waits else unneeded), float(server.record.get("added", 0.0)) + after)
            if current["properties"]["count"] <= current["properties"]["minCount"]:
                continue
            if server.now < due:
                following.append(due)
                continue
            server.tell(node, "Normal", "ScaleDown", "node removed by cluster autoscaler", SOURCE)
            nodes.drop(server, name)
            _count(server, current, int(current["properties"]["count"]) - 1)
    return following


def seconds_of(span: str) -> float:
    """The seconds of a span of time such as 10m or 1h30m."""
    return sum(float(number) * SECONDS[unit] for number, unit in SPAN.findall(str(span)))
