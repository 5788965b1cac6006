"""The actions of a sweep, many machines at a time: lock, recheck, start the action, confirm the result."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from activities.idle.clusters import cluster_now, node_metrics, read_runs, with_measurements, with_runs
from activities.idle.evaluate import rules_of
from activities.idle.outside import ask_activity
from activities.idle.pools import change_pool, pool_now, with_work
from activities.idle.stages import with_sleep
from activities.resources.generic import change_resource_power
from dormouse.clock import rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.cloud.clusters.ml_metrics import WorkspaceMetrics
from dormouse.cloud.clusters.ml_workspaces import scale_to_zero
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.metrics import HostEvidence, HostMetrics, Question
from dormouse.environments.answers import Answer, Done, Pending
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.errors import CloudUnavailable, ConcurrentChange, RefusedByAzure, UnreadableRecord
from dormouse.idle.clusters.ml_cluster import ComputeCluster
from dormouse.idle.clusters.node_pool import NodePool
from dormouse.idle.decision import NextAction
from dormouse.idle.evaluation import EvaluationRules, evaluation_of, machines_needing, with_answer, with_evidence
from dormouse.idle.evidence import Evaluation, Evidence
from dormouse.idle.outside.answers import ServiceAnswer
from dormouse.idle.recheck import has_begun, recheck
from dormouse.idle.sweep import BATCH_SECONDS, ActionClaim, ActionStarted, ClaimBatch, ClaimResult, PlannedAction
from dormouse.idle.tracking import ActionReason
from dormouse.lifecycle import State
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords
from dormouse.resources.compute.machines import VirtualMachine

# A slower read of one machine is given up for now, so that it does not delay the others.
READ_SECONDS = 4.0
LOCK_LOST = "Another operation now has the lock of the machine."
LATER_STAGES = (ActionReason.STOP_AFTER, ActionReason.FORGET_AFTER)
GONE = "The machine no longer exists."


@dataclass(frozen=True, slots=True)
class FreshMetrics:
    """Fresh metrics, by ID in lower case: of VMs, and of the workspaces of clusters; and what activity services say."""

    hosts: Mapping[str, HostEvidence] = field(default_factory=dict)
    nodes: Mapping[str, WorkspaceMetrics] = field(default_factory=dict)
    activity: Mapping[str, ServiceAnswer] = field(default_factory=dict)


async def claim_machines(request: ClaimBatch, cloud: Cloud) -> list[ClaimResult]:
    """Lock some machines and record their operations; returns the operation that has each lock, in the same order."""
    records = Records(cloud.tables)
    return list(await asyncio.gather(*(_claim(claim, records) for claim in request.claims)))


async def _claim(claim: ActionClaim, records: Records) -> ClaimResult:
    try:
        return ClaimResult(await _lock(claim, records))
    except (CloudUnavailable, RefusedByAzure, ConcurrentChange, UnreadableRecord) as error:
        return ClaimResult(problem=str(error))


async def _lock(claim: ActionClaim, records: Records) -> str:
    subject, lock = claim.planned.lock, Lock(claim.operation, claim.accepted_at, instance_id=claim.instance_id)
    if not await records.take_lock(subject, lock):
        held = await records.lock(subject)
        if held is None:
            raise ConcurrentChange("Another operation released the machine at the same moment.")
        if held.operation != claim.operation:
            return held.operation
    verb, by, at = claim.planned.verb, f"sweep ({claim.planned.reason})", rfc3339(claim.accepted_at)
    await records.remember_operation(OperationRecord(claim.operation, subject, verb, by, at, instance_id=claim.instance_id))
    return claim.operation


async def begin_claims(request: ClaimBatch, cloud: Cloud) -> list[ActionStarted]:
    """Recheck some machines and start the planned action for each that passes; results in the same order.

    Every call reads the machines again. A machine that cannot be read in time does not delay the others.
    """
    planned = [claim.planned for claim in request.claims]
    outside = await _measure(planned, cloud)
    try:
        rules = await rules_of(cloud)
    except (CloudUnavailable, RefusedByAzure) as error:
        return [ActionStarted(why=str(error), again=isinstance(error, CloudUnavailable)) for _ in planned]
    return list(await asyncio.gather(*(_begin(claim, outside, rules, cloud) for claim in request.claims)))


async def _measure(planned: Sequence[PlannedAction], cloud: Cloud) -> FreshMetrics:
    """Fresh metrics of what is to be stopped: one call of Azure Monitor per fifty machines, or fifty workspaces.

    An activity service is asked once about all of it.
    """
    running = [plan for plan in planned if plan.action is NextAction.STOP and plan.machine.state is State.RUNNING]
    machines = [Question(one.machine, one.window) for one in running if isinstance(one.machine, VirtualMachine)]
    clusters = [(one.machine, one.window) for one in running if isinstance(one.machine, ComputeCluster)]
    hosts, nodes, activity = await asyncio.gather(
        HostMetrics(cloud).of(machines, cloud.now()),
        node_metrics(clusters, cloud.now(), cloud),
        ask_activity([one.machine for one in running], cloud),
    )
    return FreshMetrics(hosts, nodes, activity)


async def _begin(claim: ActionClaim, outside: FreshMetrics, rules: EvaluationRules, cloud: Cloud) -> ActionStarted:
    planned = claim.planned
    try:
        async with asyncio.timeout(READ_SECONDS):
            lock, machine = Records(cloud.tables).lock(planned.lock), read_again(planned, outside, rules, cloud)
            held, case = await asyncio.gather(lock, machine)
    except UnreadableRecord as error:  # the record may contain a hold
        return ActionStarted(why=f"{error}.")
    except RefusedByAzure as error:
        return ActionStarted(why=str(error))
    except (CloudUnavailable, TimeoutError) as error:
        return ActionStarted(why=str(error) or "The machine could not be read in time.", again=True)
    if held is None or held.operation != claim.operation:
        return ActionStarted(why=LOCK_LOST)
    if case is None:
        return ActionStarted(why=GONE)
    if has_begun(planned, case) and not _left_by_itself(planned, case):
        return ActionStarted(Done())
    if why := recheck(planned, case):
        return ActionStarted(why=why)
    answer = await _change_power(replace(claim, planned=replace(planned, hibernate=case.hibernates)), case, cloud)
    if isinstance(answer, Pending) and not answer.url:
        return ActionStarted(why=answer.detail, again=True, after=max(answer.retry_after, BATCH_SECONDS))
    return ActionStarted(answer)


def _left_by_itself(planned: PlannedAction, case: Evaluation) -> bool:
    """Whether it was the autoscaler that took the last node of a pool: nothing was forced then, and nothing has to be."""
    machine, stops = case.machine, planned.action is NextAction.STOP
    return isinstance(machine, NodePool) and stops and machine.scales and machine.state is State.STOPPED


async def _change_power(claim: ActionClaim, case: Evaluation, cloud: Cloud) -> Answer:
    from azure.core.exceptions import AzureError

    try:
        if isinstance(case.machine, ComputeCluster):
            return await scale_to_zero(case.machine, cloud)
        if isinstance(case.machine, NodePool):
            return await change_pool(case.machine, claim.planned.action, cloud)
        return await change_resource_power(claim.power, cloud)
    except AzureError as error:
        return Pending(0.0, detail=f"Azure could not be reached ({type(error).__name__})")


async def read_again(
    planned: PlannedAction, outside: FreshMetrics, rules: EvaluationRules, cloud: Cloud
) -> Evaluation | None:
    """The machine from fresh data: its state, tags, newest evidence, holds, leases; None if it no longer exists.

    If the whole environment is concerned, also the rest of it.
    """
    case = await _target_again(planned, outside, rules, cloud)
    record = await _environment_of(planned, cloud) if planned.reason in LATER_STAGES else None
    return case if case is None or record is None else (await with_sleep([case], {record.name: record}, rules, cloud))[0]


async def _target_again(
    planned: PlannedAction, outside: FreshMetrics, rules: EvaluationRules, cloud: Cloud
) -> Evaluation | None:
    if isinstance(planned.machine, ComputeCluster):
        case = await _cluster_again(planned, planned.machine, outside, rules, cloud)
    elif isinstance(planned.machine, NodePool):
        case = await _pool_again(planned, planned.machine, rules, cloud)
    else:
        case = await _machine_again(planned, planned.machine, outside, rules, cloud)
    return with_answer(case, outside.activity) if case else None


async def _cluster_again(
    planned: PlannedAction, cluster: ComputeCluster, outside: FreshMetrics, rules: EvaluationRules, cloud: Cloud
) -> Evaluation | None:
    """A cluster with its nodes, and the runs of its workspace."""
    now, tracked, record, runs = await asyncio.gather(
        cluster_now(cluster.id, cloud),
        MachineRecords(cloud.tables).tracked(cluster.key),
        _environment_of(planned, cloud),
        read_runs(cluster.workspace, cloud),
    )
    if tracked is None or (now is None and planned.action is not NextAction.DELETE):
        return None
    seen = now or replace(cluster, state=State.ABSENT)
    case = with_evidence(evaluation_of(seen, record, tracked, rules, cloud.now()), Evidence(), None, rules)
    return with_runs(with_measurements(case, outside.nodes), runs)


async def _pool_again(planned: PlannedAction, pool: NodePool, rules: EvaluationRules, cloud: Cloud) -> Evaluation | None:
    """A GPU pool with what its cluster shows; one that is to wake is awake when the autoscaler decides about it."""
    tracked, record = await asyncio.gather(MachineRecords(cloud.tables).tracked(pool.key), _environment_of(planned, cloud))
    now = await pool_now(pool.id, cloud, record)
    if tracked is None or (now is None and planned.action is not NextAction.DELETE):
        return None
    seen = now or replace(pool, state=State.ABSENT)
    if planned.action is NextAction.START:
        seen = replace(seen, state=seen.confirmed_state)
    case = with_evidence(evaluation_of(seen, record, tracked, rules, cloud.now()), Evidence(), None, rules)
    return await with_work(case, record, cloud)


async def _machine_again(
    planned: PlannedAction, machine: VirtualMachine, outside: FreshMetrics, rules: EvaluationRules, cloud: Cloud
) -> Evaluation | None:
    """A VM with its instance view and its newest heartbeat."""
    fleet = MachineRecords(cloud.tables)
    view, tracked, heard, record = await asyncio.gather(
        Inventory(cloud).look(machine.id),
        fleet.tracked(machine.key),
        fleet.heard(machine.key),
        _environment_of(planned, cloud),
    )
    if tracked is None or (view.state is State.ABSENT and planned.action is not NextAction.DELETE):
        return None
    host = outside.hosts.get(machine.id.lower(), HostEvidence())
    fresh = replace(machine, state=view.state, tags=view.tags, vm_id=view.vm_id, provisioning=view.provisioning)
    states = await _states_of_dependents(machine, record, cloud)
    case = evaluation_of(replace(fresh, environment=""), record, tracked, rules, cloud.now(), states=states)
    case = replace(case, job=planned.job)
    return with_evidence(case, Evidence(host.tracks, host.end, host.problem), heard, rules)


async def _states_of_dependents(machine: VirtualMachine, record: EnvironmentRecord | None, cloud: Cloud) -> dict[str, State]:
    """The current states of the machines of an environment that need a machine, by ID in lower case."""
    others = machines_needing(machine, record.resources) if record else []
    views = await asyncio.gather(*(Inventory(cloud).look(other.id) for other in others))
    return {other.id.lower(): view.state for other, view in zip(others, views, strict=True)}


async def _environment_of(planned: PlannedAction, cloud: Cloud) -> EnvironmentRecord | None:
    name = planned.machine.environment
    return await Records(cloud.tables).environment(name) if name else None
