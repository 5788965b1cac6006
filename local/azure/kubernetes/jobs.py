"""The controller of jobs: pods until enough of them have succeeded, too many have failed, or the time is over.

https://kubernetes.io/docs/concepts/workloads/controllers/job
"""

from typing import Any

from local.azure.kubernetes.deletion import discard
from local.azure.kubernetes.objects import Object, Server
from local.azure.kubernetes.pods import is_ready, pod_of

FIRST_DELAY, LONGEST_DELAY = 10.0, 360.0  # seconds until a pod that has failed is tried again, doubled each time


def run(server: Server, job: Object) -> list[float]:
    """Bring a job forward; returns the moments at which it has to be looked at again."""
    spec, meta = job["spec"], job["metadata"]
    if "ended" in job.get("_run", {}):
        return _expired(server, job)
    job = {"_run": {"begun": server.now}, **job}
    begun = float(job["_run"]["begun"])
    status = {**(job.get("status") or {}), "startTime": server.time(begun)}
    pods = server.owned("pods", job)
    phases = [pod["status"]["phase"] for pod in pods]
    done, failed = phases.count("Succeeded"), phases.count("Failed")
    active = [pod for pod in pods if pod["status"]["phase"] in ("Pending", "Running")]
    deadline = begun + float(spec["activeDeadlineSeconds"]) if spec.get("activeDeadlineSeconds") else None
    if done >= spec["completions"]:
        return _end(
            server, job, status, pods, ("Complete", "CompletionsReached", "Reached expected number of succeeded pods")
        )
    if failed > spec["backoffLimit"]:
        text = "Job has reached the specified backoff limit"
        return _end(server, job, status, pods, ("Failed", "BackoffLimitExceeded", text))
    if deadline is not None and server.now >= deadline:
        text = "Job was active longer than specified deadline"
        return _end(server, job, status, pods, ("Failed", "DeadlineExceeded", text))
    wait = _wait(server, pods, failed)
    if not wait:
        labels = {
            f"{prefix}{name}": value for prefix in ("batch.kubernetes.io/", "") for name, value in _labels(meta).items()
        }
        missing = min(spec["parallelism"], spec["completions"] - done) - len(active)
        names = [f"{meta['name']}-{server.suffix(meta['name'])}" for _ in range(missing)]
        active += [pod_of(server, job, spec["template"], name, labels) for name in names]
    _keep(server, job, {**status, **_counts(active, done, failed)})
    return [moment for moment in (deadline, wait) if moment]


def _labels(meta: Object) -> dict[str, str]:
    return {"job-name": meta["name"], "controller-uid": meta["uid"]}


def _wait(server: Server, pods: list[Object], failed: int) -> float:
    """The moment until which nothing is tried again, or 0."""
    ends = [float(pod["_run"]["ended"]) for pod in pods if pod["status"]["phase"] == "Failed" and "_run" in pod]
    until = max(ends, default=0.0) + min(FIRST_DELAY * 2 ** (failed - 1), LONGEST_DELAY) if failed else 0.0
    return until if until > server.now else 0.0


def _counts(active: list[Object], done: int, failed: int) -> dict[str, Any]:
    counts = {"active": len(active), "ready": len([pod for pod in active if is_ready(pod)]), "terminating": 0}
    return {**counts, **({"succeeded": done} if done else {}), **({"failed": failed} if failed else {})}


def _end(server: Server, job: Object, status: Object, pods: list[Object], how: tuple[str, str, str]) -> list[float]:
    kind, reason, message = how
    for pod in pods:
        if pod["status"]["phase"] in ("Pending", "Running"):
            server.remove("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
    done = len([pod for pod in pods if pod["status"]["phase"] == "Succeeded"])
    failed = len(pods) - done
    first = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}[kind]
    conditions = [
        {"type": one, "status": "True", "reason": reason, "message": message}
        | {"lastProbeTime": server.time(), "lastTransitionTime": server.time()}
        for one in (first, kind)
    ]
    status = {name: value for name, value in status.items() if name not in ("active", "ready", "terminating")}
    counts = {
        "ready": 0,
        "terminating": 0,
        **({"succeeded": done} if done else {}),
        **({"failed": failed} if failed else {}),
    }
    status |= {**counts, "conditions": conditions}
    if kind == "Complete":
        status["completionTime"] = server.time()
    job["_run"] = {**job["_run"], "ended": server.now}
    _keep(server, job, status)
    reported = ("Normal", "Completed", "Job completed") if kind == "Complete" else ("Warning", reason, message)
    server.tell(job, *reported, "job-controller")
    return _expired(server, job)


def _expired(server: Server, job: Object) -> list[float]:
    """Delete a job whose time after its end is over."""
    kept = job["spec"].get("ttlSecondsAfterFinished")
    if kept is None:
        return []
    until = float(job["_run"]["ended"]) + float(kept)
    if until > server.now:
        return [until]
    discard(server, "jobs", server.get("jobs", job["metadata"]["namespace"], job["metadata"]["name"]) or job)
    return []


def _keep(server: Server, job: Object, status: Object) -> None:
    known = server.get("jobs", job["metadata"]["namespace"], job["metadata"]["name"])
    if known is not None:
        server.update("jobs", {**known, "_run": job["_run"], "status": status})
