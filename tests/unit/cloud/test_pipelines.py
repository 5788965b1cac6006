"""What the answers of Azure DevOps mean, and which token each request has."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from dormouse.cloud.pipelines import AgentPool
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.environments.results import RefusalReason
from dormouse.errors import CloudUnavailable
from tests.unit.azure import Azure, cloud_over

POOLS, AGENTS = "/contoso/_apis/distributedtask/pools", "/contoso/_apis/distributedtask/pools/7/agents"
TOKEN = {"value": "tok-EXAMPLE-123", "id": "https://v.vault.azure.net/secrets/pipelines-token/1"}
SECRET = {"/secrets/pipelines-token": {**TOKEN, "tags": {"dormouse-organization": "Contoso"}}}
ONE_POOL: dict[str, Any] = {POOLS: {"value": [{"id": 7, "name": "GPU"}]}}
AGENT = {"id": 31, "name": "ml1-1", "status": "online"}


def pool_of(
    shows: dict[str, Any], answers: dict[str, tuple[int, Any, dict[str, str]]] | None = None
) -> tuple[AgentPool, Azure]:
    azure = Azure(shows, answers)
    return AgentPool(cloud_over(azure), "contoso", "gpu", "pipelines-token"), azure


def test_an_agent_is_found_by_its_name_in_any_case() -> None:
    pool, azure = pool_of(
        {**SECRET, **ONE_POOL, AGENTS: {"value": [{"id": 3, "name": "ml1-11"}, {**AGENT, "name": "ML1-1"}]}}
    )
    assert asyncio.run(pool.agent("ml1-1")) == {**AGENT, "name": "ML1-1"}
    assert azure.versions.count("7.0") == 2, azure.asked


def test_no_agent_of_the_name_is_none() -> None:
    pool, _ = pool_of({**SECRET, **ONE_POOL, AGENTS: {"value": []}})
    assert asyncio.run(pool.agent("ml1-1")) is None


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (401, RefusalReason.FORBIDDEN, "does not accept the token in the Key Vault secret pipelines-token"),
        (302, RefusalReason.FORBIDDEN, "does not accept the token"),
        (203, RefusalReason.FORBIDDEN, "does not accept the token"),
        (403, RefusalReason.FORBIDDEN, "may not manage the agent pool gpu"),
        (404, RefusalReason.NOT_FOUND, "gone"),
        (400, RefusalReason.BAD_REQUEST, "gone"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, reason: RefusalReason, words: str) -> None:
    pool, _ = pool_of({**SECRET, **ONE_POOL}, {f"GET {AGENTS}": (status, {"message": "gone"}, {})})
    with pytest.raises(ReadRefused) as refused:
        asyncio.run(pool.agent("ml1-1"))
    assert refused.value.refusal.reason is reason
    assert words in refused.value.refusal.detail


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_that_is_not_available_is_asked_again(status: int) -> None:
    pool, _ = pool_of({**SECRET, **ONE_POOL}, {f"GET {AGENTS}": (status, None, {})})
    with pytest.raises(CloudUnavailable):
        asyncio.run(pool.agent("ml1-1"))


def test_a_pool_that_is_not_shown_is_a_refusal_and_not_an_absent_agent() -> None:
    pool, _ = pool_of({**SECRET, POOLS: {"value": [{"id": 8, "name": "gpu 2"}]}})
    with pytest.raises(ReadRefused, match="has no agent pool gpu, or the token"):
        asyncio.run(pool.agent("ml1-1"))


def test_a_missing_secret_is_named_if_the_control_plane_has_no_right_of_its_own() -> None:
    pool, _ = pool_of({}, {f"GET {POOLS}": (401, None, {})})
    with pytest.raises(ReadRefused, match="has no secret pipelines-token"):
        asyncio.run(pool.agent("ml1-1"))


@pytest.mark.parametrize("tags", [{}, {"dormouse-organization": "fabrikam"}], ids=["no tag", "another organization"])
def test_a_secret_whose_owner_does_not_allow_its_use_is_sent_nowhere(tags: dict[str, str]) -> None:
    pool, azure = pool_of({**ONE_POOL, "/secrets/pipelines-token": {**TOKEN, "tags": tags}})
    with pytest.raises(ReadRefused, match="has not allowed its use"):
        asyncio.run(pool.agent("ml1-1"))
    assert azure.asked == ["GET /secrets/pipelines-token"]


def test_without_a_secret_the_control_plane_uses_its_own_identity() -> None:
    azure = Azure({**ONE_POOL, AGENTS: {"value": [AGENT]}})
    assert asyncio.run(AgentPool(cloud_over(azure), "contoso", "gpu", "").agents()) == [AGENT]
    assert azure.asked == [f"GET {POOLS}", f"GET {AGENTS}"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "make it a user of the organization contoso and Administrator of the pool gpu"),
        (403, "needs the role Administrator of the pool"),
        (200, "or the identity of the control plane may not see it"),
    ],
)
def test_without_a_secret_no_refusal_speaks_of_one(status: int, words: str) -> None:
    azure = Azure({}, {f"GET {POOLS}": (status, {"value": []}, {})})
    with pytest.raises(ReadRefused, match=words):
        asyncio.run(AgentPool(cloud_over(azure), "contoso", "gpu", "").agents())
    assert azure.asked == [f"GET {POOLS}"]


def test_an_agent_is_disabled_by_its_number_and_name() -> None:
    pool, azure = pool_of({**SECRET, **ONE_POOL}, {f"PATCH {AGENTS}/31": (200, {**AGENT, "enabled": False}, {})})
    asyncio.run(pool.enable(AGENT, enabled=False))
    assert azure.sent[-1] == {"id": 31, "name": "ml1-1", "enabled": False}


def test_the_token_and_the_number_of_the_pool_are_read_once() -> None:
    pool, azure = pool_of({**SECRET, **ONE_POOL, AGENTS: {"value": [AGENT]}}, {f"PATCH {AGENTS}/31": (200, AGENT, {})})

    async def operation() -> None:
        await pool.agent("ml1-1")
        await pool.enable(AGENT, enabled=False)
        await pool.agents()

    asyncio.run(operation())
    assert azure.asked == [
        "GET /secrets/pipelines-token",
        f"GET {POOLS}",
        f"GET {AGENTS}",
        f"PATCH {AGENTS}/31",
        f"GET {AGENTS}",
    ]


def test_a_token_that_is_not_accepted_is_tried_once_and_then_the_other_one_first() -> None:
    """The organization accepts the identity of the control plane, and not the token in the secret."""

    class Expired(Azure):
        async def send(self, request: Any, **options: Any) -> Any:
            asked = f"{request.method} {urlsplit(request.url).path}".lower()
            if request.headers.get("Authorization", "").startswith("Basic"):
                self.answers[asked] = (401, None, {})
            response = await super().send(request, **options)
            self.answers.pop(asked, None)
            return response

    azure = Expired({**SECRET, **ONE_POOL, AGENTS: {"value": [AGENT]}})
    pool = AgentPool(cloud_over(azure), "contoso", "gpu", "pipelines-token")
    assert asyncio.run(pool.agents()) == [AGENT]
    assert azure.asked == ["GET /secrets/pipelines-token", f"GET {POOLS}", f"GET {POOLS}", f"GET {AGENTS}"]


def test_the_secret_is_read_once_even_if_no_token_is_accepted() -> None:
    pool, azure = pool_of(SECRET, {f"GET {POOLS}": (401, None, {})})

    async def operation() -> None:
        for _ in range(2):
            with pytest.raises(ReadRefused):
                await pool.agents()

    asyncio.run(operation())
    assert azure.asked == ["GET /secrets/pipelines-token", *[f"GET {POOLS}"] * 4]


def test_requests_that_have_ended_are_not_among_the_unfinished_ones() -> None:
    requests = [
        {"requestId": 1, "result": "succeeded"},
        {"requestId": 2, "finishTime": "x"},
        {"requestId": 3, "result": None},
    ]
    pool, _ = pool_of({**SECRET, **ONE_POOL, f"{POOLS}/7/jobrequests": {"value": requests}})
    assert [one["requestId"] for one in asyncio.run(pool.unfinished_requests())] == [3]
