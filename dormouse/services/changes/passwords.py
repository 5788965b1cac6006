"""Use case: a new password for an environment."""

from activities.resources.environments import has_power
from dormouse.environments.operations import EnvironmentRecord, OperationRecord, PasswordRotation
from dormouse.errors import CommandNotPossible, EnvironmentBusy
from dormouse.lifecycle import Verb, require
from dormouse.resources.keyvault import USERNAME
from dormouse.resources.registry import kind_of
from dormouse.services.context import Context
from dormouse.services.environments import NO_PASSWORD, own_environment, secret_of
from dormouse.services.locks import running_operation
from dormouse.services.operations import Started, operation_of, start, under_way_already
from dormouse.services.recorded_plans import resources_on_record
from dormouse.services.views.previews import PowerPreview
from orchestrators.environments.rotate_password import rotate_password

UNREADABLE = "This release cannot read the recorded spec of {name}; apply the spec again, then rotate the password."


async def rotate(name: str, context: Context, *, dry_run: bool, note: str = "", user: str = "") -> Started | PowerPreview:
    """Replace the passwords of an environment, in the key vault and inside its machines, which must be running.

    `user` is the one whose password is replaced ("": all passwords). `note` says why, and ends the reason of the outcome.
    Raises EnvironmentBusy, and CommandNotPossible for an environment that does not run, or has no password or no such user.
    """
    client, dependencies = context.client, context.dependencies
    record = await own_environment(name, context)
    operation = operation_of(context, name, Verb.ROTATE_PASSWORD)
    only = (secret_of(record, user),) if user else ()
    busy = await running_operation(client, dependencies.records, name, dependencies.now())
    if busy:
        return _joined(EnvironmentBusy(name, busy), operation, record)
    if not any(kind_of(resource).rotatable for resource in record.resources):
        raise CommandNotPossible(NO_PASSWORD.format(name=name))
    seen = await dependencies.environments.observe(record)
    require(seen.state, Verb.ROTATE_PASSWORD, subject=name, has_power=has_power(record.resources))
    resources, readable = await resources_on_record(record, dependencies)
    if not readable:
        raise CommandNotPossible(UNREADABLE.format(name=name))
    if dry_run:
        return PowerPreview(name, Verb.ROTATE_PASSWORD, seen.state)
    request = PasswordRotation(operation.id, name, resources, note, only)
    try:
        return await start(context, operation, rotate_password, request, seen=record)
    except EnvironmentBusy as holder:
        return _joined(holder, operation, record)


def _joined(busy: EnvironmentBusy, operation: OperationRecord, record: EnvironmentRecord) -> Started:
    """The rotation that is running already; raises `busy` if it may be that of another user, or if it is something else."""
    if any(USERNAME in one.settings for one in record.resources if kind_of(one).rotatable):
        raise busy
    return under_way_already(busy, operation)
