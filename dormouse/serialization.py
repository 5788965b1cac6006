"""Typed values to plain JSON values and back: what durable history and records hold."""

from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Turn a typed value into plain JSON values."""
    return _adapter(type(value)).dump_python(value, mode="json")


def decode(kind: type[T], value: Any) -> T:
    """Turn plain JSON values back into the given type, or raise ValueError."""
    result: T = _adapter(kind).validate_python(value)
    return result


def text_of(value: Any) -> str:
    """A typed value as JSON text."""
    return _adapter(type(value)).dump_json(value).decode()


def read_text(kind: type[T], text: str) -> T:
    """JSON text back into the given type, or ValueError."""
    result: T = _adapter(kind).validate_json(text)
    return result


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


# Making an adapter takes a hundred times as long as using it.
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
