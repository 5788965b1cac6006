"""Deletion of an environment without leftovers."""

from collections.abc import Sequence
from typing import Any

from activities.idle.hand_over import recheck_lease_end
from activities.idle.stopped import note_failed_deletion
from activities.inventory import read_owned_resources
from activities.records import list_dependents
from activities.resources.generic import delete_resource, list_deleted, purge_resource, put_resource, take_snapshot
from activities.resources.permissions import check_sight
from dormouse import serialization
from dormouse.environments.answers import Answer
from dormouse.environments.dependents import dependents_text
from dormouse.environments.operations import DeleteRequest
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import Outcome, OutcomeStatus, Refusal, RefusalReason
from dormouse.idle.stages.sleep import FailedDeletion
from dormouse.idle.sweep import LeaseEnd
from dormouse.idle.tracking import ActionReason
from dormouse.notifications.notification import Notification
from dormouse.resources.ownership import OwnedResources, text_of_recoverable, text_of_resources_kept
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of
from orchestrators.complete import CompletionDetails, complete
from orchestrators.durable import (
    Activity,
    Context,
    Orchestration,
    RetriesExhausted,
    poll_to_end,
    refusal_in,
    run,
    sleep,
)
from orchestrators.environments.deletion_check import Leftovers, find_leftovers, find_tagged
from orchestrators.environments.suspend import suspend_all, suspended_in
from orchestrators.lock_check import lost_lock
from orchestrators.notify import notify
from orchestrators.progress import DONE, REFUSED, ProgressTracker

PURGE = "purge"
VERIFIED = "and nothing is left: Azure shows none of its resources and secrets."
UNVERIFIED = "as far as Azure shows. It could not be verified that nothing is left: {why}."
LOOKS, LOOKS_FOR_NOTHING = 12, 4
BETWEEN_LOOKS = 10.0


def delete_environment(context: Context) -> Orchestration[Any]:
    """Delete the recorded resources of an environment, verify that none is left, and report what was kept."""
    request = serialization.decode(DeleteRequest, context.get_input())
    tracker = ProgressTracker(context)
    try:
        lost = yield from lost_lock(context, request.operation, request.environment)
        details = CompletionDetails(lost) if lost else (yield from _delete(context, request, tracker))
    except RetriesExhausted as gave_up:
        details = CompletionDetails(Outcome.failed([gave_up.refusal]))
    return (yield from complete(context, request.operation, request.environment, tracker, details))


def delete_at_lease_end(context: Context) -> Orchestration[Any]:
    """Delete an environment whose lease has expired, or that has slept for too long, after checking that again."""
    request = serialization.decode(LeaseEnd, context.get_input())
    teardown, tracker = request.teardown, ProgressTracker(context)
    try:
        why = yield from run(context, recheck_lease_end, request)
        if why:
            details = CompletionDetails(Outcome(OutcomeStatus.CANCELLED, f"Nothing was deleted. {why}"))
        else:
            details = yield from _delete(context, teardown, tracker)
    except RetriesExhausted as gave_up:
        details = CompletionDetails(Outcome.failed([gave_up.refusal]))
    ended = yield from complete(context, teardown.operation, teardown.environment, tracker, details)
    if request.claim.planned.reason is ActionReason.FORGET_AFTER:
        yield from _after_sleep(context, request, details.outcome)
    return ended


def _after_sleep(context: Context, request: LeaseEnd, outcome: Outcome) -> Orchestration[None]:
    """Tell people that an environment is gone that slept for too long; a deletion that failed is tried again later."""
    now, machine = context.current_utc_datetime.timestamp(), request.claim.planned.machine
    if outcome.status is OutcomeStatus.SUCCEEDED:
        text = f"{request.claim.planned.verdict_reason} {outcome.reason}"
        yield from notify(context, [Notification("deleted", machine.id, machine.environment, text, now)])
    elif outcome.status is not OutcomeStatus.CANCELLED:
        yield from run(context, note_failed_deletion, FailedDeletion(machine.id, now))


def _delete(context: Context, request: DeleteRequest, tracker: ProgressTracker) -> Orchestration[CompletionDetails]:
    if request.delay_seconds:
        yield from sleep(context, request.delay_seconds)
    tracker.begin("survey")
    dependents = yield from run(context, list_dependents, request.environment)
    if dependents:  # recorded since the request, or the end of a lease deletes it
        tracker.end("survey", REFUSED)
        words = f"Nothing was deleted. {dependents_text(request.environment, dependents)}"
        return CompletionDetails(Outcome(OutcomeStatus.REFUSED, words))
    ours = yield from run(context, read_owned_resources, request.environment)
    found = yield from find_leftovers(context, request.environment, ours)
    tagged, unknown = yield from find_tagged(context, request.environment, ours)
    tracker.end("survey", REFUSED if found.unknown or unknown else DONE)
    refused = yield from _take_snapshots(context, request, tracker)
    if refused:
        words = " ".join(["Nothing was deleted.", *(refusal.explained() for refusal in refused)])
        return CompletionDetails(Outcome(OutcomeStatus.REFUSED, words, tuple(refused)))
    refusals = yield from remove(context, ours, found, tracker)
    tracker.begin("verify", needs=[report.name for report in tracker.reports])
    left = yield from wait_until_deleted(context, request.environment, ours)
    leftovers = (*left.found, *left.unknown, *unknown)
    unverified = "" if leftovers else (yield from _hidden(context, ours, left))
    tracker.end("verify", REFUSED if leftovers or unverified else DONE)
    recoverable = "" if request.purge else text_of_recoverable(found.resources)
    kept = (text_of_resources_kept((*left.left_alone, *tagged)), _snapshots_kept(request), recoverable)
    others = " ".join(filter(None, kept))
    if leftovers:
        return CompletionDetails(Outcome.failed(refusals, leftovers, undone=others))
    unpurged = yield from _purge(context, request, found.resources, tracker) if request.purge else ()
    if unpurged:
        words = f"{request.environment} is deleted, but some of it can still be recovered. {unpurged[0].detail}"
        return CompletionDetails(Outcome(OutcomeStatus.FAILED, words, unpurged), forget=True)
    words = f"{request.environment} is deleted {UNVERIFIED.format(why=unverified) if unverified else VERIFIED} {others}"
    outcome = Outcome(OutcomeStatus.SUCCEEDED, words.rstrip(), unverified=unverified)
    return CompletionDetails(outcome, forget=True)


