"""Texts of users and machines cannot send control characters to a terminal."""

import asyncio
import csv
import io
from dataclasses import replace
from typing import Any

import azure.functions as func
import pytest
from pydantic import ValidationError

from dormouse.access.roles import Caller, Channel
from dormouse.blueprints.workstation import WorkstationSpec
from dormouse.chatops.endpoints import GenericMessage
from dormouse.errors import InvalidRequest
from dormouse.http.handlers.adoption import AdoptRequest
from dormouse.http.handlers.machines import idle_report
from dormouse.http.parameters import AFTER, cursor_of
from dormouse.http.routes import ROUTES
from dormouse.idle.heartbeats.agent_record import merge_heartbeat
from dormouse.idle.heartbeats.heartbeat import Heartbeat
from dormouse.idle.holds import HoldRequest
from dormouse.idle.report import ReportHead, ReportPage, SweepSummary
from dormouse.idle.tracking import Hold
from dormouse.services.context import Context
from dormouse.services.views.schema import MACHINE
from dormouse.text.plain_text import CONTROL, plain
from tests.support import SSH_KEY
from tests.unit.builders import case, line_of
from tests.unit.twins import MemoryTables, reads_of, request

NOW = 1_800_000_000.0
HOSTILE = (
    "\x1b[2J\x1b]0;x\x07",
    "a\x00b",
    "a\x9b31mb",
    "a\u202eb",
    "a\u2066b",
    "a\u200fb",
    "a\u061cb",
    "a\u2028b",
    "a\rb",
    "a\x7fb",
    "a\x85b",
    "a\nb",
    "a\u200bb",
    "a\ufeffb",
    "a\u2060b",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_an_owner_with_control_characters_is_rejected(text: str) -> None:
    with pytest.raises(ValidationError, match="control character"):
        WorkstationSpec.model_validate({"blueprint": "workstation", "region": "polandcentral", "owner": f"x{text}y"})
    with pytest.raises(ValidationError):
        GenericMessage.model_validate({"id": "x" * 8, "at": "2026-05-01T12:00:00Z", "user": f"x{text}y", "text": "help"})


@pytest.mark.parametrize("text", HOSTILE)
def test_control_characters_are_removed_from_what_agents_report(text: str) -> None:
    told = {"by": f"x{text}y", "reason": f"x{text}y", "until_in_seconds": 60.0}
    body = {
        "version": 1,
        "machine": "x",
        "agent": text,
        "boot": "0" * 32,
        "uptime_seconds": 1.0,
        "gpu": "broken",
        "gpu_problem": text,
        "holds": [told],
    }
    record = merge_heartbeat(None, Heartbeat.model_validate(body), 1000.0)
    said = (record.version, record.gpu_problem, record.holds[0].by, record.holds[0].reason)
    assert not any(map(CONTROL.search, said))


@pytest.mark.parametrize("text", HOSTILE)
def test_control_characters_in_any_text_that_people_write_are_errors(text: str) -> None:
    said = f"x{text}y"
    with pytest.raises(ValidationError, match="control character"):
        HoldRequest.model_validate({"for": "2h", "reason": said})
    spec = {"blueprint": "workstation", "region": "polandcentral"}
    key = f"{SSH_KEY} {said}"
    for field, value in (("schedule", f"mon-fri 08:00-19:00{text} UTC"), ("ssh_public_key", key), ("container", said)):
        with pytest.raises(ValidationError):
            WorkstationSpec.model_validate({**spec, field: value})
    policies = ({"idle": f"on{text}x"}, {"idle": f"window=45m{text} lead=10m"})
    for adopted in (*policies, {"schedule": f"mon-fri{text}08:00-19:00 UTC"}):
        with pytest.raises(ValidationError):
            AdoptRequest.model_validate({"machine": MACHINE, **adopted})
    with pytest.raises(ValidationError):
        GenericMessage.model_validate({"id": f"12345678{said}", "at": "2026-05-01T12:00:00Z", "user": "x", "text": "help"})
    for name in ("environment", "since", "region", "size"):
        parameter = next(each for route in ROUTES for each in route.contract.query if each.name == name)
        with pytest.raises(InvalidRequest, match="control character"):
            parameter.of(func.HttpRequest(method="GET", url="/api/x", params={name: said}, body=b""))
    with pytest.raises(InvalidRequest):
        AFTER.of(func.HttpRequest(method="GET", url="/api/x", params={"after": cursor_of(said)}, body=b""))


def test_plain_text_is_unchanged() -> None:
    for text in ("Grüße, 你好 👩‍💻 ₿", "a  b", "", "tab"):
        assert plain(text) == text
    assert plain("a\r\nb\tc") == "a b c"


@pytest.mark.parametrize("text", HOSTILE)
def test_the_csv_report_contains_no_control_characters(text: str) -> None:
    texts = dict.fromkeys(("id", "name", "environment", "region", "size", "reason", "next_action_text"), f"x{text}y")
    hold = Hold(texts["name"], texts["name"], NOW, NOW + 60)
    line = replace(line_of(case()), **texts, hold=hold)  # type: ignore[arg-type] # mypy sees no names in a dict
    dependencies = reads_of(MemoryTables(), now=NOW)

    async def asked() -> func.HttpResponse:
        await dependencies.machines.write_report(ReportPage(0, "sweep-1", NOW, (line,)))
        await dependencies.machines.finish_report(ReportHead("sweep-1", False, NOW, NOW, 1, SweepSummary()))
        client: Any = None
        return await idle_report(request("?format=csv"), Context(client, dependencies, Caller("x", Channel.KEY)))

    answer = asyncio.run(asked())
    rows = list(csv.reader(io.StringIO(answer.get_body().decode(), newline="")))
    assert len(rows) == 2
    assert not any(map(CONTROL.search, rows[1]))
