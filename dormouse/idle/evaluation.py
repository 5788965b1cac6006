"""Building evaluations: the sweep and the recheck assemble the data about a machine in the same way."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.budgets.overspent import OverspentBudgets
from dormouse.idle.evidence import Evaluation, Evidence
from dormouse.idle.heartbeats.agent_evidence import with_agent
from dormouse.idle.heartbeats.agent_record import AgentRecord
from dormouse.idle.holds import longest_hold
from dormouse.idle.outside.answers import ServiceAnswer, unanswered
from dormouse.idle.outside.reports import current_reports
from dormouse.idle.outside.services import ActivityService, service_for
from dormouse.idle.policy import IdlePolicy, read_policy, stored_policy
from dormouse.idle.power.billing import billed_as, with_billing
from dormouse.idle.power.observation import with_observation
from dormouse.idle.responsibility import Neighbours, Unassigned, text_of_unrecorded
from dormouse.idle.schedules.schedule import Schedule, read_schedule
from dormouse.idle.stages.leading import stages_of
from dormouse.idle.tags import tag_faults
from dormouse.idle.targets import SleepTarget, Target, target_ids
from dormouse.idle.tracking import TrackedMachine
from dormouse.idle.warning import with_delivered_warning
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import DEPLOYMENT_TAG, IDLE_TAG, SCHEDULE_TAG, machine_ids
from dormouse.resources.graph import dependents
from dormouse.resources.kubernetes.objects import KUBERNETES_OBJECT, cluster_id
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource


@dataclass(frozen=True, slots=True)
class EvaluationRules:
    """The settings that apply to all machines: policy, watched scopes, holidays, the longest hold in minutes.

    `home` is the subscription in which environments are created, `deployment` the ID of this deployment ("": any).
    `unassigned` says whether it watches machines whose tags name no deployment, and `neighbours` which others there are.
    `activity` are the services that are asked whether machines are in use, and `overspent` the budgets that are used up.
    """

    policy: IdlePolicy = field(default_factory=IdlePolicy)
    scopes: Sequence[str] = ()
    days_off: frozenset[date] = frozenset()
    longest_hold: int = 0
    home: str = ""
    deployment: str = ""
    unassigned: Unassigned = Unassigned.ALONE
    neighbours: Neighbours = field(default_factory=Neighbours)
    activity: Sequence[ActivityService] = ()
    overspent: OverspentBudgets = field(default_factory=OverspentBudgets)

    def leaves_to_others(self, machine: SleepTarget) -> bool:
        """Whether a machine belongs to none of our environments, and another deployment is responsible for it."""
        deployment = machine.tags.get(DEPLOYMENT_TAG, "")
        if not deployment:
            return not machine.environment and self.unassigned is Unassigned.NEVER
        return not machine.environment and deployment != (self.deployment or deployment)

    def opts_in(self, machine: SleepTarget) -> bool:
        """Whether a machine is in a watched scope or has a tag that asks for idle shutdown."""
        in_scope = any(f"{machine.id.lower()}/".startswith(f"{scope}/") for scope in self.scopes)
        return in_scope or IDLE_TAG in machine.tags

    def doubts(self, machine: Target, record: EnvironmentRecord | None) -> Iterator[str]:
        """Why the holds of a machine may be in the records of another control plane; `record` is what its tag names."""
        if self.neighbours.twins:
            yield self.neighbours.twins
        if machine.environment or self.leaves_to_others(machine):
            return
        deployment = machine.tags.get(DEPLOYMENT_TAG, "")
        shared = self.neighbours.shared.get(machine.subscription.lower(), "")
        if not deployment and self.unassigned is Unassigned.ALONE and shared and self.opts_in(machine):
            yield shared
        ours = deployment and deployment == self.deployment
        if ours and machine.claimed and record is None and IDLE_TAG not in machine.tags:
            yield text_of_unrecorded(machine.claimed)


def evaluation_of(
    machine: Target,
    record: EnvironmentRecord | None,
    tracked: TrackedMachine | None,
    rules: EvaluationRules,
    now: float,
    *,
    unreadable: str = "",
    states: Mapping[str, State] | None = None,
) -> Evaluation:
    """The evaluation of a machine without evidence: its policy, schedule, faults and tracked state.

    `record` is the environment that its tag names; it counts only if this is the machine of that environment.
    `unreadable` says which of its stored records could not be read. `states` has the states of the machines of the
    environment by ID in lower case, as far as they are known.
    """
    named = record
    if record is not None and _is_machine_of(record, machine):
        machine = replace(machine, environment=record.name)
    else:
        record = None
    faults, doubts = list(tag_faults(machine.tags)), "; ".join(rules.doubts(machine, named))
    spec = _spec(record, faults)
    policy = _policy(machine, spec.get("idle"), rules, faults)
    served = _clusters_served(machine, record) if record else ()
    # What a cluster needs follows it: the hours of the spec are those of its nodes.
    hours = "" if served else str(spec.get("schedule", ""))
    written = machine.tags.get(SCHEDULE_TAG, hours).strip()
    schedule: Schedule | None = None
    if written:
        try:
            schedule = read_schedule(written, rules.days_off)
        except ValueError as error:
            faults.append(str(error))
    tracked, fault = with_observation(tracked, machine, written, now), "; ".join(faults)
    tracked = with_billing(tracked, billed_as(machine, record), now)
    if tracked.reports:
        tracked = replace(tracked, reports=current_reports(tracked.reports, now))
    needed_by = (*served, *_needed_by(machine, record, states or {})) if record else ()
    return Evaluation(
        machine,
        tracked,
        policy,
        now,
        schedule,
        fault=fault,
        unreadable=unreadable or doubts,
        needed_by=needed_by,
        restarts_evicted=spec.get("on_eviction") == "restart",
        resizes_at_start=_resizes_at_start(spec),
        wakes_for_jobs=spec.get("wake_for_jobs") is True,
        keep_minutes=_keep_minutes(spec),
        stages=stages_of(spec, machine, record),
        owner=record.owner if record else "",
        blueprint=record.blueprint if record else "",
        activity=_not_asked(machine, rules),
        overspent=rules.overspent.valid(now).of(record, spec),
    )


def machines_needing(machine: SleepTarget, resources: Sequence[Resource]) -> list[Resource]:
    """The machines among these resources that need a machine, directly or not."""
    own = next((one for one in resources if one.id.lower() == machine.id.lower()), None)
    found = dependents(resources, own.name) if own else []
    return [resource for resource in found if machine_ids([resource])]


def _clusters_served(machine: SleepTarget, record: EnvironmentRecord) -> tuple[str, ...]:
    """The managed clusters whose objects need a machine, such as its queue: while they are there, it is in use."""
    own = next((one for one in record.resources if one.id.lower() == machine.id.lower()), None)
    found = dependents(record.resources, own.name) if own and machine_ids([own]) else []
    objects = [one for one in found if one.kind == KUBERNETES_OBJECT.name]
    return tuple(dict.fromkeys(name_of(cluster_id(one)) for one in objects))


def _needed_by(machine: SleepTarget, record: EnvironmentRecord, states: Mapping[str, State]) -> tuple[str, ...]:
    """The machines that need this one, with their states; a machine whose state is not known may be running."""
    others = [(one, states.get(one.id.lower(), State.UNKNOWN)) for one in machines_needing(machine, record.resources)]
    return tuple(f"{name_of(one.id)} ({state})" for one, state in others if state not in (State.STOPPED, State.ABSENT))


def with_evidence(case: Evaluation, outside: Evidence, record: AgentRecord | None, rules: EvaluationRules) -> Evaluation:
    """The evaluation with the data of Azure Monitor and of the agent, and with the holds set on the machine."""
    if record is None or record.heard_at < case.machine.created:  # the report is about an earlier machine with this name
        return replace(case, evidence=outside, hold=case.tracked.hold)
    hold = longest_hold(case.tracked.hold, record.holds, case.machine.name, case.now, rules.longest_hold)
    evidence, tracked = (
        with_agent(outside, record, case.policy.window, case.now),
        with_delivered_warning(case.tracked, record),
    )
    return replace(case, tracked=tracked, evidence=evidence, hold=hold)


def with_host(case: Evaluation, outside: Evidence) -> Evaluation:
    """The evaluation with the data of Azure Monitor beside what it has of the agent."""
    host, end, problem = outside.host, outside.host_end, outside.host_problem
    return replace(case, evidence=replace(case.evidence, host=host, host_end=end, host_problem=problem))


def with_answer(case: Evaluation, answers: Mapping[str, ServiceAnswer]) -> Evaluation:
    """The evaluation with what an activity service says of the machine, if one was asked about it; by ID in lower case."""
    said = answers.get(case.machine.id.lower())
    return replace(case, activity=said) if said else case


def _not_asked(machine: SleepTarget, rules: EvaluationRules) -> ServiceAnswer:
    """The answer about a machine before its activity service is asked: nothing is known of its use."""
    service = service_for(rules.activity, machine.id) if machine.state is State.RUNNING else None
    return unanswered([machine.id], service.name, "was not asked")[machine.id.lower()] if service else ServiceAnswer()


def _is_machine_of(record: EnvironmentRecord, machine: SleepTarget) -> bool:
    return machine.id.lower() in {identifier.lower() for identifier in target_ids(record.resources)}


def _spec(record: EnvironmentRecord | None, faults: list[str]) -> dict[str, Any]:
    """The stored spec of an environment, without validation by newer rules."""
    try:
        spec = json.loads(record.spec) if record else {}
    except ValueError as error:
        faults.append(f"the spec of its environment is not JSON ({error})")
        return {}
    return spec if isinstance(spec, dict) else {}


def _resizes_at_start(spec: Mapping[str, Any]) -> bool:
    """Whether a machine may be started with another size, by the spec of its environment."""
    fallback = spec.get("fallback")
    return isinstance(fallback, Mapping) and fallback.get("resize_at_start") is True


def _keep_minutes(spec: Mapping[str, Any]) -> int:
    """How many minutes a machine stays after the last job of its CI agent, by the spec of its environment."""
    minutes = spec.get("keep_minutes")
    return minutes if isinstance(minutes, int) else 0


def _policy(machine: SleepTarget, asked: dict[str, Any] | None, rules: EvaluationRules, faults: list[str]) -> IdlePolicy:
    """The policy: from the tag, else the spec, else the settings; disabled for machines that are not opted in."""
    base = rules.policy
    if rules.leaves_to_others(machine):
        return base.model_copy(update={"enabled": False})
    try:
        base = stored_policy(asked) if asked else base
        if IDLE_TAG in machine.tags:
            return read_policy(machine.tags[IDLE_TAG], base)
    except ValueError as error:
        faults.append(str(error))
    return base if machine.environment or rules.opts_in(machine) else base.model_copy(update={"enabled": False})
