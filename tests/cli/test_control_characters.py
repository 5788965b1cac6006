"""Control characters in texts from servers, machines and other people never reach a terminal."""

import csv
import io
import json
import re
from typing import Any

import pytest

from tests.cli.support import ESCAPE, Command, FakeServer

# C0, C1 and DEL characters, and marks that change the direction of text.
EVIL = "a\x1b]0;owned\x07\x9b31m\x7f\u202eb\u2066c\u200f\u061c\u2028"
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
RAW = "\x9b31m\x7f\u202eb\u2066c\u200f\u061c\u2028"  # valid in JSON without escapes


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
def test_csv_is_printed_without_control_characters(dormouse: Command, server: FakeServer, line_end: str) -> None:
    table = line_end.join(["id,name,reason", f'/x,m1,"{EVIL}, and more"', ""])
    server.respond(lambda request: request.respond(200, table.encode(), "text/csv; charset=utf-8"))
    result = dormouse("idle", "--csv")
    assert result.code == 0
    assert not OBEYED.search(result.out)
    rows = list(csv.reader(io.StringIO(result.out)))
    assert [row[:2] for row in rows] == [["id", "name"], ["/x", "m1"]]
    assert rows[1][2].startswith("a\ufffd]0;owned")


@pytest.mark.parametrize(
    "command",
    [
        ("ls", "--json"),
        ("show", "ml1", "--json"),
        ("machines", "--json"),
        ("idle", "--json"),
        ("operations", "--json"),
        ("operations", "x", "--json"),
        ("blueprints", "x", "--json"),
        ("schema", "x"),
        ("password", "ml1", "--json"),
        ("password", "ml1", "--where"),
        ("hold", "ml1", "2h", "--json"),
        ("stop", "ml1", "--json"),
    ],
)
def test_json_documents_keep_their_values_with_control_characters_escaped(
    dormouse: Command, server: FakeServer, command: tuple[str, ...]
) -> None:
    content: dict[str, Any] = {
        "value": [],
        "secret_uri": RAW,
        "parameters": {"x": RAW},
        "outcome": RAW,
        "reason": RAW,
        "next": None,
    }
    text = json.dumps(content, ensure_ascii=False, indent=1).replace("\n", "\r")
    server.respond(lambda request: request.respond(200, text.encode()))
    result = dormouse(*command)
    assert result.code == 0, result
    assert not OBEYED.search(result.out.replace("\n", ""))
    if command[-1] == "--json":
        assert json.loads(result.out) == content


def test_texts_of_other_people_do_not_control_the_terminal(dormouse: Command, server: FakeServer) -> None:
    evil = f"nice{ESCAPE}]0;owned\x07{ESCAPE}[2J\x9b31m\u202eevil [red]x[/]"
    hold = {"by": evil, "until": "2026-05-01T12:00:00Z", "reason": evil}
    server.respond(lambda request: request.json({"name": "ml1", "state": "running", "owner": evil, "hold": hold}))
    shown = dormouse("show", "ml1")
    assert "[red]x[/]" in shown.out
    assert not {"\x07", "\x9b", "\u202e"} & set(shown.out)
    server.respond(lambda request: request.problem(404, evil))
    assert not {"\x07", "\x9b", "\u202e"} & set(dormouse("show", "ml1").err)


def test_characters_that_the_encoding_lacks_are_replaced(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json({"name": "ml1", "state": "running", "owner": "Jürgen"}))
    assert "J?rgen" in dormouse("show", "ml1", PYTHONIOENCODING="ascii:strict").out
