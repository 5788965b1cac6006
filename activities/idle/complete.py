"""Completion of the operations of a sweep, and of the sweep itself."""

import logging
from contextlib import suppress
from dataclasses import replace

from activities.idle.power_history import keep_intervals, placed
from activities.idle.stopped import note_environment_stop
from activities.records import close_operation
from dormouse.clock import DAY, rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.cloud.vm_inventory import VmInventory
from dormouse.environments.operations import Completion
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import CloudUnavailable, RefusedByAzure, UnreadableRecord
from dormouse.idle.clusters.ml_cluster import ComputeCluster
from dormouse.idle.clusters.node_pool import NodePool
from dormouse.idle.decision import NextAction
from dormouse.idle.jobs.waking import with_woken_for
from dormouse.idle.outside.alarm import activity_alarm, unanswered_sweeps
from dormouse.idle.power.history import ended_interval
from dormouse.idle.report import ReportHead
from dormouse.idle.sweep import SWEEP_LOCK, PlannedAction, SweepClosing, SweepEnd
from dormouse.idle.tracking import IdleShutdown, TrackedMachine, with_failure, with_shutdown
from dormouse.notifications.notification import Notification
from dormouse.records.budgets import BudgetWarnings
from dormouse.records.deduplication import RECEIPTS
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords
from dormouse.resources.compute.machines import MACHINE_ID, VirtualMachine
from dormouse.text.log_events import log_event

log = logging.getLogger(__name__)

# Machines of the previous report that are read when a sweep finds none; one that cannot be read makes it doubtful.
MACHINES_CHECKED = 5


async def close_sweep_operation(request: SweepClosing, cloud: Cloud) -> bool:
    """Record the outcome of an action and release the lock; returns whether to send a notification."""
    planned, outcome, fleet = request.planned, request.outcome, MachineRecords(cloud.tables)
    notifies = outcome.status is not OutcomeStatus.CANCELLED

    def failed(tracked: TrackedMachine | None) -> TrackedMachine:
        return with_failure(_known(tracked), request.ended_at, hibernating=planned.hibernate)

    with suppress(UnreadableRecord):  # the tracked state stays as it is; the operation records what was done
        if outcome.status is OutcomeStatus.SUCCEEDED and planned.action is NextAction.STOP:
            await _note_shutdown(planned, request.ended_at, cloud)
        elif outcome.status is OutcomeStatus.SUCCEEDED and planned.action is NextAction.STOP_ENVIRONMENT:
            await note_environment_stop(planned, request.ended_at, cloud)
        elif outcome.status is OutcomeStatus.SUCCEEDED and planned.job is not None:
            woken_for = planned.job.request
            await fleet.change_tracked(planned.machine.key, lambda known: with_woken_for(_known(known), woken_for))
        elif outcome.status is OutcomeStatus.FAILED:
            tracked = await fleet.change_tracked(planned.machine.key, failed)
            notifies = tracked.alarmed_at == request.ended_at
            log.warning("%s", log_event("action not confirmed", machine=planned.machine.id, action=planned.action.value))
    began, ended = rfc3339(request.began_at), rfc3339(request.ended_at)
    await close_operation(Completion(request.operation, planned.lock, outcome, began, ended, request.steps), cloud)
    return notifies


async def _note_shutdown(planned: PlannedAction, now: float, cloud: Cloud) -> None:
    """Track that a sweep has stopped a machine, and keep the interval that ended."""
    fleet, machine = MachineRecords(cloud.tables), planned.machine
    shutdown = await _shutdown(planned, now, cloud)
    before = _known(await fleet.tracked(machine.key))
    interval = ended_interval(before, with_shutdown(before, shutdown))
    if interval and (
        interval.size or isinstance(machine, VirtualMachine)
    ):  # before the tracked state: if this stops here, the next try finds the same interval again
        record = await Records(cloud.tables).environment(machine.environment) if machine.environment else None
        await keep_intervals([placed(interval, machine.region, machine.size, record, spot=machine.spot)], cloud)
    await fleet.change_tracked(machine.key, lambda tracked: with_shutdown(_known(tracked), shutdown))


def _known(tracked: TrackedMachine | None) -> TrackedMachine:
    assert tracked is not None
    return tracked


async def _shutdown(planned: PlannedAction, now: float, cloud: Cloud) -> IdleShutdown:
    machine = planned.machine
    if isinstance(machine, ComputeCluster):
        return replace(await _scaled_down(machine, now, cloud), reason=planned.reason)
    try:
        price = await cloud.prices.of_machine(machine.region, machine.size, spot=machine.spot)
    except CloudUnavailable:
        price = None  # the hours are still counted
    # A pool would have kept its nodes: runners were on them.
    nodes = machine.count if isinstance(machine, NodePool) else 1
    return IdleShutdown(now, price.per_hour * nodes if price else 0.0, price.currency if price else "USD", planned.reason)


