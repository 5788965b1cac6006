"""Spec files: YAML or JSON, read by one rule: unique keys, and no conversions that the file does not show."""

import json
import math
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from dormouse_cli.decoding import decode_text
from dormouse_cli.errors import UsageError
from dormouse_cli.spec_values import Scalar

MAX_BYTES = 1024 * 1024
MAX_DIGITS = 300
SPEC_EXPECTED = "a spec: expected an object like {blueprint: workstation, region: …}"
TAG = "tag:yaml.org,2002:"
INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
BOOLEANS = {"true": True, "True": True, "false": False, "False": False}
NULLS = ("~", "null", "Null", "")


class _Loader(yaml.SafeLoader):
    """YAML with the types of JSON only: `on`, `22:30` and `2026-05-01` are strings, and a duplicate key is an error."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the shape is PyYAML's
    yaml_constructors: ClassVar[dict[Any, Any]] = {}

    def mapping(self, node: yaml.Node) -> dict[str, Any]:
        """A mapping with unique keys, which are strings."""
        if not isinstance(node, yaml.MappingNode):
            raise _fault("a mapping is expected here", node)
        own = [_key(key) for key, _ in node.value]
        for key in own:
            if own.count(key) > 1:
                raise _fault(f"duplicate key {key!r}", node)
        self.flatten_mapping(node)
        return {_key(key): self.construct_object(value, deep=True) for key, value in node.value}

    def sequence(self, node: yaml.Node) -> list[Any]:
        """A list."""
        if not isinstance(node, yaml.SequenceNode):
            raise _fault("a list is expected here", node)
        return [self.construct_object(item, deep=True) for item in node.value]

    def unknown(self, node: yaml.Node) -> Any:
        """Nothing: JSON has no other types."""
        raise _fault(f"the tag {node.tag.removeprefix(TAG)!r} is not supported", node)

    def scalar(self, node: yaml.Node) -> Any:
        """A string, number, boolean or null."""
        if not isinstance(node, yaml.ScalarNode):
            raise _fault("a single value is expected here", node)
        kind, text = node.tag.removeprefix(TAG), str(node.value)
        if kind == "str":
            return text
        if kind == "null" and text in NULLS:
            return None
        if kind == "bool" and text in BOOLEANS:
            return Scalar(text, BOOLEANS[text])
        if kind in ("int", "float") and NUMBER.fullmatch(text):
            return _number(text)
        raise _fault(f"{text!r} is not a {kind}", node)


for _tag, _pattern, _first in (
    ("bool", "true|True|false|False", "tTfF"),
    ("null", "~|null|Null|", ["~", "n", "N", ""]),
    ("int", INTEGER.pattern, "-0123456789"),
    ("float", NUMBER.pattern, "-0123456789"),
    ("merge", "<<", "<"),
):
    _Loader.add_implicit_resolver(f"{TAG}{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
for _tag in ("str", "null", "bool", "int", "float"):
    _Loader.add_constructor(f"{TAG}{_tag}", _Loader.scalar)
_Loader.add_constructor(f"{TAG}map", _Loader.mapping)
_Loader.add_constructor(f"{TAG}seq", _Loader.sequence)
_Loader.add_constructor(None, _Loader.unknown)


def read_spec(file: str, blueprint: str, region: str, settings: Iterable[str]) -> dict[str, Any]:
    """The spec in a file ("-" is stdin, "" is none), overridden by the command line; raises UsageError."""
    spec = read_object(file, SPEC_EXPECTED) if file else {}
    if blueprint:
        spec["blueprint"] = blueprint
    if region:
        spec["region"] = region
    for setting in settings:
        _set_value(spec, setting)
    if not spec:
        raise UsageError("No spec given. Use -f spec.yaml, or --blueprint and --region.")
    return spec


def read_object(file: str, expected: str) -> dict[str, Any]:
    """The object in a YAML or JSON file ("-" is stdin); `expected` says what it holds if it is none. Raises UsageError."""
    name, is_json = "stdin" if file == "-" else file, file.lower().endswith(".json")
    kind = "JSON" if is_json else "YAML"
    try:
        text = decode_text(_read_bytes(file, name))
        content = _parse_json(text) if is_json else parse(text)
    except UnicodeError:
        raise UsageError(f"{name} is neither UTF-8 nor UTF-16 text; save it as UTF-8.") from None
    except OSError as error:
        raise UsageError(f"Cannot read {name}: {error.strerror}.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise UsageError(f"{name} is not valid {kind}{where}: {error.problem}.") from None
    except RecursionError:
        raise UsageError(f"{name} is not valid {kind}: it is nested too deeply.") from None
    except (ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{name} is not valid {kind}: {error}.") from None
    if not isinstance(content, dict):
        raise UsageError(f"{name} does not contain {expected}.")
    return content


def _read_bytes(file: str, name: str) -> bytes:
    if file == "-":
        raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        with Path(file).open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise UsageError(f"{name} is too large for a spec; the limit is {MAX_BYTES // 1024**2} MiB.")
    return raw


def parse(text: str) -> Any:
    """Parse YAML, or JSON, into JSON values and scalars; raises yaml.YAMLError, or ValueError for a duplicate key."""
    if text.lstrip().startswith("{"):  # PyYAML does not accept all JSON: tabs, for example
        try:
            return _parse_json(text)
        except json.JSONDecodeError:
            pass
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with fewer types


def _parse_json(text: str) -> Any:
    return json.loads(
        text, object_pairs_hook=_unique_keys, parse_int=_number, parse_float=_number, parse_constant=_no_constant
    )


def _number(text: str) -> Scalar | str:
    """A number; one that is too large for JSON stays text, so that the control plane can name it."""
    if len(text) > MAX_DIGITS:
        return text
    value = int(text) if INTEGER.fullmatch(text) else float(text)
    return Scalar(text, value) if isinstance(value, int) or math.isfinite(value) else text


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; raises ValueError for a duplicate key, as in YAML."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"duplicate key {key!r}")
        found[key] = value
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON value")


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _fault("a key must be a single word", node)
    return str(node.value)


def _fault(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


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
    except yaml.MarkedYAMLError as error:
        raise UsageError(f"--set {path}: the value is not valid YAML: {error.problem}; put it in quotes.") from None
    except (ValueError, yaml.YAMLError, RecursionError):
        raise UsageError(f"--set {path}: the value is not valid YAML; put it in quotes.") from None
