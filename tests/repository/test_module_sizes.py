"""No module of the product is longer than a reader can keep in mind, and no folder has more than can be looked through."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support import ROOT

MOST_LINES, MOST_MODULES = 250, 22
ROOMS = ("activities", "cli", "dormouse", "local", "orchestrators", "recovery", "release", "benchmarks", "examples")
MODULES = sorted([ROOT / "function_app.py", *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))])


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_room_with_modules_is_looked_at() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/*.py")} - {"tests"}
    assert rooms <= {*ROOMS}
    assert len(MODULES) > 300


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_has_at_most_250_lines(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= MOST_LINES, f"{name_of(path)} has {lines} lines; split it by what it knows"


def test_a_folder_has_at_most_22_modules() -> None:
    found = Counter(name_of(path.parent) for path in MODULES if path.name != "__init__.py")
    assert {folder: count for folder, count in found.items() if count > MOST_MODULES} == {}
