"""The HTTP API: authentication, responses and problems."""

import os
import sys
from pathlib import Path

import httpx
import pytest

from dormouse.clock import parse_moment
from local.processes import Process
from local.sandbox import Ground, free_port
from tests.support import FEES, ROOT, WORKSTATION, ControlPlane

PROBLEM = "application/problem+json"


def test_every_route_but_health_requires_a_key(ground: Ground) -> None:
    with httpx.Client(base_url=ground.api, trust_env=False) as stranger:
        for path in ("/environments", "/environments/ml1", "/operations", "/blueprints"):
            assert stranger.get(path).status_code == 401
        assert stranger.put("/environments/ml1", json=WORKSTATION).status_code == 401
        assert stranger.get("/environments", headers={"x-functions-key": "wrong"}).status_code == 401
        health = stranger.get("/health").json()
        assert (health["status"], abs(parse_moment(health["time"]) - ground.clock.seconds()) < 60) == ("ok", True)


def test_one_response_lists_every_validation_error(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    answer = control_plane.put(
        name,
        {
            **WORKSTATION,
            "region": "westeurope",
            "size": "Standard_NV6",
            "network": {"address_space": "10.0.0.0/99"},
            "allow_from": ["0.0.0.0/0"],
        },
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, PROBLEM)
    problem = answer.json()
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {"/name", "/size", "/network/address_space", "/allow_from/0"}
    taken = next(error["detail"] for error in problem["errors"] if error["pointer"] == "/name")
    assert "taken" in taken
    assert {"type", "title", "status", "detail"} <= set(problem)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b'"text"', 400), (b"\xff\xfe", 400), (b"{" + b" " * 70_000 + b"}", 413)],
)
def test_an_unreadable_body_is_a_problem(control_plane: ControlPlane, body: bytes, status: int) -> None:
    answer = control_plane.client.put("/environments/ml1", content=body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)


@pytest.mark.parametrize("query", ["limit=0", "limit=many", "since=yesterday"])
def test_an_invalid_query_is_a_problem(control_plane: ControlPlane, query: str) -> None:
    assert control_plane.client.get(f"/operations?{query}").status_code == 400


def test_concurrent_requests_create_one_environment(control_plane: ControlPlane, name: str) -> None:
    first, second = control_plane.put(name), control_plane.put(name)
    assert (first.status_code, second.status_code) == (202, 409)
    assert second.json()["operation"] == first.json()["operation"]
    assert second.headers["Location"] == first.headers["Operation-Location"]
    assert control_plane.follow(first)["outcome"] == "succeeded"


def test_a_202_names_the_operation_and_when_to_poll_it(control_plane: ControlPlane, name: str) -> None:
    accepted = control_plane.put(name)
    href = f"{control_plane.client.base_url}operations/{accepted.json()['operation']}"
    assert (accepted.headers["Operation-Location"], accepted.json()["href"]) == (href, href)
    assert accepted.headers["Location"] == f"{href}/result"
    assert int(accepted.headers["Retry-After"]) > 0
    seen = control_plane.get(name)
    assert (seen["state"], seen["operation"]) == ("creating", accepted.json()["operation"])
    running = control_plane.operation(accepted.json()["operation"])
    assert (running["status"], running["outcome"], running["reason"]) == ("InProgress", None, None)
    control_plane.follow(accepted)


def test_no_response_reveals_the_durable_management_urls(control_plane: ControlPlane, name: str) -> None:
    accepted = control_plane.put(name)
    control_plane.follow(accepted)
    for text in (accepted.text, str(accepted.headers), control_plane.client.get(accepted.headers["Location"]).text):
        assert "runtime/webhooks" not in text
        assert "code=" not in text


def test_the_operation_history_is_newest_first_and_paged(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    control_plane.follow(control_plane.post(name, "stop"))
    control_plane.down(name)
    first = control_plane.client.get("/operations", params={"environment": name, "limit": 2}).json()
    assert [item["verb"] for item in first["value"]] == ["delete", "stop"]
    second = control_plane.client.get(first["next"].removeprefix("/api")).json()
    assert ([item["verb"] for item in second["value"]], second["next"]) == (["provision"], None)


def test_the_operation_history_can_be_filtered_by_start_time(control_plane: ControlPlane) -> None:
    assert control_plane.client.get("/operations", params={"since": "2100-01-01T00:00:00Z"}).json()["value"] == []


def test_unknown_resources_are_404(control_plane: ControlPlane) -> None:
    for path in (
        "/environments/nobody",
        "/operations/nobody",
        "/operations/ml1-stop-01M80AKRESFYRXQ716J26R1AX0",
        "/blueprints/none",
    ):
        answer = control_plane.client.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)


def test_blueprints_describe_their_parameters(control_plane: ControlPlane) -> None:
    listed = control_plane.client.get("/blueprints").json()["value"]
    assert {"workstation", "data-science", "build-agent"} <= {each["name"] for each in listed}
    for each in listed:
        assert each == control_plane.client.get(f"/blueprints/{each['name']}").json()
        assert each["parameters"]["properties"]["region"]["pattern"]


def test_a_blueprint_with_required_parameters_has_a_price(control_plane: ControlPlane) -> None:
    query = {"region": "eastus", "size": "standard_nc4as_t4_v3"}
    found = [control_plane.client.get(f"/blueprints/{one}", params=query).json() for one in ("workstation", "build-agent")]
    assert [one["price_per_hour"]["amount"] > one["price_asleep_per_hour"]["amount"] > 0 for one in found] == [True, True]
    assert [one["unpriced"] for one in found] == [[], []]


def test_a_blueprint_shows_the_price_in_a_region(control_plane: ControlPlane) -> None:
    def card(**query: str) -> httpx.Response:
        return control_plane.client.get("/blueprints/workstation", params=query)

    assert card().json()["price_per_hour"] is None
    assert card(region="Poland Central").json()["price_per_hour"]["amount"] == pytest.approx(0.59 + FEES, abs=1e-6)
    assert card(region="eastus", size="standard_nc4as_t4_v3").json()["price_per_hour"]["currency"] == "USD"
    assert card(region="nowhere").json()["price_per_hour"] is None
    assert card(region="x' or 1 eq 1").status_code == 400
    assert card(region="eastus", size="Standard_NC6").status_code == 400


def test_the_list_of_environments_is_paged_and_sorted(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    listed = control_plane.every_environment()
    mine = next(item for item in listed if item["name"] == name)
    assert (mine["state"], mine["fresh"]) == ("running", False)
    assert [item["name"] for item in listed] == sorted(item["name"] for item in listed)


def test_the_password_route_returns_only_the_uri_of_the_secret(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    answer = control_plane.client.get(f"/environments/{name}/password").json()
    assert set(answer) == {"secret_uri"}
    assert f"/secrets/dormouse-{name}-" in answer["secret_uri"]


def test_an_unsupported_method_is_404(control_plane: ControlPlane) -> None:
    assert control_plane.client.patch("/environments/ml1", json={}).status_code == 404


def test_a_misconfigured_app_returns_500_and_logs_every_faulty_setting(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "local.host", "--app", str(ROOT), "--home", str(tmp_path), "--port", str(port)]
    host = Process(command, {"PATH": os.environ["PATH"], "KEY_VAULT_URL": "http://not-safe"}, tmp_path / "log")
    host.start()
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/health", trust_env=False)
    finally:
        host.kill()
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, PROBLEM)
    said = (tmp_path / "log").read_text()
    assert all(name in said for name in ("AZURE_SUBSCRIPTION_ID", "RECORDS_TABLES_URL", "KEY_VAULT_URL: must be an https"))
