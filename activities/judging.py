"""One page of the fleet: seen, measured, judged, remembered. Evidence stays in here; only what is to be done gets out."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from cloud.connection import Cloud
from cloud.fleet import Fleet
from cloud.metrics import FromOutside, HostMetrics, Question
from environments.decisions import Decision, Step, alarm, decide
from environments.evidence import ON_ITS_WAY, Case, Evidence, with_agent
from environments.fleet import IDLE, SCHEDULE, FleetMachine, subject_of
from environments.idle import IdleVerdict, judge
from environments.leases import longest_hold
from environments.lifecycle import State
from environments.memory import MachineMemory, Reason, judged, observed, with_agents_word
from environments.moments import MINUTE
from environments.operations import EnvironmentRecord
from environments.policy import IdlePolicy, read_policy
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
    """What the settings say of all machines, and the records of those of one page, by key or by environment."""

    policy: IdlePolicy
    scopes: Sequence[str]
    days_off: frozenset[date]
    longest_hold: int
    heard: Mapping[str, Row] = field(default_factory=dict)
    remembered: Mapping[str, Remembered] = field(default_factory=dict)
    environments: Mapping[str, EnvironmentRecord] = field(default_factory=dict)


async def count_machines(request: str, cloud: Cloud) -> int:
    """How many machines are in scope."""
    return await Fleet(cloud).count()


async def judge_page(request: PageRequest, cloud: Cloud) -> PageFound:
    """Judge the machines of one page and remember what was seen; a dry run remembers nothing."""
    machines = await Fleet(cloud).page(request.number)
    records = FleetRecords(cloud.tables)
    known = await _known(machines, cloud)
    cases = [_case(machine, known, request.now) for machine in machines]
    running = [Question(case.machine, case.policy.window) for case in cases if case.machine.state is State.RUNNING]
    outside = await HostMetrics(cloud).of(running, request.now)
    found = [_judged(_with_evidence(case, known, outside)) for case in cases]
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


async def _known(machines: Sequence[FleetMachine], cloud: Cloud) -> Known:
    fleet, records, settings = FleetRecords(cloud.tables), Records(cloud.tables), cloud.settings
    known = Known(settings.policy, settings.scopes, settings.days_off, settings.longest_hold_minutes)
    if not machines:
        return known
    keys = sorted(machine.key for machine in machines)
    names = sorted({machine.claimed for machine in machines if machine.claimed})
    heard, remembered, environments = await asyncio.gather(
        fleet.heard_between(keys[0], keys[-1]),
        fleet.memories_between(keys[0], keys[-1]),
        records.environments_between(names[0], names[-1]) if names else asyncio.sleep(0, {}),
    )
    return replace(known, heard=heard, remembered=remembered, environments=environments)


def _case(machine: FleetMachine, known: Known, now: float) -> Case:
    """A machine with what is remembered of it and what people want of it; the evidence is still to come."""
    record = known.environments.get(machine.claimed)
    if record and (record.group.lower(), record.machine.lower()) == (machine.group.lower(), machine.name.lower()):
        machine = replace(machine, environment=record.name)
    else:
        record = None
    spec: dict[str, Any] = json.loads(record.spec) if record else {}  # as it was asked, whatever newer rules would say
    faults: list[str] = []
    policy = _policy(machine, spec.get("idle"), known, faults)
    written = machine.tags.get(SCHEDULE, str(spec.get("schedule", ""))).strip()
    schedule: Schedule | None = None
    if written:
        try:
            schedule = read_schedule(written, known.days_off)
        except ValueError as error:
            faults.append(str(error))
    remembered = known.remembered.get(machine.key)
    memory = observed(remembered.memory if remembered else None, machine, written, now)
    return Case(machine, memory, policy, now, schedule, fault="; ".join(faults))


def _policy(machine: FleetMachine, wished: dict[str, Any] | None, known: Known, faults: list[str]) -> IdlePolicy:
    """The machine's tag before its environment's spec before the settings; nobody is watched whom nobody named."""
    base = known.policy
    try:
        base = IdlePolicy.model_validate(wished) if wished else base
        if IDLE in machine.tags:
            return read_policy(machine.tags[IDLE], base)
    except ValueError as error:
        faults.append(str(error))
    inside = any(f"{machine.id.lower()}/".startswith(f"{scope}/") for scope in known.scopes)
    named = machine.environment or inside or IDLE in machine.tags
    return base if named else base.model_copy(update={"enabled": False})


def _with_evidence(case: Case, known: Known, outside: Mapping[str, FromOutside]) -> Case:
    row, told = known.heard.get(case.machine.key), outside.get(case.machine.id.lower(), FromOutside())
    evidence = Evidence(told.tracks, told.end, told.problem)
    record = heard_in(row, int(case.now // MINUTE) - ON_ITS_WAY - case.policy.window) if row else None
    if record is None or record.heard_at < case.machine.created:  # then it spoke of another machine of that name
        return replace(case, evidence=evidence, hold=case.memory.hold)
    hold = longest_hold(case.memory.hold, record.holds, case.machine.name, case.now, known.longest_hold)
    evidence, memory = with_agent(evidence, record, case.policy.window, case.now), with_agents_word(case.memory, record)
    return replace(case, memory=memory, evidence=evidence, hold=hold)


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
        machine=replace(machine, tags={}),  # they may be long, and are read anew before anything is done
        sentence=BECAUSE.get(decision.reason, one.verdict.sentence),
        then=decision.then,
        at=decision.at,
        policy=case.policy,
        judged_at=case.now,
    )
