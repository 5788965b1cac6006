"""Responses that are not the control plane's: each says what it most likely is, with the right exit code."""

from typing import Any

import pytest

from tests.cli.support import Command, FakeServer, Request

STOPPED = b"<html><head><title>Web App - Unavailable</title></head><h1>Error 403 - This web app is stopped.</h1></html>"
GONE = b"<html><head><title>Microsoft Azure Web App - Error 404</title></head><h1>404 Web Site not found.</h1></html>"
HTML = "text/html; charset=utf-8"
RETRY_AT_ONCE = {"Retry_After": "0"}


@pytest.mark.parametrize(
    ("status", "body", "kind", "headers", "code", "says"),
    [
        (403, STOPPED, HTML, {}, 3, "The Function App of the control plane at localhost"),
        (403, b"<h1>Ip Forbidden</h1>", HTML, {}, 4, "do not allow your IP address"),
        (403, b"<title>Access Denied | Example Gateway</title>", HTML, {}, 4, "most likely a firewall or a proxy did"),
        (403, b"<h2>The request is blocked.</h2>", HTML, {}, 4, "A web application firewall"),
        (404, GONE, HTML, {}, 3, "Azure has no app with the host name"),
        (404, b"", "text/plain", {}, 3, "most likely it is not a control plane, or an older one"),
        (405, b"", "text/plain", {}, 3, "most likely it is not a control plane, or an older one"),
        (400, b"<h1>Bad Request - Invalid Hostname</h1>", HTML, {}, 3, "or a proxy answered"),
        (401, b'{"message": "Missing subscription key."}', "application/json", {}, 4, '"Missing subscription key."'),
        (407, b"", HTML, {}, 3, "requires a user name and a password"),
        (413, b"<title>413 Request Entity Too Large</title>", HTML, {}, 2, "because it is too large (HTTP 413)"),
        (511, b"sign in", HTML, {}, 3, "The network requires a sign-in"),
        (502, b"<title>502 Bad Gateway</title>", HTML, RETRY_AT_ONCE, 3, "A gateway in front of localhost"),
        (503, b"Function host is not running.", "text/plain", RETRY_AT_ONCE, 3, "Functions host is starting, or failed"),
        (504, b"<h1>504 Gateway Time-out</h1>", HTML, RETRY_AT_ONCE, 3, "got no response from the control plane in time"),
        (200, b"<!DOCTYPE html><title>Hotel WiFi</title>", HTML, {}, 3, '"Hotel WiFi"; most likely a sign-in page'),
        (200, b"", "text/plain", {}, 3, "text/plain instead of JSON"),
        (200, b"{}", "application/json", {}, 3, "does not have the expected structure"),
        (302, b"", HTML, {"Location": "https://login.microsoftonline.com/common"}, 3, "Most likely it is a sign-in page"),
        (302, b"", HTML, {"Location": "/users/sign_in"}, 3, "Most likely it is a sign-in page"),
        (301, b"", HTML, {"Location": "https://new.example.net/api"}, 3, "dormouse login https://new.example.net"),
        (302, b"", HTML, {"Location": "http://[::1"}, 3, "localhost"),
        (303, b"", HTML, {}, 3, "redirects to another path"),
    ],
)
def test_a_response_of_another_server_is_explained(
    dormouse: Command, server: FakeServer, status: int, body: bytes, kind: str, headers: Any, code: int, says: str
) -> None:
    server.respond(lambda request: request.respond(status, body, kind, **headers))
    result = dormouse("ls")
    assert (result.code, says in result.words) == (code, True), result
    assert len(result.err.splitlines()) <= 3


def test_a_404_for_a_name_that_cannot_exist_is_about_the_name(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.respond(404, b"", "text/plain"))
    result = dormouse("show", "a/b")
    assert (result.code, result.err.startswith("There is no 'a/b'"), "log in" in result.err) == (5, True, False), result


def test_a_gateway_that_fails_leaves_the_outcome_of_a_command_unknown(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.respond(504, b"<h1>504</h1>", HTML, **RETRY_AT_ONCE))
    result = dormouse("stop", "ml1")
    assert (result.code, "The outcome is unknown" in result.err) == (3, True)


def test_a_server_that_does_not_speak_http_is_explained(dormouse: Command, server: FakeServer) -> None:
    def greet(request: Request) -> None:
        request.handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

    server.respond(greet)
    result = dormouse("ls")
    assert (result.code, "did not respond in valid HTTP" in result.err) == (3, True), result
