"""Filters of Table Storage (OData 3): comparisons of typed values with and, or, not and parentheses."""

import base64
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from local.azure.services.tables.edm import (
    BINARY,
    BOOLEAN,
    DATETIME,
    DOUBLE,
    GUID,
    INT32,
    INT64,
    NUMBERS,
    STRING,
    Value,
    invalid,
)

TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<typed>(?:datetime|guid|X|binary)'[^']*')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>-?\d+(?:\.\d+)?L?)|(?P<word>[A-Za-z_]\w*))"
)
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
TYPED = {"datetime": DATETIME, "guid": GUID, "x": BINARY, "binary": BINARY}


def matches(question: str, entity: Mapping[str, Value]) -> bool:
    """Whether an entity matches a filter; an empty one matches everything. Raises a refusal for an invalid filter."""
    if not question.strip():
        return True
    reader = _Reader(question)
    result = reader.either(entity)
    reader.end()
    return result


class _Reader:
    def __init__(self, question: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(question.rstrip()):
            match = TOKEN.match(question, place)
            if match is None or match.lastgroup is None:
                raise _unreadable(question)
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            place = match.end()
        self._question, self._place = question, 0

    def either(self, entity: Mapping[str, Value]) -> bool:
        result = self._both(entity)
        while self._take("or"):
            result = self._both(entity) or result
        return result

    def end(self) -> None:
        if self._place != len(self._tokens):
            raise _unreadable(self._question)

    def _both(self, entity: Mapping[str, Value]) -> bool:
        result = self._one(entity)
        while self._take("and"):
            result = self._one(entity) and result
        return result

    def _one(self, entity: Mapping[str, Value]) -> bool:
        if self._take("not"):
            return not self._one(entity)
        kind, text = self._next()
        if kind == "open":
            result = self.either(entity)
            if self._next()[0] != "close":
                raise _unreadable(self._question)
            return result
        if kind != "word":
            raise _unreadable(self._question)
        comparison, literal = self._next()[1], self._literal(*self._next())
        if comparison not in COMPARE:
            raise _unreadable(self._question)
        return _compared(COMPARE[comparison], entity.get(text), literal)

    def _literal(self, kind: str, text: str) -> Value:
        try:
            value = _value(kind, text)
            value.comparable  # noqa: B018 - what cannot be compared cannot be asked for
        except (ValueError, KeyError):
            raise _unreadable(self._question) from None
        return value

    def _take(self, word: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place] == ("word", word):
            self._place += 1
            return True
        return False

    def _next(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise _unreadable(self._question)
        self._place += 1
        return self._tokens[self._place - 1]


def _compared(compare: Callable[[Any, Any], bool], known: Value | None, literal: Value) -> bool:
    """A missing value, or one of another type, is neither equal nor unequal."""
    if known is None:
        return False
    both = {known.kind, literal.kind}
    return (len(both) == 1 or both <= set(NUMBERS)) and compare(known.comparable, literal.comparable)


def _value(kind: str, text: str) -> Value:
    if kind == "text":
        return Value(STRING, text[1:-1].replace("''", "'"))
    if kind == "number":
        if text.endswith("L"):
            return Value(INT64, text[:-1])
        return Value(DOUBLE, float(text)) if "." in text else Value(INT32, int(text))
    if kind == "typed":
        name, _, rest = text.partition("'")
        bare = rest[:-1]
        if TYPED[name.lower()] == BINARY:
            bare = base64.b64encode(bytes.fromhex(bare)).decode()
        return Value(TYPED[name.lower()], bare)
    return Value(BOOLEAN, {"true": True, "false": False}[text])


def _unreadable(question: str) -> Exception:
    return invalid(f"One of the request inputs is not valid: {question}")
