"""One page of the fleet: seen, measured, judged, remembered. Evidence stays in here; only what is to be done gets out."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dormouse.clock import MINUTE
from dormouse.cloud.clients import Cloud
from dormouse.cloud.metrics import HostEvidence, HostMetrics, Question
from dormouse.cloud.vm_inventory import VmInventory
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import UnreadableRecord
from dormouse.idle.decision import Decision, NextAction, alarm, decide, hibernates
from dormouse.idle.evaluation import EvaluationRules, evaluation_of, with_evidence
from dormouse.idle.evidence import ON_ITS_WAY, Evaluation, Evidence
from dormouse.idle.report import ReportPage, ReportRow, SweepSummary
from dormouse.idle.sweep import Alarm, PageFound, PageRequest, PlannedAction, most_at_once
from dormouse.idle.tracking import ActionReason, TrackedMachine, with_verdict
from dormouse.idle.verdict import Verdict, evaluate
from dormouse.lifecycle import State
from dormouse.records.documents import Documents
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords, StoredMachine, agent_record_in
from dormouse.records.table import Row
from dormouse.resources.machines import ENVIRONMENT_TAG, VirtualMachine, key_of, lock_name_of, parts_of_machine_id

BECAUSE = {ActionReason.SCHEDULE: "Its schedule wants it so.", ActionReason.LEASE: "Its lease has run out."}
FIRST_DONE = (NextAction.STOP, NextAction.START, NextAction.DELETE, NextAction.WARN)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A machine with everything that was found out about it."""

    case: Evaluation
    verdict: Verdict
    decision: Decision
    alarm: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the settings say of all machines, and the records of those of one page, by key or by environment."""

    rules: EvaluationRules
    heard: Mapping[str, Row] = field(default_factory=dict)
    remembered: Documents[StoredMachine] = field(default_factory=lambda: Documents({}))
    environments: Documents[EnvironmentRecord] = field(default_factory=lambda: Documents({}))


async def count_machines(request: str, cloud: Cloud) -> int:
    """How many machines are in scope."""
    return await VmInventory(cloud).count()


async def evaluate_page(request: PageRequest, cloud: Cloud) -> PageFound:
    """Judge the machines of one page and remember what was seen; a dry run remembers nothing."""
    machines = await VmInventory(cloud).page(request.number)
    known = await _known(machines, cloud)
    cases = [_case(machine, known, request.now) for machine in machines]
    cases = [case for case in cases if not known.rules.leaves_to_others(case.machine)]
    running = [Question(case.machine, case.policy.window) for case in cases if case.machine.state is State.RUNNING]
    outside = await HostMetrics(cloud).of(running, request.now)
    found = [_judged(_with_evidence(case, known, outside)) for case in cases]
    return await _found(request, found, known, {told.problem for told in outside.values() if told.problem}, cloud)


async def _found(
    request: PageRequest, found: Sequence[Evaluated], known: Known, problems: set[str], cloud: Cloud
) -> PageFound:
    """Write down what was found, and say what is to be done about it now."""
    records = MachineRecords(cloud.tables)
    lines = tuple(ReportRow.of(one.case, one.verdict, one.decision) for one in found)
    await records.write_report(ReportPage(request.number, request.sweep, request.now, lines))
    if not request.dry_run:
        await records.write_tracked(_changed(found, known.remembered))
    problems |= {one.case.unreadable for one in found if one.case.unreadable}
    planned = sorted((one for one in found if one.decision.action in FIRST_DONE), key=_urgency)
    most = most_at_once(request.pages)
    if len(planned) > most:
        problems.add(f"{len(planned) - most} machines are left for the next sweep")
    alarms = tuple(Alarm(one.case.machine.id, one.case.machine.name, one.alarm) for one in found if one.alarm)
    home = cloud.settings.azure_subscription_id
    return PageFound(SweepSummary.of(lines, sorted(problems)), tuple(_planned(one, home) for one in planned[:most]), alarms)


async def evaluate_missing(request: PageRequest, cloud: Cloud) -> PageFound:
    """Judge the environments of which no page has shown a machine: a lease ends them all the same.

    The pages of this sweep are read from its report, which must be written by then.
    """
    records, fleet = Records(cloud.tables), MachineRecords(cloud.tables)
    read, known_environments = await asyncio.gather(
        asyncio.gather(*(fleet.report_page(number) for number in range(request.number))), _all_environments(records)
    )
    pages = [page.content for page in read]
    seen = {line.environment for page in pages if page is not None and page.sweep == request.sweep for line in page.rows}
    # A page that was not swept may hold the machine of any environment.
    whole = all(page is not None and page.sweep == request.sweep for page in pages)
    missing = [record for record in known_environments if whole and record.name not in seen]
    if not missing:
        return PageFound(SweepSummary())
    home = cloud.settings.azure_subscription_id
    keys = {record.name: key_of(record.machine_id(home)) for record in missing}
    remembered = await _remembered(keys.values(), fleet)
    environments = Documents({record.name: record for record in missing})
    known = Known(rules_of(cloud), remembered=remembered, environments=environments)
    gone = [_absent(record, home) for record in missing if keys[record.name] in remembered.readable]
    found = [_judged(_with_evidence(_case(machine, known, request.now), known, {})) for machine in gone]
    return await _found(request, found, known, set(), cloud)


async def _remembered(keys: Iterable[str], fleet: MachineRecords) -> Documents[StoredMachine]:
    """What is remembered of some machines; a memory that cannot be read is left as it is."""
    found: Documents[StoredMachine] = Documents({})
    for key, memory in zip(
        keys, await asyncio.gather(*map(fleet.tracked_with_etag, keys), return_exceptions=True), strict=True
    ):
        if isinstance(memory, UnreadableRecord):
            found.unreadable[key] = memory
        elif isinstance(memory, BaseException):
            raise memory
        elif memory is not None:
            found.readable[key] = memory
    return found


async def _all_environments(records: Records) -> list[EnvironmentRecord]:
    found: list[EnvironmentRecord] = []
    after = ""
    while True:
        page, after = await records.environments(limit=1000, after=after)
        found += page.readable.values()
        if not after:
            return found


def _absent(record: EnvironmentRecord, home: str) -> VirtualMachine:
    """The machine of an environment, which is not there."""
    identifier = record.machine_id(home)
    subscription, group, name = parts_of_machine_id(identifier)
    tags = {ENVIRONMENT_TAG: record.name}
    return VirtualMachine(identifier, name, subscription, group, record.region, "", State.ABSENT, tags=tags)


def rules_of(cloud: Cloud) -> EvaluationRules:
    """What the settings say of all machines."""
    settings = cloud.settings
    return EvaluationRules(
        settings.policy,
        settings.scopes,
        settings.days_off,
        settings.longest_hold_minutes,
        settings.azure_subscription_id,
        settings.deployment_id,
    )


async def _known(machines: Sequence[VirtualMachine], cloud: Cloud) -> Known:
    fleet, records, known = MachineRecords(cloud.tables), Records(cloud.tables), Known(rules_of(cloud))
    if not machines:
        return known
    keys = sorted(machine.key for machine in machines)
    names = sorted({machine.claimed for machine in machines if machine.claimed})
    heard, remembered, environments = await asyncio.gather(
        fleet.heard_between(keys[0], keys[-1]),
        fleet.tracked_between(keys[0], keys[-1]),
        records.environments_between(names[0], names[-1]) if names else asyncio.sleep(0, known.environments),
    )
    return replace(known, heard=heard, remembered=remembered, environments=environments)


def _case(machine: VirtualMachine, known: Known, now: float) -> Evaluation:
    remembered = known.remembered.readable.get(machine.key)
    memory = remembered.tracked if remembered else None
    record = known.environments.readable.get(machine.claimed)
    broken = known.remembered.unreadable.get(machine.key) or known.environments.unreadable.get(machine.claimed)
    return evaluation_of(machine, record, memory, known.rules, now, unreadable=str(broken or ""))


def _with_evidence(case: Evaluation, known: Known, outside: Mapping[str, HostEvidence]) -> Evaluation:
    row, told = known.heard.get(case.machine.key), outside.get(case.machine.id.lower(), HostEvidence())
    try:
        record = agent_record_in(row, int(case.now // MINUTE) - ON_ITS_WAY - case.policy.window) if row else None
    except UnreadableRecord as error:
        case, record = replace(case, unreadable=case.unreadable or str(error)), None
    return with_evidence(case, Evidence(told.tracks, told.end, told.problem), record, known.rules)


def _judged(case: Evaluation) -> Evaluated:
    verdict = evaluate(case)
    case = replace(case, tracked=with_verdict(case.tracked, verdict.kind, case.now))
    decision = decide(case, verdict)
    told = alarm(case, verdict, decision)
    memory = replace(case.tracked, alarmed_at=case.now) if told else case.tracked
    if decision.action is NextAction.WITHDRAW:
        memory = replace(memory, warning=None)
    return Evaluated(replace(case, tracked=memory), verdict, decision, told)


def _changed(found: Sequence[Evaluated], remembered: Documents[StoredMachine]) -> dict[str, tuple[TrackedMachine, str]]:
    changed: dict[str, tuple[TrackedMachine, str]] = {}
    for one in found:
        key, memory = one.case.machine.key, one.case.tracked
        if key in remembered.unreadable:
            continue  # its row stays as it is, for the release that can read it
        before = remembered.readable.get(key)
        if before is None or before.tracked != memory:
            changed[key] = (memory, before.etag if before else "")
    return changed


def _urgency(one: Evaluated) -> tuple[int, float]:
    return FIRST_DONE.index(one.decision.action), one.decision.at


def _planned(one: Evaluated, home: str) -> PlannedAction:
    case, machine, decision = one.case, one.case.machine, one.decision
    assert decision.reason is not None
    return PlannedAction(
        action=decision.action,
        reason=decision.reason,
        lock=lock_name_of(machine.id, machine.environment, home),
        machine=replace(machine, tags={}),  # they may be long, and are read anew before anything is done
        verdict_reason=BECAUSE.get(decision.reason, one.verdict.reason),
        then=decision.then,
        at=decision.at,
        judged_at=case.now,
        window=case.policy.window,
        hibernate=hibernates(case),
    )
