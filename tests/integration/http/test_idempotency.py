"""Repeated commands with the same idempotency key are carried out once and get the same response."""

import asyncio
import uuid

import httpx
import pytest

from local.sandbox import Ground
from tests.support import WORKSTATION, AzureSide, ControlPlane

KEY = "Idempotency-Key"


def fresh() -> dict[str, str]:
    return {KEY: uuid.uuid4().hex}


def test_the_same_command_with_the_same_key_is_done_once(control_plane: ControlPlane, name: str) -> None:
    key = fresh()
    first, second = (control_plane.client.put(f"/environments/{name}", json=WORKSTATION, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert second.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    control_plane.wait(first.json()["operation"])
    late = control_plane.client.put(f"/environments/{name}", json=WORKSTATION, headers=key)
    assert late.json() == first.json(), "the answer of then, and not of now"
    trail = control_plane.client.get("/operations", params={"environment": name}).json()["value"]
    assert [operation["verb"] for operation in trail] == ["provision"]


def test_a_repeated_restart_restarts_once(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    key = fresh()
    answers = [control_plane.client.post(f"/environments/{name}/restart", headers=key) for _ in range(2)]
    control_plane.wait(answers[0].json()["operation"])
    answers.append(control_plane.client.post(f"/environments/{name}/restart", headers=key))
    assert len({answer.json()["operation"] for answer in answers}) == 1
    other = control_plane.client.post(f"/environments/{name}/restart", headers=fresh())
    assert other.json()["operation"] != answers[0].json()["operation"]


def test_a_key_belongs_to_one_request(control_plane: ControlPlane, name: str) -> None:
    key = fresh()
    control_plane.client.post("/sweeps", json={"dry_run": True}, headers=key).raise_for_status()
    for other in ({"dry_run": False}, {}):
        refused = control_plane.client.post("/sweeps", json=other, headers=key)
        assert (refused.status_code, refused.json()["title"]) == (422, "The key was used before")
    assert control_plane.client.post(f"/environments/{name}/stop", headers=key).status_code == 422


@pytest.mark.parametrize("key", ["", "a b", "x" * 129])
def test_an_invalid_idempotency_key_is_rejected(control_plane: ControlPlane, key: str) -> None:
    answer = control_plane.client.post("/sweeps", json={"dry_run": True}, headers={KEY: key})
    assert answer.status_code == 400
    assert KEY in answer.json()["detail"]


def test_a_failed_command_can_be_retried_with_the_same_key(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    key = fresh()
    azure.spoil(path="/virtualMachines/", status=503, code="ServerTimeout", times=1)
    assert control_plane.client.post(f"/environments/{name}/stop", headers=key).status_code == 503
    again = control_plane.client.post(f"/environments/{name}/stop", headers=key)
    assert again.status_code == 202
    assert "idempotency-replayed" not in again.headers
    control_plane.follow(again)


def test_a_dry_run_does_not_use_up_the_key(control_plane: ControlPlane, name: str) -> None:
    key = fresh()
    dry = control_plane.client.put(f"/environments/{name}", json=WORKSTATION, headers=key, params={"dry_run": "true"})
    assert dry.status_code == 200
    assert control_plane.client.put(f"/environments/{name}", json=WORKSTATION, headers=key).status_code == 202


def test_one_of_many_concurrent_requests_with_the_same_key_is_carried_out(
    ground: Ground, control_plane: ControlPlane, name: str
) -> None:
    async def storm() -> list[httpx.Response]:
        headers = {"x-functions-key": ground.key, **fresh()}
        async with httpx.AsyncClient(base_url=ground.api, headers=headers, timeout=30, trust_env=False) as client:
            return await asyncio.gather(*(client.put(f"/environments/{name}", json=WORKSTATION) for _ in range(12)))

    answers = asyncio.run(storm())
    assert {answer.status_code for answer in answers} <= {202, 409}
    operations = {answer.json()["operation"] for answer in answers if answer.status_code == 202}
    assert len(operations) == 1
    assert all(answer.json()["title"] == "The request is being answered" for answer in answers if answer.status_code == 409)


def test_a_dry_run_in_the_body_does_not_use_up_the_key(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    key, path = fresh(), f"/environments/{name}/restart"
    assert control_plane.client.post(path, json={"dry_run": True}, headers=key).status_code == 200
    assert control_plane.client.post(f"{path}?code=x", headers=key).status_code == 202
    again = control_plane.client.post(f"{path}/?dry_run=false&code=y", headers=key)
    assert again.headers["idempotency-replayed"] == "true"
    control_plane.follow(again)


def test_a_repeated_dry_run_sweep_is_started_once(control_plane: ControlPlane) -> None:
    key = fresh()
    first = control_plane.client.post("/sweeps?dry_run=true", headers=key)
    again = control_plane.client.post("/sweeps", json={"dry_run": True}, headers=key)
    assert again.json()["sweep"] == first.json()["sweep"]
