"""Later stages of sleep: what is known of the rest of an environment while its leading target sleeps.

While nothing is due, only the records are read. Once a warning may be due, Azure, the heartbeats and the trail are asked
about everything else in the environment as well: the recheck before a stop does the same.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from activities.idle.outside import ask_about
from activities.idle.pools import pool_now
from dormouse.clock import MINUTE, moment_text, parse_moment
from dormouse.cloud.clients import Cloud
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.metrics import HostEvidence, HostMetrics, Question
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.environments.rest import LAST_OPERATIONS, SWEEP
from dormouse.errors import CloudUnavailable, RefusedByAzure, UnreadableRecord
from dormouse.idle.clusters.node_pool import POOL_ID
from dormouse.idle.evaluation import EvaluationRules, evaluation_of, with_answer, with_evidence
from dormouse.idle.evidence import Evaluation, Evidence
from dormouse.idle.outside.answers import ServiceAnswer
from dormouse.idle.sources.activity import phrases_of, said_busy
from dormouse.idle.sources.registry import source_of
from dormouse.idle.stages.forget import counts_to_forget, first_lead, forget_due
from dormouse.idle.stages.leading import companions_of
from dormouse.idle.stages.losses import losses_of, snapshots_before
from dormouse.idle.stages.sleep import EnvironmentSleep
from dormouse.idle.stages.stop import counts_to_stop, stop_due, stop_lead
from dormouse.idle.targets import target_key
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import State
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords
from dormouse.resources.compute.machines import VirtualMachine, parts_of_machine_id
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource

AT_ONCE, MOST_NAMED = 8, 5
NOT_READ = "{name} could not be read ({why})"
NEVER_SEEN = "no sweep has seen {name} yet"


@dataclass(frozen=True, slots=True)
class Companion:
    """Another target of an environment: since when nothing was asked of it, why it must stay, and what is unread."""

    since: float = 0.0
    why_not: str = ""
    unread: str = ""


async def with_sleep(
    cases: Sequence[Evaluation], records: Mapping[str, EnvironmentRecord], rules: EvaluationRules, cloud: Cloud
) -> list[Evaluation]:
    """The evaluations, those that lead an environment that sleeps with what is known of the rest of it."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def seen(case: Evaluation) -> Evaluation:
        async with at_once:
            return await sleep_of(case, records[case.machine.environment], rules, cloud)

    asleep = [
        place
        for place, case in enumerate(cases)
        if case.machine.environment in records and not case.unreadable and (counts_to_stop(case) or counts_to_forget(case))
    ]
    known = dict(zip(asleep, await asyncio.gather(*(seen(cases[place]) for place in asleep)), strict=True))
    return [known.get(place, case) for place, case in enumerate(cases)]


async def sleep_of(case: Evaluation, record: EnvironmentRecord, rules: EvaluationRules, cloud: Cloud) -> Evaluation:
    """The evaluation of a leading target that sleeps, with the rest of its environment."""
    others, forgets = companions_of(case.machine, record.resources), counts_to_forget(case)
    remembered = await asyncio.gather(*(_remembered(one, case.now, cloud, forgets=forgets) for one in others))
    since = max([known.since for _, known in remembered], default=0.0)
    if _warns_at(case, since) > case.now:
        return replace(case, sleep=_together([known for _, known in remembered], since))
    asked_at, unread = await _asked_at(record.name, cloud)
    needed = await _needed_by_others(record.name, cloud) if forgets else Companion()
    tracked = replace(case.tracked, sleep=case.tracked.sleep.asked(asked_at)) if asked_at else case.tracked
    pairs = list(zip(others, (tracked for tracked, _ in remembered), strict=True))
    answers = await ask_about([case.machine.id, *(one.id for one, known in pairs if not _is_gone(one, known))], cloud)
    case = with_answer(case, answers)
    every = [(case.machine.id, tracked), *((one.id, known) for one, known in pairs)]
    said = [_said(identifier, known, answers, case.now) for identifier, known in every]
    own_rules = replace(rules, activity=())  # what services say is in `said`
    found = await asyncio.gather(*(_seen(one, known, case, record, own_rules, cloud) for one, known in pairs))
    sleep = _together([*(known for _, known in remembered), *found, *said, needed, Companion(unread=unread)], since)
    return replace(case, tracked=tracked, sleep=_with_losses(sleep, case, record, cloud) if forgets else sleep)


