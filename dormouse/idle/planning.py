"""The actions of a sweep: which of the evaluated machines are acted on, and in which order. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.clusters.ml_cluster import ComputeCluster
from dormouse.idle.clusters.node_pool import NodePool
from dormouse.idle.decision import Decision, NextAction
from dormouse.idle.evidence import Evaluation
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.targets import lock_of
from dormouse.idle.tracking import ActionReason
from dormouse.idle.verdict import Verdict
from dormouse.resources.compute.machines import VirtualMachine
from dormouse.resources.graph import dependents
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of

REASON_TEXTS = {
    ActionReason.SCHEDULE: "Its schedule requires it.",
    ActionReason.LEASE: "Its lease has expired.",
    ActionReason.FORGET_AFTER: "It has slept for the forget_after of its spec, and no one started it.",
    ActionReason.STOP_AFTER: "Its GPU pool has slept for the stop_after of its spec, and nothing happened.",
    ActionReason.BUDGET: "Its budget for this month is used up.",
    ActionReason.EVICTION: "Azure evicted it, and its spec has on_eviction=restart.",
}
ACTIONS_BY_URGENCY = (
    NextAction.STOP,
    NextAction.START,
    NextAction.STOP_ENVIRONMENT,
    NextAction.DELETE,
    NextAction.WARN,
)

Records = Mapping[str, EnvironmentRecord]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A machine with its verdict, its decision and the text of its alarm ("": none)."""

    case: Evaluation
    verdict: Verdict
    decision: Decision
    alarm: str


def plan_actions(found: Sequence[Evaluated], records: Records, home: str) -> list[PlannedAction]:
    """The actions for these machines, the most urgent first; `home` is the subscription of the environments.

    In an environment, dependents stop before what they need and start after it, and it is deleted once.
    """
    acted_on = [one for one in found if one.decision.action in ACTIONS_BY_URGENCY]
    planned: list[PlannedAction] = []
    deleted = set[str]()
    for one in sorted(acted_on, key=lambda one: _urgency(one, records)):
        environment = one.case.machine.environment
        if one.decision.action is not NextAction.DELETE or environment not in deleted:
            planned.append(_planned(one, records, home))
        if one.decision.action is NextAction.DELETE:
            deleted.add(environment)
    return planned


def _urgency(one: Evaluated, records: Records) -> tuple[int, float, int]:
    action = one.decision.action
    identifiers = [resource.id.lower() for resource in _resources(one, records)]
    own = one.case.machine.id.lower()
    place = identifiers.index(own) if own in identifiers else 0
    return ACTIONS_BY_URGENCY.index(action), one.decision.at, -place if action is NextAction.STOP else place


def _planned(one: Evaluated, records: Records, home: str) -> PlannedAction:
    case, machine, decision = one.case, one.case.machine, one.decision
    assert decision.reason is not None
    job = case.job if decision.reason is ActionReason.JOBS else None
    assert isinstance(machine, VirtualMachine | ComputeCluster | NodePool)
    return PlannedAction(
        action=decision.action,
        reason=decision.reason,
        lock=lock_of(machine, home),
        machine=replace(machine, tags={}),  # may be long, and the recheck reads them again
        verdict_reason=job.text if job else REASON_TEXTS.get(decision.reason, one.verdict.reason),
        then=decision.then,
        at=decision.at,
        judged_at=case.now,
        window=case.policy.window,
        hibernate=case.hibernates,
        suspended=_suspended(one, records),
        job=job,
        resizes=case.resizes_at_start and decision.action is NextAction.START,
        snapshots=case.sleep.snapshots if case.sleep and decision.reason is ActionReason.FORGET_AFTER else None,
    )


def _suspended(one: Evaluated, records: Records) -> tuple[Resource, ...]:
    """The resources inside a machine that are suspended before it stops."""
    resources, own = _resources(one, records), one.case.machine.id.lower()
    name = next((resource.name for resource in resources if resource.id.lower() == own), "")
    return tuple(inner for inner in dependents(resources, name) if kind_of(inner).suspends) if name else ()


def _resources(one: Evaluated, records: Records) -> tuple[Resource, ...]:
    record = records.get(one.case.machine.environment)
    return record.resources if record else ()
