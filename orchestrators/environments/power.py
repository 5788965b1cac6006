"""Start, stop and restart: done when Azure shows the state and, after a boot, the health checks have passed."""

from collections.abc import Sequence
from typing import Any

from activities.resources.generic import observe_resource
from dormouse import serialization
from dormouse.environments.attempts import Attempt
from dormouse.environments.operations import PowerChange
from dormouse.environments.results import Outcome, OutcomeStatus, Refusal, RefusalReason, ResourceStatus
from dormouse.lifecycle import STATE_AFTER, State, Verb
from dormouse.resources.graph import dependents, levels
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of
from orchestrators.complete import run_operation
from orchestrators.durable import Context, Orchestration, run_all, sleep
from orchestrators.environments.health import HEALTH, LATER_BOOT, health_outcome, probed_in, wait_until_healthy
from orchestrators.environments.power_steps import change_all
from orchestrators.environments.start_fallback import Start, start_resized
from orchestrators.environments.suspend import resume_all, suspend_all, suspended_in
from orchestrators.progress import DONE, REFUSED, ProgressTracker

VERIFY = "verify"
LOOKS = 12
BETWEEN_LOOKS = 10.0

STOPPED = "{name} is stopped, as confirmed by Azure. Its computing is no longer billed; {others} still are."
STARTED_TEXTS = {Verb.START: "{name} is running", Verb.RESTART: "{name} was restarted and is running"}
NOT_CHECKED = (
    "this is confirmed by Azure. Health checks did not run, because the control plane cannot read the recorded spec."
)
INTERRUPTED = " Not suspended in time, and interrupted: {names}."
NOT_RESUMED = " Not resumed: {reasons}."


def change_power(context: Context) -> Orchestration[Any]:
    """Start, stop or restart what has power in an environment, verify it, and run health checks after a boot."""
    request = serialization.decode(PowerChange, context.get_input())
    tracker = ProgressTracker(context)
    work = carry_out(context, request, tracker)
    return (yield from run_operation(context, request.operation, request.environment, tracker, work))


def carry_out(context: Context, request: PowerChange, tracker: ProgressTracker) -> Orchestration[Outcome]:
    """Change the power of everything in an environment, in order, and verify it; raises RetriesExhausted."""
    suspended = suspended_in(request.resources)
    started = Start()
    if request.verb is Verb.STOP:
        refusals, interrupted = yield from stop_in_order(context, request, tracker)
    else:
        interrupted = yield from _suspend(context, suspended if request.verb is Verb.RESTART else [], tracker)
        started = yield from start_in_order(context, request, tracker)
        refusals = list(started.refusals)
    refusals = refusals or (yield from verify_power(context, request, tracker))
    if refusals:
        return Outcome.failed(refusals).after(started.attempts, started.done)
    words = interruption_text(interrupted)
    if request.verb is Verb.STOP:
        return Outcome(OutcomeStatus.SUCCEEDED, stopped_text(request) + words)
    words += yield from resume_after_start(context, suspended, tracker)
    running = STARTED_TEXTS[request.verb].format(name=request.environment)
    checked = yield from check_after_change(context, request, tracker, running, words)
    return checked.after(started.attempts, started.done)


def stopped_text(request: PowerChange) -> str:
    """What is stopped, and what is billed all the same."""
    found = dict.fromkeys(kind_of(one).still_billed for one in request.resources)
    *most, last = ["disks", "IP addresses", "storage", *filter(None, found)]
    return STOPPED.format(name=request.environment, others=f"{', '.join(most)} and {last}")


def powered_in(request: PowerChange) -> list[Resource]:
    """The resources whose power changes."""
    powered = [resource for resource in request.resources if kind_of(resource).power_state]
    return [resource for resource in powered if not request.only or resource.name in request.only]


def dependents_suspended(request: PowerChange) -> list[Resource]:
    """The resources that are suspended before what they need, directly or not, is stopped."""
    if not request.only:
        return suspended_in(request.resources)
    needing = {one.name for name in request.only for one in dependents(request.resources, name)}
    return [resource for resource in suspended_in(request.resources) if resource.name in needing]


def interruption_text(interrupted: Sequence[str]) -> str:
    """A sentence about what was not suspended in time, or ""."""
    return INTERRUPTED.format(names=", ".join(interrupted)) if interrupted else ""