def _is_gone(other: Resource, tracked: TrackedMachine | None) -> bool:
    """Whether only an earlier spec has named a target, and it is not there."""
    return other.superseded and (tracked is None or tracked.state is State.ABSENT)


def _said(identifier: str, tracked: TrackedMachine | None, answers: Mapping[str, ServiceAnswer], now: float) -> Companion:
    """What reporters and the activity service say of a target, asleep or not: it is in use, or that is not known."""
    answer, name = answers.get(identifier.lower(), ServiceAnswer()), name_of(identifier)
    busy = phrases_of(said_busy(tracked.reports if tracked else (), answer, now))
    unread = f"{name}: {answer.unknown}" if answer.unknown else ""
    return Companion(why_not=f"{name} is in use: {busy[0]}" if busy else "", unread=unread)


def _warns_at(case: Evaluation, since: float) -> float:
    """When a warning may be due first; `since` is when the rest of the environment was last asked for."""
    if counts_to_forget(case):
        return max(forget_due(case), since + case.stages.forget_after * MINUTE) - first_lead(case)
    return max(stop_due(case), since + case.stages.stop_after * MINUTE) - stop_lead(case)


def _with_losses(sleep: EnvironmentSleep, case: Evaluation, record: EnvironmentRecord, cloud: Cloud) -> EnvironmentSleep:
    settings = cloud.settings
    snapshots = snapshots_before(
        record, case, subscription=settings.azure_subscription_id, deployment=settings.deployment_id
    )
    return replace(sleep, losses=losses_of(record.resources, snapshots), snapshots=snapshots)


async def _needed_by_others(environment: str, cloud: Cloud) -> Companion:
    """Which environments depend on this one."""
    try:
        names = await Records(cloud.tables).dependents(environment)
    except (CloudUnavailable, UnreadableRecord) as error:
        return Companion(unread=f"it is not known what depends on it ({str(error).rstrip('.')})")
    return Companion(why_not=f"other environments depend on it: {', '.join(names[:MOST_NAMED])}" if names else "")


def _together(found: Sequence[Companion], since: float) -> EnvironmentSleep:
    why = next((one.why_not for one in found if one.why_not), "")
    return EnvironmentSleep(since, why, tuple(dict.fromkeys(one.unread for one in found if one.unread)))


async def _remembered(
    other: Resource, now: float, cloud: Cloud, *, forgets: bool
) -> tuple[TrackedMachine | None, Companion]:
    """What sweeps remember of another target."""
    name = name_of(other.id)
    try:
        tracked = await MachineRecords(cloud.tables).tracked(target_key(other.id))
    except (UnreadableRecord, CloudUnavailable) as error:
        return None, Companion(unread=str(error).rstrip("."))
    if tracked is None:
        return None, Companion(unread="" if other.superseded else NEVER_SEEN.format(name=name))
    sleep, kept = tracked.sleep, _kept(name, tracked, now)
    if not forgets or (other.superseded and tracked.state is State.ABSENT):
        return tracked, Companion(sleep.asked_at, kept)
    awake = "" if sleep.dormant_since else f"{name} is not known to sleep"
    return tracked, Companion(max(sleep.dormant_since, sleep.asked_at), kept or awake)


def _kept(name: str, tracked: TrackedMachine, now: float) -> str:
    hold, lease = tracked.hold, tracked.lease
    if hold is not None and hold.until > now:
        return f"{name} is on hold by {hold.by} until {moment_text(hold.until)}"
    return f"{name} has a lease until {moment_text(lease.until)}" if lease else ""


