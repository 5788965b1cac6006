"""The activities of a deletion of orphans: take the lock, and check everything again right before."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from activities.reconcile.reading import assignment_in, read_azure, seen_in
from activities.resources.arm import get_by_id, get_group
from dormouse.clock import rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.cloud.kubernetes.access import own_principal
from dormouse.cloud.sdk_errors import get_or_none
from dormouse.environments.operations import OperationRecord
from dormouse.errors import UnreadableRecord
from dormouse.lifecycle import Verb
from dormouse.reconcile.azure_view import SeenResource
from dormouse.reconcile.deletion import in_order, is_role, is_tagged, objection_to
from dormouse.reconcile.findings import Finding, Policy, Sighting
from dormouse.reconcile.orphans import DERIVED, environment_in
from dormouse.reconcile.passes import RECONCILE, OrphanCheck, OrphanDeletion
from dormouse.records.environments import Lock, Records
from dormouse.records.reconcile import ReconcileRecords
from dormouse.resources.keyvault import is_secret
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource
from dormouse.resources.registry import is_group

POLICY = "The setting RECONCILE does not say `delete` any more."
RECORDED = "The environment {name} is on record again."
CHANGED = "{id} is not the one that was found: it has changed hands, or was made again since."
IDENTITY = "{id} is assigned to an identity that exists, or Azure may hide it."
BY = "reconcile (orphans, seen by two passes)"


async def claim_orphans(request: OrphanDeletion, cloud: Cloud) -> bool:
    """Take the lock of the environment that orphans name, and record the operation; False if another operation has it."""
    records, lock = Records(cloud.tables), Lock(request.operation, request.accepted_at)
    if not await records.take_lock(request.environment, lock):
        held = await records.lock(request.environment)
        if held is None or held.operation != request.operation:
            return False
    at = rfc3339(request.accepted_at)
    operation = OperationRecord(request.operation, request.environment, Verb.DELETE, BY, at, channel=RECONCILE)
    with suppress(UnreadableRecord):
        if await records.operation(request.operation) is None:
            await records.remember_operation(operation)
    findings = ReconcileRecords(cloud.tables)
    tried: dict[str, Finding] = {}
    for one in request.orphans:
        known = await findings.finding(one.key)
        if known is not None:
            tried[one.key] = replace(known, tried_at=request.accepted_at, operation=request.operation)
    await findings.write_findings(tried)
    return True


async def recheck_orphans(request: OrphanDeletion, cloud: Cloud) -> OrphanCheck:
    """What of the confirmed orphans is deleted right now, or why nothing is, from fresh data; nothing is deleted here.

    Everything is read by its ID. One resource that is not as it was found keeps all the others of its environment.
    """
    if cloud.settings.reconcile is not Policy.DELETE:
        return OrphanCheck(why=POLICY)
    try:
        record = await Records(cloud.tables).environment(request.environment)
    except UnreadableRecord as error:
        return OrphanCheck(why=f"{error}.")
    if all(one.proof == DERIVED for one in request.orphans):
        return await _assignments(request.orphans, cloud)
    if record is not None:
        return OrphanCheck(why=RECORDED.format(name=request.environment))
    return await _everything(request, cloud)


async def _assignments(orphans: Sequence[Sighting], cloud: Cloud) -> OrphanCheck:
    """Role assignments to identities that are gone, which may be at resources of an environment on record."""
    view, _, _ = await read_azure(cloud)
    resources = []
    for one in orphans:
        assert one.resource is not None
        found = await get_by_id(one.resource, cloud)
        if found is None:
            continue
        seen = assignment_in(found)
        if f"{seen.principal} {seen.created_on}" != one.unique or seen.created_by != view.own_principal:
            return OrphanCheck(why=CHANGED.format(id=one.id))
        if view.hidden or view.identities is None or seen.principal in view.identities:
            return OrphanCheck(why=IDENTITY.format(id=one.id))
        resources.append(one.resource)
    return OrphanCheck(tuple(resources))


async def _everything(request: OrphanDeletion, cloud: Cloud) -> OrphanCheck:
    """The recorded resources of an environment that has ended, as far as each is proven to be the one that was found."""
    recorded = in_order(await ReconcileRecords(cloud.tables).former(request.environment))
    found = {one.id.lower(): one for one in request.orphans}
    principal, deleted = await own_principal(cloud), []
    for resource in recorded:
        if is_tagged(resource) or is_secret(resource.id):
            seen = await _secret(resource, cloud) if is_secret(resource.id) else await _resource(resource, cloud)
            named = environment_in(seen.tags, cloud.settings.deployment_id) if seen else ""
            why = objection_to(resource, seen, named == request.environment, found, recorded) if seen else ""
            if why:
                return OrphanCheck(why=why)
            deleted += [resource] if seen and resource.id.lower() in found else []
        elif is_role(resource) and await _made_by(resource, principal, cloud):
            deleted.append(resource)
    return OrphanCheck(tuple(deleted))


async def _resource(resource: Resource, cloud: Cloud) -> SeenResource | None:
    body: Any = await (get_group(resource, cloud) if is_group(resource) else get_by_id(resource, cloud))
    return None if body is None else seen_in(body)


async def _secret(resource: Resource, cloud: Cloud) -> SeenResource | None:
    """The tags of a secret; its value goes nowhere."""
    found = await get_or_none(cloud.secrets.get_secret(name_of(resource.id)))
    return None if found is None else SeenResource(resource.id, dict(found.properties.tags or {}))


async def _made_by(resource: Resource, principal: str, cloud: Cloud) -> bool:
    """Whether a role or role assignment exists and the control plane itself has made it."""
    found = await get_by_id(resource, cloud)
    return found is not None and str(found["properties"].get("createdBy") or "") == principal
