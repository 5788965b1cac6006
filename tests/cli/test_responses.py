"""Slow, broken or unexpected responses: each ends with a clear message and the right exit code."""

import json
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.cli.support import KEY, Command, FakeServer, Request, accept, fake_server

PAGE_LINK = "/api/environments?after=1"


@pytest.mark.parametrize(
    ("handler", "code", "says"),
    [
        (lambda request: time.sleep(2), 3, "did not respond within 0.5 s"),
        (Request.dribble, 3, "did not respond within 0.5 s"),
        (Request.dribble_headers, 3, "did not respond within 0.5 s"),
        (lambda request: request.problem(500, "The request failed unexpectedly."), 3, "The request failed unexpectedly."),
        (
            lambda request: request.respond(502, b"<h1>Bad gateway</h1>", "text/html"),
            3,
            'got no valid response from the control plane (HTTP 502): "Bad gateway"',
        ),
        (lambda request: request.respond(200, b"<h1>Please log in</h1>", "text/html"), 3, "text/html instead of JSON"),
        (lambda request: request.respond(200, b'{"value": ['), 3, "invalid JSON instead of JSON"),
        (lambda request: request.json([1, 2]), 3, "does not have the expected structure"),
        (lambda request: request.json({"value": 5}), 3, "does not have the expected structure"),
        (
            lambda request: request.json({"value": [{"name": "x", "price_per_hour": 5}]}),
            3,
            "/value/0/price_per_hour: not an object",
        ),
        (lambda request: request.respond(401, b"", "text/plain"), 4, "did not accept the key"),
        (lambda request: request.respond(403, b"<h1>Ip Forbidden</h1>", "text/html"), 4, "denied access (HTTP 403)"),
        (lambda request: request.respond(404, b"Not found", "text/plain"), 3, "has nothing at /api/environments"),
        (lambda request: request.problem(404, "There is no such thing."), 5, "There is no such thing."),
        (lambda request: request.problem(409, "Not now.", operation="ml1-x-1"), 6, "Watch it: dormouse watch ml1-x-1"),
        (
            lambda request: request.respond(429, b"", Retry_After="3600"),
            3,
            "Rate limit exceeded (HTTP 429). Retry after 3600 s.",
        ),
        (lambda request: request.json({"value": [], "next": "https://elsewhere.example/x"}), 3, "links to another server"),
        (lambda request: request.json({"value": [], "next": PAGE_LINK}), 3, "The server returned the same page link twice."),
    ],
)
def test_every_unusable_response_is_reported_in_at_most_three_lines(
    dormouse: Command, server: FakeServer, handler: Callable[[Request], None], code: int, says: str
) -> None:
    server.respond(handler)
    result = dormouse("ls", DORMOUSE_TIMEOUT="0.5")
    assert (result.code, says in result.words) == (code, True), result
    assert len(result.err.splitlines()) <= 3


def test_redirects_are_not_followed_because_they_would_expose_the_key(dormouse: Command, server: FakeServer) -> None:
    with fake_server() as thief:
        server.respond(lambda request: request.respond(302, b"", Location=f"{thief.url}/api/environments"))
        result = dormouse("ls")
        assert (result.code, f"redirects to {thief.url}; redirects are not followed" in result.err) == (3, True)
        assert thief.requests == []


def test_an_unreachable_server_is_reported_with_its_name(logged_out: Command) -> None:
    closed = logged_out("ls", DORMOUSE_URL="http://127.0.0.1:9", DORMOUSE_KEY=KEY)
    assert (closed.code, closed.err) == (3, "127.0.0.1:9 refused the connection.\n")
    unknown = logged_out("ls", DORMOUSE_URL="https://nobody.invalid", DORMOUSE_KEY=KEY)
    assert (unknown.code, "Cannot resolve host nobody.invalid." in unknown.err) == (3, True)


def test_certificates_are_verified(logged_out: Command, tmp_path: Path) -> None:
    authority, trust = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(trust)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with fake_server(trust) as server:
        logged_out.variables = {"DORMOUSE_URL": server.url, "DORMOUSE_KEY": KEY}
        result = logged_out("ls")
        assert (result.code, "cannot be trusted" in result.err, server.requests) == (3, True, [])
        assert logged_out("ls", SSL_CERT_FILE=str(tmp_path / "ca.pem")).code == 0
        missing = logged_out("ls", SSL_CERT_FILE=str(tmp_path / "none.pem"))
        assert (missing.code, "SSL_CERT_FILE" in missing.err) == (2, True)


