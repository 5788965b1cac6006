"""Spec files: YAML or JSON, read as plain JSON values, so that what is written is what is asked for."""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from dormouse_cli.errors import Usage

LARGEST = 1024 * 1024
MAPPING = "tag:yaml.org,2002:map"


class _Loader(yaml.SafeLoader):
    """YAML with JSON's values only: `on`, `22:30` and `2026-05-01` are texts, and a key that comes twice is a fault."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the shape is PyYAML's

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        """A mapping in which every key is a text and comes once."""
        own = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in own:
            if own.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"{key!r} is there twice", problem_mark=node.start_mark)
        self.flatten_mapping(node)
        found = self.construct_mapping(node, deep=True)
        return {str(key): value for key, value in found.items()}


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|false|False)$", "tTfF"),
    ("null", r"^(?:~|null|Null|)$", ["~", "n", "N", ""]),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    ("float", r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", "-0123456789"),
    ("merge", r"^<<$", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))
_Loader.add_constructor(MAPPING, _Loader.mapping)


def read_spec(file: str, blueprint: str, region: str, settings: Iterable[str]) -> dict[str, Any]:
    """The spec in a file ("-" is stdin, "" none) with what the command line says on top; raises Usage."""
    spec = _read(file) if file else {}
    if blueprint:
        spec["blueprint"] = blueprint
    if region:
        spec["region"] = region
    for setting in settings:
        _put(spec, setting)
    if not spec:
        raise Usage("Say what to build: -f spec.yaml, or --blueprint and --region.")
    return spec


def _read(file: str) -> dict[str, Any]:
    name = "stdin" if file == "-" else file
    try:
        raw = sys.stdin.buffer.read(LARGEST + 1) if file == "-" else Path(file).read_bytes()
        if len(raw) > LARGEST:
            raise Usage(f"{name} is larger than any spec.")
        text = raw.decode("utf-8-sig")
        content = json.loads(text, object_pairs_hook=_object) if file.lower().endswith(".json") else parse(text)
    except OSError as error:
        raise Usage(f"{name} cannot be read: {error.strerror}.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Usage(f"{name} is not YAML{where}: {error.problem}.") from None
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        kind = "JSON" if file.lower().endswith(".json") else "YAML"
        raise Usage(f"{name} is not {kind}: {error}.") from None
    if not isinstance(content, dict):
        raise Usage(f"{name} holds no spec: it should be an object like {{blueprint: workstation, region: …}}.")
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which every key comes once, as in YAML."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} is there twice")
        found[key] = value
    return found


def parse(text: str) -> Any:
    """A YAML text as JSON values; raises yaml.YAMLError."""
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader that knows less


def _put(spec: dict[str, Any], setting: str) -> None:
    """Set one value by its path: `disk.size_gib=128`, or `allow_from=[203.0.113.7/32]`."""
    path, equals, text = setting.partition("=")
    *above, last = path.split(".")
    if not equals or not last or not all(above):
        raise Usage(f"--set wants NAME=VALUE, like disk.size_gib=128, not {setting!r}.")
    place: Any = spec
    for part in above:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise Usage(f"--set {path}: {part} is no object in this spec.")
    try:
        place[last] = parse(text)
    except yaml.YAMLError:
        raise Usage(f"--set {path}: the value is not YAML; put it in quotes.") from None
