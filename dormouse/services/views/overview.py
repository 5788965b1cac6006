"""Everything at a glance: environments and machines in one list, what runs, and what was done last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dormouse.idle.report import SweepSummary
from dormouse.idle.verdict import VerdictKind
from dormouse.lifecycle import State
from dormouse.services.views.machines import CurrentHold, CurrentLease, MachineView
from dormouse.services.views.operations import OperationView
from dormouse.services.views.rights import MAY, Me
from dormouse.services.views.schema import HOLD, LEASE, MACHINE, NOON, OPERATION, SWEEP, Moment, schema
from dormouse.services.views.upcoming import NEXT, UpcomingStep
from dormouse.text.doc import doc


@schema("OverviewRow")
@dataclass(frozen=True, slots=True)
class OverviewRow:
    """An environment with its machines, or a machine outside environments.

    Verdict, reason and next steps are those of the machine that keeps it awake.
    """

    id: Annotated[str, doc("The name of an environment, or the resource ID of a machine.", "ml1")]
    name: Annotated[str, doc("The name of the environment or machine.", "ml1")]
    environment: Annotated[str | None, doc("The environment; null for a machine outside environments.", "ml1")]
    blueprint: Annotated[str | None, doc("The blueprint; null for a machine outside environments.", "workstation")]
    owner: Annotated[str | None, doc("The user who owns it; null if no one does.", "alice")]
    region: Annotated[str, doc("The Azure region.", "polandcentral")]
    size: Annotated[str | None, doc("The VM size of its first machine; null if it has none.", "Standard_NV6ads_A10_v5")]
    state: Annotated[State, doc("Its state at `as_of`; `creating` or `deleting` while that is done.", "running")]
    verdict: Annotated[VerdictKind | None, doc("The verdict; null if no sweep has judged it.", "busy")]
    reason: Annotated[str, doc("Why it is in this state, in words.", "In use: GPU at 99 %.")]
    since: Annotated[Moment | None, doc("Since when the verdict has been this one; null if unknown.", NOON)]
    next: Annotated[tuple[UpcomingStep, ...], NEXT]
    hold: Annotated[CurrentHold | None, doc("The hold that keeps it running; null if there is none.", HOLD)]
    lease: Annotated[CurrentLease | None, doc("When it will be stopped or deleted; null if there is no lease.", LEASE)]
    schedule: Annotated[str | None, doc("Its weekly hours; null if none are set.", "mon-fri 08:00-19:00 Europe/Berlin")]
    operation: Annotated[str | None, doc("The ID of the operation that is running on it; null if none is.", OPERATION)]
    may: Annotated[tuple[str, ...], MAY]
    machines: Annotated[tuple[MachineView, ...], doc("Its machines, as the last sweep saw them.", [])]
    as_of: Annotated[Moment | None, doc("When it was judged; null if no sweep has.", NOON)]


@schema("Overview")
@dataclass(frozen=True, slots=True)
class Overview:
    """One page of environments and machines, from records only: Azure was asked by the last sweep.

    `total` counts what the filter leaves; `verdicts` counts everything that `search` leaves, by verdict.
    """

    me: Annotated[Me, doc("Who asks, and in which role.", {"name": "alice", "role": "user"})]
    now: Annotated[Moment, doc("The time by the clock of the control plane.", NOON)]
    sweep: Annotated[str | None, doc("The ID of the last sweep; null before the first one.", SWEEP)]
    dry_run: Annotated[bool, doc("Whether that sweep only looked.", False)]
    as_of: Annotated[Moment | None, doc("When the last sweep ended; null before the first one.", NOON)]
    complete: Annotated[bool, doc("Whether that sweep saw every machine in scope.", True)]
    problems: Annotated[tuple[str, ...], doc("What is missing or out of date here, and why.", [])]
    summary: Annotated[SweepSummary, doc("Counts and sums of the last sweep.", {"machines": 1, "saved_amount": 7.38})]
    total: Annotated[int, doc("The number of rows on all pages.", 1)]
    verdicts: Annotated[dict[str, int], doc("The number of rows by verdict, whichever is filtered.", {"busy": 1})]
    value: Annotated[tuple[OverviewRow, ...], doc("The rows of this page.", [])]
    next: Annotated[str | None, doc("The URL of the next page; null on the last page.", "/api/overview?limit=50&after=MTUw")]
    running: Annotated[tuple[OperationView, ...], doc("The operations that are running, newest first, at most ten.", [])]
    running_total: Annotated[int, doc("The number of all operations that are running.", 0)]
    recent: Annotated[
        tuple[OperationView, ...], doc("The last 20 operations, without their steps: who, why, by which channel.", [])
    ]


@schema("MachineEvidence")
@dataclass(frozen=True, slots=True)
class EvidenceView:
    """What the agent of a machine has reported, minute by minute, oldest first."""

    machine: Annotated[str, doc("The Azure resource ID.", MACHINE)]
    first_minute: Annotated[Moment, doc("When the first minute begins; one follows another.", NOON)]
    minutes: Annotated[
        dict[str, tuple[float | None, ...]],
        doc("The values of each reported signal by minute; null where there is none.", {"gpu_percent": [97.0, 99.0]}),
    ]
    heard_at: Annotated[Moment | None, doc("When the agent last reported; null if none ever has.", NOON)]
    gpu: Annotated[str | None, doc("What the agent says of the GPU: `ok`, `absent` or `broken`; null without agent.", "ok")]
    problems: Annotated[dict[str, str], doc("Why signals could not be measured, by signal.", {})]
