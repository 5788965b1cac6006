"""Idempotency keys when the process that handled the first request has died."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import azure.functions as func
import pytest

from dormouse.access.roles import Caller, Channel, Role
from dormouse.environments.operations import OperationRecord
from dormouse.errors import CloudUnavailable, IdempotencyKeyReused, RequestUnderWay
from dormouse.http.idempotency import HEADER, run_once
from dormouse.ids import operation_id_at
from dormouse.lifecycle import Verb
from dormouse.records.deduplication import Receipts
from dormouse.records.environments import Records
from dormouse.records.table import Row
from dormouse.services.context import Context
from dormouse.services.idempotency import COMPLETES_WITHIN, LONGEST_RESULT
from tests.unit.twins import MemoryTables, reads_of

ALICE = Caller("alice", Channel.TOKEN, Role.USER, "a-1")
BOB = Caller("bob", Channel.TOKEN, Role.USER, "b-2")


class Stumbling(Receipts):
    """Receipts, some of whose writes fail or get no response."""

    def __init__(self) -> None:
        super().__init__(MemoryTables())
        self.fails: list[str] = []

    async def take(self, kind: str, key: str, document: str, now: float) -> bool:
        if self._fails("lost take"):
            raise CloudUnavailable("it was not written")
        first = await super().take(kind, key, document, now)
        if self._fails("take"):
            raise CloudUnavailable("it was written, but the answer was lost")
        return first

    async def replace(self, kind: str, row: Row, document: str, now: float) -> bool:
        if self._fails("replace"):
            raise CloudUnavailable("it was not written")
        return await super().replace(kind, row, document, now)

    def _fails(self, what: str) -> bool:
        if what not in self.fails:
            return False
        self.fails.remove(what)
        return True


@dataclass
class Desk:
    """Repeats one command."""

    receipts: Stumbling = field(default_factory=Stumbling)
    records: Records = field(default_factory=lambda: Records(MemoryTables()))
    trail: set[str] = field(default_factory=set)
    now: float = 1000.0
    done: int = 0
    body: str = '{"operation": "x"}'

    def ask(self, caller: Caller = ALICE, *, dies: str = "", method: str = "POST", url: str = "/api/x") -> func.HttpResponse:
        """Send the command; the process dies `before` it begins, or `after` it has begun."""

        async def run(context: Context) -> func.HttpResponse:
            if dies == "before":
                raise KeyboardInterrupt
            self.done += 1
            if context.command is not None:
                command = context.command
                operation = operation_id_at("ml1", Verb.RESTART, command.first_sent_at, command.key)
                self.trail.add(operation)
                await self.records.remember_operation(OperationRecord(operation, "ml1", Verb.RESTART, "alice", ""))
            if dies == "after":
                raise KeyboardInterrupt
            return func.HttpResponse(self.body, status_code=202, headers={"Location": "/x"}, mimetype="application/json")

        places = {"name": "ml1"}
        req = func.HttpRequest(method=method, url=url, headers={HEADER: "k"}, route_params=places, body=b"{}")
        client: Any = None
        dependencies = reads_of(MemoryTables(), now=self.now, receipts=self.receipts, records=self.records)
        return asyncio.run(run_once(req, Context(client, dependencies, caller), run))


def test_an_interrupted_request_blocks_its_key_for_two_minutes_and_is_then_repeated() -> None:
    desk = Desk()
    with pytest.raises(KeyboardInterrupt):
        desk.ask(dies="before")
    desk.now += COMPLETES_WITHIN - 1
    with pytest.raises(RequestUnderWay):
        desk.ask()
    assert desk.done == 0
    desk.now += 2
    assert desk.ask().headers.get("Idempotency-Replayed") is None
    assert desk.ask().headers["Idempotency-Replayed"] == "true"
    assert desk.done == 1


def test_an_operation_started_by_an_interrupted_request_is_found_and_not_started_twice() -> None:
    desk = Desk()
    with pytest.raises(KeyboardInterrupt):
        desk.ask(dies="after")
    for later in (0.0, 2 * COMPLETES_WITHIN):
        desk.now += later
        again = desk.ask()
        assert again.status_code == 202
        assert json.loads(again.get_body())["operation"] in desk.trail
    assert desk.done == 1


def test_a_response_that_could_not_be_stored_is_still_returned() -> None:
    desk = Desk()
    desk.receipts.fails.append("replace")
    assert desk.ask().status_code == 202
    desk.now += 2 * COMPLETES_WITHIN
    assert desk.ask().status_code == 202
    assert desk.done == 1


def test_a_receipt_is_recognized_as_own_if_the_response_to_its_write_was_lost() -> None:
    desk = Desk()
    desk.receipts.fails.append("take")
    assert desk.ask().status_code == 202
    assert desk.ask().headers["Idempotency-Replayed"] == "true"
    desk.receipts.fails.append("lost take")
    with pytest.raises(CloudUnavailable):
        Desk(receipts=desk.receipts).ask(BOB)


def test_the_same_key_of_another_caller_is_another_key() -> None:
    desk = Desk()
    desk.ask(ALICE)
    assert "Idempotency-Replayed" not in desk.ask(BOB).headers
    assert desk.done == 2


def test_an_oversized_response_is_replayed_in_short_form() -> None:
    desk = Desk(body="x" * LONGEST_RESULT)
    desk.ask()
    desk.now += 2 * COMPLETES_WITHIN
    again = desk.ask()
    assert (again.status_code, again.headers["Location"]) == (202, "/x")
    assert len(again.get_body()) < 100
    assert desk.done == 1


def test_a_read_is_never_replayed_and_a_command_is_identified_by_its_whole_url() -> None:
    desk = Desk()
    assert [desk.ask(method="GET").status_code for _ in range(2)] == [202, 202]
    assert desk.done == 2
    desk.ask()
    with pytest.raises(IdempotencyKeyReused):
        desk.ask(url="/api/x?purge=true")
