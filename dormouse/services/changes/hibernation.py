"""Use case: hibernate an environment, so that the next start resumes what runs in it."""

from activities.resources.environments import EnvironmentObservation, has_power
from dormouse import serialization
from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.blueprints.spec import Hibernation
from dormouse.environments.operations import EnvironmentRecord, PowerChange
from dormouse.errors import CommandNotPossible, EnvironmentBusy
from dormouse.lifecycle import State, Verb, require
from dormouse.resources.registry import kind_of
from dormouse.services.context import Context
from dormouse.services.costs.environment_costs import memories_of
from dormouse.services.environments import CANNOT_STOP, own_environment
from dormouse.services.locks import running_operation
from dormouse.services.operations import Started, operation_of, start, under_way_already
from dormouse.services.recorded_plans import resources_on_record
from dormouse.services.views.environments import EnvironmentView, environment_view_of
from dormouse.services.views.previews import PowerPreview
from orchestrators.environments.hibernate import hibernate_environment

CANNOT_HIBERNATE = (
    "{name} cannot hibernate, because its spec has no `hibernation`. Stop it instead; or build another environment with it, "
    "because it takes effect only when a machine is created."
)
UNREADABLE = "This release cannot read the recorded spec of {name}; apply the spec again, then hibernate."


async def hibernate(name: str, context: Context, *, dry_run: bool) -> Started | EnvironmentView | PowerPreview:
    """Hibernate what runs in an environment; what cannot is treated as its spec declares.

    Raises EnvironmentBusy, and CommandNotPossible for an environment that does not run or whose machines cannot hibernate.
    """
    client, dependencies = context.client, context.dependencies
    record = await own_environment(name, context)
    operation = operation_of(context, name, Verb.HIBERNATE)
    busy = await running_operation(client, dependencies.records, name, dependencies.now())
    if busy and dry_run:
        raise EnvironmentBusy(name, busy)
    if busy:
        return under_way_already(EnvironmentBusy(name, busy), operation)
    declared = _declared(record)
    seen = await dependencies.environments.observe(record)
    if seen.state is State.STOPPED and seen.hibernated:
        memory = (await memories_of([record], dependencies))[name]
        return await environment_view_of(record, seen, "", dependencies, memory)
    require(seen.state, Verb.HIBERNATE, subject=name, has_power=has_power(record.resources))
    if seen.unstoppable:
        raise CommandNotPossible(CANNOT_STOP.format(name=name, reason=seen.unstoppable))
    if dry_run:
        return PowerPreview(name, Verb.HIBERNATE, seen.state)
    resources, readable = await resources_on_record(record, dependencies)
    deallocates = declared.fallback == "deallocate"
    request = PowerChange(
        operation.id, name, Verb.HIBERNATE, resources, readable, only=_running(seen), deallocates=deallocates
    )
    try:
        return await start(context, operation, hibernate_environment, request, seen=record)
    except EnvironmentBusy as holder:
        return under_way_already(holder, operation)


def _declared(record: EnvironmentRecord) -> Hibernation:
    """What the recorded spec declares; raises CommandNotPossible if it declares nothing, or cannot be read."""
    if not any(kind_of(resource).power_state for resource in record.resources):
        require(State.READY, Verb.HIBERNATE, subject=record.name, has_power=False)
    try:
        spec = serialization.read_text(BLUEPRINTS[record.blueprint].spec, record.spec)
    except (KeyError, ValueError):
        raise CommandNotPossible(UNREADABLE.format(name=record.name)) from None
    declared = getattr(spec, "hibernation", None)
    if declared is None:
        raise CommandNotPossible(CANNOT_HIBERNATE.format(name=record.name))
    assert isinstance(declared, Hibernation)
    return declared


def _running(seen: EnvironmentObservation) -> tuple[str, ...]:
    """The names of what runs: what is stopped without its memory has none to keep."""
    return tuple(one.name for one in seen.resources if one.state is State.RUNNING)
