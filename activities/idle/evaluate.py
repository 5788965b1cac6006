"""Evaluation of one page of machines: inventory, metrics, verdict, decision, tracked state.

The evidence stays in the activity; only the summary and the actions to carry out enter durable history.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from activities.idle.evictions import with_evictions
from activities.idle.outside import ask_activity
from activities.idle.power_history import keep_intervals, placed
from activities.idle.stages import with_sleep
from dormouse.cloud.clients import Cloud
from dormouse.cloud.metrics import HostEvidence, HostMetrics, Question
from dormouse.cloud.vm_inventory import VmInventory
from dormouse.costs.budgets import stopping_owners
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import UnreadableRecord
from dormouse.idle.alarms import alarm, with_alarm
from dormouse.idle.decision import NextAction, decide
from dormouse.idle.evaluation import EvaluationRules, evaluation_of, with_answer, with_evidence, with_host
from dormouse.idle.eviction import is_news
from dormouse.idle.evidence import Evaluation, Evidence, with_tracked
from dormouse.idle.heartbeats.agent_evidence import first_minute
from dormouse.idle.heartbeats.due_soon import is_due_soon
from dormouse.idle.heartbeats.in_use import needs_host_metrics
from dormouse.idle.jobs.keeping import last_job_ended
from dormouse.idle.jobs.waiting import WaitingJob
from dormouse.idle.outside.alarm import problem_of
from dormouse.idle.planning import Evaluated, plan_actions
from dormouse.idle.power.history import PowerInterval, ended_interval
from dormouse.idle.report import ReportPage, ReportRow, SweepSummary
from dormouse.idle.stages.record import with_planned, with_sleep_record
from dormouse.idle.sweep import Alarm, PageFound, PageRequest, actions_per_page
from dormouse.idle.targets import Target, target_key
from dormouse.idle.tracking import TrackedMachine, with_verdict
from dormouse.idle.verdict import evaluate
from dormouse.lifecycle import State
from dormouse.records.budgets import BudgetWarnings
from dormouse.records.deduplication import RECEIPTS
from dormouse.records.documents import Documents
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords, StoredMachine, agent_record_in
from dormouse.records.table import Row
from dormouse.resources.compute.machines import VirtualMachine, key_of


@dataclass(frozen=True, slots=True)
class Known:
    """The settings for all machines, and the records of the machines of one page, by key or by environment."""

    rules: EvaluationRules
    heard: Mapping[str, Row] = field(default_factory=dict)
    remembered: Documents[StoredMachine] = field(default_factory=lambda: Documents({}))
    environments: Documents[EnvironmentRecord] = field(default_factory=lambda: Documents({}))
    states: Mapping[str, State] = field(default_factory=dict)
    jobs: Mapping[str, WaitingJob] = field(default_factory=dict)


async def count_machines(request: str, cloud: Cloud) -> int:
    """The number of machines in scope."""
    return await VmInventory(cloud).count()


async def evaluate_page(request: PageRequest, cloud: Cloud) -> PageFound:
    """Evaluate the machines of one page and store their tracked state (not in a dry run); a few pages at once."""
    async with cloud.pages_at_once:
        return await _evaluated_page(request, cloud)


async def _evaluated_page(request: PageRequest, cloud: Cloud) -> PageFound:
    machines, rules = await asyncio.gather(VmInventory(cloud).page(request.number), rules_of(cloud))
    if not machines and request.number == 0:
        # They vanished after they were counted. The previous rows stay, so that `finish_sweep` can look for the machines.
        return PageFound(SweepSummary())
    known = await _known(machines, rules, cloud)
    states = {machine.id.lower(): machine.state for machine in machines}
    known = replace(known, states=states, jobs={job.machine: job for job in request.jobs})
    cases = [case_of(machine, known, request.now) for machine in machines]
    cases = [case for case in cases if not known.rules.leaves_to_others(case.machine)]
    cases, unknown = await with_evictions(cases, cloud)
    cases = [_with_heartbeats(case, known) for case in cases]
    known = replace(known, heard={})  # twelve kB for each machine, while its page waits for Azure Monitor
    outside, activity = await asyncio.gather(
        HostMetrics(cloud).of(list(_questions(cases)), request.now), ask_activity([case.machine for case in cases], cloud)
    )
    seen = [with_answer(_with_metrics(case, outside), activity) for case in cases]
    found = list(map(evaluated, await with_sleep(seen, known.environments.readable, known.rules, cloud)))
    problems = {host.problem for host in outside.values() if host.problem}
    problems |= {text for text in (unknown, known.rules.neighbours.twins) if text}
    return await store_page(request, found, known, problems, cloud)


def _questions(cases: Iterable[Evaluation]) -> Iterator[Question]:
    """What Azure Monitor is asked: running VMs have host metrics, and of most of them their agents have said enough."""
    for case in cases:
        machine = case.machine
        if isinstance(machine, VirtualMachine) and machine.state is State.RUNNING and needs_host_metrics(case):
            yield Question(machine, case.policy.window)


async def store_page(
    request: PageRequest, found: Sequence[Evaluated], known: Known, problems: set[str], cloud: Cloud
) -> PageFound:
    """Store the results of a page; returns its summary, the actions to carry out now, and the alarms."""
    records = MachineRecords(cloud.tables)
    lines = tuple(ReportRow.of(one.case, one.verdict, one.decision) for one in found)
    await records.write_report(ReportPage(request.number, request.sweep, request.now, lines))
    if not request.dry_run:
        # Before the tracked states: if this stops here, the next sweep finds the same intervals again.
        await keep_intervals(_ended(found, known), cloud)
        await records.write_tracked(_changed(found, known.remembered))
    problems |= {one.case.unreadable for one in found if one.case.unreadable}
    problems |= {problem_of(one.case.activity) for one in found if one.case.activity.failed}
    planned = plan_actions(found, known.environments.readable, cloud.settings.azure_subscription_id)
    most = actions_per_page(request.pages)
    if len(planned) > most:
        problems.add(f"{len(planned) - most} machines are postponed to the next sweep")
    return PageFound(SweepSummary.of(lines, sorted(problems)), tuple(planned[:most]), tuple(_alarms(found)))


def _alarms(found: Sequence[Evaluated]) -> Iterator[Alarm]:
    for one in found:
        machine = one.case.machine
        if is_news(one.case):
            yield Alarm(machine.id, machine.name, f"{one.verdict.reason} {one.decision.then}".strip(), "evicted")
        if one.alarm:
            yield Alarm(machine.id, machine.name, one.alarm)


async def rules_of(cloud: Cloud) -> EvaluationRules:
    """The settings that apply to all machines, the other deployments, and the budgets that are used up.

    Raises CloudUnavailable or ReadRefused.
    """
    settings = cloud.settings
    overspent = await BudgetWarnings(cloud.tables, RECEIPTS).overspent()
    return EvaluationRules(
        settings.idle_policy,
        settings.idle_scopes,
        settings.holidays,
        settings.longest_hold_minutes,
        settings.azure_subscription_id,
        settings.deployment_id,
        settings.unassigned_machines,
        await cloud.deployments.neighbours(),
        settings.activity_url,
        overspent.with_owners(stopping_owners(settings.budgets)),
    )


async def _known(machines: Sequence[VirtualMachine], rules: EvaluationRules, cloud: Cloud) -> Known:
    fleet, records, known = MachineRecords(cloud.tables), Records(cloud.tables), Known(rules)
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


def case_of(machine: Target, known: Known, now: float) -> Evaluation:
    """The evaluation of a machine from what is known of it, without evidence."""
    key, environment = machine.key, machine.claimed
    remembered = known.remembered.readable.get(key)
    tracked = remembered.tracked if remembered else None
    record = known.environments.readable.get(environment)
    unreadable = str(known.remembered.unreadable.get(key) or known.environments.unreadable.get(environment) or "")
    case = evaluation_of(machine, record, tracked, known.rules, now, unreadable=unreadable, states=known.states)
    job = known.jobs.get(machine.id.lower()) if case.machine.environment else None
    return replace(case, job=job) if job else case


def _with_heartbeats(case: Evaluation, known: Known) -> Evaluation:
    row = known.heard.get(key_of(case.machine.id))
    try:
        record = agent_record_in(row, first_minute(case.policy.window, case.now)) if row else None
    except UnreadableRecord as error:
        case, record = replace(case, unreadable=case.unreadable or str(error)), None
    return with_evidence(case, Evidence(), record, known.rules)


def _with_metrics(case: Evaluation, outside: Mapping[str, HostEvidence]) -> Evaluation:
    host = outside.get(case.machine.id.lower())
    return with_host(case, Evidence(host.tracks, host.end, host.problem)) if host else case


def evaluated(case: Evaluation) -> Evaluated:
    """A machine with its verdict and decision, and with what is remembered of them."""
    verdict = evaluate(case)
    case = with_sleep_record(with_tracked(case, with_verdict(case.tracked, verdict.kind, case.now)))
    decision = decide(case, verdict)
    text = alarm(case, verdict, decision)
    tracked = with_alarm(case, text)
    if decision.action is NextAction.WITHDRAW:
        tracked = replace(tracked, warning=None)
    if case.keep_minutes:
        tracked = replace(tracked, job_ended_at=last_job_ended(case))
    waits = "" if case.job is None or case.job.wakes else case.job.text
    problem, soon = waits or case.nodes.blocked, is_due_soon(case)
    if (problem, soon) != (tracked.job_problem, tracked.due_soon):
        tracked = replace(tracked, job_problem=problem, due_soon=soon)
    tracked = with_planned(with_tracked(case, tracked), decision)
    return Evaluated(with_tracked(case, tracked), verdict, decision, text)


def _ended(found: Sequence[Evaluated], known: Known) -> list[PowerInterval]:
    """The intervals of power that have ended since the last sweep."""
    ended = []
    for one in found:
        machine = one.case.machine
        before = known.remembered.readable.get(target_key(machine.id))
        interval = ended_interval(before.tracked if before else None, one.case.tracked)
        if interval and (interval.size or isinstance(machine, VirtualMachine)):
            record, spot = known.environments.readable.get(machine.environment), getattr(machine, "spot", False)
            ended.append(placed(interval, machine.region, machine.size, record, spot=spot))
    return ended


def _changed(found: Sequence[Evaluated], remembered: Documents[StoredMachine]) -> dict[str, tuple[TrackedMachine, str]]:
    changed: dict[str, tuple[TrackedMachine, str]] = {}
    for one in found:
        key, tracked = target_key(one.case.machine.id), one.case.tracked
        if key in remembered.unreadable:
            continue  # its row is kept for the release that can read it
        before = remembered.readable.get(key)
        if before is None or before.tracked != tracked:
            changed[key] = (tracked, before.etag if before else "")
    return changed
