"""Activities that write the records of environments and operations."""

import logging
from contextlib import suppress
from dataclasses import replace

from activities.idle.power_history import keep_intervals, placed
from dormouse.clock import parse_moment, rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.costs.fees import fees_of, is_billed_alike
from dormouse.environments.dependents import parent_problem
from dormouse.environments.operations import Completion, EnvironmentRecord
from dormouse.environments.requests import LockQuestion
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import UnreadableRecord
from dormouse.idle.clusters.ml_cluster import cluster_ids, cluster_key
from dormouse.idle.clusters.node_pool import pool_ids, pool_key
from dormouse.idle.power.history import last_interval
from dormouse.ids import verb_of
from dormouse.lifecycle import State, Verb
from dormouse.reconcile.passes import FormerEnvironment
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords
from dormouse.records.power_history import PowerRecords
from dormouse.records.reconcile import ReconcileRecords
from dormouse.resources.compute.machines import key_of, machine_ids
from dormouse.resources.compute.spot import is_spot
from dormouse.text.log_events import log_event

log = logging.getLogger(__name__)


async def write_environment(request: EnvironmentRecord, cloud: Cloud) -> str:
    """Write the record of an environment; if it is billed for other things from now on, keep what it was billed for."""
    records, known = Records(cloud.tables), None
    with suppress(UnreadableRecord):
        known = await records.environment(request.name)
    if known is not None:
        request = replace(request, billed_since=known.billed_since or known.requested_at)
        if not is_billed_alike(known, request):
            now = cloud.now()
            await PowerRecords(cloud.tables).add_fees(fees_of(known, now))
            request = replace(request, billed_since=rfc3339(now))
    await records.remember_environment(request)
    return request.operation


async def holds_lock(request: LockQuestion, cloud: Cloud) -> bool:
    """Whether an operation holds the lock of its environment."""
    held = await Records(cloud.tables).lock(request.environment)
    return held is not None and held.operation == request.operation


async def list_dependents(request: str, cloud: Cloud) -> list[str]:
    """The names of the environments that depend on this one."""
    return await Records(cloud.tables).dependents(request)


async def check_parents(request: list, cloud: Cloud) -> list[Refusal]:  # type: ignore[type-arg]
    """The refusals of environments that another one cannot depend on: missing, unready, or being deleted."""
    records, refusals = Records(cloud.tables), []
    for parent in request:
        held = await records.lock(parent)
        problem = parent_problem(parent, await records.environment(parent), held.operation if held else "")
        refusals += [Refusal(RefusalReason.CONFLICT, problem, step="preflight")] if problem else []
    return refusals


async def close_operation(request: Completion, cloud: Cloud) -> str:
    """Delete the environment's record if requested, or keep its health checks, release its lock, and write the outcome.

    Once the outcome is visible, everything else is done. If it runs again after the lock was released, it does not touch
    the records of a later operation.
    """
    records = Records(cloud.tables)
    checks = request.outcome.health_checks
    lock = await records.lock(request.environment) if request.forget_environment or checks else None
    held = lock is not None and lock.operation == request.operation
    if held and checks and not request.forget_environment:
        with suppress(UnreadableRecord):
            if known := await records.environment(request.environment):
                await records.remember_environment(replace(known, health_checks=checks))
    if held and request.forget_environment:
        with suppress(UnreadableRecord):  # then retention deletes the rows of its VMs later
            known = await records.environment(request.environment)
            if known is not None:
                await _remember_former(known, request, cloud)
                await _forget_machines(known, request.ended_at, cloud)
                if verb_of(request.operation) is Verb.DELETE:  # what a failed provision took back existed for minutes only
                    await PowerRecords(cloud.tables).add_fees(fees_of(known, parse_moment(request.ended_at)))
        await records.forget_environment(request.environment)
    await records.release_lock(request.environment, request.operation)
    about = {"operation": request.operation, "environment": request.environment, "outcome": request.outcome.status.value}
    log.info("%s", log_event("operation ended", **about))
    try:
        record = await records.operation(request.operation)
    except UnreadableRecord as error:  # only a newer release can update it
        log.warning("The outcome %s was not written: %s", request.outcome.status, error)
        record = None
    if record is not None:
        ended = replace(record, began_at=request.began_at, ended_at=request.ended_at, outcome=request.outcome)
        await records.remember_operation(replace(ended, steps=request.steps))
    return request.outcome.status


async def _remember_former(record: EnvironmentRecord, request: Completion, cloud: Cloud) -> None:
    """Keep which resources the environment had: this proves that they were ours if one is found later."""
    ended = parse_moment(request.ended_at) if request.ended_at else cloud.now()
    former = FormerEnvironment(record.name, record.region, request.operation, ended, record.resources)
    await ReconcileRecords(cloud.tables).remember_former(former)


async def _forget_machines(record: EnvironmentRecord, ended_at: str, cloud: Cloud) -> None:
    """Delete what is tracked of an environment's machines; their power history stays, and ends now."""
    fleet = MachineRecords(cloud.tables)
    for resource in record.resources:
        for machine in machine_ids([resource]):
            with suppress(UnreadableRecord):
                tracked = await fleet.tracked(key_of(machine))
                interval = last_interval(tracked, parse_moment(ended_at)) if tracked else None
                if interval and interval.state is not State.UNKNOWN:
                    size = resource.settings.get("size", "")
                    await keep_intervals([placed(interval, record.region, size, record, spot=is_spot(resource))], cloud)
            await fleet.forget(key_of(machine))
    for cluster in cluster_ids(record.resources):
        await fleet.forget(cluster_key(cluster))
    for pool in pool_ids(record.resources):
        await fleet.forget(pool_key(pool))
