"""What people and machines write reaches no terminal as a command."""

import asyncio
import csv
import io
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from dormouse.access.roles import Caller, Channel
from dormouse.blueprints.specs import WorkstationSpec
from dormouse.chatops.endpoints import GenericMessage
from dormouse.http.handlers.machines import idle_report
from dormouse.idle.heartbeat import Heartbeat, merged
from dormouse.idle.holds import HoldRequest
from dormouse.idle.report import ReportHead, ReportPage, ReportRow, SweepSummary
from dormouse.services.context import Context
from dormouse.text.plain_text import CONTROL, plain
from tests.unit.http.test_requests import request

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
)


@pytest.mark.parametrize("text", HOSTILE)
def test_an_owner_is_plain_or_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="control character"):
        WorkstationSpec.model_validate({"blueprint": "workstation", "region": "polandcentral", "owner": f"x{text}y"})
    with pytest.raises(ValidationError):
        GenericMessage.model_validate({"id": "x" * 8, "at": "2026-05-01T12:00:00Z", "user": f"x{text}y", "text": "help"})


@pytest.mark.parametrize("text", HOSTILE)
def test_reasons_are_cleaned_where_they_come_in(text: str) -> None:
    assert not CONTROL.search(HoldRequest.model_validate({"for": "2h", "reason": f"x{text}y"}).reason)
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
    record = merged(None, Heartbeat.model_validate(body), 1000.0)
    said = (record.version, record.gpu_problem, record.holds[0].by, record.holds[0].reason)
    assert not any(map(CONTROL.search, said))


def test_plain_text_stays_as_it_is() -> None:
    for text in ("Grüße, 你好 👩‍💻 ₿", "a  b", "", "tab"):
        assert plain(text) == text
    assert plain("a\r\nb\tc") == "a b c"


def _line_of(text: str) -> ReportRow:
    """A line of the report all of whose texts are this one."""
    written: Any = f"x{text}y"
    numbers: dict[str, Any] = {
        "numbers": {},
        "at": 0.0,
        "since": 0.0,
        "hold": None,
        "lease": None,
        "hours_asleep": 0.0,
        "saved": 0.0,
    }
    names = ("id", "name", "environment", "region", "size", "state", "verdict", "sentence", "step", "then")
    texts = dict.fromkeys(names, written)
    return ReportRow(**texts, **numbers, per_hour=0.0, currency="USD")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_for_machines_shows_nothing_that_a_terminal_obeys(text: str) -> None:
    line = _line_of(text)

    async def head() -> Any:
        return ReportHead("sweep-1", False, NOW, NOW, 1, SweepSummary())

    async def page(number: int) -> Any:
        return SimpleNamespace(content=ReportPage(0, "sweep-1", NOW, (line,)), problem="")

    dependencies: Any = SimpleNamespace(machines=SimpleNamespace(report_head=head, report_page=page), now=lambda: NOW)
    asked = request("?format=csv")
    client: Any = None
    answer = asyncio.run(idle_report(asked, Context(client, dependencies, Caller("x", Channel.KEY))))
    rows = list(csv.reader(io.StringIO(answer.get_body().decode(), newline="")))
    assert len(rows) == 2
    assert not any(map(CONTROL.search, rows[1]))
