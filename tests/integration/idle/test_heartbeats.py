"""Heartbeats are accepted only from the machine that they describe."""

import base64
import json
import zlib
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from local.plain_http import NO_TLS
from tests.fleet import QUIET_INSIDE, FleetSide, machine

AUDIENCE = "api://dormouse"


def beat(fleet: FleetSide, name: str, **changes: Any) -> dict[str, Any]:
    signals = {signal: {"max": value, "p95": value} for signal, value in QUIET_INSIDE.items()}
    minute = {"sequence": 0, "age_seconds": 30.0, "signals": signals}
    return {
        "version": 1,
        "machine": fleet.id(name),
        "agent": "1.0",
        "boot": "0" * 32,
        "uptime_seconds": 90_000.0,
        "minutes": [minute],
        "gpu": "ok",
        **changes,
    }


def token(fleet: FleetSide, name: str, audience: str = AUDIENCE, **more: Any) -> str:
    body = {"id": fleet.id(name), "audience": audience, **more}
    return str(fleet.simulation.post("/machines/token", json=body).raise_for_status().json()["access_token"])


def send(fleet: FleetSide, body: Any, bearer: str) -> httpx.Response:
    # Machines have no function key.
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{fleet.control_plane.base_url}heartbeats", content=content, headers=headers, verify=NO_TLS)


@pytest.fixture
def told(fleet: FleetSide) -> FleetSide:
    """Two machines without agents; the test sends their heartbeats."""
    fleet.load(mine=machine(agent=False), other=machine(agent=False))
    return fleet


def test_a_machine_can_report_only_about_itself(told: FleetSide) -> None:
    answer = send(told, beat(told, "mine"), token(told, "mine"))
    assert (answer.status_code, answer.json()["confirmed"], answer.json()["warning"]) == (200, True, None)
    foreign = send(told, beat(told, "other"), token(told, "mine"))
    assert (foreign.status_code, foreign.headers["Content-Type"]) == (403, "application/problem+json")
    assert "other" not in foreign.text, "a refusal tells nothing of what exists"
    identity = token(told, "mine", claims={"xms_mirid": told.id("mine").replace("virtualMachines", "disks")})
    assert send(told, beat(told, "mine"), identity).status_code == 403


def test_an_invalid_token_is_rejected(told: FleetSide) -> None:
    good = token(told, "mine")
    header, content, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(content + "=="))
    kid = jwt.get_unverified_header(good)["kid"]
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    url = "https://sts.windows.net/someone-else/"
    public = "the tenant's public key, used as an HS256 secret"
    bad = {
        "no token": "rubbish",
        "unsigned": jwt.encode(claims, "", algorithm="none", headers={"kid": kid}),
        "another kind of signature": jwt.encode(claims, public, algorithm="HS256", headers={"kid": kid}),
        "an unknown key": jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": "unknown"}),
        "foreign key with our key ID": jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": kid}),
        "changed on the way": ".".join((header, content[:-4] + "AAAA", signature)),
        "expired": token(told, "mine", expires_in=-3600),
        "for another audience": token(told, "mine", audience="https://management.azure.com"),
        "of another tenant": token(told, "mine", claims={"iss": url}),
        "not valid yet": token(told, "mine", claims={"nbf": claims["exp"] + 7200, "exp": claims["exp"] + 9000}),
        "without an expiry": token(told, "mine", claims={"exp": None}),
    }
    assert httpx.post(f"{told.control_plane.base_url}heartbeats", json=beat(told, "mine")).status_code == 401
    answers = {what: send(told, beat(told, "mine"), bearer).status_code for what, bearer in bad.items()}
    assert {what: status for what, status in answers.items() if status != 401} == {}
    assert told.simulation.get("/rows", params={"table": "heartbeats"}).text.count(f"{told.group}:mine") == 0


def test_an_invalid_heartbeat_is_rejected_with_every_error(told: FleetSide) -> None:
    bearer = token(told, "mine")
    wrong = beat(told, "mine", boot="short", gpu="maybe", minutes=[{"sequence": -1, "age_seconds": 1, "signals": {}}])
    answer = send(told, wrong, bearer)
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {"/boot", "/gpu", "/minutes/0/sequence"}
    endless = beat(told, "mine", minutes=[{"sequence": 1, "age_seconds": 1, "signals": {"jobs": {"max": 1e308, "p95": 0}}}])
    assert send(told, endless, bearer).status_code == 422
    nan = json.dumps(beat(told, "mine", uptime_seconds=float("nan"))).encode()
    assert send(told, nan, bearer).status_code == 422
    assert send(told, b"{", bearer).status_code == 400
    assert send(told, b"{" + b" " * 300_000 + b"}", bearer).status_code == 413


def test_a_repeated_heartbeat_changes_nothing(told: FleetSide) -> None:
    bearer, body = token(told, "mine"), beat(told, "mine")
    assert send(told, body, bearer).status_code == 200

    def minutes() -> list[Any]:
        rows = told.simulation.get("/rows", params={"table": "heartbeats"}).json()["value"]
        return [row for row in rows if row["RowKey"].endswith(f"{told.group}:mine")]

    (before,) = minutes()
    for _ in range(3):
        assert send(told, body, bearer).status_code == 200
    (after,) = minutes()
    assert unpacked(before)["minutes"] == unpacked(after)["minutes"]
    assert len(zlib.decompress(base64.b64decode(unpacked(after)["minutes"]))) == 4 * len(QUIET_INSIDE), "one minute"


def unpacked(row: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(row["properties"]["Document"][1])
    return content


def test_no_token_is_stored(told: FleetSide) -> None:
    bearer = token(told, "mine")
    assert send(told, beat(told, "mine"), bearer).status_code == 200
    signature = bearer.rsplit(".", 1)[-1]
    for table in ("heartbeats", "machines", "operations", "locks"):
        assert signature not in told.simulation.get("/rows", params={"table": table}).text


def test_oversized_optional_fields_are_truncated_and_the_minutes_kept(told: FleetSide) -> None:
    bearer = token(told, "mine")
    hold = {"by": "a.very.long.name@" + "x" * 90, "reason": "r" * 900, "until_in_seconds": 3600}
    odd = beat(told, "mine", holds=[hold] * 21, problems={"kernels_busy": "w" * 999}, gpu_problem="p" * 999)
    assert send(told, odd, bearer).status_code == 200
    (row,) = [
        row
        for row in told.simulation.get("/rows", params={"table": "heartbeats"}).json()["value"]
        if row["RowKey"].endswith(f"{told.group}:mine")
    ]
    assert len(zlib.decompress(base64.b64decode(unpacked(row)["minutes"]))) == 4 * len(QUIET_INSIDE)
    assert unpacked(row)["record"]["problems"] == {"kernels_busy": "w" * 300}
    assert len(unpacked(row)["record"]["holds"]) == 20
