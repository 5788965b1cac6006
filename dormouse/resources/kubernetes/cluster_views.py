"""Managed clusters as Azure shows them: their state, what differs from the plan, the ways in, and what is billed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dormouse.lifecycle import State
from dormouse.resources.kinds import (
    Change,
    Difference,
    Endpoint,
    Observed,
    Outputs,
    PriceQuery,
    failed_or_as_put,
    provisioning_of,
)
from dormouse.resources.naming import group_of, name_of
from dormouse.resources.plan import Resource

SYSTEM_POOL = "system"
HTTPS = 443
NEVER_CHANGES = "Azure never changes it"
# https://learn.microsoft.com/azure/aks/supported-kubernetes-versions: an upgrade goes to the next minor version only.
UPGRADES_ONLY = "clusters are upgraded, never downgraded"
STATES = {
    "creating": State.CREATING,
    "starting": State.STARTING,
    "stopping": State.STOPPING,
    "deleting": State.DELETING,
}


def power_state(observed: Observed) -> State:
    """The state of a cluster; one that Azure calls stopped while one of its pools runs is still stopping."""
    properties = observed.get("properties") or {}
    known = STATES.get(provisioning_of(observed))
    if known:
        return known
    code = str((properties.get("powerState") or {}).get("code", "")).lower()
    if code == "stopped":
        pools = properties.get("agentPoolProfiles") or []
        runs = any(_power(pool) == "running" and pool.get("count") for pool in pools)
        return State.STOPPING if runs else State.STOPPED
    return State.RUNNING if code == "running" else State.UNKNOWN


def _power(pool: Mapping[str, object]) -> str:
    power = pool.get("powerState")
    return str(power.get("code", "")).lower() if isinstance(power, Mapping) else ""


def problem(observed: Observed) -> str:
    """Why the last change of a cluster failed, or "". https://learn.microsoft.com/rest/api/aks/managed-clusters/get"""
    if provisioning_of(observed) != "failed":
        return ""
    error = ((observed["properties"].get("status") or {}).get("provisioningError")) or {}
    return f"The last change of the cluster failed: {error.get('message') or 'Azure gave no reason'}."


def cluster_drift(resource: Resource, observed: Observed) -> Change:
    """What differs of an existing cluster from its plan."""
    found = Change.of(_differences(resource, observed))
    return found if found.differences else failed_or_as_put(resource, observed)


def _differences(resource: Resource, observed: Observed) -> Iterator[Difference]:
    planned, shown = resource.body["properties"], observed["properties"]
    system, wanted = _system_in(observed), planned["agentPoolProfiles"][0]
    size = str(system.get("vmSize", ""))
    if size and size.lower() != wanted["vmSize"].lower():
        yield Difference("system.size", size, wanted["vmSize"], NEVER_CHANGES)
    if system and system.get("count") != wanted["count"]:
        yield Difference("system.count", str(system.get("count")), str(wanted["count"]))
    version, asked = str(shown.get("currentKubernetesVersion") or ""), planned.get("kubernetesVersion", "")
    if asked and version and not f"{version}.".startswith(f"{asked}."):
        obstacle = UPGRADES_ONLY if _numbers(asked) < _numbers(version) else ""
        yield Difference("kubernetes_version", version, asked, obstacle)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def cluster_outputs(observed: Observed) -> Outputs:
    """The host of the API server, and the resource ID of the cluster."""
    properties = observed["properties"]
    host = str(properties.get("fqdn") or properties.get("privateFQDN") or "")
    return {"id": str(observed.get("id", "")), "host": host}


def ways_in(resource: Resource, outputs: Outputs) -> Sequence[Endpoint]:
    """How to get a kubeconfig, which holds no credential, and the kubectl line; everyone logs in with their own account.

    https://learn.microsoft.com/azure/aks/kubelogin-authentication
    """
    host, cluster, group = outputs.get("host", ""), name_of(resource.id), group_of(resource.id)
    if not host:
        return ()
    config = f"az aks get-credentials --resource-group {group} --name {cluster} --format exec"
    return (
        Endpoint("kubeconfig", host, HTTPS, config),
        Endpoint(
            "kubectl", host, HTTPS, f"kubectl --context {cluster} --namespace {resource.settings['namespace']} get pods"
        ),
    )


def system_nodes_billed(resource: Resource, observed: Observed | None) -> PriceQuery | None:
    """The nodes of the system pool; those for GPUs are billed with their own pool."""
    system = _system_in(observed or {})
    size = str(system.get("vmSize") or resource.settings.get("size", ""))
    count = int(system.get("count") or resource.settings.get("count") or 1)
    return PriceQuery(size, count) if size else None


def _system_in(observed: Observed) -> Mapping[str, Any]:
    """The system pool of a cluster as it is shown, or nothing."""
    pools = (observed.get("properties") or {}).get("agentPoolProfiles") or []
    return next((pool for pool in pools if pool.get("name") == SYSTEM_POOL), {})
