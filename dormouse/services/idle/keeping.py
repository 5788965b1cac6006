"""Use cases that keep machines awake or let them end: holds, leases, and snooze links."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import EnvironmentBusy, InvalidRequest, MachineNotFound, UnreadableRecord
from dormouse.idle.clusters.node_pool import pool_ids, pool_key
from dormouse.idle.holds import SNOOZE, HoldRequest, LeaseRequest, keeps_longer, with_hold, with_lease
from dormouse.idle.snooze import opens
from dormouse.idle.targets import target_ids, target_key
from dormouse.idle.tracking import TrackedMachine, with_settled_eviction
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.locks import being_deleted
from dormouse.services.views.machines import HoldView, LeaseView
from dormouse.text.durations import duration_text

SNOOZED_BY = "snooze link"
Change = Callable[[TrackedMachine], TrackedMachine]


class WarningOver(Exception):
    """The warning that a snooze link belongs to is over."""


async def hold_machine(machine: str, asked: HoldRequest, context: Context, *, dry_run: bool) -> HoldView:
    """Keep a machine awake for a time, or end its hold; raises MachineNotFound, or EnvironmentBusy while it is deleted."""
    key = target_key(machine)
    await require_not_deleted(key, context)
    return await hold_tracked(key, asked, context, None, dry_run=dry_run)


async def extend_machine(machine: str, asked: LeaseRequest, context: Context, *, dry_run: bool) -> LeaseView:
    """Set, renew or end a machine's lease; raises as `hold_machine` does, or InvalidRequest for a lease that deletes."""
    if asked.then == "delete":
        raise InvalidRequest("Only environments can be deleted; an adopted machine can only be stopped.")
    key = target_key(machine)
    await require_not_deleted(key, context)
    return await extend_tracked(key, asked, context, None, dry_run=dry_run)


async def hold_tracked(
    key: str, asked: HoldRequest, context: Context, known: TrackedMachine | None, *, dry_run: bool
) -> HoldView:
    """Record a hold; `known` is what is known of a machine that no sweep has seen yet."""
    now, longest = context.dependencies.now(), context.dependencies.settings.longest_hold_minutes
    name = context.caller.name
    tracked = await _change(
        key, lambda tracked: with_hold(tracked, asked, name, now, longest), context, known, dry_run=dry_run
    )
    return HoldView.of(tracked.id, tracked.hold, kept_longer=keeps_longer(tracked, asked, now, longest))


async def extend_tracked(
    key: str, asked: LeaseRequest, context: Context, known: TrackedMachine | None, *, dry_run: bool
) -> LeaseView:
    """Record a lease; `known` is what is known of a machine that no sweep has seen yet."""
    now, name = context.dependencies.now(), context.caller.name
    tracked = await _change(key, lambda tracked: with_lease(tracked, asked, name, now), context, known, dry_run=dry_run)
    return LeaseView.of(tracked.id, tracked.lease)


async def keep_stopped(machine: str, dependencies: Dependencies) -> None:
    """Let a machine that was evicted stay stopped, as requested; a record that cannot be read is left unchanged.

    Raises CloudUnavailable or ConcurrentChange.
    """
    key = target_key(machine)
    with suppress(UnreadableRecord):
        known = await dependencies.machines.tracked(key)
        if known is not None and known.evicted:
            await dependencies.machines.change_tracked(key, lambda seen: with_settled_eviction(seen or known))


async def pool_sleeps(record: EnvironmentRecord, dependencies: Dependencies) -> bool:
    """Whether a sweep has scaled a GPU pool of an environment to zero, so that a start has something to do."""
    with suppress(UnreadableRecord):
        known = await asyncio.gather(*(dependencies.machines.tracked(pool_key(one)) for one in pool_ids(record.resources)))
        return any(one is not None and one.shutdown is not None for one in known)
    return False


async def warned_machine(key: str, token: str, context: Context) -> TrackedMachine:
    """The machine whose warning a snooze link belongs to; raises WarningOver."""
    tracked = await context.dependencies.machines.tracked(key)
    if tracked is None or not opens(tracked, token):
        raise WarningOver("The warning is over.")
    return tracked


async def snooze(key: str, token: str, context: Context) -> TrackedMachine:
    """Keep the machine of a warning awake for two hours, and end the warning; raises WarningOver."""
    now, longest = context.dependencies.now(), context.dependencies.settings.longest_hold_minutes
    asked = HoldRequest.model_validate({"for": duration_text(SNOOZE), "reason": "snoozed"})

    def snoozed(tracked: TrackedMachine | None) -> TrackedMachine:
        if tracked is None or not opens(tracked, token):
            raise WarningOver("The warning is over.")
        return replace(with_hold(tracked, asked, SNOOZED_BY, now, longest), warning=None)

    try:
        await require_not_deleted(key, context)
    except EnvironmentBusy:
        raise WarningOver("The machine is being deleted.") from None
    return await context.dependencies.machines.change_tracked(key, snoozed)


async def require_not_deleted(key: str, context: Context) -> None:
    """Raise EnvironmentBusy, which names the operation, while a machine is being deleted with its environment."""
    dependencies = context.dependencies
    for operation, record in (await being_deleted(context.client, dependencies.records, dependencies.now())).items():
        if key in map(target_key, target_ids(record.resources)):
            raise EnvironmentBusy(record.name, operation)


async def _change(
    key: str, change: Change, context: Context, known: TrackedMachine | None, *, dry_run: bool
) -> TrackedMachine:
    machines = context.dependencies.machines
    tracked = await machines.tracked(key) or known
    if tracked is None:
        raise MachineNotFound("No sweep has seen this machine yet. Tag it with dormouse-idle, or adopt it.")
    if dry_run:
        return change(tracked)
    return await machines.change_tracked(key, lambda seen: change(seen or tracked))
