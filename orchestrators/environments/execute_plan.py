"""Building and taking back: the steps of a plan, each as soon as its needs are met, and the same in reverse."""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

from activities import LEARN, PUT
from activities.inventory import list_group, list_secrets
from activities.resources.compute import release_network
from activities.resources.keyvault import remove_secret
from activities.resources.removal import remove_group, remove_resource
from dormouse import serialization
from dormouse.environments.operations import BuildRequest, BuildResult
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.ids import child_of
from dormouse.resources.graph import ready
from dormouse.resources.ownership import owned_resources_of
from dormouse.resources.plan import Plan, Resource, ResourceKind
from orchestrators.durable import CANCEL, Context, Orchestration, RetriesExhausted, is_cancelled, poll, refusal_in, run
from orchestrators.environments.deletion_check import find_leftovers, still_there
from orchestrators.progress import DONE, REFUSED, UNCHANGED, ProgressTracker


@dataclass(slots=True)
class PlanExecution:
    """What has come of a plan so far."""

    built: dict[str, BuildResult] = field(default_factory=dict)
    running: dict[str, Any] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    @property
    def refusals(self) -> list[Refusal]:
        """Every "no", in the order of the steps' names."""
        return [built.refusal for _, built in sorted(self.built.items()) if built.refusal is not None]

    @property
    def failures(self) -> list[Refusal]:
        """Every "no" that is not only the echo of a cancellation."""
        return [refusal for refusal in self.refusals if refusal.reason is not RefusalReason.CANCELLED]

    @property
    def done(self) -> Set[str]:
        """The steps that later ones can build upon."""
        return {name for name, built in self.built.items() if built.refusal is None}


def build_resource(context: Context) -> Orchestration[Any]:
    """Put one resource, follow it until Azure says that it is there, and learn what later steps must know of it."""
    request = serialization.decode(BuildRequest, context.get_input())
    step = request.resource
    cancel = context.wait_for_external_event(CANCEL)
    try:
        facts: dict[str, str] = {}
        if request.put:
            progress = yield from poll(context, PUT[step.kind], request, cancel=cancel)
            refusal = refusal_in(progress, step.name)
            if refusal:
                return serialization.encode(BuildResult(step.name, refusal=refusal))
            facts |= progress.outputs
        if step.kind in LEARN:
            learnt = yield from run(context, LEARN[step.kind], request)
            facts |= learnt.outputs
        return serialization.encode(BuildResult(step.name, facts))
    except RetriesExhausted as gave_up:
        said = gave_up.refusal
        return serialization.encode(BuildResult(step.name, refusal=Refusal(said.reason, said.detail, said.code, step.name)))


def build_all(
    context: Context, plan: Plan, existing: Set[str], tracker: ProgressTracker, cancel: Any
) -> Orchestration[PlanExecution]:
    """Build every step of a plan as soon as its needs are met; after a refusal, or a cancellation, nothing new begins."""
    execution = PlanExecution()
    while True:
        details = bool(execution.refusals) or is_cancelled(cancel)
        started = [] if details else _start(context, plan, existing, execution, tracker)
        if not execution.running:
            return execution
        listening = [] if is_cancelled(cancel) else [cancel]
        yield context.task_any([*execution.running.values(), *_tick(context, started, execution), *listening])
        _collect(execution, tracker)


def roll_back(
    context: Context, plan: Plan, execution: PlanExecution, existing: Set[str], tracker: ProgressTracker
) -> Orchestration[list[str]]:
    """Remove what this operation began to build, in reverse, look whether it is gone, and name what is left."""
    ours = [step for step in plan.resources if step.name in execution.begun and _is_ours(step, existing)]
    if any(step.kind is ResourceKind.RESOURCE_GROUP for step in ours) and (yield from _holds_others(context, plan)):
        ours = [step for step in ours if step.kind is not ResourceKind.RESOURCE_GROUP]
    names = {step.name for step in ours}
    roots = [step for step in ours if step.contained_in not in names]
    if any(step.kind is ResourceKind.VIRTUAL_MACHINE for step in roots) and not (yield from _keeps_network(context, plan)):
        # It would take along what was there before it: better a failed machine that is named than that.
        roots = [step for step in roots if step.kind is not ResourceKind.VIRTUAL_MACHINE]
    for step in reversed(roots):
        built = execution.built.get(step.name, BuildResult(step.name))
        yield from _remove(context, step, built, tracker)
    tracker.begin("verify")
    left = yield from _left(context, plan, ours, execution, existing)
    tracker.end("verify", REFUSED if left else DONE)
    return left


def _is_ours(step: Resource, existing: Set[str]) -> bool:
    # The password of a machine that was there before is that machine's, even if its secret had to be recovered.
    return step.name not in existing and not (step.kind is ResourceKind.PASSWORD and "vm" in existing)


