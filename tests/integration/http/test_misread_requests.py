"""Requests that the host could distort are rejected before anything is done."""

import gzip
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support import WORKSTATION, AzureSide, ControlPlane

PROBLEM = "application/problem+json"
MACHINE = (
    "/subscriptions/0d0e5e00-0000-4000-8000-000000000001/resourceGroups/lab/providers/Microsoft.Compute/virtualMachines/m1"
)
COMMANDS = (
    ("PUT", "/environments/{name}", WORKSTATION),
    ("DELETE", "/environments/{name}", None),
    ("POST", "/environments/{name}/start", None),
    ("POST", "/environments/{name}/stop", None),
    ("POST", "/environments/{name}/restart", None),
    ("POST", "/environments/{name}/resize", {"size": "Standard_NV12ads_A10_v5", "restart": True}),
    ("POST", "/environments/{name}/rotate-password", None),
    ("POST", "/environments/{name}/hold", {"for": "2h"}),
    ("POST", "/environments/{name}/extend", {"for": "8h"}),
    ("POST", "/machines/hold", {"machine": MACHINE, "for": "2h"}),
    ("POST", "/machines/extend", {"machine": MACHINE, "for": "2h"}),
    ("POST", "/machines/adopt", {"machine": MACHINE, "agent": False}),
    ("POST", "/machines/release", {"machine": MACHINE}),
    ("POST", "/operations/{name}-stop-01M80AKRESFYRXQ716J26R1AX0/cancel", None),
    ("POST", "/sweeps", None),
)
BODILESS = tuple(command for command in COMMANDS if command[2] is None)
MISREAD = (
    "dry_run=",
    "dry_run",
    "dry_run=true&dry_run=false",
    "dry_run=false&dry_run=true",
    "dryrun=true",
    "dry_run=1",
    "x",
)


@pytest.fixture
def built(control_plane: ControlPlane, name: str) -> Iterator[str]:
    control_plane.up(name)
    yield name
    control_plane.client.delete(f"/environments/{name}")


Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(control_plane: ControlPlane, name: str) -> Ask:
    """Send a command exactly as given, with any body."""

    def asked(method: str, path: str, body: Any, query: str = "", **more: Any) -> httpx.Response:
        content = {"json": body} if body is not None else {}
        return control_plane.client.request(method, path.format(name=name) + query, **content, **more)

    return asked


