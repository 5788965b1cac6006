"""Handlers that adopt machines which others have created, and release them."""

from typing import Annotated

import azure.functions as func
from pydantic import AfterValidator, Field

from dormouse.blueprints.fields import WeeklyHours
from dormouse.http.handlers.machines import MachineId
from dormouse.http.parameters import DRY_RUN
from dormouse.http.requests import body_of, model_of
from dormouse.http.responses import api_url_of, respond
from dormouse.idle.holds import CommandBody
from dormouse.idle.policy import read_policy
from dormouse.idle.schedules.schedule import LONGEST
from dormouse.services.context import Context
from dormouse.services.idle import adoption
from dormouse.text.doc import doc
from dormouse.text.plain_text import PlainText


def _policy(value: str) -> str:
    read_policy(value)
    return value


class ReleaseRequest(CommandBody):
    """A machine that sweeps watch no longer, and whether the agent is removed from it."""

    machine: MachineId
    agent: Annotated[bool, doc("Whether the agent is installed, or removed.", True)] = True


class AdoptRequest(ReleaseRequest):
    """A machine that sweeps watch, by which policy and schedule, and whether an agent is installed on it."""

    idle: Annotated[
        PlainText,
        Field(max_length=LONGEST),
        doc("The policy, as the tag `dormouse-idle` has it.", "window=45m, lead=10m"),
        AfterValidator(_policy),
    ] = "on"
    schedule: Annotated[
        WeeklyHours,
        doc("The weekly hours in which the machine runs; empty for none.", "mon-fri 08:00-19:00 Europe/Berlin"),
    ] = ""


async def adopt(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Have sweeps watch a machine that others have created."""
    asked, dry_run = model_of(AdoptRequest, body_of(req)), DRY_RUN.of(req)
    adopted = await adoption.adopt(asked.machine, asked.idle, asked.schedule, context, agent=asked.agent, dry_run=dry_run)
    return respond(adopted, api_url_of(req, context.dependencies))


async def release(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Watch a machine no longer, and remove the agent and the tags from it."""
    asked, dry_run = model_of(ReleaseRequest, body_of(req)), DRY_RUN.of(req)
    released = await adoption.release(asked.machine, context, agent=asked.agent, dry_run=dry_run)
    return respond(released, api_url_of(req, context.dependencies))
