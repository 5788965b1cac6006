"""Start, stop and restart: done when Azure shows the state and, after a boot, the health checks have passed."""

from typing import Any

from activities.resources.compute import begin_power_change, read_machine
from dormouse import serialization
from dormouse.environments.operations import ChangePower
from dormouse.environments.results import InstanceView, Outcome, OutcomeStatus, Refusal, RefusalReason
from dormouse.lifecycle import State, Verb
from orchestrators.complete import CompletionDetails, complete
from orchestrators.durable import Context, Orchestration, RetriesExhausted, poll, refusal_in, run, sleep
from orchestrators.environments.health import HEALTH, LATER_BOOT, health_outcome, wait_until_healthy
from orchestrators.lock_check import lost_lock
from orchestrators.progress import DONE, REFUSED, ProgressTracker

WANTED_STATES = {Verb.START: State.RUNNING, Verb.STOP: State.STOPPED, Verb.RESTART: State.RUNNING}
LOOKS = 12
BETWEEN_LOOKS = 10.0

DEALLOCATED = (
    "{name} is deallocated, as confirmed by Azure. The VM is no longer billed; its disk, IP address and storage still are."
)
STARTED_TEXTS = {Verb.START: "{name} is running", Verb.RESTART: "{name} was restarted and is running"}
NOT_CHECKED = (
    "this is confirmed by Azure. Health checks did not run, because the control plane cannot read the recorded spec."
)


def change_power(context: Context) -> Orchestration[Any]:
    """Start, stop or restart the VM of an environment, verify its state, and run health checks after a boot."""
    request = serialization.decode(ChangePower, context.get_input())
    tracker = ProgressTracker(context)
    try:
        lost = yield from lost_lock(context, request.operation, request.environment)
        outcome = lost or (yield from _change(context, request, tracker))
    except RetriesExhausted as gave_up:
        outcome = Outcome.failed([gave_up.refusal])
    return (yield from complete(context, request.operation, request.environment, tracker, CompletionDetails(outcome)))


def _change(context: Context, request: ChangePower, tracker: ProgressTracker) -> Orchestration[Outcome]:
    tracker.begin(request.verb)
    progress = yield from poll(context, begin_power_change, request)
    refusal = refusal_in(progress, request.verb)
    tracker.end(request.verb, REFUSED if refusal else DONE)
    if refusal:
        return Outcome.failed([refusal])
    tracker.begin("verify", needs=(request.verb,))
    view = yield from _wait_for_state(context, request)
    if view.state is WANTED_STATES[request.verb]:
        tracker.end("verify")
        return (yield from check_after_change(context, request, tracker))
    tracker.end("verify", REFUSED)
    detail = f"Azure reported success, but shows {request.environment} as {view.state}. {view.problem}".strip()
    return Outcome.failed([Refusal(RefusalReason.FAILED_LATE, detail, step="verify")])


def check_after_change(context: Context, request: ChangePower, tracker: ProgressTracker) -> Orchestration[Outcome]:
    """Drivers and mounts can be gone after any boot: a kernel was updated, a role was taken away."""
    if request.verb not in STARTED_TEXTS:
        return Outcome(OutcomeStatus.SUCCEEDED, DEALLOCATED.format(name=request.environment))
    running = STARTED_TEXTS[request.verb].format(name=request.environment)
    if request.inside is None:
        return Outcome(OutcomeStatus.SUCCEEDED, f"{running}; {NOT_CHECKED}")
    tracker.begin(HEALTH, needs=("verify",))
    findings = yield from wait_until_healthy(context, request.inside, LATER_BOOT)
    outcome = health_outcome(findings, passed=running, failed=running)
    tracker.end(HEALTH, DONE if outcome.status is OutcomeStatus.SUCCEEDED else REFUSED)
    return outcome


def _wait_for_state(context: Context, request: ChangePower) -> Orchestration[InstanceView]:
    for _ in range(LOOKS):
        view = yield from run(context, read_machine, request)
        if view.state is WANTED_STATES[request.verb]:
            break
        yield from sleep(context, BETWEEN_LOOKS)
    return view
