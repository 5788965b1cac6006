"""Filters of Table Storage (OData 3): comparisons of typed values with and, or, not and parentheses."""

import base64
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
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


Condition = Callable[[Mapping[str, Value]], bool]


def matches(question: str, entity: Mapping[str, Value]) -> bool:
    """Whether an entity matches a filter; an empty one matches everything. Raises a refusal for an invalid filter."""
    return not question.strip() or _condition(question)(entity)


@lru_cache(maxsize=256)
def _condition(question: str) -> Condition:
    """The condition that a filter states: read once, because a query applies it to every entity of a table."""
    reader = _Reader(question)
    condition = reader.either()
    reader.end()
    return condition


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

    def either(self) -> Condition:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda entity: any(part(entity) for part in parts)

    def end(self) -> None:
        if self._place != len(self._tokens):
            raise _unreadable(self._question)

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda entity: all(part(entity) for part in parts)

    def _one(self) -> Condition:
        if self._take("not"):
            negated = self._one()
            return lambda entity: not negated(entity)
        kind, text = self._next()
        if kind == "open":
            inside = self.either()
            if self._next()[0] != "close":
                raise _unreadable(self._question)
            return inside
        if kind != "word":
            raise _unreadable(self._question)
        comparison, literal = self._next()[1], self._literal(*self._next())
        if comparison not in COMPARE:
            raise _unreadable(self._question)
        return partial(_compared, COMPARE[comparison], text, literal.kind, literal.comparable)

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


def _compared(compare: Callable[[Any, Any], bool], name: str, kind: str, literal: Any, entity: Mapping[str, Value]) -> bool:
    """A missing value, or one of another type, is neither equal nor unequal."""
    known = entity.get(name)
    if known is None or (known.kind != kind and not (known.kind in NUMBERS and kind in NUMBERS)):
        return False
    return compare(known.comparable, literal)


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