def _start(
    context: Context, plan: Plan, existing: Set[str], execution: PlanExecution, tracker: ProgressTracker
) -> list[str]:
    started = []
    while True:
        startable = ready(plan.resources, execution.done, execution.begun)
        unchanged = [step for step in startable if not _needs_work(step, plan, existing)]
        for step in unchanged:
            execution.begun.add(step.name)
            execution.built[step.name] = BuildResult(step.name)
            tracker.end(step.name, UNCHANGED)
        for step in startable:
            if step not in unchanged:
                execution.begun.add(step.name)
                execution.running[step.name] = _build(context, step, plan, existing, execution)
                started.append(step.name)
        if not unchanged:
            tracker.begin(*started)
            return started


def _needs_work(step: Resource, plan: Plan, existing: Set[str]) -> bool:
    return step.name not in existing or step.name in plan.changed or step.kind in LEARN


def _build(context: Context, step: Resource, plan: Plan, existing: Set[str], execution: PlanExecution) -> Any:
    facts = {need: execution.built[need].outputs for need in step.needs if execution.built[need].outputs}
    put = step.name not in existing or step.name in plan.changed
    request = BuildRequest(step, put, facts, machine_exists="vm" in existing)
    child = child_of(plan.operation, step.name)
    return context.call_sub_orchestrator(build_resource.__name__, serialization.encode(request), child)


def _tick(context: Context, started: list[str], execution: PlanExecution) -> list[Any]:
    # The host makes a call only when the one before it has ended, and "any of these" ends with one of the tasks that
    # are new in it, not with one of the older tasks beside them. A timer that fires at once lets the next call through.
    if not started or len(started) == len(execution.running):
        return []
    return [context.create_timer(context.current_utc_datetime)]


def _collect(execution: PlanExecution, tracker: ProgressTracker) -> None:
    for name in [name for name, task in execution.running.items() if task.is_completed]:
        answer = execution.running.pop(name).result
        if isinstance(answer, Exception):
            first_line = str(answer).strip().partition("\n")[0]
            built = BuildResult(name, refusal=Refusal(RefusalReason.GAVE_UP, first_line, step=name))
        else:
            built = serialization.decode(BuildResult, answer)
        execution.built[name] = built
        tracker.end(name, REFUSED if built.refusal else DONE)


def _keeps_network(context: Context, plan: Plan) -> Orchestration[bool]:
    """Whether a machine was told not to take along the card that was there before it."""
    vm, nic = plan.resource("vm"), plan.resource("nic")
    try:
        progress = yield from poll(context, release_network, BuildRequest(vm, outputs={"nic": {"id": nic.id}}))
    except RetriesExhausted:
        return False
    return progress.refusal is None


def _holds_others(context: Context, plan: Plan) -> Orchestration[bool]:
    """Whether others have put something into the group that this operation created; if unknown, it is assumed."""
    try:
        contents = yield from run(context, list_group, plan.group)
    except RetriesExhausted:
        return True
    return bool(owned_resources_of(plan).others_in(contents))


def _remove(context: Context, step: Resource, built: BuildResult, tracker: ProgressTracker) -> Orchestration[None]:
    identifier = built.outputs.get("id", step.id)
    if not identifier:
        return
    name = f"take back {step.name}"
    tracker.begin(name)
    try:
        if step.kind is ResourceKind.PASSWORD:
            progress = yield from poll(context, remove_secret, step.names[0])
        elif step.kind is ResourceKind.RESOURCE_GROUP:
            progress = yield from poll(context, remove_group, step.group)
        else:
            progress = yield from poll(context, remove_resource, identifier)
        tracker.end(name, REFUSED if progress.refusal else DONE)
    except RetriesExhausted:
        tracker.end(name, REFUSED)  # what is left is found and named when everything has been tried


def _left(
    context: Context, plan: Plan, ours: list[Resource], execution: PlanExecution, existing: Set[str]
) -> Orchestration[list[str]]:
    try:
        if "group" not in existing:
            leftovers = yield from find_leftovers(context, plan.environment, owned_resources_of(plan))
            return [*leftovers.all, *([leftovers.group] if leftovers.others else [])]
        known = [execution.built.get(step.name, BuildResult(step.name)).outputs.get("id", step.id) for step in ours]
        there = yield from still_there(context, [identifier for identifier in known if identifier])
        mine = [step.names[0] for step in ours if step.kind is ResourceKind.PASSWORD]
        secrets = yield from run(context, list_secrets, mine)
    except RetriesExhausted as gave_up:
        return [f"unknown, because it could not be looked up: {gave_up.refusal.detail}"]
    return [*there, *(f"key vault secret {name}" for name in secrets)]
