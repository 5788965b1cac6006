"""Responses with wrong types: exit code 3 and the place, for every command and every member."""

import json
from typing import Any

import pytest

from dormouse_cli import shapes
from tests.cli.support import Command, FakeServer
from tests.cli.test_rendering import ENVIRONMENT, MACHINE, PLAN

DEEP = b"[" * 20_000 + b"]" * 20_000
OPERATION = {"id": "ml1-stop-1", "verb": "stop", "environment": "ml1", "outcome": "failed", "steps": [{"name": "vm"}]}


@pytest.mark.parametrize(
    ("command", "content"),
    [
        (("ls",), {"value": [{"resources": [None]}]}),
        (("ls",), {"value": [{"price_per_hour": {"amount": {}}}]}),
        (("ls",), {"value": [5]}),
        (("ls",), {"value": [None]}),
        (("ls",), {"value": [], "problems": [{}]}),
        (("ls",), {"value": [], "problems": 5}),
        (("ls",), {"value": [], "next": ["x"]}),
        (("ls",), {"value": [], "next": "http://[::1"}),
        (("show", "ml1"), {"hold": "tomorrow"}),
        (("show", "ml1"), {"endpoints": 5}),
        (("show", "ml1"), {"depends_on": [1]}),
        (("show", "ml1"), [{}]),
        (("show", "ml1"), {"message": "Hello, world!"}),
        (("plan", "ml1", "-b", "x"), {"resources": [{"needs": 5}]}),
        (("plan", "ml1", "-b", "x"), {"refusals": ["no"]}),
        (("blueprints",), {"value": [{"sizes": "one"}]}),
        (("blueprints", "x"), {"parameters": {"properties": []}}),
        (("blueprints", "x"), {"parameters": {"required": 5}}),
        (("schema", "x"), {"parameters": []}),
        (("machines",), {"value": [{"id": 5}]}),
        (("idle",), {"sweep": "s", "summary": {"verdicts": []}, "value": []}),
        (("idle",), {"sweep": "s", "value": [{"hours_asleep": "12"}]}),
        (("idle",), {"sweep": "s", "value": [{"saved_amount": 10**400}]}),
        (("operations",), {"value": [{"makespan_seconds": []}]}),
        (("operations", "x"), {"steps": [{"began_seconds": "soon"}]}),
        (("operations", "x"), {"steps": {"vm": 1}}),
        (("watch", "ml1-stop-1"), {"id": 5}),
        (("watch", "ml1-stop-1"), {}),
        (("watch", "sweep-1"), {"state": "ended", "summary": []}),
        (("stop", "ml1"), {"would": "stop", "tags": [1]}),
        (("hold", "ml1", "2h"), {"hold": []}),
        (("extend", "ml1", "2h"), {"lease": 5}),
        (("password", "ml1"), {"secret_uri": ["x"]}),
        (("password", "ml1"), {"secret_uri": "https://[vault"}),
        (("adopt", "research/gpu1"), {"value": [{"id": {}}]}),
    ],
)
def test_a_wrong_type_is_the_fault_of_the_server(
    dormouse: Command, server: FakeServer, command: tuple[str, ...], content: Any
) -> None:
    server.respond(lambda request: request.json(content))
    result = dormouse(*command)
    assert (result.code, "bug" in result.err) == (3, False), result


@pytest.mark.parametrize("body", [{"operation": 5}, {"operation": None}, {}, []])
def test_an_acceptance_without_an_id_is_the_fault_of_the_server(dormouse: Command, server: FakeServer, body: Any) -> None:
    server.respond(lambda request: request.json(body, 202))
    assert dormouse("stop", "ml1").code == 3


@pytest.mark.parametrize(
    "content",
    [{"outcome": None, "steps": [5]}, {"outcome": 5}, {"outcome": None, "steps": [{"ended_seconds": {}}]}],
)
def test_waiting_ends_with_an_operation_of_the_wrong_shape(dormouse: Command, server: FakeServer, content: Any) -> None:
    server.respond(lambda request: request.json({"operation": "x"}, 202), lambda request: request.json(content))
    result = dormouse("stop", "ml1", "--wait")
    assert (result.code, "bug" in result.err) == (3, False), result