def resume_after_start(context: Context, suspended: Sequence[Resource], tracker: ProgressTracker) -> Orchestration[str]:
    """Resume what was suspended; returns a sentence about what could not be resumed, or ""."""
    left = yield from resume_all(context, suspended, tracker)
    return NOT_RESUMED.format(reasons="; ".join(refusal.explained() for refusal in left.values())) if left else ""


def stop_in_order(
    context: Context, request: PowerChange, tracker: ProgressTracker
) -> Orchestration[tuple[list[Refusal], list[str]]]:
    """Stop dependents before what they need; returns the refusals, and the names of what was not suspended in time."""
    among = {one.name for one in (*powered_in(request), *dependents_suspended(request))}
    interrupted: list[str] = []
    done: list[Resource] = []
    for level in reversed(levels(request.resources, among)):
        suspended = suspended_in(level)
        interrupted += yield from _suspend(context, suspended, tracker)
        done += suspended
        powered = [one for one in level if kind_of(one).power_state]
        refused = yield from change_all(context, request.verb, powered, tracker)
        if refused:  # what it needs keeps running, so what was suspended can go on
            yield from resume_all(context, done, tracker)
            return list(refused.values()), interrupted
    return [], interrupted


def _suspend(context: Context, resources: Sequence[Resource], tracker: ProgressTracker) -> Orchestration[list[str]]:
    return sorted((yield from suspend_all(context, resources, tracker)))


def start_in_order(context: Context, request: PowerChange, tracker: ProgressTracker) -> Orchestration[Start]:
    """Start or restart what others need first; a start for which Azure has no capacity is tried with other sizes."""
    attempts, done = list[Attempt](), list[str]()
    for level in levels(request.resources, {resource.name for resource in powered_in(request)}):
        refused = yield from change_all(context, request.verb, level, tracker)
        if refused and request.verb is Verb.START:
            started = yield from start_resized(context, request, refused, tracker)
            attempts += started.attempts
            done += [started.done] if started.done else []
            if started.refusals:
                return Start(started.refusals, tuple(attempts), " ".join(done))
        elif refused:
            return Start(tuple(refused.values()))
    return Start((), tuple(attempts), " ".join(done))


def verify_power(
    context: Context, request: PowerChange, tracker: ProgressTracker, step: str = VERIFY
) -> Orchestration[list[Refusal]]:
    """Wait until Azure shows every resource in the state that the change leads to."""
    tracker.begin(step, needs=[report.name for report in tracker.reports])
    wanted, powered = STATE_AFTER[request.verb], powered_in(request)
    other: list[ResourceStatus] = []
    for look in range(LOOKS):
        if look:
            yield from sleep(context, BETWEEN_LOOKS)
        statuses = yield from run_all(context, [(observe_resource, resource.recorded()) for resource in powered])
        other = [status for status in statuses if status.state is not wanted]
        if not other:
            break
    tracker.end(step, REFUSED if other else DONE)
    shown = [(one, one.state or State.ABSENT) for one in other]
    details = (f"Azure reported success, but shows {one.name} as {state}. {one.problem}".strip() for one, state in shown)
    return [Refusal(RefusalReason.FAILED_LATE, detail, step=step) for detail in details]


def check_after_change(
    context: Context, request: PowerChange, tracker: ProgressTracker, running: str, words: str = ""
) -> Orchestration[Outcome]:
    """Drivers and mounts can be gone after any boot: a kernel was updated, a role was taken away.

    `running` says what was done before, `words` what else is to be said.
    """
    probed = [one for one in probed_in(request.resources) if not request.only or one.name in request.only]
    if not request.checked:
        return Outcome(OutcomeStatus.SUCCEEDED, f"{running}; {NOT_CHECKED}{words}")
    if not probed:
        return Outcome(OutcomeStatus.SUCCEEDED, f"{running}, as confirmed by Azure.{words}")
    tracker.begin(HEALTH, needs=[report.name for report in tracker.reports][-1:])
    findings = yield from wait_until_healthy(context, probed, LATER_BOOT)
    outcome = health_outcome(findings, passed=running, failed=f"{running} and is billed")
    tracker.end(HEALTH, DONE if outcome.status is OutcomeStatus.SUCCEEDED else REFUSED)
    return Outcome(outcome.status, outcome.reason + words, outcome.refusals, outcome.health_checks)
