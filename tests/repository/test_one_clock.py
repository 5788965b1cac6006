"""The app has one clock: only `dormouse/clock.py` reads the time, so simulations can set the pace."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

# Programs of their own, on machines with real time.
GUEST = ROOT / "dormouse" / "guest"
PROGRAMS = (GUEST / "agent", GUEST / "hub", GUEST / "hub_check")
ONE_CLOCK = ROOT / "dormouse" / "clock.py"
OF_TIME = frozenset({"time", "time_ns", "gmtime", "localtime", "ctime", "strftime"})
OF_DATES = frozenset({"now", "utcnow", "today"})
DEPLOYED = sorted(
    path
    for room in ("dormouse", "activities", "orchestrators", "function_app.py")
    for path in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
    if path != ONE_CLOCK and not any(path.is_relative_to(program) for program in PROGRAMS)
)


def questions(source: str) -> Iterator[str]:
    """Every place at which a module asks a library for the present time; `time.monotonic` only measures."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr=name) if name in OF_TIME:
                yield f"time.{name}, line {node.lineno}"
            case ast.Attribute(
                value=ast.Name(id="datetime" | "date" as kind) | ast.Attribute(attr="datetime" | "date" as kind), attr=name
            ) if name in OF_DATES:
                yield f"{kind}.{name}, line {node.lineno}"
            case ast.ImportFrom(module="time", names=names):
                yield from (f"from time import {one.name}, line {node.lineno}" for one in names if one.name in OF_TIME)


@pytest.mark.parametrize("path", DEPLOYED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_the_clock_module_reads_the_time(path: Path) -> None:
    assert list(questions(path.read_text())) == []


@pytest.mark.parametrize(
    ("source", "many"),
    [
        ("import time\nnow = time.time() + time.time_ns()", 2),
        ("import time as t\nfrom time import time\nt.monotonic()", 1),
        ("datetime.now(UTC)\ndatetime.datetime.utcnow()\ndate.today()", 3),
        ("time.monotonic()\ntime.perf_counter()\ndatetime.fromtimestamp(1)\nclock.now()", 0),
        ("field(default_factory=time.time)", 1),
    ],
)
def test_every_way_to_read_the_time_is_detected(source: str, many: int) -> None:
    assert len(list(questions(source))) == many


def test_the_clock_module_is_detected() -> None:
    assert list(questions(ONE_CLOCK.read_text()))
