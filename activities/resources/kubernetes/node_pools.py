"""Requests for node pools, and the proof that pods on them see their GPUs.

https://learn.microsoft.com/rest/api/aks/agent-pools
"""

from collections.abc import Mapping
from typing import Any

from activities.resources.api import ProbeApi, ResourceApi
from activities.resources.arm import delete_by_id, get_by_id, put_body, put_by_id
from activities.resources.costs import cost_is_allowed
from activities.resources.kubernetes.private import available_in, count_available
from activities.resources.sizes import sizes_can_be_had
from dormouse.cloud.clients import Cloud
from dormouse.cloud.kubernetes.api import FIRST_ERROR, KubernetesApi
from dormouse.cloud.kubernetes.workloads import events_of, pods_of
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.environments.answers import Answer, Checked, Done, Refused
from dormouse.environments.results import Check, HealthCheckResult, Refusal, RefusalReason
from dormouse.errors import CloudUnavailable
from dormouse.resources.kubernetes.gpu_proof import JOB, gpu_check, gpus_in
from dormouse.resources.kubernetes.manifests import RUNNER
from dormouse.resources.kubernetes.node_pools import cluster_of, scaled, scales
from dormouse.resources.kubernetes.objects import path_of
from dormouse.resources.kubernetes.workloads import ended_well, gpu_trouble, on_gpu_pool, waiting_reason
from dormouse.resources.plan import Resource

GPU = "gpu"


async def suspend_pool(resource: Resource, cloud: Cloud) -> Answer:
    """Nothing is told to a pool before its cluster stops: its nodes go with it."""
    return Done()


async def resume_pool(resource: Resource, cloud: Cloud) -> Answer:
    """Let the autoscaler decide about the nodes again, if the pool was scaled to zero by force."""
    observed = await get_by_id(resource, cloud)
    if observed is None:
        return Refused(Refusal(RefusalReason.NOT_FOUND, "The node pool does not exist."))
    most = int(resource.settings["most"])
    if scales(observed) and observed["properties"].get("maxCount") == most:
        return Done()
    return await put_body(resource, scaled(observed, most), cloud)


async def begin_gpu_proof(resource: Resource, cloud: Cloud) -> Answer | Checked:
    """Whether a pod on the pool has run nvidia-smi and initialized CUDA: that of a runner, or of a job if there is none."""
    if resource.settings.get("private") == "true":
        return await count_available(cluster_of(resource), resource.settings["namespace"], RUNNER, cloud)
    try:
        api = await cloud.cluster_api(cluster_of(resource))
        passed, words = await _proof(resource, api)
    except (CloudUnavailable, ReadRefused) as error:
        passed, words = False, str(error)
    return _checked(Check.PASSED if passed else Check.WAITING, words)


async def _proof(resource: Resource, api: KubernetesApi) -> tuple[bool, str]:
    space = resource.settings["namespace"]
    runners = await pods_of(api, space, RUNNER)
    pods = runners or await _job_pods(resource, api)
    for pod in pods:
        if ended_well(pod, JOB):
            gpus = gpus_in(await api.log(space, pod["metadata"]["name"], 20, JOB))
            trouble = gpu_trouble([one for one in await api.items("api/v1/nodes") if on_gpu_pool(one)])
            return bool(gpus) and not trouble, trouble or ", ".join(gpus) or "the proof has named no GPU"
    if not pods:
        return False, "no pod asks for a GPU yet"
    trouble = gpu_trouble([one for one in await api.items("api/v1/nodes") if on_gpu_pool(one)])
    return False, trouble or waiting_reason(pods[0], await events_of(api, space, pods[0]["metadata"]["name"]))


async def _job_pods(resource: Resource, api: KubernetesApi) -> list[dict[str, Any]]:
    """The pods of the job, which is begun if it is not there."""
    space = resource.settings["namespace"]
    job = gpu_check(space, resource.settings["probe_image"])
    known = await api.get(path_of(job))
    if known is None:
        said = await api.apply(job)
        if said.status >= FIRST_ERROR:
            raise ReadRefused(said.refusal)
        return []
    if _failed(known):  # a job is never begun twice
        await api.delete(path_of(job))
        raise CloudUnavailable(f"The GPU check failed: {_failed(known)}; it is begun again.")
    return await pods_of(api, space, JOB)


def _failed(job: Mapping[str, Any]) -> str:
    conditions = (job.get("status") or {}).get("conditions") or []
    failed = [one for one in conditions if one.get("type") == "Failed" and one.get("status") == "True"]
    return str(failed[0].get("message") or failed[0].get("reason") or "unknown") if failed else ""


def read_gpu_proof(resource: Resource, body: Any) -> Checked:
    """What the runners of a private cluster say: none is available that has not proved its GPUs before it began."""
    available, _, words = available_in(body)
    return _checked(Check.PASSED if available else Check.WAITING, f"proved by runners: {words}")


def _checked(result: Check, words: str) -> Checked:
    return Checked((HealthCheckResult(GPU, result, words),))


NODE_POOL = ResourceApi(
    put_by_id,
    get_by_id,
    delete_by_id,
    probe=ProbeApi(begin_gpu_proof, read_gpu_proof),
    suspend=suspend_pool,
    resume=resume_pool,
    preflight=(sizes_can_be_had, cost_is_allowed),
)
