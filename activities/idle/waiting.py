"""The search for jobs that wait in pools of Azure Pipelines for agents on our machines: each pool is asked once."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from activities.idle.evaluate import rules_of
from activities.resources.pipelines import agent_pool, pool_key
from dormouse.cloud.clients import Cloud
from dormouse.cloud.pipelines import AgentPool
from dormouse.cloud.vm_inventory import VmInventory
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.errors import CloudUnavailable, RefusedByAzure, UnreadableRecord
from dormouse.idle.decision import NextAction, decide
from dormouse.idle.evaluation import evaluation_of, with_evidence
from dormouse.idle.evidence import Evaluation, Evidence
from dormouse.idle.jobs.waiting import (
    COMING,
    AgentMachine,
    PoolAgent,
    WaitingJob,
    match_jobs,
    pool_agents,
    waiting_requests,
)
from dormouse.idle.jobs.waking import NOT_ASLEEP, why_not_woken
from dormouse.idle.sweep import JobSearch, JobsFound
from dormouse.idle.verdict import evaluate
from dormouse.lifecycle import State, Verb
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords
from dormouse.records.operation_rows import UnreadableOperation
from dormouse.resources.compute.machines import VirtualMachine
from dormouse.resources.pipelines import PIPELINES_AGENT
from dormouse.resources.plan import Resource

# History keeps the result of the search in every page of the sweep.
MOST_JOBS = 200
NOT_READ = "Jobs that wait in the pool {pool} of {organization} could not be read, so they start no machine. {why}"
ANY_REQUEST = 0
MOST_OPERATIONS = 20
# What is wrong with a response that has not the documented form.
BROKEN = (KeyError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, slots=True)
class Member:
    """An agent of one of our machines, and the environment that it belongs to."""

    agent: Resource
    record: EnvironmentRecord

    @property
    def machine(self) -> str:
        """The ID of its machine, in lower case."""
        return str(self.agent.settings["machine"]).lower()


async def find_waiting_jobs(request: JobSearch, cloud: Cloud) -> JobsFound:
    """The jobs that wait for our agents; a pool that cannot be read is a problem, and nothing is said about its jobs."""
    pools: dict[tuple[str, str], list[Member]] = {}
    for member in _members(await Records(cloud.tables).all_environments()):
        organization, pool, _ = pool_key(member.agent)
        pools.setdefault((organization, pool), []).append(member)
    found = await asyncio.gather(*(_jobs_of(members, request.now, cloud) for members in pools.values()))
    jobs = [job for each in found for job in each.jobs]
    return JobsFound(tuple(jobs[:MOST_JOBS]), tuple(problem for each in found for problem in each.problems))


def _members(records: Iterable[EnvironmentRecord]) -> list[Member]:
    return [
        Member(resource, record)
        for record in records
        for resource in record.resources
        if resource.kind == PIPELINES_AGENT.name and record.ready
    ]


async def _jobs_of(members: Sequence[Member], now: float, cloud: Cloud) -> JobsFound:
    """The jobs of one pool, read with the first token of its environments that is accepted."""
    settings, why = members[0].agent.settings, ""
    for agent in {pool_key(one.agent): one.agent for one in members}.values():
        try:
            return JobsFound(tuple(await _search(agent_pool(agent, cloud), members, now, cloud)))
        except RefusedByAzure as error:
            why = str(error)
        except CloudUnavailable as error:
            why = str(error)
            break
        except BROKEN as error:
            why = f"The response of Azure DevOps cannot be read ({type(error).__name__})."
            break
    return JobsFound(problems=(NOT_READ.format(pool=settings["pool"], organization=settings["organization"], why=why),))


async def _search(pool: AgentPool, members: Sequence[Member], now: float, cloud: Cloud) -> list[WaitingJob]:
    requests = waiting_requests(await pool.unfinished_requests())
    if not requests:
        return []
    agents = pool_agents(await pool.agents())
    cases = await _cases_of(members, now, cloud)
    woken_for = {known for case in cases.values() for known in case.tracked.woken_for}
    by_users = await _stopped_by_users({case.machine.environment for case in cases.values()}, cloud)
    machines = {identifier: _machine_of(case, by_users) for identifier, case in cases.items()}
    return match_jobs(members[0].agent.settings["pool"], requests, _ours_first(agents, cases), machines, woken_for, now)


def _ours_first(agents: Sequence[PoolAgent], cases: dict[str, Evaluation]) -> list[PoolAgent]:
    """The agents in the order of our machines, so that every sweep chooses the same; those of others come last."""
    places = {identifier: place for place, identifier in enumerate(cases)}
    return sorted(agents, key=lambda agent: (places.get(agent.machine, len(places)), agent.id))


async def _cases_of(members: Sequence[Member], now: float, cloud: Cloud) -> dict[str, Evaluation]:
    """The machines of these agents as a sweep evaluates them, by ID in lower case, without evidence of their use."""
    shown = {machine.id.lower(): machine for machine in await VmInventory(cloud).named([one.machine for one in members])}
    known = [(one, shown[one.machine]) for one in members if one.machine in shown]
    cases = await asyncio.gather(*(_case(one.record, machine, now, cloud) for one, machine in known))
    return {one.machine: case for (one, _), case in zip(known, cases, strict=True)}


async def _case(record: EnvironmentRecord, machine: VirtualMachine, now: float, cloud: Cloud) -> Evaluation:
    fleet, rules = MachineRecords(cloud.tables), await rules_of(cloud)
    try:
        tracked, heard = await asyncio.gather(fleet.tracked(machine.key), fleet.heard(machine.key))
    except UnreadableRecord as error:
        return evaluation_of(machine, record, None, rules, now, unreadable=str(error))
    return with_evidence(evaluation_of(machine, record, tracked, rules, now), Evidence(), heard, rules)


async def _stopped_by_users(environments: Iterable[str], cloud: Cloud) -> set[str]:
    """The environments whose last start or stop is a stop by a user, or is not known."""
    names, records = sorted(environments), Records(cloud.tables)
    pages = await asyncio.gather(*(records.operations(limit=MOST_OPERATIONS, environment=name) for name in names))
    return {name for name, (newest, _) in zip(names, pages, strict=True) if _ends_in_stop_by_user(newest)}


def _ends_in_stop_by_user(newest: Sequence[OperationRecord | UnreadableOperation]) -> bool:
    for operation in newest:
        if isinstance(operation, UnreadableOperation):
            return True
        if operation.verb in (Verb.START, Verb.STOP, Verb.RESTART, Verb.RESIZE):
            # Those of sweeps are run by the orchestration of the sweep.
            return operation.verb is Verb.STOP and not operation.instance_id
    return False


def _machine_of(case: Evaluation, by_users: Collection[str]) -> AgentMachine:
    """What a machine would do for a waiting job, by the same decision as in the sweep."""
    state = case.machine.state
    started = state in (State.STARTING, State.CREATING)
    recently = state is State.RUNNING and case.now - case.tracked.state_since < COMING
    if state is not State.STOPPED:
        return AgentMachine(coming=started or recently)
    if case.machine.environment in by_users:
        return AgentMachine(asleep=True, why_not=NOT_ASLEEP)
    case = replace(case, job=WaitingJob(case.machine.id.lower(), ANY_REQUEST, "", wakes=True))
    decision = decide(case, evaluate(case))
    if decision.action is NextAction.START:
        return AgentMachine(asleep=True)
    return AgentMachine(asleep=True, why_not=decision.then or why_not_woken(case) or "It is not started by Dormouse.")
