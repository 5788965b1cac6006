"""What a sweep does about machines, many at a time: take them, look again and begin, look until it is done."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from activities.idle.evaluate import rules_of
from activities.resources.compute import begin_power_change
from dormouse.clock import iso_text
from dormouse.cloud.clients import Cloud
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.metrics import HostEvidence, HostMetrics, Question
from dormouse.cloud.vm_inventory import VmInventory
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.environments.results import Progress, Stage
from dormouse.errors import CloudUnavailable, UnreadableRecord
from dormouse.idle.decision import NextAction, hibernates
from dormouse.idle.evaluation import evaluation_of, with_evidence
from dormouse.idle.evidence import Evaluation, Evidence
from dormouse.idle.recheck import is_on_its_way, recheck
from dormouse.idle.sweep import EVERY_SECONDS, ActionClaim, ActionStarted, ClaimBatch, ClaimResult, LeaseEnd, PlannedAction
from dormouse.lifecycle import State
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords

# A fresh look at one machine that takes longer is given up for now, so that it delays no other machine.
LOOK_SECONDS = 4.0
NOT_OURS = "Another operation has the machine now."
GONE = "It does not exist any more."


async def claim_machines(request: ClaimBatch, cloud: Cloud) -> list[ClaimResult]:
    """Take some machines and write the operations into the trail; the operation that holds each now, in their order."""
    records = Records(cloud.tables)
    return list(await asyncio.gather(*(_claimed(claim, records) for claim in request.claims)))


async def _claimed(claim: ActionClaim, records: Records) -> ClaimResult:
    try:
        return ClaimResult(await _taken(claim, records))
    except (CloudUnavailable, UnreadableRecord) as error:
        return ClaimResult(problem=str(error))


async def _taken(claim: ActionClaim, records: Records) -> str:
    subject, lock = claim.planned.lock, Lock(claim.operation, claim.accepted_at, instance_id=claim.instance_id)
    if not await records.take_lock(subject, lock):
        held = await records.lock(subject)
        if held is None:
            raise CloudUnavailable("It was released in this moment.")
        if held.operation != claim.operation:
            return held.operation
    verb, by, at = claim.planned.verb, f"sweep ({claim.planned.reason})", iso_text(claim.accepted_at)
    await records.remember_operation(OperationRecord(claim.operation, subject, verb, by, at, instance_id=claim.instance_id))
    return claim.operation


async def begin_claims(request: ClaimBatch, cloud: Cloud) -> list[ActionStarted]:
    """Look again at some machines, and begin what was planned for each that it is still right for; answers in their order.

    Every call looks again. A machine that does not answer in time delays no other one.
    """
    plans = [claim.planned for claim in request.claims]
    outside = await _measured_again(plans, cloud)
    return list(await asyncio.gather(*(_begun(claim, outside, cloud) for claim in request.claims)))


async def _measured_again(plans: Sequence[PlannedAction], cloud: Cloud) -> dict[str, HostEvidence]:
    """What Azure Monitor says now of the machines that are to be stopped: one call for fifty of them."""
    running = [plan for plan in plans if plan.action is NextAction.STOP and plan.machine.state is State.RUNNING]
    return await HostMetrics(cloud).of([Question(plan.machine, plan.window) for plan in running], cloud.now())


async def _begun(claim: ActionClaim, outside: dict[str, HostEvidence], cloud: Cloud) -> ActionStarted:
    planned = claim.planned
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            held, case = await asyncio.gather(Records(cloud.tables).lock(planned.lock), _seen_again(planned, outside, cloud))
    except UnreadableRecord as error:  # a hold may be in it
        return ActionStarted(why=f"{error}.")
    except (CloudUnavailable, TimeoutError) as error:
        return ActionStarted(why=str(error) or "It could not be looked at in time.", again=True)
    if held is None or held.operation != claim.operation:
        return ActionStarted(why=NOT_OURS)
    if case is None:
        return ActionStarted(why=GONE)
    if is_on_its_way(planned, case):
        return ActionStarted(Progress.done())
    if why := recheck(planned, case):
        return ActionStarted(why=why)
    progress = await _ordered(replace(claim, planned=replace(planned, hibernate=hibernates(case))), cloud)
    if progress.stage is Stage.WAITING and not progress.url:
        return ActionStarted(why=progress.detail, again=True, after=max(progress.retry_after, EVERY_SECONDS))
    return ActionStarted(progress)


async def _ordered(claim: ActionClaim, cloud: Cloud) -> Progress:
    from azure.core.exceptions import AzureError

    try:
        return await begin_power_change(claim.power, cloud)
    except AzureError as error:
        return Progress.waiting(0.0, detail=f"Azure could not be reached ({type(error).__name__})")


async def _seen_again(planned: PlannedAction, outside: dict[str, HostEvidence], cloud: Cloud) -> Evaluation | None:
    """The machine as it is now: instance view, tags, newest heartbeat, holds, leases; None if it is gone."""
    fleet, machine = MachineRecords(cloud.tables), planned.machine
    view, memory, heard, record = await asyncio.gather(
        Inventory(cloud).look(machine.group, machine.name, machine.subscription),
        fleet.tracked(machine.key),
        fleet.heard(machine.key),
        _environment_of(planned, cloud),
    )
    if memory is None or (view.state is State.ABSENT and planned.action is not NextAction.DELETE):
        return None
    told = outside.get(machine.id.lower(), HostEvidence())
    fresh = replace(machine, state=view.state, tags=view.tags, vm_id=view.vm_id, provisioning=view.provisioning)
    rules = rules_of(cloud)
    case = evaluation_of(replace(fresh, environment=""), record, memory, rules, cloud.now())
    return with_evidence(case, Evidence(told.tracks, told.end, told.problem), heard, rules)


async def _environment_of(planned: PlannedAction, cloud: Cloud) -> EnvironmentRecord | None:
    name = planned.machine.environment
    return await Records(cloud.tables).environment(name) if name else None


async def recheck_lease_end(request: LeaseEnd, cloud: Cloud) -> str:
    """Why an environment whose lease has run out must not be deleted after all, or "": by its own lock and a fresh look.

    The lock belongs to the deletion itself from now on, and no longer to the page of the sweep that took it.
    """
    claim, records = request.claim, Records(cloud.tables)
    held = await records.lock(claim.planned.lock)
    if held is None or held.operation != claim.operation:
        return NOT_OURS
    try:
        case = await _seen_again(claim.planned, {}, cloud)
    except UnreadableRecord as error:
        return f"{error}."
    why = GONE if case is None else recheck(claim.planned, case)
    if why:
        return why
    own = Lock(claim.operation, cloud.now())
    return "" if await records.take_over_lock(claim.planned.lock, held, own) else NOT_OURS


async def confirm_states(request: list, cloud: Cloud) -> dict[str, State]:  # type: ignore[type-arg]
    """The states of some machines as Azure Compute has them at this moment."""
    return await VmInventory(cloud).states_now(request)
