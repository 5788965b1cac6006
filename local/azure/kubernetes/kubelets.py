"""The kubelets: they pull images, start containers, restart them, and report; device plugins make nodes offer their GPUs.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle, https://kubernetes.io/docs/concepts/containers/images
"""

from typing import Any

from local.azure.kubernetes import devices, environments
from local.azure.kubernetes.nodes import GPU
from local.azure.kubernetes.objects import Object, Server
from local.azure.kubernetes.pods import condition
from local.azure.kubernetes.programs import Gpus, Program, program_of
from local.azure.kubernetes.pulls import refusal
from local.azure.vms import containers

FIRST_DELAY, LONGEST_DELAY = 10.0, 300.0  # seconds until the next try, doubled each time
CACHED = 1.0  # seconds to start from an image that the node has already
PEERS = "peers of containers"
INSTANCE = "node.kubernetes.io/instance-type"
ENDED = ("Succeeded", "Failed")


def run(server: Server) -> list[float]:
    """Bring every pod that has a node forward; returns the moments at which one has to be looked at again."""
    following = []
    for pod in server.listed("pods"):
        if pod["spec"].get("nodeName") and pod["status"]["phase"] not in ENDED:
            following += _forward(server, pod)
    return following + devices.run(server)


def _forward(server: Server, pod: Object) -> list[float]:
    """One step of a pod, from its image over its start to its end."""
    known: Object = pod.get("_run") or {"bound": server.now, "tries": 0, "restarts": 0}
    if "started" not in known:
        known = _pulled(server, pod, known)
        if server.now < known.get("pulled", float("inf")):
            _report(server, pod, known)
            return [float(known[name]) for name in ("pulled", "retry") if name in known]
        return _started(server, pod, known)
    if server.now < known["started"]:
        return [float(known["started"])]
    ends = known.get("ends")
    if ends is not None and server.now >= ends:
        return _ended(server, pod, known)
    known = {key: value for key, value in known.items() if key != "waiting"}
    _report(server, pod, known)
    return [float(ends)] if ends is not None else []


def _pulled(server: Server, pod: Object, known: Object) -> Object:
    """Begin to pull the image, or say why that is not possible."""
    if "pulled" in known or server.now < known.get("retry", 0.0):
        return known
    image, source = current(pod, known)["image"], "kubelet"
    if not known["tries"]:
        server.tell(pod, "Normal", "Pulling", f'Pulling image "{image}"', source)
    fault = refusal(server, image)
    if not fault:
        there = any(image in other["_run"].get("image", "") for other in _on_same_node(server, pod))
        seconds = CACHED if there else server.world.draw("aks image pull", pod["metadata"]["name"])
        return {**known, "image": image, "pulled": server.now + seconds, "waiting": ["ContainerCreating", ""]}
    tries = known["tries"] + 1
    server.tell(pod, "Warning", "Failed", fault, source)
    server.tell(pod, "Warning", "Failed", "Error: ErrImagePull" if tries == 1 else "Error: ImagePullBackOff", source)
    reason = "ErrImagePull" if tries == 1 else "ImagePullBackOff"
    message = fault if tries == 1 else f'Back-off pulling image "{image}": ErrImagePull: {fault}'
    retry = server.now + min(FIRST_DELAY * 2 ** known["tries"], LONGEST_DELAY)
    return {**known, "tries": tries, "retry": retry, "waiting": [reason, message]}


def _on_same_node(server: Server, pod: Object) -> list[Object]:
    node = pod["spec"]["nodeName"]
    return [one for one in server.listed("pods") if one["spec"].get("nodeName") == node and "started" in one.get("_run", {})]


def _started(server: Server, pod: Object, known: Object) -> list[float]:
    """Start the container, if what its environment refers to is there."""
    container = current(pod, known)
    environment, fault = environments.of_container(server, pod, container)
    if fault:
        if known.get("waiting") != ["CreateContainerConfigError", fault]:
            server.tell(pod, "Warning", "Failed", f"Error: {fault}", "kubelet")
        _report(server, pod, {**known, "waiting": ["CreateContainerConfigError", fault]})
        return []
    program = fresh_program(server, pod, environment, container)
    begins = server.now + server.world.draw("aks container", pod["metadata"]["name"])
    known = {**known, "environment": {}, "lines": list(program.lines)[-500:], "exit": program.exit_code, "started": begins}
    known |= {"period": program.period, **({} if program.exit_code is None else {"ends": begins + program.seconds})}
    if not known["restarts"]:
        server.tell(pod, "Normal", "Pulled", f'Successfully pulled image "{container["image"]}"', "kubelet")
    server.tell(pod, "Normal", "Created", f"Created container: {container['name']}", "kubelet")
    server.tell(pod, "Normal", "Started", f"Started container {container['name']}", "kubelet")
    _report(server, pod, {**known, "waiting": ["ContainerCreating", ""]})
    return [begins]


def current(pod: Object, known: Object) -> Object:
    """The container of a pod whose turn it is: init containers run one after the other, before the one that stays.

    https://kubernetes.io/docs/concepts/workloads/pods/init-containers
    """
    containers: list[Object] = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
    return containers[len(known.get("inits", []))]


