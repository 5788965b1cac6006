"""Requests for objects in clusters: server-side apply with a token of Microsoft Entra ID, or a command in a private one."""

import asyncio
import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from activities.resources.api import ProbeApi, ResourceApi
from activities.resources.arm import get_by_id
from activities.resources.kubernetes.private import apply_by_command, command_health, read_command, read_command_health
from dormouse.clock import parse_moment
from dormouse.cloud.clients import Cloud
from dormouse.cloud.kubernetes.api import CONFLICT, FIRST_ERROR, FORBIDDEN, NOT_FOUND, UNAUTHORIZED, ApiResponse
from dormouse.cloud.kubernetes.workloads import events_of, pods_of, queue_depth
from dormouse.cloud.sdk_errors import ReadRefused, get_existing, get_or_none
from dormouse.environments.answers import Answer, Checked, Done, Pending, Refused
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import Check, HealthCheckResult, Refusal, RefusalReason
from dormouse.errors import CloudUnavailable
from dormouse.lifecycle import State
from dormouse.resources.identity import ROLE_ASSIGNMENT
from dormouse.resources.kinds import Observed
from dormouse.resources.kubernetes.access import own_access
from dormouse.resources.kubernetes.cluster_views import power_state
from dormouse.resources.kubernetes.clusters import MANAGED_CLUSTER
from dormouse.resources.kubernetes.manifests import WATCH
from dormouse.resources.kubernetes.objects import KUBERNETES_SECRET as KIND
from dormouse.resources.kubernetes.objects import UNSEEN, api_path, cluster_id, is_private
from dormouse.resources.kubernetes.workloads import deployment_state, waiting_reason
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Plan, Resource

# A role that was assigned reaches the authorizer of a cluster within five minutes. It is assigned before the cluster is
# put, which may take 23 minutes (recorded). https://learn.microsoft.com/azure/aks/manage-azure-rbac
BUDGET, PAUSE = 1800.0, 20.0
FRACTION = re.compile(r"\.\d+(?=Z$)")
CREATED = 201
# The tag by which the owner of a secret lets the runners of an environment have it.
RUNNER_TAG = "dormouse-runner"
NOT_MEANT = (
    "The owner of the secret {secret} has not allowed its use: it needs the tag {tag} with the value {environment}. "
    "Everyone who may read secrets of the cluster can read it."
)
NO_SECRET = "The key vault has no secret {secret}; store the value in it."  # noqa: S105


async def put_object(request: PutRequest, cloud: Cloud) -> Answer:
    """Create an object or change it to its manifest."""
    return await _apply(request.resource, request.resource.body, cloud)


async def put_secret(request: PutRequest, cloud: Cloud) -> Answer:
    """Create or change a secret; its values are read from the key vault here and sent to the cluster only."""
    body = request.resource.body
    manifest = copy.deepcopy(body["manifest"])
    environment = request.resource.settings.get("environment", "")
    templates: Mapping[str, Mapping[str, str]] = body["values"]
    values = await asyncio.gather(*(_value(one["secret"], environment, cloud) for one in templates.values()))
    texts = {key: one["text"].replace("{}", value) for (key, one), value in zip(templates.items(), values, strict=True)}
    return await _apply(request.resource, {**manifest, "stringData": texts}, cloud)


async def _value(name: str, environment: str, cloud: Cloud) -> str:
    """The value of a secret that the environment may use; raises ReadRefused for any other."""
    found = await get_existing(cloud.secrets.get_secret(name))
    if not _is_meant(name, found.properties.tags or {}, environment):
        raise ReadRefused(_not_meant(name, environment))
    return found.value or ""


async def _apply(resource: Resource, manifest: Mapping[str, Any], cloud: Cloud) -> Answer:
    if is_private(resource):
        return await apply_by_command(resource, manifest, cloud)
    api = await cloud.cluster_api(cluster_id(resource))
    said = await api.apply(manifest)
    if said.status < FIRST_ERROR:
        return Done(created=said.status == CREATED)
    return await not_allowed_yet(said, cluster_id(resource), cloud) or Refused(said.refusal)


async def not_allowed_yet(said: ApiResponse, cluster: str, cloud: Cloud) -> Pending | None:
    """Wait while the role of the control plane's identity may not have reached the cluster, at most ten minutes."""
    if said.status == CONFLICT or (said.status == NOT_FOUND and "namespaces" in said.refusal.detail):
        return Pending(PAUSE, detail=said.refusal.detail)
    if said.status not in (UNAUTHORIZED, FORBIDDEN):
        return None
    since = await _assigned_at(cluster, cloud)
    if not since or cloud.now() - since > BUDGET:
        return None
    return Pending(PAUSE, detail="The roles of the control plane have not reached the cluster yet.")


