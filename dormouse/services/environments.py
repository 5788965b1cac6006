"""Use cases of environments: apply, show, list, change power, delete, hold, extend, locate the password."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dormouse import serialization
from dormouse.access.roles import Caller, require_admin, require_can_own, require_own
from dormouse.cloud.preflight import GROUP_OF_OTHERS
from dormouse.environments.operations import ChangePower, DeleteRequest, EnvironmentRecord, OperationRecord, Provision
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import EnvironmentBusy, EnvironmentNotFound, NameTaken
from dormouse.idle.holds import HoldRequest, LeaseRequest
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import State, Verb, require, satisfied
from dormouse.resources.machines import key_of
from dormouse.resources.ownership import group_name, owned_resources_of
from dormouse.services.apply import DesiredState, desired_state_of, machine_on_record, owner_id_of, preview_of
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.keeping import extend_tracked, hold_tracked
from dormouse.services.locks import require_staying, running_operation, running_operations
from dormouse.services.operations import Started, operation_of, start, under_way_already
from dormouse.services.views.environments import (
    AlreadyDeleted,
    ApplyPreview,
    DeletePreview,
    EnvironmentView,
    PasswordLocation,
    PowerPreview,
    environment_view_of,
    memories_of,
    memory_of,
    shown_to,
)
from dormouse.services.views.machines import HoldView, LeaseView
from orchestrators.environments.delete import delete_environment
from orchestrators.environments.power import change_power
from orchestrators.environments.provision import provision_environment


@dataclass(frozen=True, slots=True)
class EnvironmentPage:
    """Some environments, where the next ones begin ("" at the end), and what cannot be shown."""

    views: Sequence[EnvironmentView]
    after: str
    problems: Sequence[str]


async def apply(
    name: str, body: Mapping[str, Any], address: str, context: Context, *, dry_run: bool
) -> Started | EnvironmentView | ApplyPreview:
    """Create an environment, or change it to the spec in `body`; nothing is started if nothing would change.

    `address` is the caller's own, the default of `allow_from`. Raises InvalidSpec, EnvironmentBusy, NameTaken or NotAllowed.
    """
    client, dependencies, caller = context.client, context.dependencies, context.caller
    require_can_own(caller)
    known = await dependencies.records.environment(name)
    if known is not None:
        require_own(caller, known.owner_id)
    desired = await desired_state_of(name, body, address, context)
    if dry_run:
        return await preview_of(desired, dependencies)
    busy = await running_operation(client, dependencies.records, name, dependencies.now())
    if not desired.changes and not busy:
        return await show(name, context)
    if desired.record is None and not busy:
        await _require_free(desired.plan.group, dependencies)
    now = dependencies.clock.text()
    operation = OperationRecord(desired.plan.operation, name, Verb.PROVISION, caller.name, now, channel=caller.channel)
    record = _record(desired, caller, now)
    new = None if desired.record else record
    was_ready = desired.record is not None and desired.record.ready
    request = Provision(desired.plan, record, new=new is not None, was_ready=was_ready)
    return await start(context, operation, provision_environment, request, new=new, seen=desired.record)


async def show(name: str, context: Context) -> EnvironmentView:
    """One environment as Azure shows it now; raises EnvironmentNotFound."""
    client, dependencies = context.client, context.dependencies
    record = await known_environment(name, dependencies)
    seen = await dependencies.inventory.observe(record.group, record.machine, name)
    operation = await running_operation(client, dependencies.records, name, dependencies.now())
    memory = await memory_of(record, dependencies)
    view = await environment_view_of(record, seen, operation, dependencies, memory)
    return shown_to(context.caller, record, view)


async def list_environments(limit: int, after: str, context: Context) -> EnvironmentPage:
    """Some environments by name, from one query of Resource Graph, which may be some seconds old."""
    client, dependencies = context.client, context.dependencies
    known, following = await dependencies.records.environments(limit=limit, after=after)
    records = list(known.readable.values())
    seen = await dependencies.inventory.list_machines(records)
    locks = await running_operations(client, dependencies.records, dependencies.now())
    memories = await memories_of(records, dependencies)
    views = []
    for record in records:
        operation = locks.get(record.name, "")
        view = await environment_view_of(record, seen.get(record.name), operation, dependencies, memories.get(record.name))
        views.append(shown_to(context.caller, record, view))
    return EnvironmentPage(views, following, [str(error) for error in known.unreadable.values()])


async def set_power(name: str, verb: Verb, context: Context, *, dry_run: bool) -> Started | EnvironmentView | PowerPreview:
    """Start, stop or restart an environment's machine; raises EnvironmentBusy or CommandNotPossible."""
    client, dependencies = context.client, context.dependencies
    record = await own_environment(name, context)
    operation = operation_of(context, record.name, verb)
    busy = await running_operation(client, dependencies.records, record.name, dependencies.now())
    if busy and dry_run:
        raise EnvironmentBusy(record.name, busy)
    if not busy:
        seen = await dependencies.inventory.observe(record.group, record.machine, record.name)
        require(seen.state, verb)
        if satisfied(seen.state, verb):
            return await environment_view_of(record, seen, "", dependencies, await memory_of(record, dependencies))
        if dry_run:
            return PowerPreview(record.name, verb, seen.state)
    inside = machine_on_record(record, dependencies.settings)
    request = ChangePower(operation.id, record.name, verb, record.group, record.machine, inside=inside)
    try:
        return await start(context, operation, change_power, request, seen=record)
    except EnvironmentBusy as holder:
        return under_way_already(holder, operation)


