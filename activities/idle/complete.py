"""How what a sweep has begun is written down when it ends: a machine, and the sweep as a whole."""

from contextlib import suppress
from dataclasses import replace

from activities.records import close_operation
from dormouse.clock import DAY, iso_text
from dormouse.cloud.clients import Cloud
from dormouse.cloud.vm_inventory import VmInventory
from dormouse.environments.operations import Completion
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import CloudUnavailable, UnreadableRecord
from dormouse.idle.decision import NextAction
from dormouse.idle.report import ReportHead
from dormouse.idle.sweep import SWEEP_LOCK, PlannedAction, SweepClosing, SweepEnd
from dormouse.idle.tracking import IdleShutdown, TrackedMachine, with_failure, with_shutdown
from dormouse.notifications.notification import Notification
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords

# Machines of the earlier report that are looked for when a sweep sees none: one that cannot be read is enough to doubt.
ASKED_AGAIN = 5


async def close_sweep_operation(request: SweepClosing, cloud: Cloud) -> bool:
    """Remember what became of the machine, write it into the trail, release the machine; whether people should be told."""
    planned, outcome, fleet = request.planned, request.outcome, MachineRecords(cloud.tables)
    tell = outcome.status is not OutcomeStatus.CANCELLED

    def failed(memory: TrackedMachine | None) -> TrackedMachine:
        return with_failure(_known(memory), request.ended_at, hibernating=planned.hibernate)

    with suppress(UnreadableRecord):  # then the memory stays as it is, and the trail says what was done
        if outcome.status is OutcomeStatus.SUCCEEDED and planned.action is NextAction.STOP:
            nap = await _nap(planned, request.ended_at, cloud)
            await fleet.change_tracked(planned.machine.key, lambda memory: with_shutdown(_known(memory), nap))
        elif outcome.status is OutcomeStatus.FAILED:
            memory = await fleet.change_tracked(planned.machine.key, failed)
            tell = memory.alarmed_at == request.ended_at
    began, ended = iso_text(request.began_at), iso_text(request.ended_at)
    await close_operation(Completion(request.operation, planned.lock, outcome, began, ended), cloud)
    return tell


def _known(memory: TrackedMachine | None) -> TrackedMachine:
    assert memory is not None
    return memory


async def _nap(planned: PlannedAction, now: float, cloud: Cloud) -> IdleShutdown:
    try:
        price = await cloud.prices.of_machine(planned.machine.region, planned.machine.size)
    except CloudUnavailable:
        price = None  # the hours count all the same
    return IdleShutdown(now, price.per_hour if price else 0.0, price.currency if price else "USD")


async def finish_sweep(request: SweepEnd, cloud: Cloud) -> list[Notification]:
    """Make what was found the report, and let the next sweep begin; what people should be told of the sweep as a whole.

    A sweep that fails, or sees nothing where there were machines before, is told once a day.
    """
    asked, fleet = request.request, MachineRecords(cloud.tables)
    try:
        before = await fleet.report_head()
    except UnreadableRecord:  # of a newer release; what this sweep has found takes its place
        before = None
    problem = await _problem(request, before, cloud)
    told_at = before.told_at if before else 0.0
    tell = bool(problem) and not asked.dry_run and (told_at == request.ended_at or request.ended_at - told_at >= DAY)
    problems = (*request.summary.problems, *([problem] if problem and problem not in request.summary.problems else []))
    head = ReportHead(
        asked.id,
        asked.dry_run,
        request.began_at,
        request.ended_at,
        request.pages,
        replace(request.summary, problems=problems),
        told_at=request.ended_at if tell else told_at,
        blind=bool(problem),
    )
    await fleet.finish_report(head)
    if not asked.dry_run:
        await Records(cloud.tables).release_lock(SWEEP_LOCK, asked.id)
    return [Notification("sweep failed", "", "sweep", problem, request.ended_at)] if tell else []


async def _problem(request: SweepEnd, before: ReportHead | None, cloud: Cloud) -> str:
    """What is wrong with the sweep as a whole, or ""."""
    if request.failed:
        return f"The sweep could not do its work: {'; '.join(request.failed)}. No machine that it missed is stopped."
    seen_before = before.summary.machines if before else 0
    seen_nothing = request.summary.machines == 0 and (seen_before or (before is not None and before.blind))
    if seen_nothing and not await _are_gone(cloud):
        return (
            "The sweep sees no machines, although there were some before. If they were not deleted, the control plane may "
            "have lost its right to read them (Reader on the subscriptions that it watches)."
        )
    return ""


async def _are_gone(cloud: Cloud) -> bool:
    """Whether the machines of the earlier report were deleted or released, as far as `ASKED_AGAIN` of them show."""
    page = (await MachineRecords(cloud.tables).report_page(0)).content
    ids = [line.id for line in page.rows[:ASKED_AGAIN]] if page is not None else []
    try:
        return bool(ids) and not await VmInventory(cloud).still_has_one_of(ids)
    except CloudUnavailable:
        return False
