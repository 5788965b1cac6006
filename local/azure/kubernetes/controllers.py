"""The controllers of a cluster: replica sets and pods of deployments, pods of daemon sets and jobs, and what is deleted.

https://kubernetes.io/docs/concepts/workloads/controllers/
"""

from typing import Any

from local.azure.kubernetes import jobs
from local.azure.kubernetes.deletion import discard
from local.azure.kubernetes.objects import Object, Server
from local.azure.kubernetes.pods import CONTROLLED, condition, ended, hash_of, is_ready, pod_of
from local.azure.kubernetes.scheduling import NOT_READY, could_run

DAEMON_TOLERATIONS = [
    {"key": key, "operator": "Exists", "effect": effect}
    for key, effect in ((NOT_READY, "NoExecute"), ("node.kubernetes.io/unreachable", "NoExecute"))
]


def run(server: Server) -> list[float]:
    """Let every controller do its part; returns the moments at which one has to act again."""
    following = _namespaces(server)
    for deployment in server.listed("deployments"):
        _deployment(server, deployment)
    for daemons in server.listed("daemonsets"):
        _daemons(server, daemons)
    for job in server.listed("jobs"):
        following += jobs.run(server, job)
    return following


def _namespaces(server: Server) -> list[float]:
    """Empty and remove the namespaces that are being deleted."""
    following = []
    for space in server.listed("namespaces"):
        until = space["metadata"].get("_gone_at")
        if until is None:
            continue
        if until > server.now:
            following.append(float(until))
            continue
        name = space["metadata"]["name"]
        for plural in (
            "deployments",
            "daemonsets",
            "jobs",
            "replicasets",
            "pods",
            "configmaps",
            "secrets",
            "serviceaccounts",
            "events",
        ):
            for found in server.listed(plural, name):
                discard(server, plural, found, orphan=True)
        server.remove("namespaces", "", name)
    for space in server.listed("namespaces"):
        name = space["metadata"]["name"]
        if server.get("serviceaccounts", name, "default") is None:
            server.write("serviceaccounts", {"metadata": {"name": "default", "namespace": name}})
    return following


def _deployment(server: Server, deployment: Object) -> None:
    spec, meta = deployment["spec"], deployment["metadata"]
    digest = hash_of(spec["template"])
    sets = server.owned("replicasets", deployment)
    current = next((one for one in sets if one["metadata"]["labels"]["pod-template-hash"] == digest), None)
    if current is None:
        current = _replica_set(server, deployment, digest)
    old = [one for one in sets if one["metadata"]["name"] != current["metadata"]["name"]]
    pods = server.owned("pods", current)
    recreate = (spec.get("strategy") or {}).get("type") == "Recreate"
    ready = [pod for pod in pods if is_ready(pod)]
    if recreate or len(ready) >= spec["replicas"]:
        for one in old:
            _scale(server, one, 0)
    _scale(server, current, int(spec["replicas"]))
    _report_deployment(server, deployment, current, old, meta)


def _replica_set(server: Server, deployment: Object, digest: str) -> Object:
    template, meta = deployment["spec"]["template"], deployment["metadata"]
    labels = {**(template["metadata"].get("labels") or {}), "pod-template-hash": digest}
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", **CONTROLLED, "name": meta["name"], "uid": meta["uid"]}
    made = server.write(
        "replicasets",
        {
            "metadata": {
                "name": f"{meta['name']}-{digest}",
                "namespace": meta["namespace"],
                "labels": labels,
                "ownerReferences": [reference],
            },
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        },
    )
    text = f"Scaled up replica set {meta['name']}-{digest} from 0 to {deployment['spec']['replicas']}"
    server.tell(deployment, "Normal", "ScalingReplicaSet", text, "deployment-controller")
    return made


