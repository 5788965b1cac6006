"""Routes that take machines into the sweep's care and let them go again."""

from typing import Annotated

import azure.functions as func
from pydantic import AfterValidator, Field

from dormouse.access.roles import Caller
from dormouse.blueprints.fields import WeeklyHours
from dormouse.environments.operations import Adoption
from dormouse.errors import CommandNotPossible, Fault, InvalidSpec, MachineNotFound
from dormouse.http.handlers.machines import MachineId
from dormouse.http.parameters import DRY_RUN
from dormouse.http.requests import body_of, model_of
from dormouse.http.responses import accepted, answer
from dormouse.idle.holds import CommandBody
from dormouse.idle.policy import read_policy
from dormouse.idle.schedule import LONGEST
from dormouse.lifecycle import Verb
from dormouse.resources.machines import (
    DEPLOYMENT_TAG,
    ENVIRONMENT_NAME,
    ENVIRONMENT_TAG,
    IDLE_TAG,
    SCHEDULE_TAG,
    lock_name_of,
    parts_of_machine_id,
)
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import Client
from dormouse.services.operations import operation_of, start
from dormouse.services.views.machines import AdoptionPreview
from orchestrators.machines.adopt import adopt_machine, release_machine

ORCHESTRATORS = {Verb.ADOPT: adopt_machine, Verb.RELEASE: release_machine}


def _policy(value: str) -> str:
    read_policy(value)
    return value


class ReleaseRequest(CommandBody):
    """A machine that is to be watched no longer, and whether its agent goes, too."""

    machine: MachineId
    agent: bool = True


class AdoptRequest(ReleaseRequest):
    """A machine that is to be watched, by which policy and schedule, and whether it gets an agent."""

    idle: Annotated[str, Field(max_length=LONGEST, examples=["window=45m, lead=10m"]), AfterValidator(_policy)] = "on"
    schedule: WeeklyHours = ""


async def adopt(req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller) -> func.HttpResponse:
    """Watch a machine that others have made, from the next sweep on."""
    asked = model_of(AdoptRequest, body_of(req))
    if asked.agent and not dependencies.settings.control_plane_url:
        words = "CONTROL_PLANE_URL is not set, so an agent would not know where to report; adopt it without one."
        raise InvalidSpec([Fault("/agent", words)])
    schedule = {SCHEDULE_TAG: asked.schedule} if asked.schedule else {}
    tags = {IDLE_TAG: asked.idle, **schedule, DEPLOYMENT_TAG: dependencies.settings.deployment_id}
    return await _begin(Verb.ADOPT, asked, tags, req, (client, dependencies, caller))


async def release(req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller) -> func.HttpResponse:
    """Watch a machine no longer, and leave nothing of us on it."""
    return await _begin(Verb.RELEASE, model_of(ReleaseRequest, body_of(req)), {}, req, (client, dependencies, caller))


async def _begin(
    verb: Verb, asked: ReleaseRequest, tags: dict[str, str], req: func.HttpRequest, by: tuple[Client, Dependencies, Caller]
) -> func.HttpResponse:
    client, dependencies, caller = by
    subscription, group, name = parts_of_machine_id(asked.machine)
    known = await dependencies.inventory.tags_of(subscription, group, name)
    if known is None:
        raise MachineNotFound(f"There is no machine {asked.machine}.")
    claimed = known.get(ENVIRONMENT_TAG, "")
    record = await dependencies.records.environment(claimed) if ENVIRONMENT_NAME.fullmatch(claimed) else None
    if record and record.machine_id(dependencies.settings.azure_subscription_id).lower() == asked.machine.strip().lower():
        raise CommandNotPossible(f"It belongs to the environment {claimed}, which is watched as it is.")
    deployment = known.get(DEPLOYMENT_TAG, dependencies.settings.deployment_id)
    if deployment != dependencies.settings.deployment_id:
        raise CommandNotPossible(f"The deployment {deployment} of the control plane watches it; release it there first.")
    subject = lock_name_of(asked.machine, "", dependencies.settings.azure_subscription_id)
    if DRY_RUN.of(req):
        return answer(AdoptionPreview(asked.machine, verb, tags, asked.agent))
    operation = operation_of(caller, subject, verb)
    request = Adoption(operation.id, subject, asked.machine, group, name, subscription, tags, asked.agent)
    await start(client, dependencies.records, operation, ORCHESTRATORS[verb], request)
    return accepted(operation.id)
