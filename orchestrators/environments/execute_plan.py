"""Plan execution: each resource is built as soon as its dependencies are ready."""

from collections.abc import Set
from dataclasses import dataclass, field, replace
from typing import Any

from activities.resources.generic import put_resource, read_outputs, read_put
from dormouse import serialization
from dormouse.environments.answers import Done
from dormouse.environments.requests import BuildRequest, BuildResult, PutRequest
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.ids import child_of
from dormouse.resources.graph import ready
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import kind_of
from orchestrators.durable import CANCEL, Context, Ended, Orchestration, RetriesExhausted, is_cancelled, poll, refusal_in
from orchestrators.progress import DONE, REFUSED, UNCHANGED, ProgressTracker


@dataclass(frozen=True, slots=True)
class ExpectedStep:
    """A step that has not begun, and the steps that it needs."""

    name: str
    needs: tuple[str, ...] = ()


@dataclass(slots=True)
class PlanExecution:
    """The state of a plan's execution: what existed before, what was begun, what is running, and what has ended.

    `attempt` counts the plans that the operation has executed, and `steps` has the names of its steps by resource.
    """

    plan: Plan
    existing: Set[str]
    built: dict[str, BuildResult] = field(default_factory=dict)
    running: dict[str, Any] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    attempt: int = 1
    steps: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for resource in self.plan.resources:
            self.steps.setdefault(resource.name, self.numbered(resource.name))

    def numbered(self, step: str) -> str:
        """The name of a step of this attempt: `vm`, then `vm(2)`."""
        return step if self.attempt == 1 else f"{step}({self.attempt})"

    def awaited(self) -> list[ExpectedStep]:
        """The steps that are still to be made, with those that they need."""
        return [
            ExpectedStep(self.steps[one.name], tuple(self.steps[need] for need in one.needs if need in self.steps))
            for one in self.plan.resources
            if one.name not in self.begun
        ]

    def without(self, names: Set[str], plan: Plan) -> "PlanExecution":
        """The execution of another plan, in which everything that was built but these resources is kept.

        Steps that had not begun keep their names.
        """
        wanted = {one.name for one in plan.resources}
        kept = {name for name in self.done if name in wanted and name not in names}
        built = {name: self.built[name] for name in kept}
        steps = {name: step for name, step in self.steps.items() if name in kept or name in wanted - self.begun}
        return PlanExecution(plan, self.existing, built, begun=kept, attempt=self.attempt + 1, steps=steps)

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

    @property
    def refused(self) -> Set[str]:
        """The names of the resources that Azure refused."""
        return {name for name, built in self.built.items() if built.refusal is not None}

    @property
    def created(self) -> Set[str]:
        """The names of the resources that are ready and did not exist before."""
        return self.done - self.existing

    def forget(self, names: Set[str]) -> None:
        """Build these resources again, although they were built in an earlier attempt."""
        for name in sorted(names):
            self.built.pop(name, None)
            self.begun.discard(name)
            self.steps[name] = self.numbered(name)

    def puts(self, resource: Resource) -> bool:
        """Whether a resource is created or updated."""
        return resource.name not in self.existing or resource.name in self.plan.changed

    def is_read(self, resource: Resource) -> bool:
        """Whether another resource takes outputs of this one."""
        return any(resource.name in other.reads for other in self.plan.resources)

    def existing_neighbours(self, resource: Resource) -> tuple[str, ...]:
        """The resources that it needs, and those that need it, which existed before."""
        dependents = (other.name for other in self.plan.resources if resource.name in other.needs)
        return tuple(name for name in (*resource.needs, *dependents) if name in self.existing)

    def identified(self, resource: Resource) -> Resource:
        """The resource with the ID that its creation has shown, if the plan could not know it."""
        built = self.built.get(resource.name)
        return replace(resource, id=built.outputs.get("id", resource.id)) if built else resource


def build_resource(context: Context) -> Orchestration[Any]:
    """Put one resource, poll until Azure has created it, and read the outputs that its dependents need."""
    build = serialization.decode(BuildRequest, context.get_input())
    resource = build.request.resource
    cancel = context.wait_for_external_event(CANCEL)
    outputs: dict[str, str] = {}
    try:
        if build.put:
            answer = yield from _put(context, build.request, cancel)
            refusal = refusal_in(answer, resource.name)
            if refusal:
                return serialization.encode(BuildResult(resource.name, refusal=refusal))
            outputs |= answer.outputs if isinstance(answer, Done) else {}
        if build.read:
            shown = yield from poll(context, read_outputs, resource.recorded(), cancel=cancel)
            refusal = refusal_in(shown, resource.name)
            if refusal:
                return serialization.encode(BuildResult(resource.name, refusal=refusal))
            outputs |= shown.outputs if isinstance(shown, Done) else {}
    except RetriesExhausted as gave_up:
        return serialization.encode(BuildResult(resource.name, refusal=replace(gave_up.refusal, step=resource.name)))
    return serialization.encode(BuildResult(resource.name, outputs))


def _put(context: Context, request: PutRequest, cancel: Any) -> Orchestration[Ended]:
    resource = request.resource
    if kind_of(resource).scripted_field:
        return (yield from poll(context, put_resource, request, ask=read_put, probed=resource.recorded(), cancel=cancel))
    again = replace(request, repeated=True)
    return (yield from poll(context, put_resource, request, cancel=cancel, repetition=again))


def execute(
    context: Context, execution: PlanExecution, tracker: ProgressTracker, cancel: Any
) -> Orchestration[PlanExecution]:
    """Build what has not been built yet, each resource as soon as its dependencies are ready.

    After a refusal or cancellation, nothing new starts.
    """
    while True:
        ends = bool(execution.refusals) or is_cancelled(cancel)
        started = [] if ends else _start(context, execution, tracker)
        if not execution.running:
            return execution
        listening = [] if is_cancelled(cancel) else [cancel]
        yield context.task_any([*execution.running.values(), *_tick(context, started, execution), *listening])
        _collect(execution, tracker)


def _start(context: Context, execution: PlanExecution, tracker: ProgressTracker) -> list[str]:
    started = []
    while True:
        startable = ready(execution.plan.resources, execution.done, execution.begun)
        unchanged = [one for one in startable if not execution.puts(one) and not execution.is_read(one)]
        for resource in unchanged:
            execution.begun.add(resource.name)
            execution.built[resource.name] = BuildResult(resource.name)
            tracker.end(execution.steps[resource.name], UNCHANGED)
        for resource in startable:
            if resource not in unchanged:
                execution.begun.add(resource.name)
                execution.running[resource.name] = _build(context, resource, execution)
                started.append(execution.steps[resource.name])
        if not unchanged:
            tracker.begin(*started)
            return started


def _build(context: Context, resource: Resource, execution: PlanExecution) -> Any:
    outputs = {name: execution.built[name].outputs for name in resource.reads}
    request = PutRequest(
        resource, outputs, execution.existing_neighbours(resource), update=resource.name in execution.existing
    )
    build = BuildRequest(request, execution.puts(resource), execution.is_read(resource))
    child = child_of(execution.plan.operation, execution.steps[resource.name])
    return context.call_sub_orchestrator(build_resource.__name__, serialization.encode(build), child)


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
        tracker.end(execution.steps[name], REFUSED if built.refusal else DONE)
