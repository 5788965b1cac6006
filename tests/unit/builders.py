"""Machines, their records and their evidence for unit tests: quiet and unremarkable in all that a test does not name."""

from dataclasses import replace
from typing import Any

from dormouse.clock import MINUTE
from dormouse.idle.decision import Decision, decide
from dormouse.idle.evidence import Evaluation, Evidence, TimeSeries
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.report import ReportRow
from dormouse.idle.signals import HOST, INSIDE
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.tracking import ActionReason, PendingWarning, TrackedMachine
from dormouse.idle.verdict import Verdict, evaluate
from dormouse.lifecycle import State
from dormouse.resources.machines import VirtualMachine

NOW = 1_800_000_000.0  # a Friday, 08:00 UTC
WEEK = 7 * 86400.0
LONG_AGO = NOW - 30 * 86400.0
GROUP = "/subscriptions/0d0e5e00-0000-4000-8000-000000000001/resourceGroups/lab"
IDENTIFIER = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm"
A100, CPU_ONLY = "Standard_NC24ads_A100_v4", "Standard_D4s_v5"


def machine(**fields: Any) -> VirtualMachine:
    known = {"id": IDENTIFIER, "name": "vm", "subscription": "s", "group": "lab", "region": "westeurope", "size": A100}
    return VirtualMachine(**{**known, "state": State.RUNNING, "created": LONG_AGO, **fields})


def remembered(**fields: Any) -> TrackedMachine:
    known = {"id": IDENTIFIER, "first_seen": LONG_AGO, "state": State.RUNNING, "state_since": LONG_AGO}
    return TrackedMachine(**{**known, **fields})


def quiet(window: int = 30, **changes: Any) -> Evidence:
    """Evidence that everything was low for a whole window."""
    low = TimeSeries((0.0,) * window, (0.0,) * 3)
    known: dict[str, Any] = {
        "host": {signal.name: TimeSeries((0.0,) * window) for signal in HOST},
        "host_end": NOW - 3 * MINUTE,
        "inside": {signal.name: low for signal in INSIDE},
        "heard_at": NOW,
        "booted_at": LONG_AGO,
        "gpu": "ok",
    }
    return Evidence(**{**known, **changes})


def case(**fields: Any) -> Evaluation:
    """A quiet machine in every respect that is not given."""
    policy = fields.pop("policy", IdlePolicy())
    known = {"machine": machine(), "tracked": remembered(), "policy": policy, "now": NOW, "evidence": quiet(policy.window)}
    return Evaluation(**{**known, **fields})


def with_value(evidence: Evidence, side: str, name: str, place: int, value: float | None) -> Evidence:
    """The evidence with another value of a signal in one minute; places count on from the window into what is newer."""
    tracks: dict[str, TimeSeries] = dict(getattr(evidence, side))
    track = tracks[name]
    values = [*track.window, *track.recent]
    values[place] = value
    size = len(track.window)
    return with_tracks(evidence, side, {**tracks, name: TimeSeries(tuple(values[:size]), tuple(values[size:]))})


def with_tracks(evidence: Evidence, side: str, tracks: dict[str, TimeSeries]) -> Evidence:
    return replace(evidence, host=tracks) if side == "host" else replace(evidence, inside=tracks)


def warned(reason: ActionReason = ActionReason.IDLE, **fields: Any) -> PendingWarning:
    """A warning that was delivered when it was given, an hour ago, 15 minutes before the stop."""
    known = {"id": "w", "text": "", "given_at": NOW - 3600, "stop_at": NOW - 2700, "delivered_at": NOW - 3600}
    return PendingWarning(**{**known, "reason": reason, **fields})


def decided(one: Evaluation) -> tuple[Verdict, Decision]:
    """The verdict on a machine, and the decision that follows from it."""
    verdict = evaluate(one)
    return verdict, decide(one, verdict)


def decision_on(one: Evaluation) -> Decision:
    """What is done about a machine that looks like this."""
    return decided(one)[1]


def line_of(seen: Evaluation) -> ReportRow:
    """The line in the report of a machine that looks like this."""
    return ReportRow.of(seen, *decided(seen))


def planned(seen: Evaluation, age: float = 10.0) -> PlannedAction:
    """What a sweep has planned so many seconds ago for a machine that looked like this."""
    decision = decision_on(seen)
    assert decision.reason is not None
    return PlannedAction(decision.action, decision.reason, "lab:vm", seen.machine, "", "", decision.at, NOW - age)