def _scale(server: Server, replicas: Object, count: int) -> None:
    """Make or remove pods of a replica set: pods that do not run go first."""
    pods = [pod for pod in server.owned("pods", replicas) if not ended(pod)]
    template, meta = replicas["spec"]["template"], replicas["metadata"]
    labels = {"pod-template-hash": meta["labels"]["pod-template-hash"]}
    for _ in range(count - len(pods)):
        pod_of(server, replicas, template, f"{meta['name']}-{server.suffix(meta['name'])}", labels)
    spare = sorted(pods, key=lambda pod: (is_ready(pod), bool(pod["spec"].get("nodeName"))))
    for pod in spare[: max(len(pods) - count, 0)]:
        server.remove("pods", meta["namespace"], pod["metadata"]["name"])
        server.tell(
            replicas, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", "replicaset-controller"
        )
    known = server.get("replicasets", meta["namespace"], meta["name"]) or replicas
    ready = len([pod for pod in server.owned("pods", replicas) if is_ready(pod)])
    status = {"replicas": count, "readyReplicas": ready, "availableReplicas": ready}
    server.update("replicasets", {**known, "spec": {**known["spec"], "replicas": count}, "status": status})


def _report_deployment(server: Server, deployment: Object, current: Object, old: list[Object], meta: Object) -> None:
    wanted = int(deployment["spec"]["replicas"])
    mine = [pod for pod in server.owned("pods", current) if not ended(pod)]
    everything = mine + [pod for one in old for pod in server.owned("pods", one) if not ended(pod)]
    ready = len([pod for pod in everything if is_ready(pod)])
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    spare = _share(rolling.get("maxUnavailable", 0), wanted)
    available, complete = ready >= wanted - spare and (wanted == 0 or ready > 0), len(mine) == wanted == ready
    before = {one["type"]: one for one in (deployment.get("status") or {}).get("conditions") or []}
    conditions = [
        condition(server, before, "Available", available, *AVAILABLE[available]),
        condition(server, before, "Progressing", True, *_progress(current, complete=complete)),
    ]
    status = {
        "observedGeneration": meta["generation"],
        **({"replicas": len(everything), "updatedReplicas": len(mine)} if everything else {}),
        **({"readyReplicas": ready, "availableReplicas": ready} if ready else {}),
        **({"unavailableReplicas": wanted - ready} if wanted > ready else {}),
        "conditions": conditions,
    }
    known = server.get("deployments", meta["namespace"], meta["name"])
    if known is not None:
        server.update("deployments", {**known, "status": status})


AVAILABLE = {
    True: ("MinimumReplicasAvailable", "Deployment has minimum availability."),
    False: ("MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
}


def _progress(current: Object, *, complete: bool) -> tuple[str, str]:
    name = current["metadata"]["name"]
    if complete:
        return "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.'
    return "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'


def _share(value: Any, whole: int) -> int:
    return whole * int(str(value)[:-1]) // 100 if str(value).endswith("%") else int(value)


def _daemons(server: Server, daemons: Object) -> None:
    """One pod of a daemon set on each node that it selects and tolerates, of its newest template."""
    spec, meta = daemons["spec"], daemons["metadata"]
    template, digest = spec["template"], hash_of(spec["template"])
    tolerations = [*(template["spec"].get("tolerations") or []), *DAEMON_TOLERATIONS]
    wanted = {**template["spec"], "tolerations": tolerations}
    chosen = {node["metadata"]["name"] for node in server.listed("nodes") if could_run({"spec": wanted}, node)}
    on: dict[str, Object] = {}
    for pod in server.owned("pods", daemons):
        node = pod["spec"].get("nodeName", "")
        stale = pod["metadata"]["labels"].get("controller-revision-hash") != digest
        if node not in chosen or node in on or stale:
            server.remove("pods", meta["namespace"], pod["metadata"]["name"])
        else:
            on[node] = pod
    for node in sorted(chosen - set(on)):
        name = f"{meta['name']}-{server.suffix(meta['name'])}"
        labels = {"controller-revision-hash": digest}
        on[node] = pod_of(server, daemons, template, name, labels, tolerations=tolerations, nodeName=node)
    ready = len([pod for pod in on.values() if is_ready(pod)])
    status = {
        "currentNumberScheduled": len(on),
        "desiredNumberScheduled": len(chosen),
        "numberMisscheduled": 0,
        "numberReady": ready,
        "updatedNumberScheduled": len(on),
        **({"numberAvailable": ready} if ready else {}),
        **({"numberUnavailable": len(chosen) - ready} if len(chosen) > ready else {}),
        "observedGeneration": meta["generation"],
    }
    server.update("daemonsets", {**daemons, "status": status})