def test_a_server_that_never_finishes_the_handshake_is_given_up(logged_out: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        result = logged_out("stop", "ml1", DORMOUSE_URL=url, DORMOUSE_KEY=KEY, DORMOUSE_TIMEOUT="0.5")
    assert (result.code, "Cannot connect to 127.0.0.1" in result.err) == (3, True), result


def test_reads_are_retried_after_the_delay_that_the_server_asks_for(dormouse: Command, server: FakeServer) -> None:
    server.respond(
        lambda request: request.respond(429, b"", Retry_After="2"),
        lambda request: request.problem(503, "Azure is temporarily unavailable."),
        Request.drop,
        lambda request: request.json({"value": [], "next": None}),
    )
    assert dormouse("ls").code == 0
    assert len(server.requests) == 4
    assert server.requests[1].at - server.requests[0].at > 1.9 > server.requests[3].at - server.requests[1].at


def test_a_command_is_retried_with_its_key_and_an_unknown_outcome_is_reported(dormouse: Command, server: FakeServer) -> None:
    server.respond(Request.drop)
    result = dormouse("stop", "ml1")
    assert result.code == 3
    assert "closed the connection before it responded" in result.err
    assert "The outcome is unknown: the command may have been accepted." in result.err
    assert "Before you retry, check: dormouse operations" in result.err
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert (len(keys), len(set(keys))) == (4, 1)
    dormouse("stop", "ml1")
    assert server.requests[-1].headers["Idempotency-Key"] != keys[0]


@pytest.mark.parametrize("problem_code", ["request_in_progress", "concurrent_change"])
def test_a_command_is_sent_again_while_its_first_request_is_processed(
    dormouse: Command, server: FakeServer, problem_code: str
) -> None:
    problem = {"type": "about:blank", "title": "x", "status": 409, "detail": "Retry.", "code": problem_code}
    body = json.dumps(problem).encode()
    server.respond(
        Request.drop,
        lambda request: request.respond(409, body, "application/problem+json", Retry_After="0"),
        accept,
    )
    result = dormouse("stop", "ml1")
    assert (result.code, result.out.startswith("Accepted: ml1-stop-1")) == (0, True), result


def test_every_validation_error_of_a_spec_is_shown(dormouse: Command, server: FakeServer) -> None:
    errors = [{"pointer": "/size", "detail": "is no size"}, {"pointer": "/region", "detail": "is no region"}]
    server.respond(lambda request: request.problem(422, "The request has 2 validation errors.", errors=errors))
    result = dormouse("up", "ml1", "--blueprint", "workstation", "--region", "x")
    lines = ["The request has 2 validation errors.", "  /size  is no size", "  /region  is no region"]
    assert (result.code, result.err.splitlines()) == (2, lines)


def test_lists_contain_every_page(dormouse: Command, server: FakeServer) -> None:
    server.respond(
        lambda request: request.json({"value": [{"id": "a"}], "next": "/api/operations?limit=200&after=a"}),
        lambda request: request.json({"value": [{"id": "b"}], "next": f"{server.url}/api/operations?limit=200&after=b"}),
        lambda request: request.json({"value": [{"id": "c"}], "next": None}),
    )
    assert dormouse.json("operations") == {"value": [{"id": "a"}, {"id": "b"}, {"id": "c"}], "next": None}
    paths = [f"/api/operations?limit=200{after}" for after in ("", "&after=a", "&after=b")]
    assert [request.path for request in server.requests] == paths


def test_names_are_encoded_into_the_path(dormouse: Command, server: FakeServer) -> None:
    for name in ("", ".."):
        assert dormouse("show", name).code == 2
    assert server.requests == []
    dormouse("show", "a/../b?c#d")
    assert server.requests[0].path == "/api/environments/a%2F..%2Fb%3Fc%23d"


def test_force_and_purge_are_sent_only_if_given(dormouse: Command, server: FakeServer) -> None:
    server.respond(accept)
    assert dormouse("rm", "ml1", "--yes", "--purge").code == 0
    assert dormouse("cancel", "ml1-stop-1", "--force").code == 0
    assert dormouse("cancel", "ml1-stop-1").code == 0
    assert [request.path for request in server.requests] == [
        "/api/environments/ml1?purge=true",
        "/api/operations/ml1-stop-1/cancel?force=true",
        "/api/operations/ml1-stop-1/cancel",
    ]


def test_a_command_is_not_retried_after_a_timeout_or_an_internal_error(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: time.sleep(2))
    assert dormouse("stop", "ml1", DORMOUSE_TIMEOUT="0.5").code == 3
    assert len(server.requests) == 1
    server.respond(lambda request: request.problem(500, "The request failed unexpectedly."))
    assert dormouse("stop", "ml1").code == 3
    assert len(server.requests) == 2


@pytest.mark.parametrize("command", [("ls",), ("stop", "ml1")])
def test_a_refusal_of_azure_is_shown_and_not_sent_again(
    dormouse: Command, server: FakeServer, command: tuple[str, ...]
) -> None:
    told = "The control plane's identity needs a role with the permission Microsoft.Compute/virtualMachines/read."
    server.respond(lambda request: request.problem(502, told, code="refused_by_azure"))
    result = dormouse(*command)
    assert (result.code, result.err, len(server.requests)) == (3, f"{told}\n", 1)