async def delete(name: str, context: Context, *, purge: bool, dry_run: bool) -> Started | AlreadyDeleted | DeletePreview:
    """Delete an environment with every resource that its plans have named; resources of others are kept and reported.

    With `purge`, which only admins may ask for, its password cannot be recovered.
    """
    client, dependencies, caller = context.client, context.dependencies, context.caller
    record = await dependencies.records.environment(name)
    require_own(caller, record.owner_id if record else "")
    if purge:
        require_admin(caller, "To delete a password for good")
    group = record.group if record else group_name(dependencies.settings.deployment_id, name)
    if record is None and not await running_operation(client, dependencies.records, name, dependencies.now()):
        gone = await _already_deleted(name, group, dependencies)
        if not purge:
            return gone
    if dry_run:
        return DeletePreview(name, Verb.DELETE, group)
    operation = operation_of(context, name, Verb.DELETE)
    try:
        request = DeleteRequest(operation.id, name, group, purge=purge)
        return await start(context, operation, delete_environment, request, seen=record)
    except EnvironmentBusy as busy:
        if purge:  # a deletion that is under way may leave the password recoverable
            raise
        return under_way_already(busy, operation)


async def locate_password(name: str, context: Context) -> PasswordLocation:
    """Where the password of an environment is kept: callers read it from Key Vault with their own rights."""
    record = await own_environment(name, context)
    return PasswordLocation(f"{context.dependencies.settings.key_vault_url}/secrets/{record.secret}")


async def hold(name: str, asked: HoldRequest, context: Context, *, dry_run: bool) -> HoldView:
    """Keep an environment's machine awake for a time, or end the hold; raises EnvironmentBusy while it is deleted."""
    known = await _tracked(name, context)
    return await hold_tracked(key_of(known.id), asked, context, known, dry_run=dry_run)


async def extend(name: str, asked: LeaseRequest, context: Context, *, dry_run: bool) -> LeaseView:
    """Set, renew or end an environment's lease; raises EnvironmentBusy while it is deleted."""
    known = await _tracked(name, context)
    return await extend_tracked(key_of(known.id), asked, context, known, dry_run=dry_run)


async def known_environment(name: str, dependencies: Dependencies) -> EnvironmentRecord:
    """The record of an environment; raises EnvironmentNotFound."""
    record = await dependencies.records.environment(name)
    if record is None:
        raise EnvironmentNotFound(f"There is no environment {name!r}.")
    return record


async def own_environment(name: str, context: Context) -> EnvironmentRecord:
    """The record of an environment that the caller may act on; raises EnvironmentNotFound or NotAllowed."""
    record = await known_environment(name, context.dependencies)
    require_own(context.caller, record.owner_id)
    return record


async def _tracked(name: str, context: Context) -> TrackedMachine:
    """An environment's machine as it is tracked before any sweep has seen it."""
    dependencies = context.dependencies
    record = await own_environment(name, context)
    await require_staying(context.client, dependencies.records, name, dependencies.now())
    identifier = record.machine_id(dependencies.settings.azure_subscription_id)
    return TrackedMachine(identifier, dependencies.now(), State.UNKNOWN, dependencies.now())


async def _require_free(group: str, dependencies: Dependencies) -> None:
    """Raise NameTaken if a group exists: without a record it belongs to others, whatever its tags say."""
    if (await dependencies.inventory.group(group)).id:
        raise NameTaken(GROUP_OF_OTHERS.format(group=group))


async def _already_deleted(name: str, group: str, dependencies: Dependencies) -> AlreadyDeleted:
    """An environment that was deleted before; raises EnvironmentNotFound for one that never existed."""
    recorded, _ = await dependencies.records.operations(limit=1, environment=name)
    last = recorded[0] if recorded else None
    deletion = last if isinstance(last, OperationRecord) and last.verb is Verb.DELETE else None
    if last and deletion and deletion.outcome and deletion.outcome.status is OutcomeStatus.SUCCEEDED:
        return AlreadyDeleted(name, State.ABSENT, last.id)
    if (await dependencies.inventory.group(group)).id:
        raise EnvironmentNotFound(f"There is no environment {name!r}. {GROUP_OF_OTHERS.format(group=group)}")
    if last is None:
        raise EnvironmentNotFound(f"There is no environment {name!r}, and there never was one.")
    return AlreadyDeleted(name, State.ABSENT, last.id)


def _record(desired: DesiredState, caller: Caller, requested_at: str) -> EnvironmentRecord:
    plan, spec = desired.plan, desired.spec
    resources = owned_resources_of(plan).resources
    earlier = desired.record.resources if desired.record else ()  # an earlier release may have named other resources
    owner_id = desired.record.owner_id if desired.record else owner_id_of(spec, caller)
    return EnvironmentRecord(
        name=plan.environment,
        blueprint=plan.blueprint,
        owner=spec.owner,
        region=plan.region,
        group=plan.group,
        machine=plan.machine.name,
        secret=desired.secret,
        spec=serialization.text_of(spec),
        operation=plan.operation,
        requested_at=requested_at,
        owner_id=owner_id,
        resources=(*(one for one in earlier if one not in resources), *resources),
    )
