"""Conditions of role assignments: the part of their grammar that deployments use, read and evaluated.

https://learn.microsoft.com/azure/role-based-access-control/conditions-format
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from local.azure.core.responses import Refused, not_simulated

TOKEN = re.compile(
    r"\s*(?:(?P<symbol>[()!])|(?P<word>AND|OR)\b|ActionMatches\{'(?P<action>[^']+)'\}"
    r"|@(?P<side>Request|Resource)\[(?P<attribute>[\w.]+/[\w/]+:\w+)\]\s+"
    r"(?P<operator>ForAnyOfAnyValues:(?:GuidEquals|StringEqualsIgnoreCase)|ForAnyOfAllValues:GuidNotEquals)\s*\{(?P<values>[^{}]*)\})",
    re.IGNORECASE,
)
Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a condition is evaluated on: the action, and the attributes of the request and of the resource that exists."""

    action: str
    request: Callable[[], Attributes]
    resource: Callable[[], Attributes]


Test = Callable[[Facts], bool]


@cache
def read(text: str) -> Test:
    """A condition as a test of facts; raises a 501 for what is not simulated of the grammar."""
    tokens, place = [], 0
    while text[place:].strip():
        token = TOKEN.match(text, place)
        if token is None:
            raise _unknown(text[place:])
        tokens.append(token)
        place = token.end()
    return _Reader(tokens, text).whole()


class _Reader:
    """Reads tokens from left to right: NOT binds before AND, and AND before OR."""

    def __init__(self, tokens: list[re.Match[str]], text: str) -> None:
        self._tokens, self._text, self._place = tokens, text, 0

    def whole(self) -> Test:
        test = self._either()
        if self._place < len(self._tokens):
            raise _unknown(self._text)
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._takes("word", "OR"):
            tests.append(self._both())
        return lambda facts: any(test(facts) for test in tests)

    def _both(self) -> Test:
        tests = [self._single()]
        while self._takes("word", "AND"):
            tests.append(self._single())
        return lambda facts: all(test(facts) for test in tests)

    def _single(self) -> Test:
        if self._takes("symbol", "!"):
            inner = self._single()
            return lambda facts: not inner(facts)
        if self._takes("symbol", "("):
            test = self._either()
            if not self._takes("symbol", ")"):
                raise _unknown(self._text)
            return test
        if self._place == len(self._tokens):
            raise _unknown(self._text)
        token = self._tokens[self._place]
        self._place += 1
        if token["action"]:
            return _action_matches(token["action"])
        if token["side"]:
            return _attribute_is_one_of(token)
        raise _unknown(token.group())

    def _takes(self, kind: str, value: str) -> bool:
        found = self._place < len(self._tokens) and (self._tokens[self._place][kind] or "").upper() == value
        self._place += found
        return found


def _action_matches(pattern: str) -> Test:
    expression = re.compile(re.escape(pattern).replace(r"\*", ".*"), re.IGNORECASE)
    return lambda facts: expression.fullmatch(facts.action) is not None


def _attribute_is_one_of(token: re.Match[str]) -> Test:
    """Whether an attribute has one of some values, or with `NotEquals` none of them; one that is missing has none.

    https://learn.microsoft.com/azure/role-based-access-control/conditions-format#foranyofallvalues
    """
    values = {value.strip().strip("'").lower() for value in token["values"].split(",") if value.strip()}
    of_request, name = token["side"].lower() == "request", token["attribute"].lower()
    negated = "notequals" in token["operator"].lower()

    def test(facts: Facts) -> bool:
        attributes = facts.request() if of_request else facts.resource()
        return (attributes.get(name, "").lower() in values) is not negated

    return test


def _unknown(text: str) -> Refused:
    return not_simulated(f"the condition of a role assignment at {text.strip()!r}")
