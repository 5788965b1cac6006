"""Use cases that adopt machines which others have created, and release them."""

from dataclasses import dataclass, field, replace

from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.environments.operations import Adoption
from dormouse.environments.results import RefusalReason
from dormouse.errors import CommandNotPossible, Fault, InvalidSpec, MachineNotFound
from dormouse.idle.responsibility import text_of_others
from dormouse.lifecycle import Verb
from dormouse.resources.compute.machines import (
    DEPLOYMENT_TAG,
    ENVIRONMENT_NAME,
    ENVIRONMENT_TAG,
    IDLE_TAG,
    SCHEDULE_TAG,
    lock_name_of,
    machine_ids,
    parts_of_machine_id,
)
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.operations import Started, operation_of, start
from dormouse.services.views.machines import AdoptionPreview
from orchestrators.machines.adopt import adopt_machine, release_machine

ORCHESTRATORS = {Verb.ADOPT: adopt_machine, Verb.RELEASE: release_machine}
NO_URL = "CONTROL_PLANE_URL is not set, so an agent would not know where to report; adopt the machine without one."


@dataclass(frozen=True, slots=True)
class AdoptionRequest:
    """A machine by its resource ID, the tags that it gets, and whether an agent is installed, or removed."""

    machine: str
    agent: bool
    tags: dict[str, str] = field(default_factory=dict)


async def adopt(
    machine: str, idle: str, schedule: str, context: Context, *, agent: bool, dry_run: bool
) -> Started | AdoptionPreview:
    """Have sweeps watch a machine that others have created; raises MachineNotFound, CommandNotPossible or InvalidSpec."""
    settings = context.dependencies.settings
    if agent and not settings.control_plane_url:
        raise InvalidSpec([Fault("/agent", NO_URL)])
    tags = {IDLE_TAG: idle, **({SCHEDULE_TAG: schedule} if schedule else {}), DEPLOYMENT_TAG: settings.deployment_id}
    return await _start(Verb.ADOPT, AdoptionRequest(machine, agent, tags), context, dry_run=dry_run)


async def release(machine: str, context: Context, *, agent: bool, dry_run: bool) -> Started | AdoptionPreview:
    """Watch a machine no longer, and remove the agent and our tags from it; raises as `adopt` does."""
    return await _start(Verb.RELEASE, AdoptionRequest(machine, agent), context, dry_run=dry_run)


async def _start(verb: Verb, asked: AdoptionRequest, context: Context, *, dry_run: bool) -> Started | AdoptionPreview:
    subscription, group, name = parts_of_machine_id(asked.machine)
    asked = replace(asked, machine=asked.machine.strip())
    await _require_adoptable(asked.machine, context.dependencies)
    lock = lock_name_of(asked.machine, "", context.dependencies.settings.azure_subscription_id)
    if dry_run:
        return AdoptionPreview(asked.machine, verb, asked.tags, asked.agent)
    operation = operation_of(context, lock, verb)
    request = Adoption(operation.id, lock, asked.machine, group, name, subscription, asked.tags, asked.agent)
    return await start(context, operation, ORCHESTRATORS[verb], request)


async def _require_adoptable(machine: str, dependencies: Dependencies) -> None:
    """Raise MachineNotFound for a machine that is not there, CommandNotPossible for one that is watched otherwise."""
    settings = dependencies.settings
    try:
        tags = await dependencies.inventory.tags_of(machine)
    except ReadRefused as error:
        if error.refusal.reason is not RefusalReason.NOT_FOUND:
            raise
        tags = None  # its subscription does not exist
    if tags is None:
        raise MachineNotFound(f"There is no machine {machine}.")
    claimed = tags.get(ENVIRONMENT_TAG, "")
    record = await dependencies.records.environment(claimed) if ENVIRONMENT_NAME.fullmatch(claimed) else None
    if record and machine.strip().lower() in map(str.lower, machine_ids(record.resources)):
        raise CommandNotPossible(f"The machine belongs to the environment {claimed}, which sweeps watch anyway.")
    deployment = tags.get(DEPLOYMENT_TAG, settings.deployment_id)
    if deployment != settings.deployment_id:
        raise CommandNotPossible(text_of_others(deployment))
