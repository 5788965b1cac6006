"""Rows that cannot be read, beyond what a flow shows: how long they are kept, and operations whose history is gone."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from dormouse.access.roles import Caller, Channel
from dormouse.clock import DAY, MINUTE, iso_text
from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import UnreadableRecord
from dormouse.http.handlers.operations import get_operation
from dormouse.idle.heartbeat import KEPT, AgentRecord
from dormouse.lifecycle import Verb
from dormouse.records import machines
from dormouse.records.documents import read_document, read_each
from dormouse.records.table import Row
from dormouse.services.context import Context

NOW = 1_800_000_000.0


@pytest.mark.parametrize("document", ["", "{", "[]", "null", '{"id": 1}', '"text"', "\x00"])
def test_what_cannot_be_read_names_its_row_and_spoils_no_other(document: str) -> None:
    good = Row("good", '{"machine": "m", "heard_at": 1, "booted_at": 1}', "e")
    found = read_each("heartbeats", [Row("bad", document, "e"), good], lambda row: read_document("t", AgentRecord, row))
    assert (list(found.readable), list(found.unreadable)) == (["good"], ["bad"])
    assert "'bad'" in str(found.unreadable["bad"])
    assert len(str(found.unreadable["bad"])) < 400


@pytest.mark.parametrize(("age", "replaced"), [(0.0, False), (KEPT * MINUTE - 1, False), (KEPT * MINUTE + 1, True)])
def test_an_unreadable_heartbeat_is_replaced_when_everything_in_it_is_too_old(age: float, replaced: bool) -> None:
    written: list[str] = []
    fresh = AgentRecord("m", NOW, NOW)

    class Table:
        async def read(self, partition: str, key: str) -> Row:
            return Row(key, '{"of": "tomorrow"}', "e", {}, NOW - age)

        async def replace(self, partition: str, key: str, document: str, etag: str) -> bool:
            written.append(document)
            return True

    records: Any = machines.MachineRecords.__new__(machines.MachineRecords)
    records._heartbeats = Table()
    change = records.change_heard("k", lambda known: fresh if known is None else known, NOW)
    if replaced:
        assert asyncio.run(change) == fresh
    else:
        with pytest.raises(UnreadableRecord):
            asyncio.run(change)
    assert bool(written) is replaced


@pytest.mark.parametrize(("age", "state"), [(60.0, "pending"), (2 * DAY, OutcomeStatus.LOST)])
def test_an_operation_without_a_history_is_lost_and_not_pending_for_ever(age: float, state: str) -> None:
    record = OperationRecord("ml1-stop-x", "ml1", Verb.STOP, "ana", iso_text(NOW - age))

    async def operation(identifier: str) -> OperationRecord:
        return record

    async def get_status(identifier: str) -> None:
        return None

    dependencies: Any = SimpleNamespace(records=SimpleNamespace(operation=operation), now=lambda: NOW)
    request: Any = SimpleNamespace(route_params={"id": record.id})
    client: Any = SimpleNamespace(get_status=get_status)
    answer = asyncio.run(get_operation(request, Context(client, dependencies, Caller("ana", Channel.KEY))))
    assert json.loads(answer.get_body())["state"] == state
