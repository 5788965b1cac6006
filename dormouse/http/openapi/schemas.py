"""JSON Schemas of everything that routes take and answer: each once, under the name that its type declares."""

import json
import re
from collections.abc import Callable, Iterable
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args

from dormouse.http.problems import Problem

if TYPE_CHECKING:
    from dormouse.http.route import Route

REFERENCE = "#/components/schemas/{model}"
REFERRED = re.compile(r'"#/components/schemas/([^"]+)"')
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
    definitions = shared.get("$defs", {})
    names = {name: str(schema.get("title", name)) for name, schema in definitions.items()}
    if len(set(names.values())) < len(names):
        raise TypeError(f"two types declare the same name: {sorted(names.values())}")
    by_key = {key: _renamed(schema, names) for (key, _), schema in found.items()}
    return by_key.__getitem__, {names[name]: _renamed(schema, names) for name, schema in definitions.items()}


def name_of(model: Any) -> str:
    """The name that a pydantic model declares."""
    return str(model.model_config.get("title", model.__name__))


def models_in(body: Any) -> tuple[Any, ...]:
    """The types that a body may have: one, or the members of a union."""
    return get_args(body) if isinstance(body, UnionType) else () if body is None else (body,)


def _renamed(schema: Any, names: dict[str, str]) -> Any:
    """A schema whose references go by the declared names."""
    return json.loads(REFERRED.sub(lambda found: f'"{REFERENCE.format(model=names[found[1]])}"', json.dumps(schema)))