@pytest.mark.parametrize(("method", "path", "body"), COMMANDS)
def test_a_query_value_that_the_host_would_drop_is_rejected(method: str, path: str, body: Any, ask: Ask) -> None:
    for query in MISREAD:
        answer = ask(method, path, body, f"?{query}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, PROBLEM), (query, answer.text)


def test_dry_run_in_the_body_makes_every_command_a_dry_run(ask: Ask, azure: AzureSide, built: str) -> None:
    before = (azure.resources(built), len(azure.rows("operations")))
    for method, path, body in COMMANDS:
        if not path.startswith("/environments"):
            continue
        answer = ask(method, path, {**(body or {}), "dry_run": True})
        assert answer.status_code == 200 or (answer.status_code, path[-5:]) == (409, "start"), (path, answer.text)
    seen = ask("GET", "/environments/{name}", None).json()
    assert (seen["hold"], seen["lease"], seen["operation"], seen["state"]) == (None, None, None, "running")
    assert (azure.resources(built), len(azure.rows("operations"))) == before


@pytest.mark.parametrize(("method", "path", "body"), COMMANDS)
def test_contradictory_dry_run_values_are_rejected(method: str, path: str, body: Any, ask: Ask) -> None:
    for query, member in (("false", True), ("true", False)):
        answer = ask(method, path, {**(body or {}), "dry_run": member}, f"?dry_run={query}")
        assert answer.status_code == 400, answer.text
    unreadable: tuple[Any, ...] = ("true", 1, None, "yes", [], {})
    for given in unreadable:
        assert ask(method, path, {**(body or {}), "dry_run": given}).status_code == 400


@pytest.mark.parametrize(("method", "path", "body"), BODILESS)
def test_commands_without_parameters_accept_only_dry_run(method: str, path: str, body: Any, ask: Ask) -> None:
    for strange in ({"mode": "hibernate"}, {"dry_run": True, "force": True}, {"Dry_Run": True}, {"force": True}):
        assert ask(method, path, strange).status_code == 400
    for content in (b"null", b"[]", b"x", b'{"dry_run": true, "dry_run": false}', b" "):
        assert ask(method, path, None, content=content).status_code == 400


@pytest.mark.parametrize(("method", "path", "body"), COMMANDS)
def test_a_chunked_or_compressed_body_is_rejected(method: str, path: str, body: Any, ask: Ask) -> None:
    content = json.dumps({**(body or {}), "dry_run": True}).encode()
    chunked = ask(method, path, None, content=iter([content]))
    assert (chunked.status_code, "did not arrive" in chunked.text) == (400, True)
    packed = ask(method, path, None, content=gzip.compress(content), headers={"Content-Encoding": "gzip"})
    assert (packed.status_code, "compressed" in packed.text) == (400, True)


@pytest.mark.parametrize(("method", "path", "body"), [command for command in COMMANDS if command[2] is not None])
def test_a_repeated_json_key_is_rejected(method: str, path: str, body: Any, ask: Ask) -> None:
    text = json.dumps(body)
    (key, value), *_ = body.items()
    twice = f"{text[:-1]}, {json.dumps(key)}: {json.dumps(value)}}}"
    answer = ask(method, path, None, content=twice.encode())
    assert (answer.status_code, "is repeated" in answer.text) == (400, True)
    nested = f'{text[:-1]}, "x": [{{"a": 1, "a": 2}}]}}'
    assert ask(method, path, None, content=nested.encode()).status_code == 400


def test_two_idempotency_keys_are_rejected(ask: Ask, control_plane: ControlPlane) -> None:
    key = uuid.uuid4().hex
    twice = [*control_plane.client.headers.items(), ("Idempotency-Key", key), ("Idempotency-Key", "b")]
    answer = httpx.post(f"{control_plane.client.base_url}environments/x1/stop", headers=twice, trust_env=False)
    assert (answer.status_code, "Idempotency-Key" in answer.text) == (400, True)


SWEEP = "sweep-01M80AKRESFYRXQ716J26R1AX0"


@pytest.mark.parametrize(
    "sent",
    [
        *("%23", "%3F", "%2e", "%2e%2e", "%0a", "%252F", "%00", "x" * 300, "sweep-x", "%5C", "%40x", "%FF", "a;b"),
        *(f"{SWEEP}%23", f"{SWEEP}%3FtaskHub=x", f"{SWEEP}%26connection=x", f"{SWEEP}%0a", SWEEP.lower(), f"{SWEEP}:0"),
    ],
)
def test_a_malformed_id_is_404(sent: str, control_plane: ControlPlane) -> None:
    paths = [f"/{kind}/{sent}" for kind in ("sweeps", "operations", "environments", "snooze", "blueprints")]
    paths += [f"/sweeps/{sent}/result", f"/operations/{sent}/result", f"/environments/{sent}/password"]
    for path in paths:
        assert control_plane.client.get(path).status_code == 404, path
    assert control_plane.client.post(f"/snooze/{sent}").status_code == 404
    assert control_plane.client.post(f"/operations/{sent}/cancel?force=true").status_code == 404
    assert control_plane.client.delete(f"/environments/{sent}").status_code == 404


@pytest.mark.parametrize("sent", ["%00", "%0a", "%1b%5b2J", "%E2%80%AE", "%E2%80%8B", "a%0db"])
def test_a_query_value_with_control_characters_is_rejected(sent: str, control_plane: ControlPlane) -> None:
    parameters = ("operations?environment", "operations?since", "machines?verdict", "blueprints?region", "machines?after")
    for parameter in parameters:
        answer = control_plane.client.get(f"/{parameter}={sent}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, PROBLEM), answer.text


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "a\u202eb", "a\x1b[31mb", "a\u200bb"])
def test_a_text_with_control_characters_is_a_fault(text: str, built: str, ask: Ask) -> None:
    for path, body, pointer in (
        ("/environments/{name}/hold", {"for": "2h", "reason": text}, "/reason"),
        ("/environments/x1?dry_run=true", {**WORKSTATION, "owner": text}, "/owner"),
        ("/machines/adopt", {"machine": MACHINE, "idle": f"on, {text}"}, "/idle"),
    ):
        answer = ask("PUT" if "owner" in body else "POST", path, body)
        assert (answer.status_code, [fault["pointer"] for fault in answer.json()["errors"]]) == (422, [pointer]), answer.text
    assert ask("GET", "/environments/{name}", None).json()["hold"] is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"\\ud800": 1, "blueprint": "workstation", "region": "polandcentral"}',
        b'{"\\ud800": 1, "for": "2h", "blueprint": "workstation", "region": "nowhere land 1"}',
    ],
)
def test_a_validation_error_at_the_root_is_reported(body: bytes, control_plane: ControlPlane, name: str) -> None:
    answer = control_plane.client.put(f"/environments/{name}", content=body)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) >= 1
    assert not answer.json()["detail"].startswith("0 ")