async def _scaled_down(cluster: ComputeCluster, now: float, cloud: Cloud) -> IdleShutdown:
    """What a cluster would cost that is scaled to zero: the nodes that it would have kept without any work.

    Idle nodes above that number would have left in any case, and low-priority nodes have prices of their own.
    """
    price = None
    with suppress(CloudUnavailable):
        price = None if cluster.low_priority else await cloud.prices.of_machine(cluster.region, cluster.size, spot=False)
    return IdleShutdown(now, price.per_hour * cluster.least if price else 0.0, price.currency if price else "USD")


async def finish_sweep(request: SweepEnd, cloud: Cloud) -> list[Notification]:
    """Publish the report and release the lock of the sweep; returns the notifications about the sweep as a whole.

    A sweep that failed, or that found no machines where there were some before, is reported once a day. So is an activity
    service that fails in sweep after sweep.
    """
    asked, fleet = request.request, MachineRecords(cloud.tables)
    try:
        before = await fleet.report_head()
    except UnreadableRecord:  # written by a newer release; this report replaces it
        before = None
    problem = await _problem(request, before, cloud)
    told_at = before.told_at if before else 0.0
    notifies = bool(problem) and not asked.dry_run and (told_at == request.ended_at or request.ended_at - told_at >= DAY)
    problems = (*request.summary.problems, *([problem] if problem and problem not in request.summary.problems else []))
    head = ReportHead(
        asked.id,
        asked.dry_run,
        request.began_at,
        request.ended_at,
        request.pages,
        replace(request.summary, problems=problems),
        told_at=request.ended_at if notifies else told_at,
        blind=bool(problem),
        agents=request.agents,
        unanswered_sweeps=unanswered_sweeps(before, asked.id, request.summary, dry_run=asked.dry_run),
        unanswered_told_at=before.unanswered_told_at if before else 0.0,
    )
    head, unanswered = activity_alarm(head)
    await fleet.finish_report(head)
    summary = head.summary
    counts = {"machines": summary.machines, "verdicts": summary.verdicts, "actions": summary.actions}
    totals = {"saved_amount": summary.saved_amount, "hours_asleep": summary.hours_asleep, "problems": summary.problems}
    log.info("%s", log_event("sweep ended", sweep=asked.id, dry_run=asked.dry_run, **counts, **totals))
    if not asked.dry_run:
        await Records(cloud.tables).release_lock(SWEEP_LOCK, asked.id)
    told = [Notification("sweep failed", "", "sweep", problem, request.ended_at)] if notifies else []
    if unanswered:
        told.append(Notification("activity service failed", "", "sweep", unanswered, request.ended_at))
    return told if asked.dry_run else [*told, *await _budget_warnings(request, cloud)]


async def _budget_warnings(request: SweepEnd, cloud: Cloud) -> list[Notification]:
    """What is to be said about budgets; if that cannot be read, the next sweep says it."""
    try:
        warnings = await BudgetWarnings(cloud.tables, RECEIPTS).take(request.request.id, request.ended_at)
    except (CloudUnavailable, RefusedByAzure) as error:
        log.warning("Warnings about budgets wait for the next sweep: %s", error)
        return []
    return [Notification("budget", "", name, text, request.ended_at) for name, text in warnings]


async def _problem(request: SweepEnd, before: ReportHead | None, cloud: Cloud) -> str:
    """The problem of the sweep as a whole, or ""."""
    if request.failed:
        return f"The sweep failed: {'; '.join(request.failed)}. Machines that it did not evaluate are not stopped."
    seen_before = before.summary.machines if before else 0
    seen_nothing = request.summary.machines == 0 and (seen_before or (before is not None and before.blind))
    if seen_nothing and not await _are_gone(request.request.id, cloud):
        return (
            "The sweep found no machines, although there were some before. If they were not deleted, check that the control "
            "plane still has the role Reader on the subscriptions that it watches."
        )
    return ""


async def _are_gone(sweep: str, cloud: Cloud) -> bool:
    """Whether the first `MACHINES_CHECKED` machines of the previous report were all deleted or released."""
    page = (await MachineRecords(cloud.tables).report_page(0)).content
    if page is not None and page.sweep == sweep:
        return True  # this sweep saw machines, and none of them is ours: it has the right to read them
    ids = [line.id for line in page.rows if MACHINE_ID.fullmatch(line.id)][:MACHINES_CHECKED] if page is not None else []
    if page is not None and page.rows and not ids:
        return True  # clusters are found by the records of environments, which are gone
    try:
        return bool(ids) and not await VmInventory(cloud).still_has_one_of(ids)
    except (CloudUnavailable, RefusedByAzure):
        return False
