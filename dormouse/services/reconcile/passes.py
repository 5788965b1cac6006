"""Use case: start a pass of reconciliation, unless one is running."""

import json
import logging
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dormouse import serialization
from dormouse.clock import HOUR, moment_text
from dormouse.errors import CloudUnavailable, RefusedByAzure, UnreadableRecord
from dormouse.idle.sweep import SWEEP_LOCK
from dormouse.reconcile.findings import BETWEEN_PASSES, Finding, FindingKind, Sighting
from dormouse.reconcile.passes import RECONCILE, PassRequest
from dormouse.records.environments import Lock
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient
from dormouse.services.locks import release_stale_lock, stale_locks
from orchestrators.reconcile.reconcile import reconcile

log = logging.getLogger(__name__)

# A pass waits for the deletions that it has begun. An older one hangs.
LONGEST_PASS = 3 * HOUR
HUNG = "It did not end in time."
NO_OPERATION = "Operation {operation} has held the lock since {since}, and the task hub does not run it"
UNREAD = "Locks could not be read, and findings about them are as they were: {why}"


async def start_pass(client: DurableClient, dependencies: Dependencies, *, by: str = "timer") -> bool:
    """Start a pass, and return True, or False while one runs; raises CloudUnavailable.

    Its orchestration has one ID, so that there are never two. One that has run for longer than any pass takes is ended, and
    the next timer starts another. Stale locks that an earlier pass has seen are released first.
    """
    now = dependencies.now()
    status = await client.status(RECONCILE, show_input=True)
    if status is not None and not status.ended:
        given = status.input
        if given and now - _requested_at(given) > LONGEST_PASS:
            await client.terminate(RECONCILE, HUNG)
            log.warning("The pass of reconciliation that was running did not end in time, and was ended.")
        return False
    request = await _with_locks(PassRequest(by, began=now), client, dependencies, now)
    await client.start(reconcile, RECONCILE, request)
    return True


def _requested_at(given: Any) -> float:
    return serialization.decode(PassRequest, json.loads(given) if isinstance(given, str) else given).began


async def _with_locks(request: PassRequest, client: DurableClient, dependencies: Dependencies, now: float) -> PassRequest:
    """The request with the stale locks; those that a pass has seen an hour ago or more are released, and not in it."""
    records, released, left = dependencies.records, [], []
    try:
        for name, held in (await stale_locks(client, records, now)).items():
            if name == SWEEP_LOCK:
                continue  # the next sweep takes it over
            sighting = _sighting(name, held)
            known = await _known(sighting, dependencies)
            if known and known.sighting.unique == sighting.unique and now - known.first_seen >= BETWEEN_PASSES:
                await release_stale_lock(client, records, name, held, now)
                released.append(f"{name}: {held.operation}")
            else:
                left.append(sighting)
    except (CloudUnavailable, RefusedByAzure) as error:
        return replace(request, locks=tuple(left), released=tuple(released), locks_unread=UNREAD.format(why=error))
    return replace(request, locks=tuple(left), released=tuple(released))


async def _known(sighting: Sighting, dependencies: Dependencies) -> Finding | None:
    """What earlier passes have stored of a lock; None if there is nothing that this release can read."""
    with suppress(UnreadableRecord):
        return await dependencies.reconciled.finding(sighting.key)
    return None


def _sighting(name: str, held: Lock) -> Sighting:
    why = NO_OPERATION.format(operation=held.operation, since=moment_text(held.taken_at))
    return Sighting(FindingKind.LOCK, name, name, why, unique=f"{held.operation} {held.taken_at}")