def _hidden(context: Context, ours: OwnedResources, left: Leftovers) -> Orchestration[str]:
    """Why Azure may hide something that is left, or "": it shows an identity only what that may read."""
    types = [kind_of(one).type for one in ours.resources if kind_of(one).type]
    try:
        return (yield from run(context, check_sight, types)) or ", ".join(f"{one} may not be read" for one in left.unseen)
    except RetriesExhausted as gave_up:
        return f"the lookup of the permissions of the control plane's identity failed: {gave_up.refusal.detail}"


def _take_snapshots(context: Context, request: DeleteRequest, tracker: ProgressTracker) -> Orchestration[list[Refusal]]:
    """Take the snapshots that were asked for, one after the other; returns the first refusal."""
    if request.snapshots is None:
        return []
    steps: list[tuple[str, Activity[Answer], Any]] = [
        ("keep snapshots", put_resource, PutRequest(request.snapshots.group)),
        *((f"snapshot {one.disk.name}", take_snapshot, one) for one in request.snapshots.requests),
    ]
    for step, activity, wanted in steps:
        tracker.begin(step, needs=("survey",))
        answer = yield from poll_to_end(context, activity, wanted)
        refusal = refusal_in(answer, step)
        tracker.end(step, REFUSED if refusal else DONE)
        if refusal:
            return [refusal]
    return []


def _snapshots_kept(request: DeleteRequest) -> str:
    kept = [one.id for one in request.snapshots.requests] if request.snapshots else []
    return f"Kept, and billed until you delete them: {', '.join(kept)}." if kept else ""


def remove(
    context: Context, ours: OwnedResources, found: Leftovers, tracker: ProgressTracker
) -> Orchestration[list[Refusal]]:
    """Delete dependents before what they need; a resource group goes as a whole if nothing else is in it."""
    resources = ours.removable(found.resources, found.whole_groups)
    yield from suspend_all(context, suspended_in(found.resources), tracker)
    refusals = []
    for resource in resources:
        tracker.begin(resource.name, needs=("survey",))
        answer = yield from poll_to_end(context, delete_resource, resource)
        refusal = refusal_in(answer, resource.name)
        refusals += [refusal] if refusal else []
        tracker.end(resource.name, REFUSED if refusal else DONE)
    return refusals


def _purge(
    context: Context, request: DeleteRequest, deleted: Sequence[Resource], tracker: ProgressTracker
) -> Orchestration[tuple[Refusal, ...]]:
    """Purge everything recoverable of the environment; returns what could not be purged.

    Azure lists deleted resources with a delay: those in `deleted` must have been listed before the purge is complete.
    """
    tracker.begin(PURGE, needs=("verify",))
    awaited = [kind_of(one).label(one) for one in deleted if kind_of(one).soft_deleted]
    try:
        refusals = yield from purge_until_gone(context, request, awaited)
    except RetriesExhausted as gave_up:
        refusals = (gave_up.refusal,)
    tracker.end(PURGE, REFUSED if refusals else DONE)
    return refusals


def purge_until_gone(context: Context, request: DeleteRequest, deleted: Sequence[str]) -> Orchestration[tuple[Refusal, ...]]:
    """Purge recoverable resources until Azure shows none; what it still shows, or never showed, is a refusal.

    An earlier deletion of the environment may not have ended either: where nothing is known and nothing shown, it looks
    for as long as Azure takes to delete a secret.
    """
    unseen, seen = set(deleted), False
    for look in range(1, LOOKS + 1):
        recoverable = yield from run(context, list_deleted, request.environment)
        unseen -= {kind_of(one).label(one) for one in recoverable}
        seen = seen or bool(recoverable)
        if not recoverable and not unseen and (seen or look > LOOKS_FOR_NOTHING):
            return ()
        refusals = []
        for resource in recoverable:
            answer = yield from poll_to_end(context, purge_resource, resource)
            refusals.append(refusal_in(answer, PURGE))
        if any(refusals):
            return tuple(refusal for refusal in refusals if refusal)
        yield from sleep(context, BETWEEN_LOOKS)
    left = ", ".join(sorted(unseen)) or "everything"
    return (Refusal(RefusalReason.FAILED_LATE, f"Azure did not confirm that {left} was purged.", step=PURGE),)


def wait_until_deleted(context: Context, environment: str, ours: OwnedResources) -> Orchestration[Leftovers]:
    """Wait until Azure shows none of these resources, for two minutes at most; returns what it still shows."""
    for _ in range(LOOKS):
        leftovers = yield from find_leftovers(context, environment, ours)
        if not leftovers.found:
            break
        yield from sleep(context, BETWEEN_LOOKS)
    return leftovers
