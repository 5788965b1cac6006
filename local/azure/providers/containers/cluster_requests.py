"""What a PUT of a managed cluster asks for: its checks, its identities and its pools.

https://learn.microsoft.com/rest/api/aks/managed-clusters/create-or-update
"""

from typing import Any

from local.azure.core.resource_ids import ResourceId
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World
from local.azure.providers.common import Body, authorship, tracked
from local.azure.providers.containers import admission, cluster_bodies, node_groups, pool_bodies, pools, versions
from local.azure.providers.containers.errors import BareRefused, invalid, unchangeable
from local.azure.providers.kinds import POOL
from local.azure.providers.roles import new_principal


def without_nulls(value: Any) -> Any:
    """A body as AKS reads it: what is null is not there."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return value


def check_new(world: World, rid: ResourceId, body: Body) -> None:
    """Raise the refusal for a cluster that cannot be created."""
    given = body.get("properties") or {}
    if not admission.CLUSTER_NAME.fullmatch(rid.name):
        raise invalid("resourceName", "The name of a cluster has 1 to 63 letters, digits, underscores and hyphens.")
    if not admission.DNS_PREFIX.fullmatch(str(given.get("dnsPrefix", ""))):
        raise invalid("dnsPrefix", "The DNS prefix must have 1 to 54 letters, digits and hyphens.")
    if not body.get("identity"):
        raise BareRefused(400, "InvalidParameter", "Required parameter identity or servicePrincipalProfile is missing.")
    if not given.get("agentPoolProfiles"):
        raise BareRefused(400, "MustDefineAtLeastOneSystemPool", "Must define at least one system pool.")
    if given.get("disableLocalAccounts") and not (given.get("aadProfile") or {}).get("managed"):
        text = "Disabling local accounts is only supported on a cluster that is integrated with Microsoft Entra ID."
        raise BareRefused(400, "BadRequest", text)
    if given.get("nodeResourceGroup"):
        node_groups.check_new(world, str(given["nodeResourceGroup"]))


def check_change(world: World, existing: Document, body: Body) -> None:
    """Raise the refusal for what cannot be changed of a cluster."""
    if body.get("location") and body["location"].replace(" ", "").lower() != existing["location"]:
        raise unchangeable("location")
    version = (body.get("properties") or {}).get("kubernetesVersion")
    if version and version != existing["properties"]["kubernetesVersion"]:
        current = str(existing["properties"]["currentKubernetesVersion"])
        versions.check_upgrade(world, current, str(version), existing["location"])
    changed = cluster_bodies.changed_fixed(body, existing["properties"])
    if changed:
        raise unchangeable(changed[0])


def document_of(world: World, rid: ResourceId, body: Body, existing: Document | None, properties: Body) -> Document:
    """The cluster that a request makes."""
    document: Document = {**tracked(rid, body, properties), "kind": "Base"}
    if not document.get("tags"):
        document.pop("tags", None)
    document["identity"] = _identity(world, rid, body.get("identity") or {}, existing)
    document["sku"] = {"name": "Base", "tier": "Free", **(existing or {}).get("sku", {}), **(body.get("sku") or {})}
    document["_author"] = authorship(world, None, world.zulu())["createdBy"]
    return document


def _identity(world: World, rid: ResourceId, given: Body, existing: Document | None) -> Body:
    known = existing["identity"] if existing else {}
    if not given or given.get("type") == known.get("type") == "SystemAssigned":
        return dict(known)
    if given["type"] == "UserAssigned":
        assigned = {one: (world.resource(one) or {})["properties"] for one in given["userAssignedIdentities"]}
        shown = {one: {name: facts[name] for name in ("principalId", "clientId")} for one, facts in assigned.items()}
        return {"type": "UserAssigned", "userAssignedIdentities": shown}
    return {"type": "SystemAssigned", "principalId": new_principal(world, rid.text), "tenantId": TENANT}


def pools_of(world: World, cluster: Document, body: Body, *, new: bool) -> list[Document]:
    """The pools of the body; a change of the cluster neither adds nor removes one (https://aka.ms/aks/update-pools)."""
    given = (body.get("properties") or {}).get("agentPoolProfiles") or []
    known = {} if new else {pool["name"]: pool for pool in pools.of_cluster(world, cluster["id"])}
    if not new and given and {one["name"] for one in given} != set(known):
        raise BareRefused(400, "InvalidParameter", "Agent pools are added and removed by requests of their own.")
    found = []
    for one in given:
        before = known[one["name"]]["properties"] if one["name"] in known else None
        if before and (changed := pool_bodies.changed_fixed(one, before)):
            raise unchangeable(f"properties.agentPoolProfile.{changed[0]}")
        admission.check_pool(
            world, one["name"], {**({"vmSize": before["vmSize"]} if before else {}), **one}, cluster["location"]
        )
        properties = {**pool_bodies.properties(world, one, cluster, before)}
        if before:
            properties.setdefault("enableAutoScaling", False)
        identifier = f"{cluster['id']}/agentPools/{one['name']}"
        properties["provisioningState"] = "Creating" if new else "Updating"
        found.append({"id": identifier, "name": one["name"], "type": POOL, "properties": properties})
    running = [one for one in found if one["properties"]["mode"] == "System" and pools.machines(one["properties"])]
    if new and not running:
        raise BareRefused(400, "MustDefineAtLeastOneSystemPool", "Must define at least one system pool.")
    return found


def check_room(world: World, cluster: Document, wanted: list[Document]) -> None:
    """Raise the refusal for more machines than the quotas allow."""
    for pool in wanted:
        before = world.resource(pool["id"])
        more = pools.machines(pool["properties"]) - (pools.machines(before["properties"]) if before else 0)
        spot = pool["properties"].get("scaleSetPriority") == "Spot"
        admission.check_quota(world, pool["properties"]["vmSize"], cluster["location"], more, spot=spot)