def fresh_program(server: Server, pod: Object, environment: dict[str, str], container: Object) -> Program:
    """What a container of a pod does, with the GPUs that it was given and with what it reaches now."""
    node = server.get("nodes", "", pod["spec"]["nodeName"]) or {"metadata": {"labels": {}}}
    limits = (container.get("resources") or {}).get("limits") or {}
    gpus = Gpus(int(limits.get(GPU, 0)), str(node["metadata"]["labels"].get(INSTANCE, "")))
    told = {key: str(item["answer"]) for key, item in server.world.store.items(PEERS)}
    peers = {**containers.peers(server.world), **told}
    restarted = pod["spec"].get("restartPolicy") == "Always" and container in pod["spec"]["containers"]
    return program_of(container, environment, gpus, restarted=restarted, peers=peers)


def _ended(server: Server, pod: Object, known: Object) -> list[float]:
    """The end of a container: that of its pod, or the wait until it is started again."""
    policy, code, container = pod["spec"].get("restartPolicy", "Always"), int(known["exit"]), current(pod, known)
    if code == 0 and container not in pod["spec"]["containers"]:
        done = {"ended": known["ends"], **{key: known[key] for key in ("started", "exit", "lines", "restarts")}}
        following = {"bound": known["bound"], "tries": 0, "restarts": 0, "inits": [*known.get("inits", []), done]}
        return _forward(server, {**pod, "_run": following})
    if policy == "Never" or (policy == "OnFailure" and code == 0):
        _report(server, pod, {**known, "ended": known["ends"]})
        return []
    restarts = known["restarts"] + 1
    again = server.now + min(FIRST_DELAY * 2 ** (restarts - 1), LONGEST_DELAY)
    name = container["name"]
    server.tell(pod, "Warning", "BackOff", f"Back-off restarting failed container {name}", "kubelet")
    last = {"exit": code, "ended": known["ends"], "started": known["started"]}
    message = f"back-off {int(again - server.now)}s restarting failed container={name}"
    kept: Object = {key: known[key] for key in ("bound", "tries", "image", "inits") if key in known}
    _report(
        server, pod, {**kept, "restarts": restarts, "last": last, "pulled": again, "waiting": ["CrashLoopBackOff", message]}
    )
    return [again]


def _report(server: Server, pod: Object, known: Object) -> None:
    """Write the status that follows from what is known of a pod."""
    started, inits, prepares = known.get("started"), pod["spec"].get("initContainers") or [], is_preparing(pod, known)
    going = started is not None and started <= server.now and "ended" not in known
    ended, runs = "ended" in known, going and not prepares
    phase = (
        ("Succeeded" if known["exit"] == 0 else "Failed")
        if ended
        else "Running"
        if runs or ("last" in known and not prepares)
        else "Pending"
    )
    before = {one["type"]: one for one in pod["status"].get("conditions") or []}
    why = ("PodCompleted" if ended else "ContainersNotReady") if not runs else ""
    conditions = [
        condition(server, before, kind, holds, "" if holds else why, "")
        for kind, holds in (
            *(("PodScheduled", True), ("Initialized", not prepares)),
            *(("ContainersReady", runs), ("Ready", runs)),
        )
    ]
    turns = [_turn(server, known, place, going=going) for place in range(len(inits) + 1)]
    shown = [_shown(one, turn) for one, turn in zip([*inits, *pod["spec"]["containers"]], turns, strict=True)]
    status = {
        **pod["status"],
        "phase": phase,
        "startTime": server.time(known["bound"]),
        "conditions": [{key: value for key, value in one.items() if value} for one in conditions],
        **({"initContainerStatuses": shown[: len(inits)]} if inits else {}),
        "containerStatuses": shown[len(inits) :],
        "qosClass": "Burstable",
    }
    server.update("pods", {**pod, "_run": known, "status": status})


def is_preparing(pod: Object, known: Object) -> bool:
    """Whether the init containers of a pod have not all ended."""
    return len(known.get("inits", [])) < len(pod["spec"].get("initContainers") or [])


def _turn(server: Server, known: Object, place: int, *, going: bool) -> dict[str, Any]:
    """What is to be shown of the n-th container: it has ended, or it is its turn, or those before it have not ended."""
    done: list[Object] = known.get("inits", [])
    if place < len(done):
        ended = {"terminated": _terminated(server, done[place])}
        return {"ready": True, "started": False, "restartCount": done[place]["restarts"], "state": ended, "lastState": {}}
    if place > len(done):
        waits = {"waiting": {"reason": "PodInitializing"}}
        return {"ready": False, "started": False, "restartCount": 0, "state": waits, "lastState": {}}
    return {
        "ready": going,
        "started": going,
        "restartCount": known["restarts"],
        "state": _state(server, known, runs=going),
        "lastState": {"terminated": _terminated(server, known["last"])} if "last" in known else {},
    }


def _shown(container: Object, turn: dict[str, Any]) -> dict[str, Any]:
    pulled = container["image"] if "waiting" not in turn["state"] else ""
    return {"name": container["name"], "image": container["image"], "imageID": pulled, **turn}


def _state(server: Server, known: Object, *, runs: bool) -> dict[str, Any]:
    if "ended" in known:
        return {"terminated": _terminated(server, known)}
    if runs:
        return {"running": {"startedAt": server.time(known["started"])}}
    reason, message = known.get("waiting") or ["ContainerCreating", ""]
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def _terminated(server: Server, known: Object) -> dict[str, Any]:
    code = int(known["exit"])
    times = {"startedAt": server.time(known["started"]), "finishedAt": server.time(known["ended"])}
    return {"exitCode": code, "reason": "Completed" if code == 0 else "Error", **times}
