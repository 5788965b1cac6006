"""Requests for compute clusters."""

from activities.resources.api import ProbeApi, ResourceApi
from activities.resources.arm import get_by_id, gone_is_done, put_by_id
from activities.resources.costs import cost_is_allowed
from activities.resources.ml.probes import no_read, result_of
from activities.resources.ml.quota import ml_quota_suffices
from dormouse.cloud.clients import Cloud
from dormouse.cloud.plain_requests import send
from dormouse.environments.answers import Answer, Checked
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import Check
from dormouse.resources.kinds import provisioning_of
from dormouse.resources.ml.clusters import allocation_of, errors_of
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of

STEADY = "Steady"


async def scale_cluster(request: PutRequest, cloud: Cloud) -> Answer:
    """Start changing how many nodes an existing cluster may have, and how long they stay; one that failed is put again.

    Nothing else of it can change: https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster
    """
    resource = request.resource
    observed = await get_by_id(resource, cloud)
    if observed is None or provisioning_of(observed) == "failed":
        return await put_by_id(request, cloud)
    scale = resource.body["properties"]["properties"]["scaleSettings"]
    body = {"properties": {"properties": {"scaleSettings": scale}}}
    patch, version = cloud.resources.resources.begin_update_by_id, kind_of(resource).api_version
    return await cloud.begin(patch, resource.id, body, api_version=version)


async def delete_cluster(resource: Resource, cloud: Cloud) -> Answer:
    """Start deleting a cluster with its nodes."""
    version = kind_of(resource).api_version
    answer, _ = await send(cloud, "DELETE", resource.id, version, underlyingResourceAction="Delete")
    return gone_is_done(answer)


async def probe_cluster(resource: Resource, cloud: Cloud) -> Answer | Checked:
    """Whether the cluster has the nodes that it wants, which are none while nothing runs, and nothing is wrong with it."""
    observed = await get_by_id(resource, cloud)
    if observed is None:
        return result_of("steady", Check.FAILED, "The cluster does not exist.")
    errors = errors_of(observed)
    if errors:
        return result_of("steady", Check.FAILED, " ".join(errors))
    state = allocation_of(observed)
    if state == STEADY:
        return result_of("steady", Check.PASSED)
    return result_of("steady", Check.WAITING, f"The allocation state of the cluster is {state or 'unknown'}.")


CLUSTER = ResourceApi(
    put_by_id,
    get_by_id,
    delete_cluster,
    update=scale_cluster,
    probe=ProbeApi(probe_cluster, no_read),
    preflight=(ml_quota_suffices, cost_is_allowed),
)
