"""Unreadable rows: how long they are kept; and operations whose history is gone."""

import asyncio
import json

import azure.functions as func
import pytest

from dormouse.access.roles import ANONYMOUS
from dormouse.clock import DAY, MINUTE, rfc3339
from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import RefusedByAzure, UnreadableRecord
from dormouse.http.handlers.operations import get_operation
from dormouse.idle.heartbeats.agent_record import KEPT_MINUTES, AgentRecord
from dormouse.lifecycle import Verb
from dormouse.records import machines
from dormouse.records.documents import read_document, read_each
from dormouse.records.environments import Records
from dormouse.records.table import Row
from dormouse.services.context import Context
from dormouse.services.durable_client import DurableClient
from tests.unit.twins import MemoryTables, Orchestrations, reads_of

NOW = 1_800_000_000.0


@pytest.mark.parametrize("document", ["", "{", "[]", "null", '{"id": 1}', '"text"', "\x00"])
def test_an_unreadable_row_is_named_and_does_not_affect_others(document: str) -> None:
    good = Row("good", '{"machine": "m", "heard_at": 1, "booted_at": 1}', "e")
    found = read_each("heartbeats", [Row("bad", document, "e"), good], lambda row: read_document("t", AgentRecord, row))
    assert (list(found.readable), list(found.unreadable)) == (["good"], ["bad"])
    assert "'bad'" in str(found.unreadable["bad"])
    assert len(str(found.unreadable["bad"])) < 400


@pytest.mark.parametrize(
    ("age", "replaced"), [(0.0, False), (KEPT_MINUTES * MINUTE - 1, False), (KEPT_MINUTES * MINUTE + 1, True)]
)
def test_an_unreadable_heartbeat_is_replaced_when_all_its_data_are_outdated(age: float, replaced: bool) -> None:
    fresh, tables = AgentRecord("m", NOW, NOW), MemoryTables(NOW)
    tables.put(machines.HEARTBEATS, "k", '{"of": "tomorrow"}', written_at=NOW - age)
    change = machines.MachineRecords(tables).change_heard("k", lambda known: fresh if known is None else known, NOW)
    if replaced:
        assert asyncio.run(change) == fresh
    else:
        with pytest.raises(UnreadableRecord):
            asyncio.run(change)
    (row,) = tables.get_table_client(machines.HEARTBEATS).rows.values()
    assert ("tomorrow" not in row["Document"]) is replaced


@pytest.mark.parametrize(("age", "outcome"), [(60.0, None), (2 * DAY, OutcomeStatus.LOST)])
def test_an_operation_without_a_history_is_lost(age: float, outcome: str | None) -> None:
    record = OperationRecord("ml1-stop-01M8J8WFS2VXEX4MSYZ4DDW3F4", "ml1", Verb.STOP, "ana", rfc3339(NOW - age))
    dependencies = reads_of(MemoryTables(), now=NOW)
    request = func.HttpRequest(method="GET", url="/api/x", route_params={"id": record.id}, body=b"")

    async def asked() -> func.HttpResponse:
        await dependencies.records.remember_operation(record)
        return await get_operation(request, Context(DurableClient(Orchestrations()), dependencies, ANONYMOUS))

    answer = asyncio.run(asked())
    assert json.loads(answer.get_body())["outcome"] == outcome


def test_tables_that_deny_access_are_refused_and_name_the_role() -> None:
    tables = MemoryTables()
    tables.closed = True
    with pytest.raises(RefusedByAzure, match="Storage Table Data Contributor"):
        asyncio.run(Records(tables).environment("ml1"))
