"""What Azure's own type files say of the body of a resource: unknown, missing and read-only properties, wrong values.

The files are those of https://github.com/Azure/bicep-types-az; a reference `#/7` is the type at index 7 of the same file.
"""

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.infra.bicep import Declaration, Either, Expression
from tests.support import ROOT

FILES = ROOT.parent / "shared" / "data" / "arm-specs" / "bicep-types-az" / "generated"
REQUIRED, READ_ONLY = 1, 2
# Said to Bicep and not to Azure.
BICEP_ONLY = ("parent", "scope", "dependsOn")
# The type files at hand lack these; their bodies follow Microsoft's documentation.
UNTYPED = frozenset(
    {
        "Microsoft.Insights/components@2020-02-02",
        "Microsoft.Insights/diagnosticSettings@2021-05-01-preview",
        "Microsoft.DurableTask/schedulers@2026-02-01",
        "Microsoft.DurableTask/schedulers/taskHubs@2026-02-01",
    }
)
Types = list[dict[str, Any]]


@functools.cache
def _index() -> dict[str, tuple[Path, int]]:
    """Where the type of each resource is, by lower-case name and version."""
    found = {}
    for path in sorted(FILES.rglob("types.json")):
        for number, one in enumerate(_types(path)):
            if one["$type"] == "ResourceType":
                found[one["name"].lower()] = (path, number)
    return found


@functools.cache
def _types(path: Path) -> Types:
    types: Types = json.loads(path.read_text())
    return types


def faults_of(resource: Declaration) -> list[str]:
    """What is wrong with the body of a resource; an unknown type is a fault, too."""
    if resource.type in UNTYPED:
        return []
    if resource.type.lower() not in _index():
        return [f"{resource.name}: there is no type {resource.type}"]
    path, number = _index()[resource.type.lower()]
    types = _types(path)
    body = resource.value[0] if isinstance(resource.value, list) else resource.value
    if resource.existing:
        return [] if "name" in body else [f"{resource.name}: name is missing"]
    kept = {name: value for name, value in body.items() if name not in BICEP_ONLY}
    return [f"{resource.name}{fault}" for fault in _check(kept, _of(types, types[number]["body"]), types, "")]


def _of(types: Types, reference: dict[str, str]) -> dict[str, Any]:
    return types[int(reference["$ref"].rpartition("/")[2])]


def _check(value: Any, kind: dict[str, Any], types: Types, where: str) -> Iterator[str]:
    if isinstance(value, Either):
        for one in value.values:
            yield from _check(one, kind, types, where)
        return
    if isinstance(value, Expression) or value is None:
        return
    check = CHECKS.get(kind["$type"])
    if check is not None:
        yield from check(value, kind, types, where)
        return
    accepts, words = PLAIN.get(kind["$type"], (_anything, ""))
    if not accepts(value, kind):
        yield f"{where}: {value!r} is not {words.format(**kind)}"


def _anything(value: Any, kind: dict[str, Any]) -> bool:
    return True


PLAIN: dict[str, tuple[Callable[[Any, dict[str, Any]], bool], str]] = {
    "StringLiteralType": (lambda value, kind: bool(value == kind["value"]), "{value}"),
    "StringType": (lambda value, kind: isinstance(value, str), "a text"),
    "IntegerType": (lambda value, kind: type(value) is int, "a whole number"),
    "BooleanType": (lambda value, kind: isinstance(value, bool), "true or false"),
}


def _list(value: Any, kind: dict[str, Any], types: Types, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where}: {value!r} is not a list"
        return
    for one in value:
        yield from _check(one, _of(types, kind["itemType"]), types, f"{where}[]")


def _union(value: Any, kind: dict[str, Any], types: Types, where: str) -> Iterator[str]:
    """Microsoft leaves most lists open, and Bicep only warns: a value that is not in them is a fault here."""
    elements = [_of(types, one) for one in kind["elements"]]
    known = [one["value"] for one in elements if one["$type"] == "StringLiteralType"]
    if value not in known:
        yield f"{where}: {value!r} is none of {', '.join(map(str, known))}"


def _object(value: Any, kind: dict[str, Any], types: Types, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is not an object"
        return
    known, more = kind.get("properties", {}), kind.get("additionalProperties")
    for name, one in value.items():
        if name in known:
            if known[name]["flags"] & READ_ONLY:
                yield f"{where}.{name} can only be read"
            yield from _check(one, _of(types, known[name]["type"]), types, f"{where}.{name}")
        elif more is None:
            yield f"{where}.{name} is unknown"
        else:
            yield from _check(one, _of(types, more), types, f"{where}.{name}")
    needed = [name for name, one in known.items() if one["flags"] & REQUIRED and not one["flags"] & READ_ONLY]
    yield from (f"{where}.{name} is missing" for name in needed if name not in value)


def _discriminated(value: Any, kind: dict[str, Any], types: Types, where: str) -> Iterator[str]:
    chosen = value.get(kind["discriminator"]) if isinstance(value, dict) else None
    if chosen not in kind["elements"]:
        yield f"{where}.{kind['discriminator']}: {chosen!r} is none of {', '.join(kind['elements'])}"
        return
    element = _of(types, kind["elements"][chosen])
    properties = {**kind.get("baseProperties", {}), **element.get("properties", {})}
    yield from _object(value, {**element, "properties": properties}, types, where)


CHECKS = {"ObjectType": _object, "DiscriminatedObjectType": _discriminated, "ArrayType": _list, "UnionType": _union}
