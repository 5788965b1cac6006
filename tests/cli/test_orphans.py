"""`dormouse orphans`: what is left without an environment, as text and as JSON."""

from typing import Any

import pytest

from tests.cli.support import Command, FakeServer

FINDING: dict[str, Any] = {
    "kind": "role_assignment",
    "id": "/subscriptions/s/a",
    "environment": "ml1",
    "state": "confirmed",
    "why": "The identity is gone",
    "proof": None,
    "since": "2026-05-01T12:00:00Z",
    "next_action": "Nothing: RECONCILE is `report`",
    "per_month": {"amount": 3.65, "currency": "USD"},
    "operation": None,
}
PAGE: dict[str, Any] = {
    "value": [FINDING, {**FINDING, "environment": None, "per_month": None}],
    "next": None,
    "as_of": "2026-05-01T13:00:00Z",
    "policy": "report",
    "problems": ["Secrets could not be read"],
}


def test_findings_are_a_table_with_the_pass_and_its_problems(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json(PAGE))
    result = dormouse("orphans")
    assert result.code == 0
    for said in ("role assignment", "confirmed", "3.65 USD", "The identity is gone", "RECONCILE=report", "As of"):
        assert said in result.words
    assert "Secrets could not be read" in result.words
    assert dormouse("orphans", "--json").json["value"][0]["kind"] == "role_assignment"


def test_without_findings_it_says_so(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json({**PAGE, "value": [], "problems": []}))
    assert "Nothing is without a record." in dormouse("orphans").words


@pytest.mark.parametrize("content", [{"value": [5]}, {"value": [{"per_month": {"amount": []}}]}, {"as_of": 5}])
def test_a_wrong_type_is_the_fault_of_the_server(dormouse: Command, server: FakeServer, content: dict[str, Any]) -> None:
    server.respond(lambda request: request.json(content))
    assert dormouse("orphans").code == 3
