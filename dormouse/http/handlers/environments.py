"""Routes about environments: wish, look, list, start, stop, restart, delete."""

import azure.functions as func

from dormouse import serialization
from dormouse.access.roles import Caller, require_admin, require_can_own, require_own
from dormouse.cloud.preflight import GROUP_OF_OTHERS
from dormouse.environments.operations import ChangePower, DeleteRequest, EnvironmentRecord, OperationRecord, Provision
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import EnvironmentBusy, EnvironmentNotFound, NameTaken
from dormouse.http.handlers.machines import hold, lease
from dormouse.http.parameters import AFTER, DRY_RUN, LIMIT, PURGE
from dormouse.http.requests import body_of, caller_address, model_of
from dormouse.http.responses import accepted, answer, page
from dormouse.idle.holds import HoldRequest, LeaseRequest
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import State, Verb, require, satisfied
from dormouse.resources.machines import key_of
from dormouse.resources.ownership import group_name, owned_resources_of
from dormouse.services.apply import DesiredState, desired_state_of, machine_on_record, owner_id_of, preview_of
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import Client
from dormouse.services.locks import require_staying, running_operation, running_operations
from dormouse.services.operations import now, operation_of, same_command, start
from dormouse.services.views.environments import (
    AlreadyDeleted,
    DeletePreview,
    EnvironmentView,
    PasswordLocation,
    PowerPreview,
    environment_view_of,
    memories_of,
    memory_of,
    shown_to,
)
from orchestrators.environments.delete import delete_environment
from orchestrators.environments.power import change_power
from orchestrators.environments.provision import provision_environment


