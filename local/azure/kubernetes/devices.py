"""Device plugins: a GPU node is ready before it offers GPUs, and offers them only while the plugin of NVIDIA runs on it.

https://learn.microsoft.com/azure/aks/use-nvidia-gpu
"""

from local.azure.kubernetes.nodes import GPU
from local.azure.kubernetes.objects import Object, Server

INSTANCE = "node.kubernetes.io/instance-type"
MARK = "device-plugin"


def run(server: Server) -> list[float]:
    """Let nodes offer the GPUs that a plugin has found; returns the moments at which one is about to."""
    following = []
    plugins = {pod["spec"]["nodeName"]: pod for pod in server.listed("pods") if _is_plugin(pod, server.now)}
    for node in server.listed("nodes"):
        size = node["metadata"]["labels"].get(INSTANCE, "")
        count = int(server.world.catalogue[size]["gpus"])
        if not count:
            continue
        plugin = plugins.get(node["metadata"]["name"])
        if plugin is None:
            _offer(server, node, None)
            continue
        since = node.get("_plugin")
        if since is None:
            since = float(plugin["_run"]["started"]) + server.world.draw("aks device plugin", node["metadata"]["name"])
            server.write("nodes", {**node, "_plugin": since})
        elif server.now >= since:
            _offer(server, node, count)
        following.append(float(since))
    return following


def _is_plugin(pod: Object, now: float) -> bool:
    image = pod["spec"]["containers"][0]["image"] if pod["spec"].get("containers") else ""
    started = pod.get("_run", {}).get("started")
    return MARK in image and started is not None and started <= now and bool(pod["spec"].get("nodeName"))


def _offer(server: Server, node: Object, count: int | None) -> None:
    """Let a node offer so many GPUs; None: nothing has ever found any, or what had found them is gone."""
    status = node["status"]
    if count is None and (GPU not in status["allocatable"] or status["allocatable"][GPU] == "0"):
        return
    shown = {name: {**status[name], GPU: str(count or 0)} for name in ("capacity", "allocatable")}
    kept = {key: value for key, value in node.items() if key != "_plugin" or count is not None}
    server.update("nodes", {**kept, "status": {**status, **shown}})
