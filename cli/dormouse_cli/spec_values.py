"""Values of specs: numbers and booleans keep the text that was written, for the fields that want text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dormouse_cli.errors import UsageError

MAX_VALUES = 100_000  # aliases in YAML can make a small file very large
TOO_DEEP = "The spec is nested too deeply."
MAX_REFERENCES = 20  # a schema whose references lead in a circle is not followed for ever
ANY: Mapping[str, Any] = {}
TEXT, NOT_TEXT = frozenset({"string"}), frozenset({"number", "integer", "boolean"})


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number or boolean without quotes, as it was written and as it is understood: `1.10` is 1.1."""

    text: str
    value: int | float | bool


def has_scalars(spec: Any) -> bool:
    """Whether the schema decides how a value of this spec is sent; raises UsageError if the spec is too large."""
    return any([isinstance(value, Scalar) for value in _values(spec)])  # noqa: C419 - all values are counted


def json_values(value: Any, schema: Any) -> Any:
    """The spec as JSON values: each scalar as text where the JSON Schema wants text, and as number or boolean otherwise.

    Raises UsageError if it is nested too deeply.
    """
    try:
        return _resolve(value, schema, schema)
    except RecursionError:
        raise UsageError(TOO_DEEP) from None


def _values(spec: Any) -> Iterator[Any]:
    waiting, count = [spec], 0
    while waiting:
        value = waiting.pop()
        count += 1
        if count > MAX_VALUES:
            raise UsageError(f"The spec has more than {MAX_VALUES} values.")
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        yield value


def _resolve(value: Any, schema: Any, root: Any) -> Any:
    if not isinstance(value, Scalar | dict | list):
        return value
    options = list(_options(schema, root, MAX_REFERENCES))
    if isinstance(value, Scalar):
        return value.text if _wants_text(options) else value.value
    if isinstance(value, list):
        items = next((option["items"] for option in options if "items" in option), ANY)
        return [_resolve(item, items, root) for item in value]
    return {name: _resolve(member, _member(options, name), root) for name, member in value.items()}


def _options(schema: Any, root: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """A schema and its alternatives, with references resolved."""
    if not isinstance(schema, Mapping) or depth < 0:
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        target = root
        for part in reference.removeprefix("#/").split("/"):
            target = target.get(part) if isinstance(target, Mapping) else None
        yield from _options(target, root, depth - 1)
    yield schema
    for key in ("anyOf", "oneOf", "allOf"):
        alternatives = schema.get(key)
        for alternative in alternatives if isinstance(alternatives, list) else ():
            yield from _options(alternative, root, depth - 1)


def _member(options: list[Mapping[str, Any]], name: str) -> Any:
    for option in options:
        properties = option.get("properties")
        if isinstance(properties, Mapping) and name in properties:
            return properties[name]
    return next((option["additionalProperties"] for option in options if "additionalProperties" in option), ANY)


def _wants_text(options: list[Mapping[str, Any]]) -> bool:
    types: set[Any] = set()
    for option in options:
        given = option.get("type")
        types.update([given] if isinstance(given, str) else given if isinstance(given, list) else ())
        constants = [option["const"]] if "const" in option else option.get("enum") or []
        types.update("string" if isinstance(each, str) else "number" for each in constants if each is not None)
    return bool(TEXT & types) and not NOT_TEXT & types
