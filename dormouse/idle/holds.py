"""Holds and leases: who wants a machine awake until when, and what becomes of it when its time is over."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from dormouse.clock import MINUTE
from dormouse.idle.heartbeat import HoldOnMachine
from dormouse.idle.tracking import Hold, Lease, LeaseAction, TrackedMachine
from dormouse.text.durations import DAY_MINUTES, AskedMinutes, between
from dormouse.text.plain_text import Cleaned

LONGEST_LEASE = 90 * DAY_MINUTES  # minutes
SNOOZE = 120  # minutes


class CommandBody(BaseModel):
    """What a request may ask for; unknown fields are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, defer_build=True)


class HoldRequest(CommandBody):
    """Keep a machine awake for so long (`2h30m`, `2 hours`, `PT30M`), and why; 0 ends the hold, and a longer hold stays."""

    minutes: Annotated[AskedMinutes, Field(alias="for", examples=["2h"])]
    reason: Annotated[Cleaned, Field(max_length=300)] = ""


class LeaseRequest(CommandBody):
    """Stop or delete a machine in so long (`3d`, `8 hours`, `PT30M`) unless somebody asks again; 0 ends the lease."""

    minutes: Annotated[AskedMinutes, between(0, LONGEST_LEASE), Field(alias="for", examples=["8h"])]
    then: Literal["stop", "delete"] = "stop"


def with_hold(memory: TrackedMachine, request: HoldRequest, by: str, now: float, longest: int) -> TrackedMachine:
    """The memory with a hold of at most `longest` minutes from now, or without one; a hold that lasts longer stays."""
    if not request.minutes:
        return replace(memory, hold=None)
    if keeps_longer(memory, request, now, longest):
        return memory
    return replace(memory, hold=Hold(by, request.reason, now, _until(request, now, longest)))


def keeps_longer(memory: TrackedMachine, request: HoldRequest, now: float, longest: int) -> bool:
    """Whether the hold on record lasts longer than the one that is asked for, by whomever it is."""
    return bool(request.minutes) and memory.hold is not None and memory.hold.until > _until(request, now, longest)


def _until(request: HoldRequest, now: float, longest: int) -> float:
    return now + min(request.minutes, longest) * MINUTE


def with_lease(memory: TrackedMachine, request: LeaseRequest, by: str, now: float) -> TrackedMachine:
    """The memory with a lease that runs out after so many minutes from now, or without one."""
    if not request.minutes:
        return replace(memory, lease=None)
    return replace(memory, lease=Lease(now + request.minutes * MINUTE, LeaseAction(request.then), by, now))


def longest_hold(own: Hold | None, inside: Iterable[HoldOnMachine], machine: str, now: float, longest: int) -> Hold | None:
    """The hold that lasts longest, of those on record and those made on the machine (for at most `longest` minutes)."""
    holds = [own] if own else []
    for made in inside:
        until = min(made.until, made.since + longest * MINUTE)
        holds.append(Hold(f"{made.by} (on {machine})", made.reason, made.since, until))
    return max((hold for hold in holds if hold.until > now), key=lambda hold: hold.until, default=None)
