"""Sweeps as callers see them."""

from dataclasses import dataclass

from dormouse.idle.report import SweepSummary


@dataclass(frozen=True, slots=True)
class SweepView:
    """A sweep: whether it only looks, where it stands, and what it has found."""

    id: str
    dry_run: bool
    by: str
    state: str
    tally: SweepSummary | None


@dataclass(frozen=True, slots=True)
class SweepAccepted:
    """A sweep has begun: its id, and where to watch it."""

    sweep: str
    href: str
