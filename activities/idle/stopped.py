"""What sweeps remember of an environment that one of them has stopped as a whole, or could not delete."""

from contextlib import suppress
from dataclasses import replace

from activities.idle.power_history import keep_intervals, placed
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import CloudUnavailable, UnreadableRecord
from dormouse.idle.power.history import ended_interval
from dormouse.idle.stages.sleep import FailedDeletion
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.targets import target_key
from dormouse.idle.tracking import IdleShutdown, TrackedMachine, with_failure, with_shutdown
from dormouse.lifecycle import State
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords
from dormouse.resources.compute.machines import key_of, machine_ids
from dormouse.resources.compute.spot import is_spot
from dormouse.resources.plan import Resource


async def note_environment_stop(planned: PlannedAction, now: float, cloud: Cloud) -> None:
    """Track that a sweep has stopped everything in an environment; a machine whose record cannot be read is left out."""

    def settled(tracked: TrackedMachine | None) -> TrackedMachine:
        assert tracked is not None
        return replace(tracked, warning=None, failures=0, retry_at=0.0, sleep=replace(tracked.sleep, planned=None))

    await MachineRecords(cloud.tables).change_tracked(planned.machine.key, settled)
    record = await Records(cloud.tables).environment(planned.machine.environment)
    for resource in record.resources if record else ():
        if record and machine_ids([resource]):
            with suppress(UnreadableRecord):
                await _note_stop(resource, record, now, cloud)


async def _note_stop(resource: Resource, record: EnvironmentRecord, now: float, cloud: Cloud) -> None:
    """Track the stop of one machine that ran, with what it would cost, and keep the interval that ended."""
    fleet, key = MachineRecords(cloud.tables), key_of(resource.id)
    before = await fleet.tracked(key)
    if before is None or before.state is not State.RUNNING:
        return
    size, spot = resource.settings.get("size", ""), is_spot(resource)
    try:
        price = await cloud.prices.of_machine(record.region, size, spot=spot)
    except CloudUnavailable:
        price = None  # the hours are still counted
    shutdown = IdleShutdown(now, price.per_hour if price else 0.0, price.currency if price else "USD")
    interval = ended_interval(before, with_shutdown(before, shutdown))
    if interval:
        await keep_intervals([placed(interval, record.region, size, record, spot=spot)], cloud)
    await fleet.change_tracked(key, lambda tracked: with_shutdown(tracked or before, shutdown))


async def note_failed_deletion(request: FailedDeletion, cloud: Cloud) -> str:
    """Track that the deletion of an environment that sleeps on has failed, so that it is tried again after a pause."""
    with suppress(UnreadableRecord):
        fleet, key = MachineRecords(cloud.tables), target_key(request.machine)
        known = await fleet.tracked(key)
        if known is not None:
            await fleet.change_tracked(key, lambda tracked: with_failure(tracked or known, request.at))
    return request.machine
