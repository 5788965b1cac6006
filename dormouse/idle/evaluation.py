"""Cases: a machine with everything that a decision about it rests on, put together alike by the sweep and by the recheck."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.evidence import Evaluation, Evidence, with_agent
from dormouse.idle.heartbeat import AgentRecord
from dormouse.idle.holds import longest_hold
from dormouse.idle.policy import IdlePolicy, read_policy, stored_policy
from dormouse.idle.schedule import Schedule, read_schedule
from dormouse.idle.tags import tag_faults
from dormouse.idle.tracking import TrackedMachine, with_delivered_warning, with_observation
from dormouse.resources.machines import IDLE_TAG, SCHEDULE_TAG, VirtualMachine


@dataclass(frozen=True, slots=True)
class EvaluationRules:
    """What the settings say of all machines: policy, watched scopes, days off, the longest hold in minutes.

    `home` is the subscription in which environments are built, `deployment` the deployment whose rules these are ("": any).
    """

    policy: IdlePolicy = field(default_factory=IdlePolicy)
    scopes: Sequence[str] = ()
    days_off: frozenset[date] = frozenset()
    longest_hold: int = 0
    home: str = ""
    deployment: str = ""

    def leaves_to_others(self, machine: VirtualMachine) -> bool:
        """Whether a machine is none of our environments, and its tag names another deployment, which watches it."""
        return not machine.environment and machine.deployment not in ("", self.deployment or machine.deployment)


def evaluation_of(
    machine: VirtualMachine,
    record: EnvironmentRecord | None,
    memory: TrackedMachine | None,
    rules: EvaluationRules,
    now: float,
    *,
    unreadable: str = "",
) -> Evaluation:
    """A machine with what people want of it and what is remembered of it; the evidence is still to come.

    `record` is the environment that its tag names, which counts only if this is really the machine of that environment.
    `unreadable` says which of its stored records could not be read.
    """
    if record is not None and _is_machine_of(record, machine, rules.home):
        machine = replace(machine, environment=record.name)
    else:
        record = None
    faults = list(tag_faults(machine.tags))
    spec = _spec(record, faults)
    policy = _policy(machine, spec.get("idle"), rules, faults)
    written = machine.tags.get(SCHEDULE_TAG, str(spec.get("schedule", ""))).strip()
    schedule: Schedule | None = None
    if written:
        try:
            schedule = read_schedule(written, rules.days_off)
        except ValueError as error:
            faults.append(str(error))
    memory, fault = with_observation(memory, machine, written, now), "; ".join(faults)
    return Evaluation(machine, memory, policy, now, schedule, fault=fault, unreadable=unreadable)


def with_evidence(case: Evaluation, outside: Evidence, record: AgentRecord | None, rules: EvaluationRules) -> Evaluation:
    """The case with what Azure Monitor and the agent have measured, and with the holds that were made on the machine."""
    if record is None or record.heard_at < case.machine.created:  # then it spoke of another machine of that name
        return replace(case, evidence=outside, hold=case.tracked.hold)
    hold = longest_hold(case.tracked.hold, record.holds, case.machine.name, case.now, rules.longest_hold)
    evidence, memory = (
        with_agent(outside, record, case.policy.window, case.now),
        with_delivered_warning(case.tracked, record),
    )
    return replace(case, tracked=memory, evidence=evidence, hold=hold)


def _is_machine_of(record: EnvironmentRecord, machine: VirtualMachine, home: str) -> bool:
    if home and machine.subscription.lower() != home.lower():
        return False
    return (record.group.lower(), record.machine.lower()) == (machine.group.lower(), machine.name.lower())


def _spec(record: EnvironmentRecord | None, faults: list[str]) -> dict[str, Any]:
    """The spec of an environment as it was asked, whatever newer rules would say."""
    try:
        spec = json.loads(record.spec) if record else {}
    except ValueError as error:
        faults.append(f"the spec of its environment is not JSON ({error})")
        return {}
    return spec if isinstance(spec, dict) else {}


def _policy(machine: VirtualMachine, asked: dict[str, Any] | None, rules: EvaluationRules, faults: list[str]) -> IdlePolicy:
    """The tag of the machine before the spec of its environment before the settings; only what is named is watched."""
    base = rules.policy
    if rules.leaves_to_others(machine):
        return base.model_copy(update={"enabled": False})
    try:
        base = stored_policy(asked) if asked else base
        if IDLE_TAG in machine.tags:
            return read_policy(machine.tags[IDLE_TAG], base)
    except ValueError as error:
        faults.append(str(error))
    inside = any(f"{machine.id.lower()}/".startswith(f"{scope}/") for scope in rules.scopes)
    named = machine.environment or inside or IDLE_TAG in machine.tags
    return base if named else base.model_copy(update={"enabled": False})
