"""Holds and leases: requests to keep a machine running for a time, and to stop or delete it at a time."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from dormouse.clock import MINUTE
from dormouse.idle.heartbeats.agent_record import HoldOnMachine
from dormouse.idle.tracking import Hold, Lease, LeaseAction, TrackedMachine
from dormouse.text.doc import doc
from dormouse.text.durations import DAY_MINUTES, AskedMinutes, between
from dormouse.text.plain_text import PlainText

LONGEST_LEASE = 90 * DAY_MINUTES  # minutes
SNOOZE = 120  # minutes
INSIDE = " (on {machine})"


class CommandBody(BaseModel):
    """The body of a command; unknown members are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, defer_build=True)


class HoldRequest(CommandBody):
    """Keep a machine running for a duration (`2h30m`, `2 hours`, `PT30M`); 0 ends the hold, a longer hold stays."""

    minutes: Annotated[AskedMinutes, Field(alias="for"), doc("For how long; 0 ends the hold.", "2h")]
    reason: Annotated[PlainText, Field(max_length=300), doc("Why, for other people to read.", "a long run")] = ""


class LeaseRequest(CommandBody):
    """Stop or delete a machine after a duration (`3d`, `8 hours`, `PT30M`); 0 ends the lease."""

    minutes: Annotated[
        AskedMinutes, between(0, LONGEST_LEASE), Field(alias="for"), doc("For how long; 0 ends the lease.", "8h")
    ]
    then: Annotated[Literal["stop", "delete"], doc("What is done when the lease ends.", "stop")] = "stop"


def with_hold(tracked: TrackedMachine, request: HoldRequest, by: str, now: float, longest: int) -> TrackedMachine:
    """The tracked state with a hold of at most `longest` minutes from now, or without one; a longer hold stays."""
    if not request.minutes:
        return replace(tracked, hold=None, sleep=tracked.sleep.asked(now))
    if keeps_longer(tracked, request, now, longest):
        return tracked
    return replace(
        tracked, hold=Hold(by, request.reason, now, _until(request, now, longest)), sleep=tracked.sleep.asked(now)
    )


def keeps_longer(tracked: TrackedMachine, request: HoldRequest, now: float, longest: int) -> bool:
    """Whether the hold on record lasts longer than the requested one, no matter who set it."""
    return bool(request.minutes) and tracked.hold is not None and tracked.hold.until > _until(request, now, longest)


def _until(request: HoldRequest, now: float, longest: int) -> float:
    return now + min(request.minutes, longest) * MINUTE


def with_lease(tracked: TrackedMachine, request: LeaseRequest, by: str, now: float) -> TrackedMachine:
    """The tracked state with a lease that expires after the requested minutes, or without one."""
    if not request.minutes:
        return replace(tracked, lease=None, sleep=tracked.sleep.asked(now))
    lease = Lease(now + request.minutes * MINUTE, LeaseAction(request.then), by, now)
    return replace(tracked, lease=lease, sleep=tracked.sleep.asked(now))


def made_inside(hold: Hold | None, machine: str) -> bool:
    """Whether a hold was made on the machine itself, where alone it can be ended."""
    return hold is not None and hold.by.endswith(INSIDE.format(machine=machine))


def longest_hold(own: Hold | None, inside: Iterable[HoldOnMachine], machine: str, now: float, longest: int) -> Hold | None:
    """The hold that lasts longest, of the one on record and those set on the machine (each at most `longest` minutes)."""
    holds = [own] if own else []
    for local in inside:
        until = min(local.until, local.since + longest * MINUTE)
        holds.append(Hold(f"{local.by}{INSIDE.format(machine=machine)}", local.reason, local.since, until))
    return max((hold for hold in holds if hold.until > now), key=lambda hold: hold.until, default=None)
