"""When Durable Functions does not answer, callers are told to come back; nothing of theirs gets into its addresses."""

import asyncio
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
from tests.unit.twins import MemoryTables, Orchestrations, reads_of

# The same in every process that runs tests.
SWEEP = "sweep-01M8J8WFS22FZQDP6871N84MSY"
OPERATION = "ml1-stop-01M8J8WFS2VXEX4MSYZ4DDW3F4"
ADMIN = Caller("root", Channel.TOKEN, Role.ADMIN, "r-1")


def ask(handler: Any, identifier: str, client: Orchestrations) -> func.HttpResponse:
    dependencies = reads_of(MemoryTables(), now=1_800_000_000.0)
    params = {"force": "true"} if handler is cancel_operation else {}
    req = func.HttpRequest(method="GET", url="/api/x", params=params, route_params={"id": identifier}, body=b"")

    async def asked() -> func.HttpResponse:
        at = "2026-05-01T12:00:00+00:00"
        await dependencies.records.remember_operation(
            OperationRecord(OPERATION, "ml1", Verb.STOP, "alice", at, channel=Channel.TOKEN)
        )
        answered: func.HttpResponse = await answers_problems(handler)(req, Context(client, dependencies, ADMIN))
        return answered

    return asyncio.run(asked())


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
    answer = ask(handler, identifier, Orchestrations(away=True))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


@pytest.mark.parametrize("identifier", ["#", "?", "", ".", "x/../y", "sweep-?taskHub=x", f"{SWEEP}?connection=x"])
def test_no_odd_id_is_handed_to_durable(identifier: str) -> None:
    client = Orchestrations(away=True)
    assert (ask(get_sweep, identifier, client).status_code, client.asked) == (404, [])