@pytest.mark.parametrize(
    ("problem", "code", "says"),
    [
        ({"detail": "Bad.", "errors": 5}, 2, "Bad."),
        ({"detail": "Bad.", "errors": True}, 2, "Bad."),
        ({"detail": "Bad.", "errors": {"pointer": "/a"}}, 2, "Bad."),
        ({"detail": "Bad.", "errors": [5, None, {"pointer": [], "detail": {}}]}, 2, "Bad. /"),
        ({"detail": {"x": 1}, "title": "A title"}, 2, "A title"),
        ({"detail": 5, "title": []}, 2, "gave no reason (HTTP 422)"),
        ({"detail": "Bad.", "code": ["x"], "operation": {"id": 1}, "status": "x"}, 2, "Bad."),
        ([1, 2], 3, "rejected the request (HTTP 422)"),
    ],
)
def test_a_problem_may_have_any_shape(dormouse: Command, server: FakeServer, problem: Any, code: int, says: str) -> None:
    server.respond(lambda request: request.respond(422, json.dumps(problem).encode(), "application/problem+json"))
    result = dormouse("stop", "ml1")
    assert (result.code, result.words.startswith(says) or says in result.words) == (code, True), result


def test_documents_that_are_nested_too_deeply_are_the_fault_of_the_server(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.respond(200, DEEP))
    assert dormouse("ls").code == 3
    server.respond(lambda request: request.respond(400, DEEP, "application/problem+json"))
    assert dormouse("ls").code == 3


@pytest.mark.parametrize("depth", [300, 900])
def test_documents_that_can_be_read_but_not_printed_are_the_fault_of_the_server(
    dormouse: Command, server: FakeServer, depth: int
) -> None:
    nested = b'{"parameters": {"x": ' + b"[" * depth + b"]" * depth + b"}}"
    server.respond(lambda request: request.respond(200, nested))
    assert dormouse("schema", "x").code in (0, 3)
    assert dormouse("blueprints", "x").code == 3  # there is no name


@pytest.mark.parametrize("value", ["Mon, 99 Foo 2026 25:61:61 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "-5", "soon", "1e5"])
def test_an_odd_retry_after_is_ignored(dormouse: Command, server: FakeServer, value: str) -> None:
    server.respond(lambda request: request.respond(429, b"", Retry_After=value))
    assert dormouse("stop", "ml1", DORMOUSE_TIMEOUT="1").code == 3


@pytest.mark.parametrize(
    ("value", "shape", "fault"),
    [
        (ENVIRONMENT, shapes.ENVIRONMENT, ""),
        (PLAN, shapes.PLAN, ""),
        (MACHINE, shapes.MACHINE, ""),
        (OPERATION, shapes.OPERATION, ""),
        (dict.fromkeys(ENVIRONMENT) | {"name": "ml1"}, shapes.ENVIRONMENT, ""),
        (dict.fromkeys(ENVIRONMENT), shapes.ENVIRONMENT, "/name: missing"),
        ({"unknown": {"a": [None]}}, shapes.OPERATION, ""),
        ({"steps": [{"name": "vm"}, {"name": 5}]}, shapes.OPERATION, "/steps/1/name: not a string"),
        ({"steps": [None]}, shapes.OPERATION, "/steps/0: null"),
        ({"dry_run": 1}, shapes.OPERATION, "/dry_run: not a boolean"),
        ({"makespan_seconds": True}, shapes.OPERATION, "/makespan_seconds: not a usable number"),
        ({"makespan_seconds": float("nan")}, shapes.OPERATION, "/makespan_seconds: not a usable number"),
        ({"makespan_seconds": float("inf")}, shapes.OPERATION, "/makespan_seconds: not a usable number"),
        ([], shapes.OPERATION, "/: not an object"),
        ({"tags": {"a": 1}}, shapes.COMMAND_PREVIEW, "/tags/a: not a string"),
    ],
)
def test_the_first_part_with_a_wrong_type_is_named(value: Any, shape: Any, fault: str) -> None:
    assert shapes.misfit(value, shape) == fault
