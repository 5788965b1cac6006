"""The timers of the control plane. Times are UTC, independent of the host's time zone."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import azure.functions as func

from dormouse.clock import DAY
from dormouse.errors import ControlPlaneError, SweepUnderWay
from dormouse.records.deduplication import KINDS, MOST_AT_ONCE
from dormouse.services.changes.rotation_by_age import rotate_aged
from dormouse.services.costs.budgets import check_budgets
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient
from dormouse.services.idle.sweeps import start_sweep
from dormouse.services.reconcile.passes import start_pass
from dormouse.services.retention import retain

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer: an NCRONTAB expression with seconds, and its handler. A missed run is made up for once."""

    schedule: str
    handler: Callable[[func.TimerRequest, DurableClient, Dependencies], Awaitable[None]]


async def sweep_timer(timer: func.TimerRequest, client: DurableClient, dependencies: Dependencies) -> None:
    """Sweep every five minutes, unless the sweep before has not ended."""
    try:
        await start_sweep(client, dependencies, dry_run=False, by="timer")
    except SweepUnderWay as busy:
        log.info("No sweep begins now: %s", busy)
    except ControlPlaneError as error:
        log.warning("No sweep begins now, the next one will: %s", error)


async def receipts_timer(timer: func.TimerRequest, client: DurableClient, dependencies: Dependencies) -> None:
    """Delete deduplication rows once an hour, `RECEIPTS_KEPT_DAYS` after they were written."""
    border = dependencies.now() - dependencies.settings.receipts_kept_days * DAY
    try:
        for kind in KINDS:
            while await dependencies.receipts.forget_older(kind, border) == MOST_AT_ONCE:
                pass
    except ControlPlaneError as error:
        log.warning("Old receipts are kept for another hour: %s", error)


async def retention_timer(timer: func.TimerRequest, client: DurableClient, dependencies: Dependencies) -> None:
    """Delete once an hour what has been kept for long enough: histories, trails, rows of machines; and look at budgets."""
    await retain(client, dependencies)
    try:
        await check_budgets(dependencies)
    except ControlPlaneError as error:
        log.warning("Budgets are looked at in an hour again: %s", error)


async def rotation_timer(timer: func.TimerRequest, client: DurableClient, dependencies: Dependencies) -> None:
    """Begin once an hour to rotate the passwords that are older than `ROTATE_PASSWORDS_AFTER_DAYS` says."""
    try:
        await rotate_aged(client, dependencies)
    except ControlPlaneError as error:
        log.warning("No password is rotated by its age now, and they are looked at again in an hour: %s", error)


async def reconcile_timer(timer: func.TimerRequest, client: DurableClient, dependencies: Dependencies) -> None:
    """Begin once an hour to look for what has no record and what is recorded and gone, unless the pass before runs."""
    try:
        await start_pass(client, dependencies)
    except ControlPlaneError as error:
        log.warning("Nothing is reconciled now, and it is tried again in an hour: %s", error)


TIMERS = (
    Timer("0 */5 * * * *", sweep_timer),
    Timer("0 40 * * * *", receipts_timer),
    Timer("0 20 * * * *", retention_timer),
    Timer("0 50 * * * *", rotation_timer),
    Timer("0 10 * * * *", reconcile_timer),
)
