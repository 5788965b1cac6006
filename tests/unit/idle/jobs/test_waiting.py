"""Jobs that wait in a pool: which machines they start, as few as there are jobs, and what their owners are told."""

from typing import Any

import pytest

from dormouse.clock import MINUTE, rfc3339
from dormouse.idle.jobs.waiting import (
    AgentMachine,
    PoolAgent,
    WaitingJob,
    WaitingRequest,
    match_jobs,
    pool_agents,
    waiting_requests,
)
from tests.unit.builders import NOW

ASLEEP, COMING = AgentMachine(asleep=True), AgentMachine(coming=True)
HELD = AgentMachine(asleep=True, why_not="It is on hold.")
SINCE = rfc3339(NOW - 20 * MINUTE)


def sleeping(number: int, **fields: Any) -> PoolAgent:
    """The agent of a machine that is asleep: offline, and disabled when the machine was stopped."""
    return PoolAgent(number, f"ml1-{number}", f"/vm-{number}", **fields)


def online(number: int, **fields: Any) -> PoolAgent:
    return sleeping(number, **{"enabled": True, "online": True, **fields})


def waiting(number: int = 90, minutes: float = 20, **fields: Any) -> WaitingRequest:
    return WaitingRequest(number, NOW - minutes * MINUTE, **fields)


def matched(
    requests: list[WaitingRequest],
    agents: list[PoolAgent],
    machines: dict[int, AgentMachine],
    woken_for: set[int] | None = None,
) -> list[WaitingJob]:
    known = {f"/vm-{number}": machine for number, machine in machines.items()}
    return match_jobs("GPU", requests, agents, known, woken_for or set(), NOW)


def woken(jobs: list[WaitingJob]) -> dict[str, int]:
    return {job.machine: job.request for job in jobs if job.wakes}


def test_a_waiting_job_starts_one_of_the_machines_that_are_asleep() -> None:
    jobs = matched([waiting()], [sleeping(1), sleeping(2)], {1: ASLEEP, 2: ASLEEP})
    assert woken(jobs) == {"/vm-1": 90}
    assert jobs[0].text.startswith("A job (request 90) has waited in the pool GPU since ")


def test_as_many_machines_start_as_jobs_wait() -> None:
    agents, machines = [sleeping(number) for number in (1, 2, 3)], dict.fromkeys((1, 2, 3), ASLEEP)
    assert woken(matched([waiting(90), waiting(91)], agents, machines)) == {"/vm-1": 90, "/vm-2": 91}
    every = [waiting(number) for number in range(90, 99)]
    assert woken(matched(every, agents, machines)) == {"/vm-1": 90, "/vm-2": 91, "/vm-3": 92}


def test_a_job_that_a_free_or_a_coming_agent_can_run_starts_nothing() -> None:
    assert woken(matched([waiting(minutes=1)], [online(1), sleeping(2)], {1: AgentMachine(), 2: ASLEEP})) == {}
    assert woken(matched([waiting()], [sleeping(1), sleeping(2)], {1: COMING, 2: ASLEEP})) == {}
    of_others = PoolAgent(9, "other", enabled=True, online=True)
    assert woken(matched([waiting()], [of_others, sleeping(2)], {2: ASLEEP})) == {}


@pytest.mark.parametrize("fields", [{"busy": True}, {"enabled": False}, {"online": False}])
def test_an_agent_that_takes_no_job_does_not_keep_others_asleep(fields: dict[str, bool]) -> None:
    agents, machines = [online(1, **fields), sleeping(2)], {1: AgentMachine(), 2: ASLEEP}
    assert woken(matched([waiting()], agents, machines)) == {"/vm-2": 90}


def test_a_free_agent_runs_one_job_only() -> None:
    agents, machines = [online(1), sleeping(2)], {1: AgentMachine(), 2: ASLEEP}
    assert woken(matched([waiting(90, 1), waiting(91, 1)], agents, machines)) == {"/vm-2": 91}


