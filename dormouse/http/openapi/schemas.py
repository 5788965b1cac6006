"""JSON Schemas of everything that routes take and answer: each once, under a name of its own."""

import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from dormouse.http.problems import Problem

if TYPE_CHECKING:
    from dormouse.http.route import Route

REFERENCE = "#/components/schemas/{model}"
GENERIC, IN_MODULE = re.compile(r"(\w+?)_(\w+)_"), re.compile(r"\w+__(\w+)__(\w+)")
Schemas = Callable[[Any], dict[str, Any]]


def schemas_of(routes: Iterable["Route"]) -> tuple[Schemas, dict[str, Any]]:
    """The JSON Schema of everything that is taken or answered: once by name, and from everywhere by reference."""
    from pydantic import TypeAdapter

    inputs: list[tuple[Any, Any, TypeAdapter[Any]]] = [("problem", "validation", TypeAdapter(Problem))]
    for route in routes:
        name = route.handler.__name__
        if route.contract.body is not None:
            inputs.append((("takes", name), "validation", TypeAdapter(route.contract.body)))
        inputs += [
            (("reply", name, number), "serialization", TypeAdapter(reply.kind))
            for number, reply in enumerate(route.contract.replies)
            if reply.kind is not None
        ]
    found, shared = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE)
    known = shared.get("$defs", {})
    by_key = {key: _renamed(schema, known) for (key, _), schema in found.items()}
    return by_key.__getitem__, {
        _good(name): {**_renamed(schema, known), "title": _good(name)} for name, schema in known.items()
    }


def _renamed(schema: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A schema whose references go by good names."""
    text = json.dumps(schema)
    for name in names:
        text = text.replace(f'"{REFERENCE.format(model=name)}"', f'"{REFERENCE.format(model=_good(name))}"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _good(name: str) -> str:
    """A name that reads as one in any language that clients are generated in: `PageOfLine`, `IdleKind`."""
    generic, module = GENERIC.fullmatch(name), IN_MODULE.fullmatch(name)
    if generic:
        return f"{generic[1]}Of{generic[2]}"
    return f"{module[1].title()}{module[2]}" if module else name
