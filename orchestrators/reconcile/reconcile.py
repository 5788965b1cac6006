"""Reconciliation: a pass that finds what has no record, and the deletion of what two passes have found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from activities.reconcile.delete import claim_orphans, delete_orphan, recheck_orphans
from activities.reconcile.look import end_pass, look_for_findings, note_told
from dormouse import serialization
from dormouse.environments.results import Outcome, OutcomeStatus, Refusal
from dormouse.ids import operation_id_at
from dormouse.lifecycle import Verb
from dormouse.notifications.notification import Notification
from dormouse.reconcile.findings import Sighting
from dormouse.reconcile.passes import OrphanDeletion, OrphanStep, PassEnd, PassRequest, PassResult
from dormouse.resources.ownership import OwnedResources, text_of_resources_kept
from orchestrators.complete import run_operation
from orchestrators.durable import (
    LONG_RETRY,
    Context,
    Orchestration,
    RetriesExhausted,
    TaskFailed,
    poll_to_end,
    refusal_in,
    run,
    run_each,
    settled,
)
from orchestrators.environments.delete import wait_until_deleted
from orchestrators.environments.deletion_check import Leftovers, find_leftovers
from orchestrators.environments.suspend import suspend_all, suspended_in
from orchestrators.notify import notify
from orchestrators.progress import DONE, REFUSED, ProgressTracker

EVENT, SUBJECT = "orphans found", "reconcile"
NOTHING, GONE = "Nothing was deleted. {why}", "Nothing was left to delete."
DELETED = "{count} resources without an environment are deleted: {ids}. {kept}"


def reconcile(context: Context) -> Orchestration[Any]:
    """Look, tell people once of what is new, and delete what is confirmed; one environment does not affect the others."""
    request = serialization.decode(PassRequest, context.get_input())
    began = context.current_utc_datetime.timestamp()
    request = replace(request, began=began)
    deleted: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    try:
        result = yield from run(context, look_for_findings, request, LONG_RETRY)
        if result.digest:
            yield from notify(context, [Notification(EVENT, "", SUBJECT, result.digest, began)])
            yield from run(context, note_told, request)
        deleted, failed = yield from _delete_all(context, result.deletions, began)
    except RetriesExhausted as gave_up:
        result = PassResult(problems=(f"The pass failed: {gave_up.refusal.detail}",))
    result = replace(result, deletions={})
    yield from run(context, end_pass, PassEnd(began, result, request.by, deleted, failed, request.released), LONG_RETRY)
    return serialization.encode(result)


def delete_orphans(context: Context) -> Orchestration[Any]:
    """Delete confirmed orphans in the order of their plan, after checking again that they are, and verify it."""
    request = serialization.decode(OrphanDeletion, context.get_input())
    tracker = ProgressTracker(context)
    work = _delete(context, request, tracker)
    return (yield from run_operation(context, request.operation, request.environment, tracker, work))


def _delete_all(
    context: Context, deletions: Mapping[str, Sequence[Sighting]], now: float
) -> Orchestration[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Delete the orphans of each environment in an operation of its own; returns what has succeeded, and what has not."""
    wanted = [
        OrphanDeletion(operation_id_at(name, Verb.DELETE, now, f"reconcile|{name}"), name, tuple(orphans), now)
        for name, orphans in sorted(deletions.items())
    ]
    claimed = yield from run_each(context, [(claim_orphans, one) for one in wanted])
    ours = [one for one, taken in zip(wanted, claimed, strict=True) if taken is True]
    name = delete_orphans.__name__
    tasks = [context.call_sub_orchestrator(name, serialization.encode(one), one.operation) for one in ours]
    if tasks:
        yield from settled(context.task_all(tasks))
    deleted: list[str] = []
    failed: list[str] = []
    for one, task in zip(ours, tasks, strict=True):
        answer = yield from settled(task)
        good = not isinstance(answer, TaskFailed) and serialization.decode(Outcome, answer).status is OutcomeStatus.SUCCEEDED
        (deleted if good else failed).append(one.operation)
    return tuple(deleted), tuple(failed)


def _delete(context: Context, request: OrphanDeletion, tracker: ProgressTracker) -> Orchestration[Outcome]:
    tracker.begin("survey")
    checked = yield from run(context, recheck_orphans, request)
    tracker.end("survey", REFUSED if checked.why else DONE)
    if checked.why or not checked.resources:
        words = NOTHING.format(why=checked.why) if checked.why else GONE
        return Outcome(OutcomeStatus.CANCELLED if checked.why else OutcomeStatus.SUCCEEDED, words)
    ours = OwnedResources(checked.resources)
    found = yield from find_leftovers(context, request.environment, ours)
    refusals = yield from _remove(context, request, ours, found, tracker)
    tracker.begin("verify", needs=[report.name for report in tracker.reports])
    left = yield from wait_until_deleted(context, request.environment, ours)
    tracker.end("verify", REFUSED if left.all else DONE)
    kept = text_of_resources_kept(left.left_alone)
    if left.all or refusals:
        return Outcome.failed(refusals, left.all, undone=kept)
    gone = [one.id for one in ours.resources if one not in left.resources]
    if not gone:
        return Outcome(OutcomeStatus.CANCELLED, NOTHING.format(why=kept))
    return Outcome(OutcomeStatus.SUCCEEDED, DELETED.format(count=len(gone), ids=", ".join(gone), kept=kept).rstrip())


def _remove(
    context: Context, request: OrphanDeletion, ours: OwnedResources, found: Leftovers, tracker: ProgressTracker
) -> Orchestration[list[Refusal]]:
    """Delete dependents before what they need, each after another check; the first refusal keeps all that are left."""
    yield from suspend_all(context, suspended_in(found.resources), tracker)
    for resource in ours.removable(found.resources, found.whole_groups):
        tracker.begin(resource.name, needs=("survey",))
        answer = yield from poll_to_end(context, delete_orphan, OrphanStep(request, resource))
        refusal = refusal_in(answer, resource.name)
        tracker.end(resource.name, REFUSED if refusal else DONE)
        if refusal:
            return [refusal]
    return []
