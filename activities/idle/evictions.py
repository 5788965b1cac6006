"""Evictions of Spot VMs on a page of a sweep: what Resource Health says of those that are stopped."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from dormouse.cloud.clients import Cloud
from dormouse.cloud.vm_inventory import VmInventory
from dormouse.environments.operations import OperationRecord
from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.idle.eviction import (
    is_of_last_run,
    is_over,
    is_running,
    may_be_evicted,
    stopped_by_us,
    with_eviction,
    with_other_stop,
)
from dormouse.idle.evidence import Evaluation
from dormouse.idle.tracking import Eviction
from dormouse.records.environments import Records
from dormouse.resources.compute.machines import lock_name_of
from dormouse.resources.compute.spot import Annotation

# The newest operations since a machine was last seen to start; more of them say nothing new.
MOST_OPERATIONS = 20


async def with_evictions(cases: Sequence[Evaluation], cloud: Cloud) -> tuple[list[Evaluation], str]:
    """The evaluations with the evictions that have ended a run, and why that is not known ("": it is).

    One query for all machines that are or may be evicted, and one read of the operations of each that Azure has evicted.
    Where either does not answer, nothing more is called an eviction, and the next sweep asks again.
    """
    asked = [case.machine.id for case in cases if may_be_evicted(case) or case.tracked.evicted]
    if not asked:
        return list(cases), ""
    try:
        said = await VmInventory(cloud).annotations(asked)
        every = [_compared(case, said.get(case.machine.id.lower()), cloud) for case in cases]
        return list(await asyncio.gather(*every)), ""
    except (CloudUnavailable, RefusedByAzure) as error:
        return list(cases), f"it is not known whether stopped Spot VMs were evicted: {error}"


async def _compared(case: Evaluation, said: Annotation | None, cloud: Cloud) -> Evaluation:
    """The evaluation with a new eviction, or without one that is over."""
    known = case.tracked.evicted
    if known is not None and await _is_over(known, case, said, cloud):
        return replace(case, tracked=with_other_stop(case.tracked, case.now))
    if said is None or not said.is_eviction:
        return case
    new = said.at > known.at if known else await _has_ended_the_run(said, case, cloud)
    return replace(case, tracked=with_eviction(case.tracked, said.at, case.now)) if new else case


async def _is_over(known: Eviction, case: Evaluation, said: Annotation | None, cloud: Cloud) -> bool:
    """Whether an evicted machine has been stopped in another way since; asked of our operations if it would be started."""
    if is_over(known, said) or not case.restarts_evicted:
        return is_over(known, said)
    operations = await _operations(case, known.at, cloud)
    return operations is None or stopped_by_us(operations)


async def _has_ended_the_run(said: Annotation, case: Evaluation, cloud: Cloud) -> bool:
    """Whether an eviction, and no operation of ours, has ended the last run of a machine."""
    if not may_be_evicted(case) or not is_of_last_run(said.at, case):
        return False
    operations = await _operations(case, max(case.tracked.ran_since, case.machine.created), cloud)
    return operations is not None and not any(map(is_running, operations)) and not stopped_by_us(operations)


async def _operations(case: Evaluation, since: float, cloud: Cloud) -> Sequence[OperationRecord] | None:
    """The operations of ours on a machine since a moment, newest first; None if one cannot be read, and may be any."""
    machine = case.machine
    subject = lock_name_of(machine.id, machine.environment, cloud.settings.azure_subscription_id)
    found, _ = await Records(cloud.tables).operations(limit=MOST_OPERATIONS, environment=subject, since=since)
    operations = [one for one in found if isinstance(one, OperationRecord)]
    return operations if len(operations) == len(found) else None
