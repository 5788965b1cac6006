"""The activities of a deletion of orphans: take the lock, and check everything again right before each resource goes."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from activities.reconcile.reading import assignment_in, hidden_things, read_identities, role_in, seen_in
from activities.resources.arm import get_by_id, get_group
from activities.resources.generic import delete_resource
from dormouse.clock import rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.kubernetes.access import own_principal
from dormouse.cloud.sdk_errors import get_or_none
from dormouse.environments.answers import Answer, Done, Refused
from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import UnreadableRecord
from dormouse.lifecycle import Verb
from dormouse.reconcile.azure_view import SeenResource
from dormouse.reconcile.deletion import in_order, is_role, is_tagged, objection_to, objection_to_records
from dormouse.reconcile.findings import Finding, Policy, Sighting
from dormouse.reconcile.orphans import DERIVED, environment_in
from dormouse.reconcile.passes import RECONCILE, OrphanCheck, OrphanDeletion, OrphanStep
from dormouse.records.environments import Lock, Records
from dormouse.records.reconcile import ReconcileRecords
from dormouse.resources.identity import ROLE_ASSIGNMENT
from dormouse.resources.keyvault import is_secret
from dormouse.resources.naming import name_of
from dormouse.resources.ownership import OwnedResources
from dormouse.resources.plan import Resource
from dormouse.resources.registry import is_group

POLICY = "The setting RECONCILE does not say `delete` any more."
HIDDEN = "Azure may hide something: {why}"
CHANGED = "{id} is not the one that was found: it has changed hands, or was made again since."
IDENTITY = "{id} is assigned to an identity that exists."
FOREIGN = "{id} has something else in it now: {others}."
BY = "reconcile (orphans, seen by two passes)"


async def claim_orphans(request: OrphanDeletion, cloud: Cloud) -> bool:
    """Take the lock of the environment that orphans name, and record the operation; False if another operation has it.

    A lock that this release cannot read is one that another operation has.
    """
    records, lock = Records(cloud.tables), Lock(request.operation, request.accepted_at)
    if not await records.take_lock(request.environment, lock) and not await _holds(request, records):
        return False
    at = rfc3339(request.accepted_at)
    operation = OperationRecord(request.operation, request.environment, Verb.DELETE, BY, at, channel=RECONCILE)
    with suppress(UnreadableRecord):
        if await records.operation(request.operation) is None:
            await records.remember_operation(operation)
    findings = ReconcileRecords(cloud.tables)
    tried: dict[str, Finding] = {}
    for one in request.orphans:
        with suppress(UnreadableRecord):
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
    documents = await Records(cloud.tables).all_environment_documents()
    unreadable = {name: str(error) for name, error in documents.unreadable.items()}
    if why := objection_to_records(request, [*documents.readable.values()], unreadable):
        return OrphanCheck(why=why)
    if hidden := await hidden_things(cloud):
        return OrphanCheck(why=HIDDEN.format(why=hidden))
    if all(one.proof == DERIVED for one in request.orphans):
        return await _assignments(request.orphans, cloud)
    return await _everything(request, cloud)


async def delete_orphan(request: OrphanStep, cloud: Cloud) -> Answer:
    """Start deleting one of the orphans if everything is still as it was found; a missing one is deleted already.

    A resource group is refused if anything else is in it.
    """
    checked = await recheck_orphans(request.deletion, cloud)
    if checked.why:
        return _refused(checked.why)
    resource, ours = request.resource, OwnedResources(checked.resources)
    if resource.id not in {one.id for one in ours.resources}:
        return Done()
    if is_group(resource):
        others = ours.others_in(await Inventory(cloud).contents(name_of(resource.id)))
        if others:
            return _refused(FOREIGN.format(id=resource.id, others=", ".join(others)))
    return await delete_resource(resource, cloud)


async def _holds(request: OrphanDeletion, records: Records) -> bool:
    with suppress(UnreadableRecord):
        held = await records.lock(request.environment)
        return held is not None and held.operation == request.operation
    return False


def _refused(why: str) -> Refused:
    return Refused(Refusal(RefusalReason.CONFLICT, why))


async def _assignments(orphans: Sequence[Sighting], cloud: Cloud) -> OrphanCheck:
    """Role assignments to identities that are gone, which may be at resources of an environment on record."""
    principal, identities, resources = await own_principal(cloud), await read_identities(cloud), []
    for one in orphans:
        assert one.resource is not None
        found = await get_by_id(one.resource, cloud)
        if found is None:
            continue
        seen = assignment_in(found)
        if seen.unique != one.unique or seen.created_by != principal:
            return OrphanCheck(why=CHANGED.format(id=one.id))
        if seen.principal in identities:
            return OrphanCheck(why=IDENTITY.format(id=one.id))
        resources.append(one.resource)
    return OrphanCheck(tuple(resources))


async def _everything(request: OrphanDeletion, cloud: Cloud) -> OrphanCheck:
    """The recorded resources of an environment that has ended, as far as each is proven to be the one that was found."""
    former = await ReconcileRecords(cloud.tables).former(request.environment)
    if former.unreadable:
        return OrphanCheck(why=f"{next(iter(former.unreadable.values()))}.")
    recorded = in_order([*former.readable.values()])
    found = {one.id.lower(): one for one in request.orphans}
    principal, deleted = await own_principal(cloud), []
    for resource in recorded:
        confirmed = found.get(resource.id.lower())
        if is_tagged(resource) or is_secret(resource.id):
            seen = await _secret(resource, cloud) if is_secret(resource.id) else await _resource(resource, cloud)
            named = environment_in(seen.tags, cloud.settings.deployment_id) if seen else ""
            why = objection_to(resource, seen, named == request.environment, found, recorded) if seen else ""
            deleted += [resource] if seen and confirmed else []
        elif is_role(resource) and confirmed and (body := await get_by_id(resource, cloud)):
            why = "" if _is_same_role(resource, body, confirmed, principal) else CHANGED.format(id=resource.id)
            deleted.append(resource)
        else:
            why = ""
        if why:
            return OrphanCheck(why=why)
    return OrphanCheck(tuple(deleted))


async def _resource(resource: Resource, cloud: Cloud) -> SeenResource | None:
    body: Any = await (get_group(resource, cloud) if is_group(resource) else get_by_id(resource, cloud))
    return None if body is None else seen_in(body)


async def _secret(resource: Resource, cloud: Cloud) -> SeenResource | None:
    """The tags of a secret; its value goes nowhere."""
    found = await get_or_none(cloud.secrets.get_secret(name_of(resource.id)))
    return None if found is None else SeenResource(resource.id, dict(found.properties.tags or {}))


def _is_same_role(resource: Resource, body: Mapping[str, Any], confirmed: Sighting, principal: str) -> bool:
    """Whether the control plane itself has made a role assignment or custom role, and it is the one that was found."""
    if resource.kind == ROLE_ASSIGNMENT.name:
        assigned = assignment_in(body)
        return (assigned.created_by, assigned.unique) == (principal, confirmed.unique)
    role = role_in(body)
    return (role.created_by, role.created_on) == (principal, confirmed.unique)
