"""Use case: another VM size for an environment that exists."""

from dataclasses import dataclass, replace
from typing import Annotated

from activities.resources.environments import has_power
from dormouse import serialization
from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.blueprints.fields import Size
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.environments.operations import EnvironmentRecord, Resize
from dormouse.environments.preflight import obstacle_text
from dormouse.environments.results import PreflightResult
from dormouse.errors import CommandNotPossible, EnvironmentBusy, Fault, InvalidSpec
from dormouse.idle.holds import CommandBody
from dormouse.lifecycle import AWAKE, State, Verb, require
from dormouse.resources.placement import Placement
from dormouse.resources.plan import Plan
from dormouse.services.context import Context
from dormouse.services.costs.environment_costs import memories_of
from dormouse.services.costs.pricing import billed_in_plan, price_of
from dormouse.services.environments import own_environment
from dormouse.services.locks import running_operation
from dormouse.services.operations import Started, operation_of, start
from dormouse.services.recorded_plans import plan_on_record
from dormouse.services.views.environments import EnvironmentView, environment_view_of
from dormouse.services.views.operations import RefusalView
from dormouse.services.views.previews import ResizePreview
from dormouse.text.doc import doc
from orchestrators.environments.resize import resize_environment

SIZE = "size"
NEEDS_RESTART = (
    '{name} is {state}, and a new size takes effect only while it is stopped: stop it first, or send "restart": true to '
    "have it stopped, resized and started again."
)
HIBERNATED = "{name} is hibernated, and Azure resizes no hibernated machine; start it, then stop it, then resize."
UNREADABLE = "This release cannot read the recorded spec of {name}; apply the spec again, then resize."


class ResizeRequest(CommandBody):
    """The new VM size of an environment; `restart` allows to stop what runs, and to start it again afterwards."""

    size: Annotated[Size, doc("The new VM size.", "Standard_NV12ads_A10_v5")]
    restart: Annotated[bool, doc("Whether a running environment may be stopped and started again.", False)] = False


@dataclass(frozen=True, slots=True)
class DesiredSize:
    """What a resize leads to: the spec and the plan with the new size, and what was observed.

    `placement` is where it is built, if that is not where its spec asks first.
    """

    spec: EnvironmentSpec
    plan: Plan
    survey: PreflightResult
    placement: Placement | None

    @property
    def resized(self) -> tuple[str, ...]:
        """The names of the resources that have another size."""
        return tuple(one.name for one in self.survey.differing if any(each.field == SIZE for each in one.differences))


async def resize(
    name: str, asked: ResizeRequest, context: Context, *, dry_run: bool
) -> Started | EnvironmentView | ResizePreview:
    """Change the size of an environment's machines; what is stopped stays stopped.

    Raises EnvironmentBusy, InvalidSpec for a size that does not fit, and CommandNotPossible for an environment without a
    size, or for a running one without `restart`.
    """
    client, dependencies = context.client, context.dependencies
    record = await own_environment(name, context)
    busy = await running_operation(client, dependencies.records, name, dependencies.now())
    if busy:
        raise EnvironmentBusy(name, busy)
    old = _sized_spec(record)
    wanted = await _wanted(old, asked.size, record, context)
    seen = await dependencies.environments.observe(record)
    require(seen.state, Verb.RESIZE, subject=name, has_power=has_power(record.resources))
    if seen.hibernated:
        raise CommandNotPossible(HIBERNATED.format(name=name))
    if not wanted.resized and wanted.spec == old:
        memory = (await memories_of([record], dependencies))[name]
        return await environment_view_of(record, seen, "", dependencies, memory)
    runs = bool(wanted.resized) and any(status.state in AWAKE for status in wanted.survey.statuses)
    if runs and not asked.restart:
        raise CommandNotPossible(NEEDS_RESTART.format(name=name, state=seen.state))
    if dry_run:
        return await _preview(wanted, seen.state, context, restarts=runs)
    operation = operation_of(context, name, Verb.RESIZE)
    request = Resize(operation.id, wanted.plan, _record_after(record, wanted), asked.size, restart=asked.restart)
    return await start(context, operation, resize_environment, request, seen=record)


def _sized_spec(record: EnvironmentRecord) -> EnvironmentSpec:
    """The recorded spec; raises CommandNotPossible for one that cannot be read, or that has no size."""
    kind = BLUEPRINTS[record.blueprint].spec if record.blueprint in BLUEPRINTS else None
    if kind is None or SIZE not in kind.model_fields:
        raise CommandNotPossible(f"{record.name} cannot be resized: a {record.blueprint} has no size.")
    try:
        spec: EnvironmentSpec = serialization.read_text(kind, record.spec)
    except ValueError:
        raise CommandNotPossible(UNREADABLE.format(name=record.name)) from None
    return spec


async def _wanted(old: EnvironmentSpec, size: str, record: EnvironmentRecord, context: Context) -> DesiredSize:
    """The spec and the plan with another size; raises InvalidSpec for a size that does not fit."""
    spec = old.model_copy(update={SIZE: size})
    faults = list(spec.misfits())
    if faults:
        raise InvalidSpec(faults)
    placement = replace(record.placement, size=size) if record.placement else None
    plan = await plan_on_record(spec.placed(placement), record, context.dependencies)
    survey = await context.dependencies.survey.of(plan, checks=False)
    found = [one for status in survey.differing for one in status.differences if one.field == SIZE]
    faults = [Fault(f"/{SIZE}", obstacle_text(one)) for one in found if one.obstacle]
    if faults:
        raise InvalidSpec(list(dict.fromkeys(faults)))
    before = {
        status.name: {SIZE: one.observed} for status in survey.differing for one in status.differences if one.field == SIZE
    }
    resources = tuple(replace(one, before=before.get(one.name, {})) for one in plan.resources)
    elsewhere = placement if placement != spec.placements()[0] else None
    return DesiredSize(spec, replace(plan, resources=resources), survey, elsewhere)


async def _preview(wanted: DesiredSize, state: State, context: Context, *, restarts: bool) -> ResizePreview:
    dependencies, plan = context.dependencies, wanted.plan
    price = await price_of(plan.region, billed_in_plan(plan), dependencies)
    found = await dependencies.survey.of(plan)
    refusals = tuple(RefusalView.of(refusal) for refusal in found.refusals)
    size = str(getattr(wanted.spec, SIZE))
    return ResizePreview(plan.environment, Verb.RESIZE, state, size, restarts, price.running, refusals, found.warnings)


def _record_after(record: EnvironmentRecord, wanted: DesiredSize) -> EnvironmentRecord:
    """The record once the new size is in effect."""
    settings = {one.name: one.settings for one in wanted.plan.resources if one.name in wanted.resized}
    resources = tuple(replace(one, settings=settings.get(one.name, one.settings)) for one in record.resources)
    spec = serialization.text_of(wanted.spec)
    return replace(record, spec=spec, resources=resources, placement=wanted.placement)