async def _asked_at(environment: str, cloud: Cloud) -> tuple[float, str]:
    """When someone last had an operation carried out on an environment (0.0: not lately), and why that is not known.

    What sweeps did is no such thing. Whether it succeeded does not matter: a start that failed was wanted, too.
    """
    try:
        found, _ = await Records(cloud.tables).operations(limit=LAST_OPERATIONS, environment=environment)
    except CloudUnavailable as error:
        return 0.0, f"its operations could not be read ({str(error).rstrip('.')})"
    known = [one for one in found if isinstance(one, OperationRecord)]
    unread = "" if len(known) == len(found) else "one of its operations cannot be read"
    by_people = [one for one in known if not one.by.startswith(SWEEP)]
    moments = [one.ended_at or one.accepted_at for one in by_people]
    return max((parse_moment(moment) for moment in moments if moment), default=0.0), unread


async def _seen(
    other: Resource,
    tracked: TrackedMachine | None,
    lead: Evaluation,
    record: EnvironmentRecord,
    rules: EvaluationRules,
    cloud: Cloud,
) -> Companion:
    """What Azure and its agent show of another target now."""
    name = name_of(other.id)
    try:
        if POOL_ID.fullmatch(other.id):
            return await _pool(other, name, cloud, forgets=counts_to_forget(lead))
        return await _machine(other, name, tracked, lead, record, rules, cloud)
    except (CloudUnavailable, RefusedByAzure, UnreadableRecord) as error:
        return Companion(unread=NOT_READ.format(name=name, why=str(error).rstrip(".")))


async def _pool(other: Resource, name: str, cloud: Cloud, *, forgets: bool) -> Companion:
    pool = await pool_now(other.id, cloud)
    if pool is None or (pool.state is State.STOPPED and not (forgets and (pool.scales or pool.forced))):
        return Companion()
    return Companion(why_not=f"the pool {name} is {pool.state}")


async def _machine(
    other: Resource,
    name: str,
    tracked: TrackedMachine | None,
    lead: Evaluation,
    record: EnvironmentRecord,
    rules: EvaluationRules,
    cloud: Cloud,
) -> Companion:
    """A VM with its metrics and its agent: whether it is in use, excluded, or held from inside."""
    view = await Inventory(cloud).look(other.id)
    if view.state is State.ABSENT:
        return Companion(why_not="" if other.superseded else f"{name} does not exist")
    subscription, group, called = parts_of_machine_id(other.id)
    size = other.settings.get("size", "")
    machine = VirtualMachine(other.id, called, subscription, group, record.region, size, view.state, tags=view.tags)
    asked = Question(machine, lead.policy.window)
    measured, heard = await asyncio.gather(
        HostMetrics(cloud).of([asked] if view.state is State.RUNNING else [], lead.now),
        MachineRecords(cloud.tables).heard(target_key(other.id)),
    )
    host = measured.get(other.id.lower(), HostEvidence())
    case = evaluation_of(machine, record, tracked, rules, lead.now)
    return _judged(name, lead, with_evidence(case, Evidence(host.tracks, host.end, host.problem), heard, rules))


def _judged(name: str, lead: Evaluation, case: Evaluation) -> Companion:
    hold, state = case.hold, case.machine.state
    if case.hands_off:
        return Companion(why_not=f"{name} is excluded: {case.hands_off.rstrip('.')}")
    if hold is not None and hold.until > case.now:
        return Companion(why_not=f"{name} is on hold by {hold.by} until {moment_text(hold.until)}")
    if case.fault or case.unreadable:
        return Companion(unread=f"{name}: {case.fault or case.unreadable}")
    if state is State.STOPPED:
        return Companion()
    if state is not State.RUNNING:
        return Companion(unread=f"{name} is {state}")
    if counts_to_forget(lead):
        return Companion(why_not=f"{name} runs")
    source = source_of(case.machine)
    used, missing = list(source.uses(case)), source.missing(case)
    return Companion(why_not=f"{name} is in use: {'; '.join(used[:3])}" if used else "", unread="; ".join(missing))
