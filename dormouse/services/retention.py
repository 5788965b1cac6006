"""Retention: old histories, operations and machine rows are deleted, so that tables and the task hub do not grow forever."""

import contextlib
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dormouse.clock import DAY, HOUR
from dormouse.errors import ControlPlaneError
from dormouse.idle.report import ReportHead
from dormouse.idle.targets import target_key
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient, TaskHubUnavailable

log = logging.getLogger(__name__)

FIRST_HISTORY = datetime(2020, 1, 1, tzinfo=UTC)
MOST_AT_ONCE, MOST_ROUNDS = 1000, 20
OVERDUE = "It did not end in {days} days."
# How old the last sweep may be and still prove that a machine is missing.
FRESH = HOUR


async def end_overdue(client: DurableClient, dependencies: Dependencies) -> None:
    """End the orchestrations that began more than `HISTORY_KEPT_DAYS` ago and have not ended, so that they can be deleted.

    None of ours lasts more than half a day. An older one lost a message, was suspended by hand, or is of a newer release
    that does not run here any more; Durable Functions keeps it forever. Parents are ended before their children, whose end
    would wake them. One that receives nothing is told hourly on the first day and on each day on which its age has doubled,
    because every such message stays in its queue.
    """
    border, reason = _border(dependencies), OVERDUE.format(days=dependencies.settings.history_kept_days)
    days = list(_days_of_doubled_age(border))
    with contextlib.suppress(TaskHubUnavailable):  # it is in the log, and asked again in an hour
        for identifier, created in (await client.unended(border)).items():
            if any(first < created <= last for first, last in days):
                await _end(client, identifier, reason)


async def _end(client: DurableClient, identifier: str, reason: str) -> None:
    with contextlib.suppress(TaskHubUnavailable):  # it may have ended by itself
        await client.terminate(identifier, reason)
        log.warning("%s is ended. %s", identifier, reason)


async def purge_histories(client: DurableClient, dependencies: Dependencies) -> None:
    """Delete the histories of orchestrations that ended and began more than `HISTORY_KEPT_DAYS` ago.

    Each request looks through the whole task hub, so there are two: for the last day, which has everything if the timer has
    run every hour, and for the time before. One that takes too long is gone on with an hour later, and delays nothing else.
    """
    border = _border(dependencies)
    yesterday = border - timedelta(days=1)
    for first, last in ((yesterday, border), (FIRST_HISTORY, yesterday)):
        try:
            purged = await client.purge(first, last)
        except TaskHubUnavailable as error:
            log.warning("Histories from %s to %s are kept for another hour: %s", first, last, error)
            continue
        if purged:
            log.info("%s histories from %s to %s were deleted.", purged, first, last)


def _border(dependencies: Dependencies) -> datetime:
    """What was created before this moment has been kept for long enough."""
    return datetime.fromtimestamp(dependencies.now(), UTC) - timedelta(days=dependencies.settings.history_kept_days)


def _days_of_doubled_age(border: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The day before a border, and the days that end one, three, seven ... days before it, back to the first history."""
    last, days = border, 1
    while last > FIRST_HISTORY:
        yield last - timedelta(days=1), last
        last, days = last - timedelta(days=days), days * 2


async def forget_old_trails(dependencies: Dependencies) -> None:
    """Delete the records of operations that were accepted more than `TRAIL_KEPT_DAYS` ago; raises CloudUnavailable."""
    moment = dependencies.now() - dependencies.settings.trail_kept_days * DAY
    for _ in range(MOST_ROUNDS):
        if await dependencies.records.forget_operations_before(moment, limit=MOST_AT_ONCE) < MOST_AT_ONCE:
            return


async def forget_old_power_history(dependencies: Dependencies) -> None:
    """Delete the power history of months that ended more than `TRAIL_KEPT_DAYS` ago; raises CloudUnavailable."""
    moment = dependencies.now() - dependencies.settings.trail_kept_days * DAY
    for _ in range(MOST_ROUNDS):
        if await dependencies.power.forget_before(moment, limit=MOST_AT_ONCE) < MOST_AT_ONCE:
            return


async def forget_old_prices(dependencies: Dependencies) -> None:
    """Delete the prices that were replaced more than `TRAIL_KEPT_DAYS` ago; raises CloudUnavailable."""
    await dependencies.price_records.forget_superseded(dependencies.now() - dependencies.settings.trail_kept_days * DAY)


async def forget_former_environments(dependencies: Dependencies) -> None:
    """Delete what is known of environments that ended more than `TRAIL_KEPT_DAYS` ago; raises CloudUnavailable."""
    await dependencies.reconciled.forget_former_before(dependencies.now() - dependencies.settings.trail_kept_days * DAY)


async def forget_missing_machines(dependencies: Dependencies) -> None:
    """Delete the rows of machines that no sweep has seen and that have said nothing for `MACHINES_KEPT_DAYS`.

    Only a sweep that has just seen every page of the fleet proves that a machine is missing: while Resource Graph cannot be
    asked, and while it shows no machine at all, nothing is deleted and nothing is noted. Raises CloudUnavailable.
    """
    head = await dependencies.machines.report_head()
    seen = await _seen(head, dependencies) if head else set[str]()
    if not head or not seen:
        return
    await dependencies.machines.forget_report_from(head.pages)
    remembered, missed = await dependencies.machines.tracked_keys(), await dependencies.machines.missed()
    missing = remembered.keys() - seen
    await dependencies.machines.forget_missed(missed.keys() - missing)
    await dependencies.machines.note_missed(missing - missed.keys())
    border = dependencies.now() - dependencies.settings.machines_kept_days * DAY
    gone = [key for key in missing & missed.keys() if max(missed[key], remembered[key]) < border]
    for key in gone:
        await dependencies.machines.forget(key)
    await dependencies.machines.forget_missed(gone)
    if gone:
        log.info("The rows of %s machines that were not seen for long were deleted.", len(gone))


async def _seen(head: ReportHead, dependencies: Dependencies) -> set[str]:
    """The keys of all machines that the last sweep saw; empty unless it is fresh and saw every page."""
    if dependencies.now() - head.ended_at > FRESH:
        return set()
    seen: set[str] = set()
    for number in range(head.pages):
        page = (await dependencies.machines.report_page(number)).content
        if page is None or page.sweep != head.sweep:
            return set()
        seen |= {target_key(line.id) for line in page.rows}
    return seen


async def retain(client: DurableClient, dependencies: Dependencies) -> None:
    """Delete everything that has been kept for long enough; what cannot be deleted now is deleted an hour later."""
    await end_overdue(client, dependencies)
    await purge_histories(client, dependencies)
    for forget in (
        forget_old_trails,
        forget_old_power_history,
        forget_old_prices,
        forget_missing_machines,
        forget_former_environments,
    ):
        try:
            await forget(dependencies)
        except ControlPlaneError as error:
            log.warning("What is over is kept for another hour: %s", error)
