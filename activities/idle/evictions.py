"""Evictions of Spot VMs on a page of a sweep: what Resource Health says of those that are stopped."""

from collections.abc import Sequence
from dataclasses import replace

from dormouse.cloud.clients import Cloud
from dormouse.cloud.vm_inventory import VmInventory
from dormouse.environments.operations import OperationRecord
from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.idle.eviction import is_of_last_run, may_be_evicted, stopped_by_us, with_eviction
from dormouse.idle.evidence import Evaluation
from dormouse.records.environments import Records
from dormouse.resources.compute.machines import lock_name_of

# The newest operations since a machine was last seen to start; more of them say nothing new.
MOST_OPERATIONS = 20


async def with_evictions(cases: Sequence[Evaluation], cloud: Cloud) -> tuple[list[Evaluation], str]:
    """The evaluations with the evictions that have ended a run, and why that is not known ("": it is).

    One query for all machines that may be evicted, and one read of the operations of each that Azure has evicted. Where
    either does not answer, nothing is called an eviction, and the next sweep asks again.
    """
    asked = [case.machine.id for case in cases if may_be_evicted(case)]
    if not asked:
        return list(cases), ""
    try:
        evicted = await VmInventory(cloud).evicted_at(asked)
        return [await _with_eviction(case, evicted, cloud) for case in cases], ""
    except (CloudUnavailable, RefusedByAzure) as error:
        return list(cases), f"it is not known whether stopped Spot VMs were evicted: {error}"


async def _with_eviction(case: Evaluation, evicted: dict[str, float], cloud: Cloud) -> Evaluation:
    at = evicted.get(case.machine.id.lower())
    if at is None or not may_be_evicted(case) or not is_of_last_run(at, case) or await _stopped_by_us(case, cloud):
        return case
    return replace(case, tracked=with_eviction(case.tracked, at, case.now))


async def _stopped_by_us(case: Evaluation, cloud: Cloud) -> bool:
    """Whether an operation of ours has stopped the machine since its last run began; one that cannot be read may have."""
    machine, since = case.machine, max(case.tracked.ran_since, case.machine.created)
    subject = lock_name_of(machine.id, machine.environment, cloud.settings.azure_subscription_id)
    found, _ = await Records(cloud.tables).operations(limit=MOST_OPERATIONS, environment=subject, since=since)
    operations = [one for one in found if isinstance(one, OperationRecord)]
    return len(operations) < len(found) or stopped_by_us(operations)
