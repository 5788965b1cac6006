"""Deletion of an environment without leftovers."""

from collections.abc import Sequence
from typing import Any

from activities.idle.execute import recheck_lease_end
from activities.inventory import list_deleted_secrets, read_owned_resources
from activities.resources.keyvault import purge_secret, remove_secret
from activities.resources.removal import remove_group, remove_resource
from dormouse import serialization
from dormouse.environments.operations import DeleteRequest
from dormouse.environments.results import Outcome, OutcomeStatus, Progress, Refusal, RefusalReason
from dormouse.idle.sweep import LeaseEnd
from dormouse.resources.ownership import OwnedResources, text_of_resources_kept
from orchestrators.complete import CompletionDetails, complete
from orchestrators.durable import Activity, Context, Orchestration, RetriesExhausted, poll, refusal_in, run, sleep
from orchestrators.environments.deletion_check import Leftovers, find_leftovers, find_tagged
from orchestrators.lock_check import lost_lock
from orchestrators.progress import DONE, REFUSED, ProgressTracker

PURGE = "purge"
LOOKS = 12
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
    """Delete an environment whose lease has expired, after checking again that it has."""
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
    return (yield from complete(context, teardown.operation, teardown.environment, tracker, details))


def _delete(context: Context, request: DeleteRequest, tracker: ProgressTracker) -> Orchestration[CompletionDetails]:
    if request.delay_seconds:
        yield from sleep(context, request.delay_seconds)
    tracker.begin("survey")
    ours = yield from run(context, read_owned_resources, request.environment)
    found = yield from find_leftovers(context, request.environment, ours)
    tagged, unknown = yield from find_tagged(context, request.environment, ours)
    tracker.end("survey", REFUSED if found.unknown or unknown else DONE)
    refusals = yield from _remove(context, ours, found, tracker)
    tracker.begin("verify", needs=[report.name for report in tracker.reports])
    left = yield from _wait_until_deleted(context, request, ours)
    leftovers = (*left.all, *unknown)
    tracker.end("verify", REFUSED if leftovers else DONE)
    others = text_of_resources_kept((*left.left_alone, *tagged))
    if leftovers:
        return CompletionDetails(Outcome.failed(refusals, leftovers, undone=others))
    unpurged = yield from _purge(context, request, found.secrets, tracker) if request.purge else ()
    if unpurged:
        words = f"{request.environment} is deleted, but its password can still be recovered. {unpurged[0].detail}"
        return CompletionDetails(Outcome(OutcomeStatus.FAILED, words, unpurged), forget=True)
    words = f"{request.environment} is deleted and nothing is left: Azure shows none of its resources and secrets. {others}"
    return CompletionDetails(Outcome(OutcomeStatus.SUCCEEDED, words.rstrip()), forget=True)


def _remove(
    context: Context, ours: OwnedResources, found: Leftovers, tracker: ProgressTracker
) -> Orchestration[list[Refusal]]:
    """Delete the whole resource group if everything in it belongs to the environment, else each resource."""
    resources = [] if found.ours_alone else [identifier for identifier in ours.removable if identifier in found.resources]
    work: list[tuple[str, Activity[Progress], str]] = [
        *(("secrets", remove_secret, name) for name in found.secrets),
        *((identifier.rsplit("/", 1)[-1], remove_resource, identifier) for identifier in resources),
        *([("group", remove_group, ours.group)] if found.ours_alone else []),
    ]
    refusals = []
    for name, remove, target in work:
        tracker.begin(name, needs=("survey",))
        progress = yield from _try_to_remove(context, remove, target)
        refusal = refusal_in(progress, name)
        refusals += [refusal] if refusal else []
        tracker.end(name, REFUSED if refusal else DONE)
    return refusals


def _purge(
    context: Context, request: DeleteRequest, deleted: Sequence[str], tracker: ProgressTracker
) -> Orchestration[tuple[Refusal, ...]]:
    """Purge all recoverable secrets of the environment; returns what could not be purged.

    The vault lists deleted secrets with a delay: it must have listed those in `deleted` before the purge is complete.
    """
    tracker.begin(PURGE, needs=("verify",))
    try:
        refusals = yield from purge_until_gone(context, request, deleted)
    except RetriesExhausted as gave_up:
        refusals = (gave_up.refusal,)
    tracker.end(PURGE, REFUSED if refusals else DONE)
    return refusals


def purge_until_gone(context: Context, request: DeleteRequest, deleted: Sequence[str]) -> Orchestration[tuple[Refusal, ...]]:
    """Purge secrets until the vault shows none; what it still shows, or never showed, is a refusal."""
    unseen = set(deleted)
    for _ in range(LOOKS):
        names = yield from run(context, list_deleted_secrets, request.environment)
        unseen -= set(names)
        if not names and not unseen:
            return ()
        refusals = []
        for name in names:
            progress = yield from _try_to_remove(context, purge_secret, name)
            refusals.append(refusal_in(progress, PURGE))
        if any(refusals):
            return tuple(refusal for refusal in refusals if refusal)
        yield from sleep(context, BETWEEN_LOOKS)
    left = ", ".join(sorted(unseen)) or "every secret"
    return (Refusal(RefusalReason.FAILED_LATE, f"The key vault did not confirm that {left} was purged.", step=PURGE),)


def _try_to_remove(context: Context, remove: Activity[Progress], target: str) -> Orchestration[Progress]:
    try:
        return (yield from poll(context, remove, target))
    except RetriesExhausted as gave_up:  # delete the other resources all the same
        return Progress.refused(gave_up.refusal)


def _wait_until_deleted(context: Context, request: DeleteRequest, ours: OwnedResources) -> Orchestration[Leftovers]:
    for _ in range(LOOKS):
        leftovers = yield from find_leftovers(context, request.environment, ours)
        if not leftovers.found:
            break
        yield from sleep(context, BETWEEN_LOOKS)
    return leftovers
