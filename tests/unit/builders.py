"""Environments, machines, their records and their evidence for unit tests: unremarkable in all that a test does not name."""

from dataclasses import replace
from typing import Any

from dormouse import serialization
from dormouse.blueprints.catalog import plan_for
from dormouse.blueprints.workstation import WorkstationSpec
from dormouse.clock import MINUTE
from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.decision import Decision, decide
from dormouse.idle.evidence import Evaluation, Evidence, TimeSeries
from dormouse.idle.heartbeats.signals import HOST, INSIDE
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.report import ReportRow
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.tracking import ActionReason, PendingWarning, TrackedMachine
from dormouse.idle.verdict import Verdict, evaluate
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import VirtualMachine
from dormouse.resources.plan import Plan
from dormouse.resources.registry import with_implied
from dormouse.resources.target import DeploymentTarget

NOW = 1_800_000_000.0  # a Friday, 08:00 UTC
WEEK = 7 * 86400.0
LONG_AGO = NOW - 30 * 86400.0
SUBSCRIPTION = "0d0e5e00-0000-4000-8000-000000000001"
ULID = "01M80AKRESFYRXQ716J26R1AX0"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
IDENTIFIER = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm"
A100, CPU_ONLY = "Standard_NC24ads_A100_v4", "Standard_D4s_v5"


def workstation_spec(**fields: Any) -> WorkstationSpec:
    known = {"blueprint": "workstation", "region": "polandcentral", "owner": "ann", "allow_from": ["203.0.113.7/32"]}
    return WorkstationSpec.model_validate({**known, **fields})


def target(name: str = "ml1", **fields: Any) -> DeploymentTarget:
    known = {"subscription": SUBSCRIPTION, "environment": name, "operation": f"{name}-provision-{ULID}"}
    return DeploymentTarget(**{**known, **fields})


def environment_record(name: str = "ml1", *, plan: Plan | None = None, **fields: Any) -> EnvironmentRecord:
    """The record of a workstation that was provisioned, with the resources of its plan, or of another plan."""
    spec = workstation_spec()
    built = plan or plan_for(spec, target(name))
    known = {
        "blueprint": built.blueprint,
        "owner": spec.owner,
        "region": built.region,
        "spec": serialization.text_of(spec),
        "operation": built.operation,
        "requested_at": "2026-05-01T12:00:00+00:00",
        "ready": True,
        "resources": with_implied(built),
        "depends_on": built.depends_on,
    }
    return EnvironmentRecord(name, **{**known, **fields})


def machine(**fields: Any) -> VirtualMachine:
    known = {"id": IDENTIFIER, "name": "vm", "subscription": "s", "group": "lab", "region": "westeurope", "size": A100}
    return VirtualMachine(**{**known, "state": State.RUNNING, "created": LONG_AGO, **fields})


def remembered(**fields: Any) -> TrackedMachine:
    known = {"id": IDENTIFIER, "first_seen": LONG_AGO, "state": State.RUNNING, "state_since": LONG_AGO}
    return TrackedMachine(**{**known, **fields})


def quiet(window: int = 30, **changes: Any) -> Evidence:
    """Evidence that every signal was low for a whole window."""
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
    """An evaluation of a quiet machine, except for the given parts."""
    policy = fields.pop("policy", IdlePolicy())
    known = {"machine": machine(), "tracked": remembered(), "policy": policy, "now": NOW, "evidence": quiet(policy.window)}
    return Evaluation(**{**known, **fields})


def with_value(evidence: Evidence, side: str, name: str, place: int, value: float | None) -> Evidence:
    """The evidence with another value of a signal in one minute; positions continue from the window into newer minutes."""
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
    """The verdict on a machine, and the decision that follows."""
    verdict = evaluate(one)
    return verdict, decide(one, verdict)


def decision_on(one: Evaluation) -> Decision:
    """The decision about a machine."""
    return decided(one)[1]


def line_of(seen: Evaluation) -> ReportRow:
    """The line of a machine in the report."""
    return ReportRow.of(seen, *decided(seen))


def vm_of(seen: Evaluation) -> VirtualMachine:
    """The VM that an evaluation is about."""
    assert isinstance(seen.machine, VirtualMachine)
    return seen.machine


def planned(seen: Evaluation, age: float = 10.0) -> PlannedAction:
    """What a sweep planned so many seconds ago for a machine."""
    decision = decision_on(seen)
    assert decision.reason is not None
    return PlannedAction(decision.action, decision.reason, "lab:vm", vm_of(seen), "", "", decision.at, NOW - age)
