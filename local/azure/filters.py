"""Filters of Table Storage (OData 3): comparisons with and, or, not and parentheses."""

import re
from typing import Any

from local.azure.answers import Refused

TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<typed>(?:datetime|guid|X|binary)'[^']*')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>-?\d+(?:\.\d+)?L?)|(?P<word>[A-Za-z_]\w*))"
)
COMPARE = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}


def matches(question: str, entity: dict[str, Any]) -> bool:
    """Whether an entity matches a filter; an empty one matches everything. Raises Refused for one that cannot be read."""
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

    def either(self, entity: dict[str, Any]) -> bool:
        result = self._both(entity)
        while self._take("or"):
            result = self._both(entity) or result
        return result

    def end(self) -> None:
        if self._place != len(self._tokens):
            raise _unreadable(self._question)

    def _both(self, entity: dict[str, Any]) -> bool:
        result = self._one(entity)
        while self._take("and"):
            result = self._one(entity) and result
        return result

    def _one(self, entity: dict[str, Any]) -> bool:
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
        operator, value = self._next()[1], _literal(*self._next())
        if operator not in COMPARE:
            raise _unreadable(self._question)
        known = entity.get(text)
        return known is not None and type(known) is type(value) and bool(COMPARE[operator](known, value))

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


def _literal(kind: str, text: str) -> Any:
    if kind == "text":
        return text[1:-1].replace("''", "'")
    if kind == "typed":
        return text.partition("'")[2][:-1]
    if kind == "number":
        return text[:-1] if text.endswith("L") else float(text) if "." in text else int(text)
    return text == "true"


def _unreadable(question: str) -> Refused:
    return Refused(400, "InvalidInput", f"One of the request inputs is not valid: {question}")
