"""Requests for managed clusters. https://learn.microsoft.com/rest/api/aks/managed-clusters"""

from collections.abc import Mapping, Sequence
from typing import Any

from activities.resources.api import ResourceApi
from activities.resources.arm import delete_by_id, get_by_id, put_body
from activities.resources.costs import cost_is_allowed
from activities.resources.sizes import sizes_can_be_had
from dormouse.cloud.clients import Cloud
from dormouse.cloud.plain_requests import send
from dormouse.cloud.sdk_errors import get_or_none
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.requests import PowerRequest, PutRequest
from dormouse.environments.rest import LAST_OPERATIONS, earliest_start, queued_text
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.lifecycle import Verb
from dormouse.records.environments import Records
from dormouse.resources.kubernetes.cluster_views import SYSTEM_POOL
from dormouse.resources.kubernetes.clusters import API_VERSION
from dormouse.resources.kubernetes.clusters import MANAGED_CLUSTER as KIND
from dormouse.resources.plan import Plan, Resource

VERSIONS = "/subscriptions/{subscription}/providers/Microsoft.ContainerService/locations/{region}/kubernetesVersions"
# Of a cluster in the free tier; the other plan is paid for. https://learn.microsoft.com/azure/aks/long-term-support
PLAN = "KubernetesOfficial"
# The refusal of what is so already: https://github.com/MicrosoftDocs/azure-docs/issues/85161
ALREADY = {Verb.STOP: "power state(stopped)", Verb.START: "power state(running)"}
PAUSE, ENDED = 15.0, ("succeeded", "failed", "canceled")
READ_ONLY = frozenset({"id", "name", "type", "systemData", "eTag", "etag"})


async def put_cluster(request: PutRequest, cloud: Cloud) -> Answer:
    """Start creating a cluster with the identity that its kubelets have."""
    resource = request.resource
    kubelet = request.outputs[resource.settings["kubelet"]]
    identity = {"resourceId": kubelet["id"], "clientId": kubelet["client_id"], "objectId": kubelet["principal_id"]}
    properties = {**resource.body["properties"], "identityProfile": {"kubeletidentity": identity}}
    return await put_body(resource, {**resource.body, "properties": properties}, cloud)


async def update_cluster(request: PutRequest, cloud: Cloud) -> Answer:
    """Start changing the version of an existing cluster, or the number of nodes of its system pool; all else stays."""
    resource = request.resource
    observed = await get_by_id(resource, cloud)
    if observed is None:
        return Refused(Refusal(RefusalReason.NOT_FOUND, "The cluster does not exist."))
    return await put_body(resource, changed_body(observed, resource.body["properties"]), cloud)


def changed_body(observed: Mapping[str, Any], planned: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an existing cluster with the planned version and number of system nodes; its other pools stay."""
    count = planned["agentPoolProfiles"][0]["count"]
    pools = [
        {**pool, "count": count} if pool.get("name") == SYSTEM_POOL else dict(pool)
        for pool in observed["properties"].get("agentPoolProfiles") or []
    ]
    asked = planned.get("kubernetesVersion")
    version = {"kubernetesVersion": asked} if asked else {}
    properties = {**observed["properties"], "agentPoolProfiles": pools, **version}
    return {**{name: value for name, value in observed.items() if name not in READ_ONLY}, "properties": properties}


async def change_cluster_power(request: PowerRequest, cloud: Cloud) -> Answer:
    """Start or stop a cluster; one that is so already is done, and a restart leaves it running.

    A start waits until the cluster has rested for as long as Azure asks after a stop.
    https://learn.microsoft.com/azure/aks/start-stop-cluster
    """
    resource, verb = request.resource, request.verb
    if verb is Verb.RESTART:
        return Done()
    if verb is Verb.START:
        environment = resource.settings.get("environment", "")
        known, _ = await Records(cloud.tables).operations(limit=LAST_OPERATIONS, environment=environment)
        earliest = earliest_start(known, KIND.rest)
        if earliest > cloud.now():
            return Pending(earliest - cloud.now(), held_up=True, detail=queued_text([resource], earliest))
    answer, _ = await send(cloud, "POST", f"{resource.id}/{verb}", API_VERSION)
    if isinstance(answer, Refused) and ALREADY[verb] in answer.refusal.detail.lower():
        return await _at_rest(resource, cloud) if verb is Verb.START else Done()
    return answer


async def _at_rest(resource: Resource, cloud: Cloud) -> Answer:
    """A cluster that runs is started when none of its pools is changing: Azure makes one change at a time."""
    observed = await get_by_id(resource, cloud) or {}
    profiles = (observed.get("properties") or {}).get("agentPoolProfiles") or []
    changing = [str(one["name"]) for one in profiles if str(one.get("provisioningState") or ENDED[0]).lower() not in ENDED]
    return Pending(PAUSE, detail=f"The pool {changing[0]} is changing.") if changing else Done()


async def versions_are_offered(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The Kubernetes versions that the region does not offer in the free plan; raises CloudUnavailable and ReadRefused."""
    asked = {
        one.name: one.body["properties"]["kubernetesVersion"]
        for one in absent
        if one.kind == KIND.name and "kubernetesVersion" in one.body["properties"]
    }
    if not asked:
        return []
    path = VERSIONS.format(subscription=cloud.settings.azure_subscription_id, region=plan.region)
    found: Any = await get_or_none(cloud.resources.resources.get_by_id(path, api_version=API_VERSION))
    offered = versions_in(found or {})
    return [
        Refusal(
            RefusalReason.NOT_OFFERED,
            f"Kubernetes {version} is not offered in {plan.region}; its versions are {', '.join(offered)}.",
            step=name,
            advice="Choose another version, or leave it out for the default.",
        )
        for name, version in asked.items()
        if version not in offered and not any(known.startswith(f"{version}.") for known in offered)
    ]


def versions_in(body: Mapping[str, Any]) -> list[str]:
    """The versions of a region that the free plan supports, minor versions and their patches, oldest first."""
    found: list[str] = []
    for minor in body.get("values") or []:
        plans = (minor.get("capabilities") or {}).get("supportPlan") or []
        if PLAN in plans:
            found += [str(minor["version"]), *(minor.get("patchVersions") or {})]
    return sorted(found, key=lambda version: [int(part) for part in version.split(".") if part.isdigit()])


MANAGED_CLUSTER = ResourceApi(
    put_cluster,
    get_by_id,
    delete_by_id,
    update=update_cluster,
    power=change_cluster_power,
    preflight=(sizes_can_be_had, versions_are_offered, cost_is_allowed),
)
