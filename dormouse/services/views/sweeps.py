"""Sweeps as callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dormouse.idle.report import SweepSummary
from dormouse.idle.sweep import SweepRequest
from dormouse.services.views.schema import SWEEP, schema
from dormouse.text.doc import doc


@schema("Sweep")
@dataclass(frozen=True, slots=True)
class SweepView:
    """A sweep: whether it only looks, its state, and what it found."""

    id: Annotated[str, doc("The ID.", SWEEP)]
    dry_run: Annotated[bool, doc("Whether it only looks and changes nothing.", False)]
    by: Annotated[str, doc("The user or timer that started it.", "timer")]
    state: Annotated[Literal["running", "ended", "lost"], doc("Its state; `lost` if it ended without a result.", "ended")]
    status: Annotated[
        Literal["InProgress", "Succeeded", "Failed"],
        doc("The status as Azure Resource Manager words it, for generic clients.", "Succeeded"),
    ]
    summary: Annotated[SweepSummary | None, doc("What it found; null unless it has ended.", {"machines": 1})]

    @classmethod
    def of(cls, asked: SweepRequest, summary: SweepSummary | None, *, running: bool) -> SweepView:
        """A sweep as callers see it; one that has ended without a summary is lost."""
        if running:
            return cls(asked.id, asked.dry_run, asked.by, "running", "InProgress", None)
        if summary is None:
            return cls(asked.id, asked.dry_run, asked.by, "lost", "Failed", None)
        return cls(asked.id, asked.dry_run, asked.by, "ended", "Succeeded", summary)


@schema("SweepAccepted")
@dataclass(frozen=True, slots=True)
class SweepAccepted:
    """A sweep has started."""

    sweep: Annotated[str, doc("The ID of the sweep.", SWEEP)]
    href: Annotated[str, doc("The URL of the sweep.", f"https://dormouse.example/api/sweeps/{SWEEP}")]
