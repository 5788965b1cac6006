"""Machines as callers see them: the idle report, holds, leases, and previews of adoption."""

from dataclasses import dataclass
from typing import Literal

from dormouse.idle.report import ReportRow, SweepSummary
from dormouse.idle.tracking import Hold, Lease
from dormouse.lifecycle import Verb


@dataclass(frozen=True, slots=True)
class IdleReport:
    """What the last sweep has found: when that was, counted, and some of the machines.

    Unless it is `complete`, `problems` say which machines are missing here, or are shown as an earlier sweep saw them.
    """

    sweep: str
    dry_run: bool
    as_of: str
    complete: bool
    problems: tuple[str, ...]
    tally: SweepSummary
    value: tuple[ReportRow, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class HoldView:
    """A machine and its hold on record, null if there is none; `kept` is `longer` if it outlasts what was asked for."""

    machine: str
    hold: Hold | None
    kept: Literal["", "longer"] = ""


@dataclass(frozen=True, slots=True)
class LeaseView:
    """A machine and the lease that is on record for it, null if there is none any more."""

    machine: str
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class AdoptionPreview:
    """What would be done to a machine: its new tags, and whether its agent comes, or goes."""

    machine: str
    would: Verb
    tags: dict[str, str]
    agent: bool
