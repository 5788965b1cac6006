"""Spec files: YAML or JSON, read as JSON values without YAML's implicit conversions."""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from dormouse_cli.errors import UsageError

MAX_BYTES = 1024 * 1024
MAPPING = "tag:yaml.org,2002:map"


class _Loader(yaml.SafeLoader):
    """YAML with the types of JSON only: `on`, `22:30` and `2026-05-01` are strings, and a duplicate key is an error."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the shape is PyYAML's

    def mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        """A mapping with unique keys, which are strings."""
        own = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in own:
            if own.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"duplicate key {key!r}", problem_mark=node.start_mark)
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
    """The spec in a file ("-" is stdin, "" is none), overridden by the command line; raises UsageError."""
    spec = _read_file(file) if file else {}
    if blueprint:
        spec["blueprint"] = blueprint
    if region:
        spec["region"] = region
    for setting in settings:
        _set_value(spec, setting)
    if not spec:
        raise UsageError("No spec given. Use -f spec.yaml, or --blueprint and --region.")
    return spec


def _read_file(file: str) -> dict[str, Any]:
    name = "stdin" if file == "-" else file
    try:
        raw = sys.stdin.buffer.read(MAX_BYTES + 1) if file == "-" else Path(file).read_bytes()
        if len(raw) > MAX_BYTES:
            raise UsageError(f"{name} is too large for a spec; the limit is {MAX_BYTES // 1024**2} MiB.")
        text = raw.decode("utf-8-sig")
        content = json.loads(text, object_pairs_hook=_unique_keys) if file.lower().endswith(".json") else parse(text)
    except OSError as error:
        raise UsageError(f"Cannot read {name}: {error.strerror}.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise UsageError(f"{name} is not valid YAML{where}: {error.problem}.") from None
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        kind = "JSON" if file.lower().endswith(".json") else "YAML"
        raise UsageError(f"{name} is not valid {kind}: {error}.") from None
    if not isinstance(content, dict):
        raise UsageError(f"{name} does not contain a spec: expected an object like {{blueprint: workstation, region: …}}.")
    return content


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; raises ValueError for a duplicate key, as in YAML."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"duplicate key {key!r}")
        found[key] = value
    return found


def parse(text: str) -> Any:
    """Parse YAML into JSON values; raises yaml.YAMLError."""
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with fewer types


def _set_value(spec: dict[str, Any], setting: str) -> None:
    """Set one value of the spec by its path: `disk.size_gib=128`, or `allow_from=[203.0.113.7/32]`."""
    path, equals, text = setting.partition("=")
    *parents, last = path.split(".")
    if not equals or not last or not all(parents):
        raise UsageError(f"--set requires NAME=VALUE, for example disk.size_gib=128, not {setting!r}.")
    target: Any = spec
    for part in parents:
        target = target.setdefault(part, {})
        if not isinstance(target, dict):
            raise UsageError(f"--set {path}: {part} is not an object in this spec.")
    try:
        target[last] = parse(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {path}: the value is not valid YAML; put it in quotes.") from None
