"""`except Exception` stands where nothing more exact can be caught, and each place says why."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

# The SDK of Durable Functions raises bare `Exception` to its client and in orchestrators; the third is the last resort of
# every HTTP request.
APP = {"dormouse/services/durable_client.py", "orchestrators/durable.py", "dormouse/http/problems.py"}
# Programs of their own: one source of the agent must not stop the others, the command line shows no traceback, and a
# thread of it hands every exception to the thread that waits.
PROGRAMS = {
    "dormouse/guest/agent/sources.py",
    "cli/dormouse_cli/main.py",
    "cli/dormouse_cli/network/deadline.py",
}
BROAD = {"Exception", "BaseException"}


def modules() -> Iterator[Path]:
    for room in ("dormouse", "activities", "orchestrators", "cli"):
        yield from sorted((ROOT / room).rglob("*.py"))
    yield ROOT / "function_app.py"


def places(text: str) -> Iterator[int]:
    """The lines of a module that catch every exception and do not raise it again as it is."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler):
            names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else BROAD
            last = node.body[-1]
            if names & BROAD and not (isinstance(last, ast.Raise) and last.exc is None):
                yield node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            yield from (node.lineno for name in node.args if ast.unparse(name) in BROAD)


def test_every_exception_is_caught_in_these_places_only_and_once_in_each() -> None:
    found = [str(path.relative_to(ROOT)) for path in modules() for _ in places(path.read_text())]
    assert sorted(found) == sorted(APP | PROGRAMS)


@pytest.mark.parametrize("place", sorted(APP | PROGRAMS))
def test_each_place_says_why(place: str) -> None:
    text = (ROOT / place).read_text()
    for line in places(text):
        comment = text.splitlines()[line - 1].partition("# ")[2]
        assert comment.removeprefix("noqa: BLE001").strip(" -")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("try: x()\nexcept Exception: pass", 1),
        ("try: x()\nexcept (ValueError, Exception) as error: raise OSError from error", 1),
        ("try: x()\nexcept: pass", 1),
        ("with contextlib.suppress(Exception): x()", 1),
        ("try: x()\nexcept BaseException:\n    y()\n    raise", 0),
        ("try: x()\nexcept ValueError: pass", 0),
    ],
)
def test_what_catches_everything_is_found(text: str, count: int) -> None:
    assert len(list(places(text))) == count
