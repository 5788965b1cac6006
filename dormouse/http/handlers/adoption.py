"""Handlers that adopt machines which others have created, and release them."""

from typing import Annotated

import azure.functions as func
from pydantic import AfterValidator, Field

from dormouse.blueprints.fields import WeeklyHours
from dormouse.http.handlers.machines import MachineId
from dormouse.http.parameters import DRY_RUN
from dormouse.http.requests import body_of, model_of
from dormouse.http.responses import respond
from dormouse.idle.holds import CommandBody
from dormouse.idle.policy import read_policy
from dormouse.idle.schedule import LONGEST
from dormouse.services import adoption
from dormouse.services.context import Context


def _policy(value: str) -> str:
    read_policy(value)
    return value


class ReleaseRequest(CommandBody):
    """A machine that sweeps watch no longer, and whether the agent is removed from it."""

    machine: MachineId
    agent: bool = True


class AdoptRequest(ReleaseRequest):
    """A machine that sweeps watch, by which policy and schedule, and whether an agent is installed on it."""

    idle: Annotated[str, Field(max_length=LONGEST, examples=["window=45m, lead=10m"]), AfterValidator(_policy)] = "on"
    schedule: WeeklyHours = ""


async def adopt(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Have sweeps watch a machine that others have created."""
    asked, dry_run = model_of(AdoptRequest, body_of(req)), DRY_RUN.of(req)
    return respond(
        await adoption.adopt(asked.machine, asked.idle, asked.schedule, context, agent=asked.agent, dry_run=dry_run)
    )


async def release(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Watch a machine no longer, and remove the agent and the tags from it."""
    asked, dry_run = model_of(ReleaseRequest, body_of(req)), DRY_RUN.of(req)
    return respond(await adoption.release(asked.machine, context, agent=asked.agent, dry_run=dry_run))
