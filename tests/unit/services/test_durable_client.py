"""When Durable Functions does not answer, callers are told to come back; nothing of theirs gets into its addresses."""

import asyncio
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from dormouse.access.roles import Caller, Channel, Role
from dormouse.environments.operations import OperationRecord
from dormouse.http.handlers.operations import cancel_operation, get_operation
from dormouse.http.handlers.sweeps import get_sweep
from dormouse.http.problems import answers_problems
from dormouse.lifecycle import Verb
from dormouse.services.context import Context

# The same in every process that runs tests.
SWEEP = "sweep-01M8J8WFS22FZQDP6871N84MSY"
OPERATION = "ml1-stop-01M8J8WFS2VXEX4MSYZ4DDW3F4"
ADMIN = Caller("root", Channel.TOKEN, Role.ADMIN, "r-1")


class Away:
    """A durable client whose host does not answer, and which remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def get_status(self, identifier: str, **shown: bool) -> Any:
        self.asked.append(identifier)
        raise OSError("connection refused")


def ask(handler: Any, identifier: str, client: Any) -> func.HttpResponse:
    async def operation(known: str) -> OperationRecord:
        return OperationRecord(known, "ml1", Verb.STOP, "alice", "2026-05-01T12:00:00+00:00", channel=Channel.TOKEN)

    async def environment(name: str) -> None:
        return None

    records = SimpleNamespace(operation=operation, environment=environment)
    dependencies: Any = SimpleNamespace(records=records, now=lambda: 1_800_000_000.0)
    params = {"force": "true"} if handler is cancel_operation else {}
    req = func.HttpRequest(method="GET", url="/api/x", params=params, route_params={"id": identifier}, body=b"")
    asked: Any = answers_problems(handler)(req, Context(client, dependencies, ADMIN))
    answered: func.HttpResponse = asyncio.run(asked)
    return answered


@pytest.mark.parametrize(
    ("handler", "identifier"),
    [
        (get_sweep, SWEEP),
        (get_operation, OPERATION),
        (cancel_operation, SWEEP),
        (cancel_operation, OPERATION),
    ],
)
def test_a_durable_host_that_does_not_answer_is_503(handler: Any, identifier: str) -> None:
    answer = ask(handler, identifier, Away())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


@pytest.mark.parametrize("identifier", ["#", "?", "", ".", "x/../y", "sweep-?taskHub=x", f"{SWEEP}?connection=x"])
def test_no_odd_id_is_handed_to_durable(identifier: str) -> None:
    client = Away()
    assert (ask(get_sweep, identifier, client).status_code, client.asked) == (404, [])
