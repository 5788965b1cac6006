"""Use cases of sweeps: start one, and show one."""

import contextlib
import json

from dormouse import serialization
from dormouse.errors import (
    CloudUnavailable,
    ControlPlaneError,
    EnvironmentBusy,
    SweepNotFound,
    SweepUnderWay,
    UnreadableRecord,
)
from dormouse.idle.report import SweepSummary
from dormouse.idle.sweep import SWEEP_LOCK, SweepRequest
from dormouse.ids import new_sweep_id
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords
from dormouse.services.cancellation import end_sweep
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient, TaskHubUnavailable
from dormouse.services.locks import SWEEP_LIVES, free_stale_locks, take_lock
from dormouse.services.views.sweeps import SweepView
from orchestrators.idle.sweep import sweep


async def start_sweep(client: DurableClient, dependencies: Dependencies, *, dry_run: bool, by: str) -> str:
    """Start a sweep, and return its ID; raises SweepUnderWay while another one acts. A dry run needs no lock."""
    records, now = dependencies.records, dependencies.now()
    identifier, hung = new_sweep_id(now), ""
    if not dry_run:
        hung = await _end_hung_sweep(client, records, now)
        try:
            await take_lock(client, records, SWEEP_LOCK, identifier, now)
        except EnvironmentBusy as busy:
            raise SweepUnderWay(busy.operation) from None
        with contextlib.suppress(ControlPlaneError):  # then the next sweep does it
            await free_stale_locks(client, records, now)
    try:
        agents = await _may_have_agents(dependencies.machines)
        await client.start(sweep, identifier, SweepRequest(identifier, dry_run, by, hung, agents))
    except TaskHubUnavailable:
        # If it runs all the same, it ends without the lock: the next one is kept off for no longer than that.
        if not dry_run:
            await records.release_lock(SWEEP_LOCK, identifier)
        raise
    return identifier


async def show_sweep(identifier: str, client: DurableClient) -> SweepView:
    """One sweep as it stands now; raises SweepNotFound."""
    status = await client.status(identifier, show_input=True)
    if status is None or status.name != sweep.__name__:
        raise SweepNotFound(f"There is no sweep {identifier!r} (old sweeps are deleted).")
    given = status.input
    asked = serialization.decode(SweepRequest, json.loads(given) if isinstance(given, str) else given)
    summary = serialization.decode(SweepSummary, status.output) if status.runtime == "Completed" else None
    return SweepView.of(asked, summary, running=not status.ended)


async def _may_have_agents(machines: MachineRecords) -> bool:
    """Whether the last sweep saw agents, or it is not known: new machines run, and fall asleep only in a sweep."""
    try:
        head = await machines.report_head()
    except (CloudUnavailable, UnreadableRecord):
        return True
    return head is None or head.agents


async def _end_hung_sweep(client: DurableClient, records: Records, now: float) -> str:
    """End the sweep that has held the lock for longer than any sweep takes, and return its ID; "" if there is none."""
    held = await records.lock(SWEEP_LOCK)
    if held is None or now - held.taken_at <= SWEEP_LIVES:
        return ""
    await end_sweep(client, records, held.operation, "It did not end in time.")
    return held.operation
