"""One page of the fleet: seen, measured, judged, remembered. Evidence stays in here; only what is to be done gets out."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cloud.connection import Cloud
from cloud.fleet import Fleet
from cloud.metrics import FromOutside, HostMetrics, Question
from environments.decisions import Decision, Step, alarm, decide
from environments.evidence import MINUTE, ON_ITS_WAY, Case, Evidence, Track
from environments.fleet import IDLE, SCHEDULE, FleetMachine, subject_of
from environments.heartbeats import AgentRecord
from environments.idle import IdleVerdict, judge
from environments.leases import longest_hold
from environments.lifecycle import State
from environments.memory import MachineMemory, Reason, judged, observed
from environments.operations import EnvironmentRecord
from environments.policy import Action, IdlePolicy, read_policy
from environments.reports import Line, ReportPage, Tally
from environments.schedule import Schedule, read_schedule
from environments.sweeps import Alarm, PageFound, PageRequest, Planned
from records.fleet import FleetRecords, Remembered, heard_in
from records.store import Records
from records.table import Row

# What one page begins in one sweep; the rest is done by the next ones.
MOST_AT_ONCE = 200
BECAUSE = {Reason.SCHEDULE: "Its schedule wants it so.", Reason.LEASE: "Its lease has run out."}
FIRST_DONE = (Step.STOP, Step.START, Step.DELETE, Step.WARN)


@dataclass(frozen=True, slots=True)
class Judged:
    """A machine with everything that was found out about it."""

    case: Case
    verdict: IdleVerdict
    decision: Decision
    alarm: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the records know of the machines of one page, by key or by environment."""

    heard: Mapping[str, Row]
    remembered: Mapping[str, Remembered]
    environments: Mapping[str, EnvironmentRecord]


async def count_machines(request: str, cloud: Cloud) -> int:
    """How many machines are in scope."""
    return await Fleet(cloud).count()


async def judge_page(request: PageRequest, cloud: Cloud) -> PageFound:
    """Judge the machines of one page and remember what was seen; a dry run remembers nothing."""
    machines = await Fleet(cloud).page(request.number)
    records = FleetRecords(cloud.tables)
    known = await _known(machines, records, Records(cloud.tables))
    cases = [_case(machine, known, cloud, request.now) for machine in machines]
    running = [Question(case.machine, case.policy.window) for case in cases if case.machine.state is State.RUNNING]
    outside = await HostMetrics(cloud).of(running, request.now)
    longest = cloud.settings.longest_hold_minutes
    found = [_judged(_with_evidence(case, known, outside, longest)) for case in cases]
    lines = tuple(Line.of(one.case, one.verdict, one.decision) for one in found)
    await records.write_report(ReportPage(request.number, request.sweep, request.now, lines))
    if not request.dry_run:
        await records.write_memories(_changed(found, known.remembered))
    planned = sorted((one for one in found if one.decision.step in FIRST_DONE), key=_urgency)
    problems = {told.problem for told in outside.values() if told.problem}
    if len(planned) > MOST_AT_ONCE:
        problems.add(f"{len(planned) - MOST_AT_ONCE} machines are left for the next sweep")
    alarms = tuple(Alarm(one.case.machine.id, one.case.machine.name, one.alarm) for one in found if one.alarm)
    home = cloud.settings.azure_subscription_id
    return PageFound(Tally.of(lines, sorted(problems)), tuple(_planned(one, home) for one in planned[:MOST_AT_ONCE]), alarms)


async def _known(machines: Sequence[FleetMachine], fleet: FleetRecords, records: Records) -> Known:
    if not machines:
        return Known({}, {}, {})
    keys = sorted(machine.key for machine in machines)
    names = sorted({machine.claimed for machine in machines if machine.claimed})
    heard, remembered, environments = await asyncio.gather(
        fleet.heard_between(keys[0], keys[-1]),
        fleet.memories_between(keys[0], keys[-1]),
        records.environments_between(names[0], names[-1]) if names else _none(),
    )
    return Known(heard, remembered, environments)


async def _none() -> dict[str, EnvironmentRecord]:
    return {}


def _case(machine: FleetMachine, known: Known, cloud: Cloud, now: float) -> Case:
    """A machine with what is remembered of it and what people want of it; the evidence is still to come."""
    record = known.environments.get(machine.claimed)
    if record and (record.group.lower(), record.machine.lower()) == (machine.group.lower(), machine.name.lower()):
        machine = replace(machine, environment=record.name)
    else:
        record = None
    spec: dict[str, Any] = json.loads(record.spec) if record else {}  # as it was asked, whatever newer rules would say
    faults: list[str] = []
    policy = _policy(machine, spec.get("idle"), cloud, faults)
    written = machine.tags.get(SCHEDULE, str(spec.get("schedule", ""))).strip()
    schedule: Schedule | None = None
    if written:
        try:
            schedule = read_schedule(written, cloud.settings.days_off)
        except ValueError as error:
            faults.append(str(error))
    remembered = known.remembered.get(machine.key)
    memory = observed(remembered.memory if remembered else None, machine, written, now)
    return Case(machine, memory, policy, now, schedule, fault="; ".join(faults))


