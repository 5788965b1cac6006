"""Use cases of operations that were started before: show, cancel."""

from dormouse.access.roles import require_admin, require_own
from dormouse.environments.operations import Cancellation, OperationRecord
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import CommandNotPossible, OperationFailed, OperationNotFound, SweepNotFound, UnreadableRecord
from dormouse.records.operation_rows import UnreadableOperation
from dormouse.services import environments
from dormouse.services.cancellation import cancel, end_by_force, end_sweep
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.operations import Started
from dormouse.services.views.environments import EnvironmentView
from dormouse.services.views.operations import (
    UNKNOWN,
    CancelPreview,
    OperationView,
    recorded_operation,
    redacted_for,
    running_operation_view,
    unreadable_operation_view,
)


async def show(identifier: str, context: Context) -> OperationView:
    """One operation as it stands now; raises OperationNotFound."""
    dependencies = context.dependencies
    try:
        record = await _known(identifier, dependencies)
    except UnreadableRecord as error:
        return unreadable_operation_view(UnreadableOperation(identifier, "", str(error)))
    if record.outcome:
        view = recorded_operation(record)
    else:
        view = await running_operation_view(record, context.client, dependencies.now())
    if view.outcome is OutcomeStatus.LOST:  # it may have recorded its outcome and ended between the two questions
        record = await _known(record.id, dependencies)
        view = recorded_operation(record) if record.outcome else view
    return await redacted_for(context.caller, view, dependencies)


async def result_of(identifier: str, context: Context) -> Started | EnvironmentView | OperationView:
    """The operation while it runs, then its environment, or the operation where that is gone.

    Raises OperationFailed if it did not succeed, OperationNotFound, or UnreadableRecord.
    """
    view = await show(identifier, context)
    if view.outcome is None:
        return Started(identifier)
    if view.outcome == UNKNOWN:
        await _known(identifier, context.dependencies)  # raises UnreadableRecord
        return Started(identifier)
    if view.outcome is not OutcomeStatus.SUCCEEDED:
        raise OperationFailed(identifier, f"The operation ended as {view.outcome}. {view.reason}")
    if view.environment and await context.dependencies.records.environment(view.environment) is not None:
        return await environments.show(view.environment, context)
    return view


async def cancel_operation(identifier: str, context: Context, *, force: bool, dry_run: bool) -> Started | CancelPreview:
    """Cancel an operation, which rolls it back; with `force`, which only admins may ask for, end it as it stands.

    Raises OperationNotFound, NotAllowed, or CommandNotPossible for one that has ended or cannot be cancelled.
    """
    dependencies, caller = context.dependencies, context.caller
    record = await _known(identifier, dependencies)
    known = await dependencies.records.environment(record.environment)
    require_own(caller, known.owner_id if known else "")
    if force:
        require_admin(caller, "To end an operation by force")
    if dry_run:
        return CancelPreview(record.id, record.environment, record.verb, force)
    if force:
        await end_by_force(context.client, dependencies.records, record, caller.name, dependencies.now())
    else:
        await cancel(context.client, record, Cancellation(caller.name))
    return Started(record.id)


async def cancel_sweep(sweep: str, context: Context, *, force: bool, dry_run: bool) -> str | CancelPreview:
    """End a sweep and release its machines, and return its ID: for admins, and only with `force`."""
    require_admin(context.caller, "To end a sweep")
    if not force:
        raise CommandNotPossible("A sweep ends by itself. With force=true it is ended, and its machines are released.")
    if await context.client.status(sweep) is None:
        raise SweepNotFound(f"There is no sweep {sweep!r} (old sweeps are deleted).")
    if dry_run:
        return CancelPreview(sweep, None, "sweep", force=True)
    await end_sweep(context.client, context.dependencies.records, sweep, f"Ended by {context.caller.name}.")
    return sweep


async def _known(identifier: str, dependencies: Dependencies) -> OperationRecord:
    record = await dependencies.records.operation(identifier)
    if record is None:
        raise OperationNotFound(f"There is no operation {identifier!r}.")
    return record
