"""If Durable Functions does not respond, callers get 503; malformed IDs are not passed to it."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import azure.functions as func
import pytest
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from dormouse.access.roles import Caller, Channel, Role
from dormouse.environments.operations import OperationRecord
from dormouse.http.handlers.operations import cancel_operation, get_operation
from dormouse.http.handlers.sweeps import get_sweep, get_sweep_result
from dormouse.http.problems import answers_problems
from dormouse.lifecycle import Verb
from dormouse.services.context import Context
from dormouse.services.durable_client import DurableClient, TaskHubUnavailable
from orchestrators.environments.power import change_power
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
        answered: func.HttpResponse = await answers_problems(handler)(
            req, Context(DurableClient(client), dependencies, ADMIN)
        )
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
def test_an_unresponsive_durable_host_is_503(handler: Any, identifier: str) -> None:
    answer = ask(handler, identifier, Orchestrations(away=True))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


@pytest.mark.parametrize(("runtime", "status"), [("Running", 202), ("Failed", 409), ("Terminated", 409)])
def test_the_result_of_a_sweep_says_by_its_status_how_far_it_is(runtime: str, status: int) -> None:
    asked, at = json.dumps({"id": SWEEP}), "2026-05-01T12:00:00Z"
    shown = DurableOrchestrationStatus("sweep", SWEEP, at, at, asked, runtimeStatus=runtime)
    answer = ask(get_sweep_result, SWEEP, Orchestrations(statuses={SWEEP: shown}))
    assert answer.status_code == status, answer.get_body()
    assert ("Retry-After" in answer.headers) == (status == 202)


@pytest.mark.parametrize("identifier", ["#", "?", "", ".", "x/../y", "sweep-?taskHub=x", f"{SWEEP}?connection=x"])
def test_malformed_ids_are_not_passed_to_durable(identifier: str) -> None:
    client = Orchestrations(away=True)
    assert (ask(get_sweep, identifier, client).status_code, client.asked) == (404, [])


@pytest.mark.parametrize(
    "identifier", ["#", "?", "", ".", "..", "a/b", "a%2Fb", "a?b", "a#b", "a\n", "a b", "a\\b", "@x@y", "a" * 300, "\ud800"]
)
def test_no_call_puts_a_malformed_id_into_a_url(identifier: str) -> None:
    client = Orchestrations()

    async def called() -> None:
        durable = DurableClient(client)
        assert await durable.status(identifier) is None
        with pytest.raises(TaskHubUnavailable):
            await durable.start(change_power, identifier, {})
        with pytest.raises(TaskHubUnavailable):
            await durable.raise_event(identifier, "cancel", None)
        with pytest.raises(TaskHubUnavailable):
            await durable.terminate(identifier, "enough")

    asyncio.run(called())
    assert (client.asked, client.running, client.terminated) == ([], {}, [])


@dataclass
class Broken(Orchestrations):
    """A durable client of the SDK whose every request fails with this error."""

    error: Exception = field(default_factory=Exception)

    def _answer(self) -> None:
        raise self.error


NOW = datetime(2026, 5, 1, tzinfo=UTC)
CALLS: dict[str, Callable[[DurableClient], Awaitable[object]]] = {
    "start": lambda client: client.start(change_power, OPERATION, {}),
    "status": lambda client: client.status(OPERATION),
    "raise_event": lambda client: client.raise_event(OPERATION, "cancel", None),
    "terminate": lambda client: client.terminate(OPERATION, "enough"),
    "unended": lambda client: client.unended(NOW),
    "purge": lambda client: client.purge(NOW, NOW),
}


@pytest.mark.parametrize(
    "error",
    [
        Exception("The operation failed with an unexpected status code 503"),
        aiohttp.ServerDisconnectedError(),
        TimeoutError(),
        ConnectionRefusedError("connection refused"),
        ValueError("Expecting value: line 1 column 1"),
        KeyError("ExceptionMessage"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("call", CALLS)
def test_whatever_the_sdk_raises_is_one_error_and_its_cause_is_logged(
    call: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def called() -> None:
        await CALLS[call](DurableClient(Broken(error=error)))

    with caplog.at_level(logging.WARNING), pytest.raises(TaskHubUnavailable, match=r"task hub did not .*; retry"):
        asyncio.run(called())
    assert type(error).__name__ in caplog.text


def test_every_call_of_the_client_is_tried() -> None:
    assert set(CALLS) == {name for name in vars(DurableClient) if not name.startswith("_")}


def test_an_internal_error_of_the_host_is_not_taken_for_an_orchestration_that_does_not_exist() -> None:
    answer = {"Message": "Something went wrong while processing your request", "ExceptionMessage": "storage is busy"}
    statuses = {OPERATION: DurableOrchestrationStatus.from_json(answer)}
    with pytest.raises(TaskHubUnavailable, match="did not return the status"):
        asyncio.run(DurableClient(Orchestrations(statuses=statuses)).status(OPERATION))
    unknown = {OPERATION: DurableOrchestrationStatus.from_json("")}
    assert asyncio.run(DurableClient(Orchestrations(statuses=unknown)).status(OPERATION)) is None
