"""What becomes of a command's key when the process that took it is no more."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from api.repeating import ANSWERED_WITHIN, HEADER, LONGEST, once
from environments.errors import RequestUnderWay
from environments.roles import Caller, Door, Role
from records.table import Row

ALICE = Caller("alice", Door.TOKEN, Role.USER, "a-1")
BOB = Caller("bob", Door.TOKEN, Role.USER, "b-2")


@dataclass
class Receipts:
    """Receipts in memory."""

    rows: dict[str, Row] = field(default_factory=dict)
    written: int = 0

    async def take(self, kind: str, key: str, document: str, now: float) -> bool:
        if key in self.rows:
            return False
        return self._write(key, document)

    async def read(self, kind: str, key: str) -> Row | None:
        return self.rows.get(key)

    async def replace(self, kind: str, row: Row, document: str, now: float) -> bool:
        return self.rows.get(row.key) == row and self._write(row.key, document)

    async def forget(self, kind: str, key: str) -> None:
        self.rows.pop(key, None)

    def _write(self, key: str, document: str) -> bool:
        self.written += 1
        self.rows[key] = Row(key, document, str(self.written))
        return True


@dataclass
class Desk:
    """A place where one command is asked for again and again."""

    receipts: Receipts = field(default_factory=Receipts)
    now: float = 1000.0
    done: int = 0
    body: str = '{"operation": "x"}'

    def ask(self, caller: Caller = ALICE, *, dies: bool = False) -> func.HttpResponse:
        async def carry_out() -> func.HttpResponse:
            if dies:
                raise KeyboardInterrupt
            self.done += 1
            return func.HttpResponse(self.body, status_code=202, headers={"Location": "/x"}, mimetype="application/json")

        req = func.HttpRequest(method="POST", url="/api/x", headers={HEADER: "k"}, body=b"{}")
        reads: Any = SimpleNamespace(receipts=self.receipts, now=lambda: self.now)
        return asyncio.run(once(req, caller, reads, carry_out))


def test_a_first_request_that_died_is_waited_for_for_two_minutes_and_then_done_anew() -> None:
    desk = Desk()
    with pytest.raises(KeyboardInterrupt):
        desk.ask(dies=True)
    desk.now += ANSWERED_WITHIN - 1
    with pytest.raises(RequestUnderWay):
        desk.ask()
    assert desk.done == 0
    desk.now += 2
    assert desk.ask().headers.get("Idempotency-Replayed") is None
    assert desk.ask().headers["Idempotency-Replayed"] == "true"
    assert desk.done == 1


def test_the_same_key_of_somebody_else_is_another_one() -> None:
    desk = Desk()
    desk.ask(ALICE)
    assert "Idempotency-Replayed" not in desk.ask(BOB).headers
    assert desk.done == 2


def test_what_was_answered_at_great_length_is_answered_briefly_and_not_done_again() -> None:
    desk = Desk(body="x" * LONGEST)
    desk.ask()
    desk.now += 2 * ANSWERED_WITHIN
    again = desk.ask()
    assert (again.status_code, again.headers["Location"]) == (202, "/x")
    assert len(again.get_body()) < 100
    assert desk.done == 1
