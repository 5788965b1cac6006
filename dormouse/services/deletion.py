"""Use case: delete an environment, if asked for with snapshots that are kept."""

from dormouse.access.roles import require_admin, require_own
from dormouse.environments.operations import DeleteRequest, EnvironmentRecord, OperationRecord
from dormouse.environments.preflight import GROUP_OF_OTHERS
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import CommandNotPossible, EnvironmentBusy, EnvironmentNotFound
from dormouse.ids import ulid_of
from dormouse.lifecycle import State, Verb
from dormouse.resources.compute.snapshots import Snapshots, snapshots_of
from dormouse.resources.naming import group_name
from dormouse.resources.ownership import OwnedResources
from dormouse.resources.registry import kind_of
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.dependents import require_no_dependents
from dormouse.services.locks import running_operation
from dormouse.services.operations import Started, operation_of, start, under_way_already
from dormouse.services.views.previews import AlreadyDeleted, DeletePreview
from orchestrators.environments.delete import delete_environment


async def delete(
    name: str, context: Context, *, purge: bool, dry_run: bool, snapshot: bool = False
) -> Started | AlreadyDeleted | DeletePreview:
    """Delete an environment with every resource that its plans have named; resources of others are kept and reported.

    With `snapshot`, snapshots of the disks that it deletes are taken first, and kept.

    With `purge`, which only admins may ask for, nothing of it can be recovered. Raises CommandNotPossible while other
    environments depend on it.
    """
    client, dependencies, caller = context.client, context.dependencies, context.caller
    record = await dependencies.records.environment(name)
    require_own(caller, record.owner_id if record else "")
    if purge:
        require_admin(caller, "To delete an environment beyond recovery")
    if record is None and not await running_operation(client, dependencies.records, name, dependencies.now()):
        gone = await _already_deleted(name, dependencies)
        if not purge:
            return gone
    await require_no_dependents(name, dependencies)
    operation = operation_of(context, name, Verb.DELETE)
    snapshots = _snapshots(record, dependencies, ulid_of(operation.id)) if snapshot and record else None
    kept = tuple(one.id for one in snapshots.requests) if snapshots else ()
    if dry_run:
        ours = OwnedResources.to_delete(record.resources if record else ()).resources
        owned = [kind_of(one).label(one) for one in ours if one.id]
        return DeletePreview(name, Verb.DELETE, tuple(owned), kept)
    try:
        request = DeleteRequest(operation.id, name, purge=purge, snapshots=snapshots)
        return await start(context, operation, delete_environment, request, seen=record)
    except EnvironmentBusy as busy:
        if purge or snapshot:  # a deletion that is under way may leave the password recoverable, and takes no snapshots
            raise
        return under_way_already(busy, operation)


def _snapshots(record: EnvironmentRecord, dependencies: Dependencies, ulid: str) -> Snapshots:
    """The snapshots of the disks that a deletion would delete; raises CommandNotPossible if there are none."""
    settings = dependencies.settings
    found = snapshots_of(
        OwnedResources.to_delete(record.resources).resources,
        subscription=settings.azure_subscription_id,
        deployment=settings.deployment_id,
        environment=record.name,
        region=record.region,
        ulid=ulid,
    )
    if not found.requests:
        raise CommandNotPossible(
            f"There is no disk that the deletion of {record.name} would delete, and so no snapshot to keep."
        )
    return found


async def _already_deleted(name: str, dependencies: Dependencies) -> AlreadyDeleted:
    """An environment that was deleted before; raises EnvironmentNotFound for one that never existed."""
    recorded, _ = await dependencies.records.operations(limit=1, environment=name)
    last = recorded[0] if recorded else None
    deletion = last if isinstance(last, OperationRecord) and last.verb is Verb.DELETE else None
    if last and deletion and deletion.outcome and deletion.outcome.status is OutcomeStatus.SUCCEEDED:
        return AlreadyDeleted(name, State.ABSENT, last.id)
    group = group_name(dependencies.settings.deployment_id, name)
    if (await dependencies.inventory.group(group)).id:
        raise EnvironmentNotFound(f"There is no environment {name!r}. {GROUP_OF_OTHERS.format(group=group)}")
    if last is None:
        raise EnvironmentNotFound(f"There is no environment {name!r}, and there never was one.")
    return AlreadyDeleted(name, State.ABSENT, last.id)
