"""Evaluation of one page of machines: inventory, metrics, verdict, decision, tracked state.

The evidence stays in the activity; only the summary and the actions to carry out enter durable history.
"""

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
from dormouse.idle.evidence import REPORTING_LAG, Evaluation, Evidence
from dormouse.idle.report import ReportPage, ReportRow, SweepSummary
from dormouse.idle.sweep import Alarm, PageFound, PageRequest, PlannedAction, actions_per_page
from dormouse.idle.tracking import ActionReason, TrackedMachine, with_verdict
from dormouse.idle.verdict import Verdict, evaluate
from dormouse.lifecycle import State
from dormouse.records.documents import Documents
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords, StoredMachine, agent_record_in
from dormouse.records.table import Row
from dormouse.resources.machines import ENVIRONMENT_TAG, VirtualMachine, key_of, lock_name_of, parts_of_machine_id

REASON_TEXTS = {ActionReason.SCHEDULE: "Its schedule requires it.", ActionReason.LEASE: "Its lease has expired."}
ACTIONS_BY_URGENCY = (NextAction.STOP, NextAction.START, NextAction.DELETE, NextAction.WARN)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A machine with its verdict, its decision and the text of its alarm ("": none)."""

    case: Evaluation
    verdict: Verdict
    decision: Decision
    alarm: str


@dataclass(frozen=True, slots=True)
class Known:
    """The settings for all machines, and the records of the machines of one page, by key or by environment."""

    rules: EvaluationRules
    heard: Mapping[str, Row] = field(default_factory=dict)
    remembered: Documents[StoredMachine] = field(default_factory=lambda: Documents({}))
    environments: Documents[EnvironmentRecord] = field(default_factory=lambda: Documents({}))


async def count_machines(request: str, cloud: Cloud) -> int:
    """The number of machines in scope."""
    return await VmInventory(cloud).count()


async def evaluate_page(request: PageRequest, cloud: Cloud) -> PageFound:
    """Evaluate the machines of one page and store their tracked state (not in a dry run)."""
    machines = await VmInventory(cloud).page(request.number)
    known = await _known(machines, cloud)
    cases = [_case(machine, known, request.now) for machine in machines]
    cases = [case for case in cases if not known.rules.leaves_to_others(case.machine)]
    running = [Question(case.machine, case.policy.window) for case in cases if case.machine.state is State.RUNNING]
    outside = await HostMetrics(cloud).of(running, request.now)
    found = [_evaluate(_with_evidence(case, known, outside)) for case in cases]
    return await _store(request, found, known, {host.problem for host in outside.values() if host.problem}, cloud)


async def _store(
    request: PageRequest, found: Sequence[Evaluated], known: Known, problems: set[str], cloud: Cloud
) -> PageFound:
    """Store the results of a page; returns its summary, the actions to carry out now, and the alarms."""
    records = MachineRecords(cloud.tables)
    lines = tuple(ReportRow.of(one.case, one.verdict, one.decision) for one in found)
    await records.write_report(ReportPage(request.number, request.sweep, request.now, lines))
    if not request.dry_run:
        await records.write_tracked(_changed(found, known.remembered))
    problems |= {one.case.unreadable for one in found if one.case.unreadable}
    planned = sorted((one for one in found if one.decision.action in ACTIONS_BY_URGENCY), key=_urgency)
    most = actions_per_page(request.pages)
    if len(planned) > most:
        problems.add(f"{len(planned) - most} machines are postponed to the next sweep")
    alarms = tuple(Alarm(one.case.machine.id, one.case.machine.name, one.alarm) for one in found if one.alarm)
    home = cloud.settings.azure_subscription_id
    return PageFound(SweepSummary.of(lines, sorted(problems)), tuple(_planned(one, home) for one in planned[:most]), alarms)


async def evaluate_missing(request: PageRequest, cloud: Cloud) -> PageFound:
    """Evaluate the environments whose machine is on no page, so that their leases end as well.

    The pages are read from the report of this sweep, which must have been written before.
    """
    records, fleet = Records(cloud.tables), MachineRecords(cloud.tables)
    read, known_environments = await asyncio.gather(
        asyncio.gather(*(fleet.report_page(number) for number in range(request.number))), _all_environments(records)
    )
    pages = [page.content for page in read]
    seen = {line.environment for page in pages if page is not None and page.sweep == request.sweep for line in page.rows}
    # A page that was not swept may contain the machine of any environment.
    complete = all(page is not None and page.sweep == request.sweep for page in pages)
    missing = [record for record in known_environments if complete and record.name not in seen]
    if not missing:
        return PageFound(SweepSummary())
    home = cloud.settings.azure_subscription_id
    keys = {record.name: key_of(record.machine_id(home)) for record in missing}
    remembered = await _remembered(keys.values(), fleet)
    environments = Documents({record.name: record for record in missing})
    known = Known(rules_of(cloud), remembered=remembered, environments=environments)
    gone = [_absent(record, home) for record in missing if keys[record.name] in remembered.readable]
    found = [_evaluate(_with_evidence(_case(machine, known, request.now), known, {})) for machine in gone]
    return await _store(request, found, known, set(), cloud)


async def _remembered(keys: Iterable[str], fleet: MachineRecords) -> Documents[StoredMachine]:
    """The tracked state of some machines; unreadable rows are listed as such."""
    found: Documents[StoredMachine] = Documents({})
    for key, tracked in zip(
        keys, await asyncio.gather(*map(fleet.tracked_with_etag, keys), return_exceptions=True), strict=True
    ):
        if isinstance(tracked, UnreadableRecord):
            found.unreadable[key] = tracked
        elif isinstance(tracked, BaseException):
            raise tracked
        elif tracked is not None:
            found.readable[key] = tracked
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
    """A stand-in for the machine of an environment, which does not exist."""
    identifier = record.machine_id(home)
    subscription, group, name = parts_of_machine_id(identifier)
    tags = {ENVIRONMENT_TAG: record.name}
    return VirtualMachine(identifier, name, subscription, group, record.region, "", State.ABSENT, tags=tags)


def rules_of(cloud: Cloud) -> EvaluationRules:
    """The settings that apply to all machines."""
    settings = cloud.settings
    return EvaluationRules(
        settings.idle_policy,
        settings.idle_scopes,
        settings.holidays,
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
    tracked = remembered.tracked if remembered else None
    record = known.environments.readable.get(machine.claimed)
    broken = known.remembered.unreadable.get(machine.key) or known.environments.unreadable.get(machine.claimed)
    return evaluation_of(machine, record, tracked, known.rules, now, unreadable=str(broken or ""))


def _with_evidence(case: Evaluation, known: Known, outside: Mapping[str, HostEvidence]) -> Evaluation:
    row, host = known.heard.get(case.machine.key), outside.get(case.machine.id.lower(), HostEvidence())
    try:
        record = agent_record_in(row, int(case.now // MINUTE) - REPORTING_LAG - case.policy.window) if row else None
    except UnreadableRecord as error:
        case, record = replace(case, unreadable=case.unreadable or str(error)), None
    return with_evidence(case, Evidence(host.tracks, host.end, host.problem), record, known.rules)


def _evaluate(case: Evaluation) -> Evaluated:
    verdict = evaluate(case)
    case = replace(case, tracked=with_verdict(case.tracked, verdict.kind, case.now))
    decision = decide(case, verdict)
    text = alarm(case, verdict, decision)
    tracked = replace(case.tracked, alarmed_at=case.now) if text else case.tracked
    if decision.action is NextAction.WITHDRAW:
        tracked = replace(tracked, warning=None)
    return Evaluated(replace(case, tracked=tracked), verdict, decision, text)


def _changed(found: Sequence[Evaluated], remembered: Documents[StoredMachine]) -> dict[str, tuple[TrackedMachine, str]]:
    changed: dict[str, tuple[TrackedMachine, str]] = {}
    for one in found:
        key, tracked = one.case.machine.key, one.case.tracked
        if key in remembered.unreadable:
            continue  # its row is kept for the release that can read it
        before = remembered.readable.get(key)
        if before is None or before.tracked != tracked:
            changed[key] = (tracked, before.etag if before else "")
    return changed


def _urgency(one: Evaluated) -> tuple[int, float]:
    return ACTIONS_BY_URGENCY.index(one.decision.action), one.decision.at


def _planned(one: Evaluated, home: str) -> PlannedAction:
    case, machine, decision = one.case, one.case.machine, one.decision
    assert decision.reason is not None
    return PlannedAction(
        action=decision.action,
        reason=decision.reason,
        lock=lock_name_of(machine.id, machine.environment, home),
        machine=replace(machine, tags={}),  # may be long, and the recheck reads them again
        verdict_reason=REASON_TEXTS.get(decision.reason, one.verdict.reason),
        then=decision.then,
        at=decision.at,
        judged_at=case.now,
        window=case.policy.window,
        hibernate=hibernates(case),
    )
