"""The log of a pod, as far as its container has come."""

from collections.abc import Mapping

from local.azure.core.responses import Answer
from local.azure.kubernetes import environments
from local.azure.kubernetes.api.statuses import StatusRefused
from local.azure.kubernetes.kubelets import current, fresh_program
from local.azure.kubernetes.objects import Object, Server

PARAMETERS = (
    "container",
    "follow",
    "tailLines",
    "timestamps",
    "previous",
    "limitBytes",
    "sinceSeconds",
    "insecureSkipTLSVerifyBackend",
)


def answer(server: Server, pod: Object, query: Mapping[str, str]) -> Answer:
    """The lines that a container has written; raises the 400 for one that has not started."""
    if query.get("follow", "false") == "true" or query.get("previous", "false") == "true":
        raise StatusRefused(501, "The simulated Azure does not support logs that are followed or of earlier containers.")
    known: Object = pod.get("_run") or {}
    names = [one["name"] for one in (*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"])]
    container = query.get("container", names[-1])
    if container not in names:
        raise StatusRefused(400, f"container {query['container']} is not valid for pod {pod['metadata']['name']}")
    place, turn = names.index(container), len(known.get("inits", []))
    if place != turn:
        known = known["inits"][place] if place < turn else {"waiting": ["PodInitializing"]}
    if "started" not in known or known["started"] > server.now:
        reason = (known.get("waiting") or ["ContainerCreating"])[0]
        name = pod["metadata"]["name"]
        raise StatusRefused(400, f'container "{container}" in pod "{name}" is waiting to start: {reason}')
    lines = [(known["started"] + offset, text) for offset, text in known["lines"]]
    lines = [line for line in lines if line[0] <= server.now] + _newest(server, pod, known)
    if query.get("sinceSeconds"):
        lines = [line for line in lines if line[0] >= server.now - float(query["sinceSeconds"])]
    if query.get("tailLines"):
        lines = lines[-int(query["tailLines"]) :] if int(query["tailLines"]) else []
    dated = query.get("timestamps", "false") == "true"
    text = "".join(f"{server.world.zulu(at)} {line}\n" if dated else f"{line}\n" for at, line in lines)
    return Answer(200, text.encode(), {"Content-Type": "text/plain"})


def _newest(server: Server, pod: Object, known: Object) -> list[tuple[float, str]]:
    """What a program that repeats itself has written last, with what it reaches now; what lies between is rotated away."""
    period, lines = float(known.get("period") or 0.0), known["lines"]
    if not period or not lines:
        return []
    last, passed = float(lines[-1][0]), server.now - known["started"]
    rounds = int((passed - last) // period)
    if rounds < 1:
        return []
    container = current(pod, known)
    environment, fault = environments.of_container(server, pod, container)
    program = fresh_program(server, pod, environment if not fault else {}, container)
    at = known["started"] + last + rounds * period
    return [(at, text) for offset, text in program.lines if offset == program.lines[-1][0]]