def test_a_job_whose_demands_no_agent_of_ours_meets_starts_nothing() -> None:
    agent = sleeping(1, capabilities={"Agent.OS": "Linux"})
    assert matched([waiting(demands=("npm",))], [agent], {1: ASLEEP}) == []
    assert woken(matched([waiting(demands=("Agent.OS -equals Linux",))], [agent], {1: ASLEEP})) == {"/vm-1": 90}


@pytest.mark.parametrize("fields", [{"agents": frozenset({2})}, {"by_all": True}], ids=["named", "all"])
def test_azure_devops_says_which_agents_can_run_a_job(fields: dict[str, Any]) -> None:
    request = waiting(demands=("unreadable -like this",), **fields)
    assert list(woken(matched([request], [sleeping(2), sleeping(3)], {2: ASLEEP, 3: ASLEEP}))) == ["/vm-2"]


def test_no_machine_is_started_twice_for_the_same_request() -> None:
    machines = {1: ASLEEP, 2: ASLEEP}
    jobs = matched([waiting(90), waiting(91)], [sleeping(1), sleeping(2)], machines, {90})
    assert woken(jobs) == {"/vm-1": 91}, "the request that was tried before does not keep the machine from the other one"
    (job,) = matched([waiting(90)], [sleeping(1)], {1: ASLEEP}, {90})
    assert (job.wakes, "A machine was started for this job before" in job.text) == (False, True)


def test_a_machine_that_must_not_be_started_gives_way_to_one_that_may() -> None:
    assert woken(matched([waiting()], [sleeping(1), sleeping(2)], {1: HELD, 2: ASLEEP})) == {"/vm-2": 90}


def test_the_owner_is_told_after_ten_minutes_why_a_job_starts_nothing() -> None:
    (job,) = matched([waiting()], [sleeping(1)], {1: HELD})
    assert (job.machine, job.wakes) == ("/vm-1", False)
    assert job.text.endswith("and the agent ml1-1, which could run it, is asleep. It is on hold.")
    assert matched([waiting(minutes=9)], [sleeping(1)], {1: HELD}) == []


def test_a_job_that_waits_although_an_agent_is_free_may_lack_a_permission() -> None:
    (job,) = matched([waiting(minutes=10)], [online(1)], {1: AgentMachine()})
    assert (job.machine, job.wakes, "the agent ml1-1 is online and free" in job.text) == ("/vm-1", False, True)
    assert "choose Permit" in job.text
    assert matched([waiting(minutes=9)], [online(1)], {1: AgentMachine()}) == []
    assert matched([waiting()], [PoolAgent(9, "other", enabled=True, online=True)], {}) == []


def test_only_requests_without_an_agent_wait_and_the_oldest_comes_first() -> None:
    later = rfc3339(NOW - MINUTE)
    shown = [
        {"requestId": 93, "queueTime": later, "assignTime": None, "demands": ["docker"], "matchedAgents": [{"id": 4}]},
        {"requestId": 90, "queueTime": "2026-11-01T08:00:00.1234567Z", "matchesAllAgentsInPool": True},
        {"requestId": 91, "queueTime": later, "assignTime": later},
        {"requestId": 92, "queueTime": later, "reservedAgent": {"id": 4}},
        {"requestId": 94, "queueTime": later, "result": "canceled"},
    ]
    first, second = waiting_requests(shown)
    assert (first.id, first.by_all) == (90, True)
    assert (second.id, second.demands, second.agents) == (93, ("docker",), frozenset({4}))


@pytest.mark.parametrize(
    "broken", [{}, {"requestId": 90}, {"requestId": "x", "queueTime": SINCE}, {"requestId": 1, "queueTime": "x"}]
)
def test_requests_that_cannot_be_read_are_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        waiting_requests([broken])


def test_agents_are_read_with_both_kinds_of_capabilities() -> None:
    capabilities = {"Agent.OS": "Linux", "DORMOUSE_MACHINE": "/VM-1"}
    shown = {"id": 11, "name": "ml1-1", "status": "online", "enabled": True, "systemCapabilities": capabilities}
    (agent,) = pool_agents([{**shown, "userCapabilities": {"cuda": "12"}, "assignedRequest": {"requestId": 88}}])
    assert agent == PoolAgent(11, "ml1-1", "/vm-1", True, True, True, {**capabilities, "cuda": "12"})