async def _assigned_at(cluster: str, cloud: Cloud) -> float:
    """When the control plane's identity got its role in the cluster, in seconds since 1970; 0.0 if it has none."""
    found = await get_by_id(Resource("role", ROLE_ASSIGNMENT.name, own_access(cluster)), cloud)
    made = str((found or {}).get("properties", {}).get("createdOn") or "")
    return parse_moment(FRACTION.sub("", made)) if made else 0.0


async def get_object(resource: Resource, cloud: Cloud) -> Observed | None:
    """An object as its cluster shows it, or None; of a cluster that does not answer, all that was there is."""
    return await _seen(resource, cloud)


async def get_secret(resource: Resource, cloud: Cloud) -> Observed | None:
    """The keys of a secret, never its values."""
    found = await _seen(resource, cloud)
    if found is None or found.get(UNSEEN):
        return found
    return {"metadata": found["metadata"], "keys": sorted(found.get("data") or {})}


async def _seen(resource: Resource, cloud: Cloud) -> Observed | None:
    cluster = await get_by_id(Resource("cluster", MANAGED_CLUSTER.name, cluster_id(resource)), cloud)
    if cluster is None:
        return None
    if is_private(resource) or power_state(cluster) is not State.RUNNING:
        return {"id": resource.id, UNSEEN: True}
    try:
        return await (await cloud.cluster_api(cluster_id(resource))).get(api_path(resource))
    except ReadRefused as error:
        if error.refusal.reason is not RefusalReason.FORBIDDEN:
            raise
        return {"id": resource.id, UNSEEN: True}


async def delete_object(resource: Resource, cloud: Cloud) -> Answer:
    """Delete an object; what a cluster that is gone or stopped had goes with it."""
    found = await _seen(resource, cloud)
    if found is None or found.get(UNSEEN):
        return Done()
    said = await (await cloud.cluster_api(cluster_id(resource))).delete(api_path(resource))
    return Done() if said.status < FIRST_ERROR or said.status == NOT_FOUND else Refused(said.refusal)


async def check_deployment(resource: Resource, cloud: Cloud) -> Answer | Checked:
    """Whether a deployment is available; runners that wait for a GPU node as designed pass, with the reason."""
    if is_private(resource):
        return await command_health(resource, cloud)
    name, space = name_of(resource.id), api_path(resource).split("/")[4]
    try:
        api = await cloud.cluster_api(cluster_id(resource))
        shown = await api.get(api_path(resource))
        pods = await pods_of(api, space, name)
        pending = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Pending"]
        reasons = [waiting_reason(pod, await events_of(api, space, pod["metadata"]["name"])) for pod in pending[:1]]
        depth = await queue_depth(api, space, cloud.now()) if name == WATCH else None
    except (CloudUnavailable, ReadRefused) as error:
        return Checked((HealthCheckResult(name, Check.WAITING, str(error)),))
    passed, words = deployment_state(shown, pods, reasons)
    if name == WATCH and passed:
        passed = depth is not None
        words = f"the queue answers: {depth.ready} messages wait" if depth else "the queue does not answer yet"
    return Checked((HealthCheckResult(name, Check.PASSED if passed else Check.WAITING, words),))


def read_deployment_health(resource: Resource, body: Any) -> Checked:
    """What the command in a private cluster says of a deployment."""
    return read_command_health(resource, body)


async def runner_secrets_are_usable(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The secrets for runners that do not exist, or whose owner has not allowed their use."""
    own = {name_of(one.id) for one in plan.resources if one.id.startswith("secrets/")}
    wanted = {
        value["secret"]: one
        for one in absent
        if one.kind == KIND.name
        for value in one.body["values"].values()
        if value["secret"] not in own
    }
    refusals = []
    for name, resource in wanted.items():
        found = await get_or_none(cloud.secrets.get_secret(name))
        if found is None:
            refusals.append(Refusal(RefusalReason.NOT_FOUND, NO_SECRET.format(secret=name), step=resource.name))
        elif not _is_meant(name, found.properties.tags or {}, plan.environment):
            refusals.append(replace(_not_meant(name, plan.environment), step=resource.name))
    return refusals


def _is_meant(name: str, tags: Mapping[str, str], environment: str) -> bool:
    """Whether an environment may use a secret: its own, or one that its owner has tagged for it."""
    return environment in (
        tags.get("dormouse", "") if name.startswith("dormouse-") else "",
        *tags.get(RUNNER_TAG, "").split(),
    )


def _not_meant(name: str, environment: str) -> Refusal:
    words = NOT_MEANT.format(secret=name, tag=RUNNER_TAG, environment=environment)
    return Refusal(RefusalReason.FORBIDDEN, words)


DEPLOYMENT_PROBE = ProbeApi(check_deployment, read_deployment_health)
KUBERNETES_OBJECT = ResourceApi(put_object, get_object, delete_object, read_put=read_command, probe=DEPLOYMENT_PROBE)
KUBERNETES_SECRET = ResourceApi(
    put_secret, get_secret, delete_object, read_put=read_command, preflight=(runner_secrets_are_usable,)
)
