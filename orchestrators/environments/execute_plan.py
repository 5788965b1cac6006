"""Plan execution: each resource is built as soon as its dependencies are ready; rollback runs in reverse."""

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
    """The state of a plan's execution."""

    built: dict[str, BuildResult] = field(default_factory=dict)
    running: dict[str, Any] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    @property
    def refusals(self) -> list[Refusal]:
        """All refusals, in the order of the resource names."""
        return [built.refusal for _, built in sorted(self.built.items()) if built.refusal is not None]

    @property
    def failures(self) -> list[Refusal]:
        """All refusals that are not just the result of a cancellation."""
        return [refusal for refusal in self.refusals if refusal.reason is not RefusalReason.CANCELLED]

    @property
    def done(self) -> Set[str]:
        """The names of the resources that are ready."""
        return {name for name, built in self.built.items() if built.refusal is None}


def build_resource(context: Context) -> Orchestration[Any]:
    """Put one resource, poll until Azure has created it, and read the outputs that its dependents need."""
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
    """Build each resource as soon as its dependencies are ready; after a refusal or cancellation, start nothing new."""
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
    """Delete what this operation created, in reverse order, verify that it is gone, and return what is left."""
    ours = [step for step in plan.resources if step.name in execution.begun and _is_ours(step, existing)]
    if any(step.kind is ResourceKind.RESOURCE_GROUP for step in ours) and (yield from _holds_others(context, plan)):
        ours = [step for step in ours if step.kind is not ResourceKind.RESOURCE_GROUP]
    names = {step.name for step in ours}
    roots = [step for step in ours if step.contained_in not in names]
    if any(step.kind is ResourceKind.VIRTUAL_MACHINE for step in roots) and not (yield from _detach_network(context, plan)):
        # Deleting this VM would also delete a network interface that existed before; keep the VM and report it.
        roots = [step for step in roots if step.kind is not ResourceKind.VIRTUAL_MACHINE]
    for step in reversed(roots):
        built = execution.built.get(step.name, BuildResult(step.name))
        yield from _remove(context, step, built, tracker)
    tracker.begin("verify")
    left = yield from _left(context, plan, ours, execution, existing)
    tracker.end("verify", REFUSED if left else DONE)
    return left


def _is_ours(step: Resource, existing: Set[str]) -> bool:
    # The password of a VM that existed before belongs to that VM, even if its secret had to be recovered.
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
    # The host schedules a new call only after the previous task_any has completed, and that completes with one of its
    # new tasks only, not with an older one. A timer that fires at once lets the next call through.
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


def _detach_network(context: Context, plan: Plan) -> Orchestration[bool]:
    """Detach a network interface that existed before from the VM's lifetime; returns whether that succeeded."""
    vm, nic = plan.resource("vm"), plan.resource("nic")
    try:
        progress = yield from poll(context, release_network, BuildRequest(vm, outputs={"nic": {"id": nic.id}}))
    except RetriesExhausted:
        return False
    return progress.refusal is None


def _holds_others(context: Context, plan: Plan) -> Orchestration[bool]:
    """Whether the group created by this operation has foreign resources; assumed if the lookup fails."""
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
        tracker.end(name, REFUSED)  # the verification reports what is left


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
        return [f"unknown, because the lookup failed: {gave_up.refusal.detail}"]
    return [*there, *(f"key vault secret {name}" for name in secrets)]