def _policy(machine: FleetMachine, wished: dict[str, Any] | None, cloud: Cloud, faults: list[str]) -> IdlePolicy:
    """The machine's tag before its environment's spec before the settings; nobody is watched whom nobody named."""
    base = cloud.settings.policy
    try:
        base = IdlePolicy.model_validate(wished) if wished else base
        if IDLE in machine.tags:
            return read_policy(machine.tags[IDLE], base)
    except ValueError as error:
        faults.append(str(error))
    inside = any(f"{machine.id.lower()}/".startswith(f"{scope}/") for scope in cloud.settings.scopes)
    named = machine.environment or inside or IDLE in machine.tags
    return base if named else base.model_copy(update={"enabled": False})


def _with_evidence(case: Case, known: Known, outside: Mapping[str, FromOutside], longest: int) -> Case:
    row, told = known.heard.get(case.machine.key), outside.get(case.machine.id.lower(), FromOutside())
    evidence = Evidence(told.tracks, told.end, told.problem)
    if row is None:
        return replace(case, evidence=evidence, hold=case.memory.hold)
    record = heard_in(row, int(case.now // MINUTE) - ON_ITS_WAY - case.policy.window)
    if record.heard_at < case.machine.created:  # it spoke of another machine of that name
        return replace(case, evidence=evidence, hold=case.memory.hold)
    hold = longest_hold(case.memory.hold, record.holds, case.machine.name, case.now, longest)
    evidence, memory = with_agent(evidence, record, case.policy.window, case.now), with_agents_word(case.memory, record)
    return replace(case, memory=memory, evidence=evidence, hold=hold)


def with_agent(evidence: Evidence, record: AgentRecord, window: int, now: float) -> Evidence:
    """The evidence together with what the agent has told of a window of minutes that ends now."""
    end, last = int(now // MINUTE) - ON_ITS_WAY, int(now // MINUTE) + 1
    series = record.series(end - window, last)
    tracks = {name: Track(values[:window], values[window:]) for name, values in series.items()}
    return replace(
        evidence,
        inside=tracks,
        heard_at=record.heard_at,
        booted_at=record.booted_at,
        gpu=record.gpu,
        gpu_problem=record.gpu_problem,
    )


def with_agents_word(memory: MachineMemory, record: AgentRecord) -> MachineMemory:
    """The memory with what the agent says of it: that the warning was shown."""
    warned = memory.warned
    if warned is None or warned.delivered_at or warned.id not in record.shown:
        return memory
    return replace(memory, warned=replace(warned, delivered_at=record.shown[warned.id], undelivered=""))


def _judged(case: Case) -> Judged:
    verdict = judge(case)
    case = replace(case, memory=judged(case.memory, verdict.kind, case.now))
    decision = decide(case, verdict)
    told = alarm(case, verdict, decision)
    memory = replace(case.memory, alarmed_at=case.now) if told else case.memory
    if decision.step is Step.WITHDRAW:
        memory = replace(memory, warned=None)
    return Judged(replace(case, memory=memory), verdict, decision, told)


def _changed(found: Sequence[Judged], remembered: Mapping[str, Remembered]) -> dict[str, tuple[MachineMemory, str]]:
    changed: dict[str, tuple[MachineMemory, str]] = {}
    for one in found:
        key, memory = one.case.machine.key, one.case.memory
        before = remembered.get(key)
        if before is None or before.memory != memory:
            changed[key] = (memory, before.etag if before else "")
    return changed


def _urgency(one: Judged) -> tuple[int, float]:
    return FIRST_DONE.index(one.decision.step), one.decision.at


def _planned(one: Judged, home: str) -> Planned:
    case, machine, decision = one.case, one.case.machine, one.decision
    assert decision.reason is not None
    return Planned(
        step=decision.step,
        reason=decision.reason,
        subject=subject_of(machine.id, machine.environment, home),
        environment=machine.environment,
        machine=machine.id,
        key=machine.key,
        name=machine.name,
        group=machine.group,
        subscription=machine.subscription,
        region=machine.region,
        size=machine.size,
        sentence=BECAUSE.get(decision.reason, one.verdict.sentence),
        then=decision.then,
        at=decision.at,
        policy=case.policy,
        judged_at=case.now,
        hibernate=case.policy.action is Action.HIBERNATE and machine.can_hibernate,
        numbers=one.verdict.numbers,
    )
