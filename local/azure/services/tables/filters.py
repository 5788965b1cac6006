"""Filters of Table Storage (OData 3): comparisons of typed values with and, or, not and parentheses."""

import base64
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
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

Test = Callable[[Mapping[str, Value]], bool]
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
PARSED = 256  # filters that are kept parsed


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter: whether an entity matches it, and the text comparisons that hold for every entity that does.

    A comparison is the name of a property, the word for the comparison, and a text.
    """

    matches: Test
    required: tuple[tuple[str, str, str], ...] = ()

    def texts(self, name: str, *comparisons: str) -> list[str]:
        """The texts that a property of every matching entity compares with in one of these ways."""
        return [text for known, comparison, text in self.required if known == name and comparison in comparisons]


@lru_cache(PARSED)
def parsed(question: str) -> Filter:
    """A filter from its text; an empty one matches everything. Raises a refusal for an invalid one."""
    return _Parser(question).whole() if question.strip() else Filter(lambda _: True)


class _Parser:
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

    def whole(self) -> Filter:
        result = self._either()
        if self._place != len(self._tokens):
            raise _unreadable(self._question)
        return result

    def _either(self) -> Filter:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Filter(lambda entity: any(part.matches(entity) for part in parts))

    def _both(self) -> Filter:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        if len(parts) == 1:
            return parts[0]
        required = tuple(comparison for part in parts for comparison in part.required)
        return Filter(lambda entity: all(part.matches(entity) for part in parts), required)

    def _one(self) -> Filter:
        if self._take("not"):
            refused = self._one()
            return Filter(lambda entity: not refused.matches(entity))
        kind, name = self._next()
        if kind == "open":
            result = self._either()
            if self._next()[0] != "close":
                raise _unreadable(self._question)
            return result
        if kind != "word":
            raise _unreadable(self._question)
        comparison, literal = self._next()[1], self._literal(*self._next())
        if comparison not in COMPARE:
            raise _unreadable(self._question)
        required = ((name, comparison, str(literal.json)),) if literal.kind == STRING else ()
        return Filter(lambda entity: _compared(COMPARE[comparison], entity.get(name), literal), required)

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
