"""The search for waiting jobs: each pool is asked once, whatever the number of machines, and only for what is needed."""

import asyncio
from typing import Any

import pytest

from activities.idle.waiting import find_waiting_jobs
from dormouse.idle.sweep import JobSearch, JobsFound
from dormouse.records.environments import Records
from dormouse.resources.pipelines import PIPELINES_AGENT
from dormouse.resources.plan import Resource
from tests.unit.azure import Azure, cloud_over
from tests.unit.builders import NOW, environment_record
from tests.unit.twins import MemoryTables

POOLS = "/contoso/_apis/distributedtask/pools"
REQUESTS = f"{POOLS}/7/jobrequests"
SECRET = {
    "value": "tok-EXAMPLE-123",
    "id": "https://v.vault.azure.net/secrets/tok/1",
    "tags": {"dormouse-organization": "contoso"},
}
SHOWN = {"/secrets/tok": SECRET, POOLS: {"value": [{"id": 7, "name": "gpu"}]}}


def agent(environment: str, number: int, pool: str = "gpu", secret: str = "tok") -> Resource:
    name = f"{environment}-{number}"
    machine = f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/{name}"
    settings = {"organization": "contoso", "pool": pool, "secret": secret, "agent": name, "machine": machine}
    return Resource(f"agent-{number}", PIPELINES_AGENT.name, f"pipelines/contoso/{pool}/{name}", settings=settings)


def found(azure: Azure, **environments: tuple[Resource, ...]) -> JobsFound:
    tables = MemoryTables()

    async def search() -> JobsFound:
        for name, resources in environments.items():
            await Records(tables).remember_environment(environment_record(name, resources=resources))
        return await find_waiting_jobs(JobSearch(NOW), cloud_over(azure, tables))

    return asyncio.run(search())


def test_without_build_agents_nothing_is_asked() -> None:
    azure = Azure({})
    assert found(azure, ml1=()) == JobsFound()
    assert azure.asked == []


def test_a_pool_is_asked_once_for_all_machines_of_all_environments() -> None:
    azure = Azure({**SHOWN, REQUESTS: {"value": [{"requestId": 1, "queueTime": "x", "result": "succeeded"}]}})
    assert found(azure, ml1=(agent("ml1", 1), agent("ml1", 2)), ml2=(agent("ml2", 1),)) == JobsFound()
    assert azure.asked == ["GET /secrets/tok", f"GET {POOLS}", f"GET {REQUESTS}"], "no job waits, so no agents are needed"


def test_a_pool_that_one_token_does_not_open_is_read_with_the_token_of_another_environment() -> None:
    other = {**SECRET, "tags": {"dormouse-organization": "fabrikam"}}
    azure = Azure({**SHOWN, "/secrets/old": other, REQUESTS: {"value": []}})
    assert found(azure, ml1=(agent("ml1", 1, secret="old"),), ml2=(agent("ml2", 1),)) == JobsFound()
    assert azure.asked == ["GET /secrets/old", "GET /secrets/tok", f"GET {POOLS}", f"GET {REQUESTS}"]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({f"GET {POOLS}": (401, None, {})}, "does not accept the token in the Key Vault secret tok"),
        ({f"GET {REQUESTS}": (503, None, {})}, "temporarily unavailable (HTTP 503)"),
        ({f"GET {REQUESTS}": (200, {"items": []}, {})}, "cannot be read (KeyError)"),
        ({f"GET {REQUESTS}": (200, {"value": [{"requestId": 9, "queueTime": "soon"}]}, {})}, "cannot be read (ValueError)"),
        ({f"GET {REQUESTS}": (200, {"value": ["x"]}, {})}, "cannot be read (AttributeError)"),
    ],
    ids=["token", "outage", "another form", "another time", "no objects"],
)
def test_a_pool_that_cannot_be_read_is_a_problem_and_hides_no_other(answers: dict[str, Any], why: str) -> None:
    azure = Azure({**SHOWN, REQUESTS: {"value": []}}, answers)
    search = found(azure, ml1=(agent("ml1", 1),), ml2=(agent("ml2", 1, "cpu"),))
    assert search.jobs == ()
    ours = [
        problem
        for problem in search.problems
        if "pool gpu of contoso could not be read, so they start no machine" in problem
    ]
    assert len(ours) == 1
    assert why in ours[0]
