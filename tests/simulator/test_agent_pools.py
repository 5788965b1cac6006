"""The simulated agent pools refuse what Azure DevOps refuses, and answer 501 to what they do not model."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.server import DEVOPS, SIMULATION
from local.azure.vms.demands import satisfies
from tests.contract.azure import Azure

POOL = "/contoso/_apis/distributedtask/pools/7"
MANAGE, READ, EXPIRED = "tok-manage", "tok-read", "tok-expired"
WHERE = {"organization": "contoso", "pool": "gpu"}


class Pools:
    """An organization, as its REST API and the control API show it."""

    def __init__(self, home: Path) -> None:
        self.azure = Azure(home)
        tokens = {MANAGE: {"scopes": ["read", "manage"]}, READ: {"scopes": ["read"]}, EXPIRED: {"scopes": [], "expires": 1}}
        body = {"name": "contoso", "pools": ["gpu", "cpu"], "tokens": tokens, "member": True}
        assert self._send(SIMULATION, "PUT", "/pipelines/organizations", body).status == 204

    def ask(self, method: str, path: str, body: Any = None, *, token: str = MANAGE, version: str = "7.0") -> Answer:
        basic = "Basic " + base64.b64encode(f":{token}".encode()).decode() if token else ""
        sign = "&" if "?" in path else "?"
        return self._send(DEVOPS, method, f"{path}{sign}api-version={version}", body, basic)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        said = self._send(SIMULATION, method, path, body)
        assert said.status < 300, said.body
        return said.body

    def _send(self, host: str, method: str, path: str, body: Any = None, authorization: str = "") -> Answer:
        bare, _, query = path.partition("?")
        request = Request(
            method=method,
            path=bare,
            query=dict(parse_qsl(query)),
            headers={"Authorization": authorization} if authorization else {},
            body=json.dumps(body).encode(),
            base=f"https://{host}",
            url=f"https://{host}{path}",
            issuer=self.azure.simulation._issuer,
        )
        return self.azure.simulation.answered(host, request)


@pytest.fixture
def pools(tmp_path: Path) -> Iterator[Pools]:
    made = Pools(tmp_path)
    yield made
    made.azure.close()


def test_pools_are_found_by_name(pools: Pools) -> None:
    path = "/contoso/_apis/distributedtask/pools"
    assert [pool["name"] for pool in pools.ask("GET", path).body["value"]] == ["gpu", "cpu"]
    assert [pool["id"] for pool in pools.ask("GET", f"{path}?poolName=GPU").body["value"]] == [7]
    assert pools.ask("GET", f"{path}?poolName=none").body == {"count": 0, "value": []}


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [
        ("", 401, "TF400813: Resource not available for anonymous access"),
        ("tok-of-nobody", 401, "The Personal Access Token used has expired"),
        (EXPIRED, 401, "The Personal Access Token used has expired"),
    ],
)
def test_a_token_that_is_not_valid_is_refused(pools: Pools, token: str, status: int, words: str) -> None:
    said = pools.ask("GET", f"{POOL}/agents", token=token)
    assert (said.status, words in said.body["message"]) == (status, True)


def test_a_token_that_may_only_read_changes_nothing(pools: Pools) -> None:
    agent = pools.control("POST", "/pipelines/agents", {**WHERE, "agent": "other-1"})
    path, body = f"{POOL}/agents/{agent['id']}", {"id": agent["id"], "name": "other-1", "enabled": False}
    for method in ("PATCH", "DELETE"):
        said = pools.ask(method, path, body, token=READ)
        assert (said.status, said.body["typeKey"]) == (403, "AccessDeniedException")
        assert "needs Manage permissions for pool gpu" in said.body["message"]
    assert pools.ask("GET", path).body["enabled"] is True


def test_an_agent_is_disabled_and_deleted_once(pools: Pools) -> None:
    agent = pools.control("POST", "/pipelines/agents", {**WHERE, "agent": "other-1"})
    path, body = f"{POOL}/agents/{agent['id']}", {"id": agent["id"], "name": "other-1", "enabled": False}
    assert pools.ask("PATCH", path, body).body["enabled"] is False
    shown = pools.ask("GET", f"{POOL}/agents?agentName=OTHER-1&includeCapabilities=true").body["value"]
    assert [(one["status"], one["enabled"], one["systemCapabilities"]) for one in shown] == [
        ("offline", False, {"Agent.Name": "other-1"})
    ]
    assert pools.ask("DELETE", path).status == 204
    assert [pools.ask(method, path).status for method in ("GET", "DELETE")] == [404, 404]


def test_a_job_waits_while_no_agent_is_free(pools: Pools) -> None:
    pools.control("POST", "/pipelines/agents", {**WHERE, "agent": "offline-1"})
    job = pools.control("POST", "/pipelines/jobs", WHERE)
    assert "assignTime" not in job
    assert pools.ask("GET", f"{POOL}/jobrequests").body["value"] == [
        {"requestId": job["requestId"], "queueTime": job["queueTime"], "matchesAllAgentsInPool": True}
    ]


def test_a_request_names_its_demands_and_the_agents_that_satisfy_them(pools: Pools) -> None:
    agents = [pools.control("POST", "/pipelines/agents", {**WHERE, "agent": f"offline-{number}"}) for number in (1, 2)]
    demands = ["Agent.Name -equals OFFLINE-2"]
    pools.control("POST", "/pipelines/jobs", {**WHERE, "demands": demands})
    (shown,) = pools.ask("GET", f"{POOL}/jobrequests").body["value"]
    assert (shown["demands"], shown["matchesAllAgentsInPool"]) == (demands, False)
    assert [(one["id"], one["name"], one["status"]) for one in shown["matchedAgents"]] == [
        (agents[1]["id"], "offline-2", "offline")
    ]


def test_requests_that_have_ended_are_left_out_on_request(pools: Pools) -> None:
    pools.control("POST", "/pipelines/agents", {**WHERE, "agent": "offline-1"})
    ended, waiting = (pools.control("POST", "/pipelines/jobs", WHERE)["requestId"] for _ in range(2))
    pools.control("POST", "/pipelines/jobs/finish", {"id": ended})
    every = pools.ask("GET", f"{POOL}/jobrequests").body["value"]
    assert [one["requestId"] for one in every] == [ended, waiting]
    unfinished = pools.ask("GET", f"{POOL}/jobrequests?completedRequestCount=0").body["value"]
    assert [one["requestId"] for one in unfinished] == [waiting]


@pytest.mark.parametrize("agents", [(), ("offline-1",)], ids=["empty pool", "another agent"])
def test_a_job_that_no_agent_of_the_pool_can_run_is_not_queued(pools: Pools, agents: tuple[str, ...]) -> None:
    for agent in agents:
        pools.control("POST", "/pipelines/agents", {**WHERE, "agent": agent})
    with pytest.raises(AssertionError, match="No agent found in pool gpu which satisfies the specified demands"):
        pools.control("POST", "/pipelines/jobs", {**WHERE, "demands": ["npm"]})


@pytest.mark.parametrize(
    ("demand", "satisfied"),
    [
        ("agent.name", True),
        ("npm", False),
        ("Agent.Name -equals OTHER-1", True),
        ("Agent.Name -equals other-2", False),
        ("Agent.Version -gtVersion 5.277.0", True),
        ("Agent.Version -gtVersion 5.278.0", False),
    ],
)
def test_demands_are_satisfied_by_capabilities(demand: str, satisfied: bool) -> None:
    capabilities = {"Agent.Name": "other-1", "Agent.Version": "5.277.0"}
    assert satisfies({"capabilities": capabilities}, {"demands": ["Agent.Name", demand]}) is satisfied


def test_the_archive_that_the_organization_wants_has_a_checksum(pools: Pools) -> None:
    path = "/contoso/_apis/distributedtask/packages/agent"
    (package,) = pools.ask("GET", f"{path}?platform=linux-x64&$top=1").body["value"]
    assert package["downloadUrl"].startswith("https://download.agent.dev.azure.com/agent/")
    assert len(package["hashValue"]) == 64


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/contoso/_apis/projects"),
        ("POST", f"{POOL}/agents"),
        ("DELETE", POOL),
        ("GET", f"{POOL}/agents?demands=x"),
        ("GET", f"{POOL}/jobrequests?completedRequestCount=1"),
        ("GET", "/contoso/_apis/distributedtask/pools?poolType=deployment"),
    ],
)
def test_what_is_not_modelled_is_a_501(pools: Pools, method: str, path: str) -> None:
    assert pools.ask(method, path).status == 501


def test_versions_that_are_not_known_are_a_501(pools: Pools) -> None:
    assert pools.ask("GET", f"{POOL}/agents", version="5.1").status == 501


def test_pools_and_agents_that_do_not_exist_are_a_404(pools: Pools) -> None:
    assert pools.ask("GET", f"{POOL}/agents/1").status == 404
    assert pools.ask("GET", "/contoso/_apis/distributedtask/pools/99/agents").status == 404
