"""Jobs that wait in a pool of Azure Pipelines: which agents could run them, and which machine each of them concerns."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dormouse.clock import MINUTE, moment_text, parse_moment
from dormouse.idle.jobs.demands import satisfied
from dormouse.resources.pipelines import machine_of

# A machine that was started so recently may yet register a session: an old one lasts for five minutes.
COMING = 15 * MINUTE
# A job that waits for so long although it could run is reported.
LONG = 10 * MINUTE
SINCE = "A job (request {request}) has waited in the pool {pool} since {moment}"
NOT_PERMITTED = (
    "{since} although the agent {agent} is online and free. If it is the first job of its pipeline in this pool, open its "
    "run in Azure DevOps and choose Permit; otherwise check whether the parallel jobs of the organization are used up."
)
ASLEEP = "{since}, and the agent {agent}, which could run it, is asleep. {why}"
WAKES = "{since}, and the agent {agent} can run it."
BEFORE = (
    "A machine was started for this job before, and the job did not run. Find out why it waits, then start the environment."
)


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """What a job that waits in a pool means for a machine: the number of its request, and a sentence for the owner.

    `wakes` is whether the machine is to be started for it; otherwise the owner has to do something.
    """

    machine: str
    request: int
    text: str
    wakes: bool = False


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A request for a job that no agent has: since when (seconds since 1970), its demands, and who can run it.

    `agents` has the numbers of the agents that Azure DevOps names, `by_all` says that all of the pool can.
    """

    id: int
    queued_at: float
    demands: tuple[str, ...] = ()
    agents: frozenset[int] = frozenset()
    by_all: bool = False


@dataclass(frozen=True, slots=True)
class PoolAgent:
    """An agent of a pool; `machine` is the ID in lower case of the machine that it names, "" if it is none of ours."""

    id: int
    name: str
    machine: str = ""
    enabled: bool = False
    online: bool = False
    busy: bool = False
    capabilities: Mapping[str, str] = field(default_factory=dict)

    @property
    def free(self) -> bool:
        """Whether it takes the next job."""
        return self.online and self.enabled and not self.busy

    def can_run(self, request: WaitingRequest) -> bool:
        """Whether it could run a job, online or not: Azure DevOps says so, or it satisfies the demands.

        Azure DevOps may leave out agents that are disabled, as those of machines that sleep are.
        """
        return request.by_all or self.id in request.agents or satisfied(request.demands, self.capabilities)


@dataclass(frozen=True, slots=True)
class AgentMachine:
    """A machine of ours with an agent in a pool.

    `coming` is whether it was started so recently that its agent may yet come online, `asleep` whether it is stopped, and
    `why_not` why a waiting job must not start it ("": it may).
    """

    coming: bool = False
    asleep: bool = False
    why_not: str = ""


OTHERS = AgentMachine()  # stands for machines that are not ours


def waiting_requests(shown: Iterable[Mapping[str, Any]]) -> list[WaitingRequest]:
    """The requests that no agent has, oldest first; raises ValueError or KeyError for what cannot be read."""
    taken = ("assignTime", "receiveTime", "reservedAgent", "finishTime", "result")
    waiting = [_request(one) for one in shown if not any(one.get(name) for name in taken)]
    return sorted(waiting, key=lambda request: (request.queued_at, request.id))


def _request(shown: Mapping[str, Any]) -> WaitingRequest:
    agents = frozenset(int(agent["id"]) for agent in shown.get("matchedAgents") or [])
    demands = tuple(str(demand) for demand in shown.get("demands") or [])
    by_all = shown.get("matchesAllAgentsInPool") is True
    return WaitingRequest(int(shown["requestId"]), parse_moment(str(shown["queueTime"])), demands, agents, by_all)


def pool_agents(shown: Iterable[Mapping[str, Any]]) -> list[PoolAgent]:
    """The agents of a pool; raises KeyError for what cannot be read."""
    return [_agent(one) for one in shown]


def _agent(shown: Mapping[str, Any]) -> PoolAgent:
    capabilities = {**(shown.get("systemCapabilities") or {}), **(shown.get("userCapabilities") or {})}
    return PoolAgent(
        id=int(shown["id"]),
        name=str(shown["name"]),
        machine=machine_of(shown).lower(),
        enabled=bool(shown.get("enabled")),
        online=shown.get("status") == "online",
        busy=bool(shown.get("assignedRequest")),
        capabilities={str(name): str(value) for name, value in capabilities.items()},
    )


def match_jobs(
    pool: str,
    requests: Sequence[WaitingRequest],
    agents: Sequence[PoolAgent],
    machines: Mapping[str, AgentMachine],
    woken_for: Collection[int],
    now: float,
) -> list[WaitingJob]:
    """What the requests of a pool mean for our machines, at most one thing for each of them.

    An agent that is free or coming counts for one request, so as few machines are started as there are requests that no
    such agent can run. `woken_for` are requests for which a machine was started before: none is started again.
    """
    used: set[int] = set()
    found: dict[str, WaitingJob] = {}
    for request in requests:
        able = [(agent, machines.get(agent.machine, OTHERS)) for agent in agents if agent.can_run(request)]
        chosen = next(_by_preference([one for one in able if one[0].id not in used]), None)
        if chosen is None:
            continue
        agent, machine = chosen
        before = machine.asleep and request.id in woken_for
        if before:
            machine = replace(machine, why_not=BEFORE)
        else:
            used.add(agent.id)
        job = _job(pool, request, agent, machine, now)
        if job is not None and (agent.machine not in found or not before):
            found[agent.machine] = job
    return list(found.values())


def _by_preference(able: Sequence[tuple[PoolAgent, AgentMachine]]) -> Iterator[tuple[PoolAgent, AgentMachine]]:
    """The agents that a request may count for, the best first: free, coming, to be started, asleep for another reason."""
    yield from (one for one in able if one[0].free)
    yield from (one for one in able if one[1].coming and not one[0].busy)
    yield from (one for one in able if one[1].asleep and not one[1].why_not)
    yield from (one for one in able if one[1].asleep)


def _job(pool: str, request: WaitingRequest, agent: PoolAgent, machine: AgentMachine, now: float) -> WaitingJob | None:
    """What a request means for the machine of an agent; None if it is not ours, or if there is nothing to say yet."""
    if not agent.machine or machine is OTHERS or (machine.coming and not agent.free):
        return None
    since = SINCE.format(request=request.id, pool=pool, moment=moment_text(request.queued_at))
    if machine.asleep and not machine.why_not:
        return WaitingJob(agent.machine, request.id, WAKES.format(since=since, agent=agent.name), wakes=True)
    words = NOT_PERMITTED if agent.free else ASLEEP
    text = words.format(since=since, agent=agent.name, why=machine.why_not)
    return WaitingJob(agent.machine, request.id, text) if now - request.queued_at >= LONG else None
