"""The glossary of ARCHITECTURE.md: every type that it names is defined once, in the package that it names."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from tests.support import ROOT

ROW = re.compile(r"^\| (?P<term>[^|]+) \| [^|]+ \| `(?P<type>\w+)` \| `(?P<room>[\w/.]+)` \|$", re.MULTILINE)
TERMS = [(row["term"], row["type"], row["room"]) for row in ROW.finditer((ROOT / "ARCHITECTURE.md").read_text())]
PATHS = re.compile(r"`((?:dormouse|orchestrators|activities|local|tests|docs|cli)/[\w/.-]+)`")
AGENT = ROOT / "dormouse" / "guest" / "agent"


def deployed() -> list[Path]:
    rooms = [path for room in ("dormouse", "orchestrators", "activities") for path in (ROOT / room).rglob("*.py")]
    return [path for path in rooms if not path.is_relative_to(AGENT)]


@cache
def types_defined() -> dict[str, list[Path]]:
    """The files that define a type at their top level, by its name."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in deployed():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(path)
    return dict(found)


def test_the_glossary_can_be_parsed() -> None:
    assert len(TERMS) >= 30


@pytest.mark.parametrize(("term", "name", "room"), TERMS, ids=[name for _, name, _ in TERMS])
def test_every_type_of_the_glossary_is_in_its_package(term: str, name: str, room: str) -> None:
    (path,) = types_defined()[name]
    assert path.relative_to(ROOT).as_posix().startswith(room), f"{term}: {name} is in {path.relative_to(ROOT)}"


def test_type_names_are_unique() -> None:
    twice = {name: [str(path.relative_to(ROOT)) for path in paths] for name, paths in types_defined().items() if paths[1:]}
    assert twice == {}


def test_every_path_in_the_architecture_exists() -> None:
    named = set(PATHS.findall((ROOT / "ARCHITECTURE.md").read_text()))
    assert {path for path in named if not (ROOT / path).exists()} == set()
