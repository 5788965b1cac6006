"""Use cases of environments: apply, show, change power, hold, extend, locate the password."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from activities.resources.environments import has_power
from activities.resources.other_sizes import other_sizes
from dormouse.access.roles import require_can_own, require_own
from dormouse.environments.operations import EnvironmentRecord, OperationRecord, PowerChange, Provision
from dormouse.environments.preflight import GROUP_OF_OTHERS, groups_in
from dormouse.environments.rest import LAST_OPERATIONS, earliest_start, queued_text, rest_of
from dormouse.errors import CommandNotPossible, EnvironmentBusy, EnvironmentNotFound, NameTaken
from dormouse.idle.holds import HoldRequest, LeaseRequest
from dormouse.idle.targets import target_ids, target_key
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import State, Verb, require, satisfied
from dormouse.resources.compute.machines import machine_ids
from dormouse.resources.keyvault import USERNAME, is_secret
from dormouse.resources.naming import name_of
from dormouse.resources.plan import WITHDRAWN, Resource
from dormouse.services.apply import (
    DesiredState,
    alternatives_of,
    desired_state_of,
    record_of,
)
from dormouse.services.apply_preview import preview_of
from dormouse.services.context import Context
from dormouse.services.costs.environment_costs import memories_of
from dormouse.services.dependencies import Dependencies
from dormouse.services.idle.keeping import extend_tracked, hold_tracked, keep_stopped, pool_sleeps
from dormouse.services.locks import require_staying, running_operation
from dormouse.services.operations import Started, operation_of, start, under_way_already
from dormouse.services.reconcile.findings import with_missing
from dormouse.services.recorded_plans import resources_on_record
from dormouse.services.views.environments import (
    EnvironmentView,
    environment_view_of,
    secrets_of,
    shown_to,
    spec_of,
)
from dormouse.services.views.machines import HoldView, LeaseView
from dormouse.services.views.previews import ApplyPreview, PasswordLocation, PowerPreview
from orchestrators.environments.power import change_power
from orchestrators.environments.provision import provision_environment

CANNOT_STOP = "{name} cannot be stopped ({reason}). Delete it, or let it run: idle shutdown leaves it alone, too."
NO_USER = "{name} has no user {user!r} with a password; its users are: {users}."
NO_PASSWORD = "{name} has no password: none of its resources has one."  # noqa: S105 - a sentence about one


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
        await _require_free(desired, dependencies)
    now = dependencies.clock.text()
    operation = OperationRecord(desired.plan.operation, name, Verb.PROVISION, caller.name, now, channel=caller.channel)
    record = record_of(desired, caller, now)
    new = None if desired.record else record
    was_ready = desired.record is not None and desired.record.ready
    others = alternatives_of(desired, caller, now)
    obsolete = tuple(one for one in record.resources if _is_obsolete(one))
    request = Provision(desired.plan, record, new is not None, was_ready, desired.placement, others, obsolete)
    return await start(context, operation, provision_environment, request, new=new, seen=desired.record)


def _is_obsolete(resource: Resource) -> bool:
    """Whether a resource that only earlier plans have named is deleted now; any other goes with its environment."""
    return resource.superseded and (USERNAME in resource.settings or resource.settings.items() >= WITHDRAWN.items())


async def show(name: str, context: Context) -> EnvironmentView:
    """One environment as Azure shows it now; raises EnvironmentNotFound."""
    client, dependencies = context.client, context.dependencies
    record = await known_environment(name, dependencies)
    seen = await dependencies.environments.observe(record)
    operation = await running_operation(client, dependencies.records, name, dependencies.now())
    memory = (await memories_of([record], dependencies))[name]
    view = await environment_view_of(record, seen, operation, dependencies, memory)
    (complete,) = await with_missing([view], dependencies)
    return shown_to(context.caller, record, complete)


async def set_power(name: str, verb: Verb, context: Context, *, dry_run: bool) -> Started | EnvironmentView | PowerPreview:
    """Start, stop or restart what has power in an environment; raises EnvironmentBusy or CommandNotPossible."""
    client, dependencies = context.client, context.dependencies
    record = await own_environment(name, context)
    operation = operation_of(context, record.name, verb)
    busy = await running_operation(client, dependencies.records, record.name, dependencies.now())
    if busy and dry_run:
        raise EnvironmentBusy(record.name, busy)
    may_resize = verb is Verb.START
    if not busy:
        seen = await dependencies.environments.observe(record)
        require(seen.state, verb, subject=record.name, has_power=has_power(record.resources))
        if verb is Verb.STOP and seen.unstoppable:
            raise CommandNotPossible(CANNOT_STOP.format(name=name, reason=seen.unstoppable))
        wakes = verb is Verb.START and await pool_sleeps(record, dependencies)
        if satisfied(seen.state, verb) and not wakes:
            if verb is Verb.STOP and not dry_run:
                for machine in machine_ids(record.resources):
                    await keep_stopped(machine, dependencies)
            memory = (await memories_of([record], dependencies))[name]
            return await environment_view_of(record, seen, "", dependencies, memory)
        if dry_run:
            return PowerPreview(record.name, verb, seen.state)
        may_resize = may_resize and not seen.hibernated  # Azure resizes no hibernated machine
    resources, readable = await resources_on_record(record, dependencies)
    placement, sizes = await other_sizes(record, dependencies.prices) if may_resize else (None, ())
    request = PowerChange(operation.id, record.name, verb, resources, readable, placement=placement, other_sizes=sizes)
    request = replace(request, recorded_placement=record.placement)
    try:
        started = await start(context, operation, change_power, request, seen=record)
    except EnvironmentBusy as holder:
        return under_way_already(holder, operation)
    return replace(started, note=await _rest_note(record, verb, dependencies))


async def _rest_note(record: EnvironmentRecord, verb: Verb, dependencies: Dependencies) -> str:
    """Until when a start waits because Azure asks for a rest after a stop, or ""."""
    rest = rest_of(record.resources) if verb is Verb.START else 0.0
    if not rest:
        return ""
    known, _ = await dependencies.records.operations(limit=LAST_OPERATIONS, environment=record.name)
    earliest = earliest_start(known, rest)
    return queued_text(record.resources, earliest) if earliest > dependencies.now() else ""


async def locate_password(name: str, context: Context, user: str = "") -> PasswordLocation:
    """Where a password of an environment is kept: callers read it from Key Vault with their own rights.

    It is that of the administrator, or of the named user `user`. Raises CommandNotPossible for an environment without a
    password, or without that user.
    """
    record = await own_environment(name, context)
    secrets = secrets_of(record, context.dependencies.settings.key_vault_url)
    if not secrets:
        raise CommandNotPossible(NO_PASSWORD.format(name=name))
    wanted = secret_of(record, user) if user else next((one.name for one in secrets if not one.username), secrets[0].name)
    return PasswordLocation(next(one.uri for one in secrets if one.name == wanted))


def secret_of(record: EnvironmentRecord, user: str) -> str:
    """The name of the resource with the password of a user, the administrator included; raises CommandNotPossible."""
    known = {
        one.settings.get(USERNAME) or str(spec_of(record)[0].get("admin_username") or ""): one.name
        for one in record.resources
        if is_secret(one.id) and not one.superseded
    }
    if user not in known:
        raise CommandNotPossible(NO_USER.format(name=record.name, user=user, users=", ".join(sorted(filter(None, known)))))
    return known[user]


async def hold(name: str, asked: HoldRequest, context: Context, *, dry_run: bool) -> HoldView:
    """Keep an environment's machines awake for a time, or end the hold; raises EnvironmentBusy while it is deleted."""
    known = await _tracked(name, context)
    views = [await hold_tracked(target_key(one.id), asked, context, one, dry_run=dry_run) for one in known]
    return views[0]


