"""Texts of servers, machines and other people: shown, and never obeyed by a terminal."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import Command, FakeServer

# As the bytes of a document: C0, C1, DEL, and marks that turn the writing around.
EVIL = "a\x1b]0;owned\x07\x9b31m\x7f\u202eb\u2066c\u200f\u061c\u2028"
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
RAW = "\x9b31m\x7f\u202eb\u2066c\u200f\u061c\u2028"  # what may stand in JSON as it is


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
def test_nothing_that_others_write_reaches_a_terminal_raw(dormouse: Command, server: FakeServer, line_end: str) -> None:
    table = line_end.join(["id,name,sentence", f'/x,m1,"{EVIL}, and more"', ""])
    server.answers(lambda request: request.answer(200, table.encode(), "text/csv; charset=utf-8"))
    ended = dormouse("idle", "--csv")
    assert ended.code == 0
    assert not OBEYED.search(ended.out)
    rows = list(csv.reader(io.StringIO(ended.out)))
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
def test_a_document_is_the_same_with_escapes(dormouse: Command, server: FakeServer, command: tuple[str, ...]) -> None:
    content: dict[str, Any] = {
        "value": [],
        "secret_uri": RAW,
        "parameters": {"x": RAW},
        "state": RAW,
        "reason": RAW,
        "next": None,
    }
    text = json.dumps(content, ensure_ascii=False, indent=1).replace("\n", "\r")
    server.answers(lambda request: request.answer(200, text.encode()))
    ended = dormouse(*command)
    assert ended.code == 0, ended
    assert not OBEYED.search(ended.out.replace("\n", ""))
    if command[-1] == "--json":
        assert json.loads(ended.out) == content


def test_a_key_twice_in_a_json_spec_is_a_fault(dormouse: Command, server: FakeServer, tmp_path: Path) -> None:
    for text in ('{"blueprint": "x", "region": "a", "region": "b"}', '{"disk": {"size_gib": 64, "size_gib": 4000}}'):
        path = tmp_path / "spec.json"
        path.write_text(text)
        ended = dormouse("plan", "ml1", "-f", str(path))
        assert (ended.code, "is there twice" in ended.err, server.asked) == (2, True, [])