async def put_environment(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Build an environment, or change it: the body is the wish; with `dry_run=true` only say what would happen."""
    name = req.route_params["name"]
    require_can_own(caller)
    known = await dependencies.records.environment(name)
    if known is not None:
        require_own(caller, known.owner_id)
    desired = await desired_state_of(name, body_of(req), caller_address(req), caller, dependencies)
    if DRY_RUN.of(req):
        return answer(await preview_of(desired, dependencies))
    if not desired.changes and not await running_operation(client, dependencies.records, name):
        return answer(await _look(name, client, dependencies, caller))
    if desired.record is None and not await running_operation(client, dependencies.records, name):
        await _require_free(desired.plan.group, dependencies)
    operation = OperationRecord(desired.plan.operation, name, Verb.PROVISION, caller.name, now(), channel=caller.channel)
    record = _record(desired, caller)
    new = None if desired.record else record
    was_whole = desired.record is not None and desired.record.ready
    request = Provision(desired.plan, record, new=new is not None, was_ready=was_whole)
    await start(client, dependencies.records, operation, provision_environment, request, new=new, seen=desired.record)
    return accepted(operation.id)


async def get_environment(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """One environment, as Azure shows it at this moment."""
    return answer(await _look(req.route_params["name"], client, dependencies, caller))


async def list_environments(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Every environment, from one question to Resource Graph: may be some seconds old, and says so."""
    limit = LIMIT.of(req)
    known, after = await dependencies.records.environments(limit=limit, after=AFTER.of(req))
    records, unreadable = list(known.readable.values()), [str(error) for error in known.unreadable.values()]
    seen, locks = await dependencies.inventory.list_machines(records), await running_operations(client, dependencies.records)
    memories = await memories_of(records, dependencies)
    pictures = []
    for record in records:
        operation = locks.get(record.name, "")
        view = await environment_view_of(record, seen.get(record.name), operation, dependencies, memories.get(record.name))
        pictures.append(shown_to(caller, record, view))
    return page(pictures, "/api/environments", after, {"limit": str(limit)}, unreadable)


async def start_environment(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Start the environment's machine."""
    return await _change_power(req, client, dependencies, caller, Verb.START)


async def stop_environment(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Deallocate the environment's machine, so that it is no longer billed."""
    return await _change_power(req, client, dependencies, caller, Verb.STOP)


async def restart_environment(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Restart the environment's machine."""
    return await _change_power(req, client, dependencies, caller, Verb.RESTART)


async def remove_environment(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Delete an environment with everything that its plans have named; what others have created is left and named."""
    name = req.route_params["name"]
    record = await dependencies.records.environment(name)
    require_own(caller, record.owner_id if record else "")
    purge = PURGE.of(req)
    if purge:
        require_admin(caller, "To delete a password for good")
    group = record.group if record else group_name(dependencies.settings.deployment_id, name)
    if record is None and not await running_operation(client, dependencies.records, name):
        gone = await _already_gone(name, group, dependencies)
        if not purge:
            return gone
    if DRY_RUN.of(req):
        return answer(DeletePreview(name, Verb.DELETE, group))
    operation = operation_of(caller, name, Verb.DELETE)
    try:
        request = DeleteRequest(operation.id, name, group, purge=purge)
        await start(client, dependencies.records, operation, delete_environment, request, seen=record)
    except EnvironmentBusy as busy:
        if purge:  # a deletion that is under way may leave the password recoverable
            raise
        return _again(busy, operation)
    return accepted(operation.id)


async def get_password(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Where the password is kept: the caller reads it from the key vault with their own rights."""
    record = await _own(req.route_params["name"], dependencies, caller)
    return answer(PasswordLocation(f"{dependencies.settings.key_vault_url}/secrets/{record.secret}"))


async def hold_environment(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Keep the environment's machine awake for a while, or no longer."""
    known = await _remembered(req.route_params["name"], client, dependencies, caller)
    return await hold(key_of(known.id), model_of(HoldRequest, body_of(req)), req, dependencies, caller, known)


async def extend_environment(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Say when the environment is to be stopped or deleted unless somebody asks again."""
    known = await _remembered(req.route_params["name"], client, dependencies, caller)
    return await lease(key_of(known.id), model_of(LeaseRequest, body_of(req)), req, dependencies, caller, known)


async def _remembered(name: str, client: Client, dependencies: Dependencies, caller: Caller) -> TrackedMachine:
    """What is remembered of an environment's machine, if no sweep has seen it: that it is there."""
    record = await _own(name, dependencies, caller)
    await require_staying(client, dependencies.records, name)
    return TrackedMachine(
        record.machine_id(dependencies.settings.azure_subscription_id), dependencies.now(), State.UNKNOWN, dependencies.now()
    )


async def _change_power(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller, verb: Verb
) -> func.HttpResponse:
    record = await _own(req.route_params["name"], dependencies, caller)
    operation = operation_of(caller, record.name, verb)
    dry_run = DRY_RUN.of(req)
    busy = await running_operation(client, dependencies.records, record.name)
    if not busy:
        seen = await dependencies.inventory.observe(record.group, record.machine, record.name)
        require(seen.state, verb)
        if satisfied(seen.state, verb):
            return answer(await environment_view_of(record, seen, "", dependencies, await memory_of(record, dependencies)))
    elif dry_run:
        raise EnvironmentBusy(record.name, busy)
    if dry_run:
        return answer(PowerPreview(record.name, verb, seen.state))
    inside = machine_on_record(record, dependencies.settings)
    request = ChangePower(operation.id, record.name, verb, record.group, record.machine, inside=inside)
    try:
        await start(client, dependencies.records, operation, change_power, request, seen=record)
    except EnvironmentBusy as holder:
        return _again(holder, operation)
    return accepted(operation.id)


async def _look(name: str, client: Client, dependencies: Dependencies, caller: Caller) -> EnvironmentView:
    record = await _known(name, dependencies)
    seen = await dependencies.inventory.observe(record.group, record.machine, name)
    operation, memory = await running_operation(client, dependencies.records, name), await memory_of(record, dependencies)
    return shown_to(caller, record, await environment_view_of(record, seen, operation, dependencies, memory))


async def _known(name: str, dependencies: Dependencies) -> EnvironmentRecord:
    record = await dependencies.records.environment(name)
    if record is None:
        raise EnvironmentNotFound(f"There is no environment {name!r}.")
    return record


async def _own(name: str, dependencies: Dependencies, caller: Caller) -> EnvironmentRecord:
    record = await _known(name, dependencies)
    require_own(caller, record.owner_id)
    return record


async def _require_free(group: str, dependencies: Dependencies) -> None:
    """Raise NameTaken if a group exists: without a record it belongs to others, whatever its tags say."""
    if (await dependencies.inventory.group(group)).id:
        raise NameTaken(GROUP_OF_OTHERS.format(group=group))


async def _already_gone(name: str, group: str, dependencies: Dependencies) -> func.HttpResponse:
    """An environment that was there and is gone needs no further deletion; one that never was is not found."""
    trail, _ = await dependencies.records.operations(limit=1, environment=name)
    last = trail[0] if trail else None
    deletion = last if isinstance(last, OperationRecord) and last.verb is Verb.DELETE else None
    if last and deletion and deletion.outcome and deletion.outcome.status is OutcomeStatus.SUCCEEDED:
        return answer(AlreadyDeleted(name, State.ABSENT, last.id))
    if (await dependencies.inventory.group(group)).id:
        raise EnvironmentNotFound(f"There is no environment {name!r}. {GROUP_OF_OTHERS.format(group=group)}")
    if last is None:
        raise EnvironmentNotFound(f"There is no environment {name!r}, and there was none.")
    return answer(AlreadyDeleted(name, State.ABSENT, last.id))


def _again(busy: EnvironmentBusy, operation: OperationRecord) -> func.HttpResponse:
    if same_command(busy, operation):
        return accepted(busy.operation)
    raise busy


def _record(desired: DesiredState, caller: Caller) -> EnvironmentRecord:
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
        requested_at=now(),
        owner_id=owner_id,
        resources=(*(one for one in earlier if one not in resources), *resources),
    )
