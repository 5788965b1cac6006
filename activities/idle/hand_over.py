"""Operations that a sweep hands to an orchestration of their own: it decides again, and takes over the lock of the page."""

from contextlib import suppress
from dataclasses import replace

from activities.idle.evaluate import rules_of
from activities.idle.execute import GONE, LOCK_LOST, FreshMetrics, read_again
from activities.idle.outside import ask_activity
from activities.resources.environments import EnvironmentInventory
from activities.resources.other_sizes import other_sizes
from activities.resources.survey import observe
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import EnvironmentRecord, PowerChange
from dormouse.errors import UnreadableRecord
from dormouse.idle.recheck import recheck
from dormouse.idle.sweep import ActionClaim, EnvironmentStop, LeaseEnd, PlannedAction, RefusedStart, StartElsewhere
from dormouse.records.environments import Lock, Records

HIBERNATED = "It is hibernated, and Azure resizes no hibernated machine."
NO_SIZE = "Its spec has no other size with which it could start at its highest cost."


async def recheck_lease_end(request: LeaseEnd, cloud: Cloud) -> str:
    """Why an environment with an expired lease must not be deleted, or "", from fresh data.

    On success the deletion takes over the lock from the page of the sweep that took it.
    """
    why = await _why_not(request.claim.planned, cloud)
    return why or ("" if await _take_over(request.claim, "", cloud) else LOCK_LOST)


async def recheck_environment_stop(request: ActionClaim, cloud: Cloud) -> EnvironmentStop:
    """The stop of an environment whose GPU pool sleeps on, or why it is not stopped, from fresh data.

    On success the orchestration that stops it takes over the lock from the page of the sweep that took it.
    """
    planned = request.planned
    why = await _why_not(planned, cloud)
    if why:
        return EnvironmentStop(why=why)
    try:
        record = await Records(cloud.tables).environment(planned.machine.environment)
    except UnreadableRecord as error:
        return EnvironmentStop(why=f"{error}.")
    if record is None:
        return EnvironmentStop(why=GONE)
    seen = await EnvironmentInventory(cloud).observe(record)
    if seen.unstoppable:
        return EnvironmentStop(why=f"It cannot be stopped: {seen.unstoppable}.")
    change = PowerChange(request.operation, record.name, planned.verb, record.resources, checked=False)
    return EnvironmentStop(change) if await _take_over(request, "", cloud) else EnvironmentStop(why=LOCK_LOST)


async def recheck_refused_start(request: RefusedStart, cloud: Cloud) -> StartElsewhere:
    """How a start for which Azure had no capacity goes on with other sizes, or why not, from fresh data.

    On success the orchestration that goes on takes over the lock from the page of the sweep that took it.
    """
    claim = request.claim
    planned = replace(claim.planned, judged_at=cloud.now())  # it is decided again here
    why = await _why_not(planned, cloud)
    if why:
        return StartElsewhere(why=why)
    try:
        record = await Records(cloud.tables).environment(planned.machine.environment)
    except UnreadableRecord as error:
        return StartElsewhere(why=f"{error}.")
    change = await _with_other_sizes(claim, record, cloud) if record else None
    if change is None:
        return StartElsewhere(why=GONE)
    machine = next(one for one in change.resources if one.name in change.only)
    if (await observe(machine.recorded(), cloud)).hibernated:
        return StartElsewhere(why=HIBERNATED)
    if not change.other_sizes:
        return StartElsewhere(why=NO_SIZE)
    return StartElsewhere(change) if await _take_over(claim, request.instance_id, cloud) else StartElsewhere(why=LOCK_LOST)


async def _why_not(planned: PlannedAction, cloud: Cloud) -> str:
    try:
        fresh = FreshMetrics(activity=await ask_activity([planned.machine], cloud))
        case = await read_again(planned, fresh, await rules_of(cloud), cloud)
    except UnreadableRecord as error:
        return f"{error}."
    return GONE if case is None else recheck(planned, case)


async def _with_other_sizes(claim: ActionClaim, record: EnvironmentRecord, cloud: Cloud) -> PowerChange | None:
    """The start of one machine of an environment with its other sizes; None if it is none of its machines."""
    machine = next((one for one in record.resources if one.id.lower() == claim.planned.machine.id.lower()), None)
    if machine is None:
        return None
    placement, sizes = await other_sizes(record, cloud.prices, machine.name)
    return PowerChange(
        claim.operation,
        record.name,
        claim.planned.verb,
        record.resources,
        checked=False,
        only=(machine.name,),
        placement=placement,
        other_sizes=sizes,
        recorded_placement=record.placement,
    )


async def _take_over(claim: ActionClaim, instance_id: str, cloud: Cloud) -> bool:
    """Let an orchestration of its own run the operation from now on; False if it no longer has the lock."""
    records, subject = Records(cloud.tables), claim.planned.lock
    held = await records.lock(subject)
    if held is None or held.operation != claim.operation:
        return False
    own = Lock(claim.operation, cloud.now(), instance_id=instance_id)
    if not await records.take_over_lock(subject, held, own):
        return False
    with suppress(UnreadableRecord):  # its newer release writes it down
        known = await records.operation(claim.operation)
        if known is not None:
            await records.remember_operation(replace(known, instance_id=instance_id))
    return True