async def extend(name: str, asked: LeaseRequest, context: Context, *, dry_run: bool) -> LeaseView:
    """Set, renew or end an environment's lease; raises EnvironmentBusy while it is deleted."""
    known = await _tracked(name, context)
    views = [await extend_tracked(target_key(one.id), asked, context, one, dry_run=dry_run) for one in known]
    return views[0]


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


async def _tracked(name: str, context: Context) -> list[TrackedMachine]:
    """An environment's machines as they are tracked before any sweep has seen them; raises CommandNotPossible for none."""
    dependencies = context.dependencies
    record = await own_environment(name, context)
    await require_staying(context.client, dependencies.records, name, dependencies.now())
    now, machines = dependencies.now(), target_ids(record.resources)
    if not machines:
        raise CommandNotPossible(f"{name} has no machine that could be held or stopped.")
    return [TrackedMachine(identifier, now, State.UNKNOWN, now) for identifier in machines]


async def _require_free(desired: DesiredState, dependencies: Dependencies) -> None:
    """Raise NameTaken if a group exists: without a record it belongs to others, whatever its tags say."""
    for group in groups_in(desired.plan):
        if (await dependencies.inventory.group(name_of(group.id))).id:
            raise NameTaken(GROUP_OF_OTHERS.format(group=name_of(group.id)))
