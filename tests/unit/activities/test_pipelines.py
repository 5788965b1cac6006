"""Requests to a pool of Azure Pipelines: each pool is asked once, however many agents a plan has in it."""

import asyncio
from typing import Any

from activities.resources.pipelines import agent_names_are_free, suspend_agent
from dormouse.environments.answers import Pending
from dormouse.resources.pipelines import PIPELINES_AGENT
from dormouse.resources.plan import Plan, Resource
from tests.unit.azure import Azure, cloud_over
from tests.unit.builders import IDENTIFIER

POOLS = "/contoso/_apis/distributedtask/pools"
SECRET = {
    "value": "tok-EXAMPLE-123",
    "id": "https://v.vault.azure.net/secrets/tok/1",
    "tags": {"dormouse-organization": "contoso"},
}


def shown(*agents: dict[str, Any]) -> dict[str, Any]:
    return {
        "/secrets/tok": SECRET,
        POOLS: {"value": [{"id": 7, "name": "gpu"}]},
        f"{POOLS}/7/agents": {"value": list(agents)},
    }


def agent(number: int, **fields: Any) -> dict[str, Any]:
    capabilities = {"DORMOUSE_MACHINE": IDENTIFIER}
    return {"id": number, "name": f"ml1-{number}", "systemCapabilities": capabilities, "enabled": True, **fields}


def resource(number: int) -> Resource:
    settings = {"organization": "contoso", "pool": "gpu", "secret": "tok", "agent": f"ml1-{number}", "machine": IDENTIFIER}
    return Resource(f"agent-{number}", PIPELINES_AGENT.name, f"pipelines/contoso/gpu/ml1-{number}", settings=settings)


def test_a_pool_is_asked_once_whether_names_are_free() -> None:
    azure = Azure(shown(agent(1), {"id": 9, "name": "ML1-2", "createdOn": "2026-11-01T08:00:00Z"}))
    resources = [resource(number) for number in (1, 2, 3)]
    plan = Plan("ml1", "build-agent", "ml1-provision-1", "polandcentral", tuple(resources))
    (taken,) = asyncio.run(agent_names_are_free(plan, resources, cloud_over(azure)))
    assert (taken.step, "created on 2026-11-01T08:00:00Z" in taken.detail) == ("agent-2", True)
    assert azure.asked == ["GET /secrets/tok", f"GET {POOLS}", f"GET {POOLS}/7/agents"]


def test_the_token_is_read_once_to_disable_an_agent() -> None:
    azure = Azure(shown(agent(1)), {f"PATCH {POOLS}/7/agents/1": (200, agent(1), {})})
    assert isinstance(asyncio.run(suspend_agent(resource(1), cloud_over(azure))), Pending)
    assert azure.asked == ["GET /secrets/tok", f"GET {POOLS}", f"GET {POOLS}/7/agents", f"PATCH {POOLS}/7/agents/1"]
