"""The part of the Kusto Query Language that the app uses with Resource Graph: where, project, order by, limit.

https://learn.microsoft.com/azure/governance/resource-graph/concepts/query-language
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from local.azure.core.responses import not_simulated
from local.azure.services.kusto_text import bool_of, folded, invalid, text_of, tokens_of

Row = dict[str, Any]
Value = Callable[[Row], Any]
Test = Callable[[Row], bool]

FIRST_TABLE = "resources"
STAGES = ("where", "project", "order", "limit", "take")
# Operators of the language that are not simulated.
OTHER_STAGES = re.compile("extend|summarize|join|union|mv-?expand|distinct|count|top|parse|sort|project-(away|rename|keep)")
OTHER_OPERATORS = re.compile("!?(contains|has|endswith|startswith|in|matches|between|has_any|has_all)(_cs|~)?|[<>]=?")


def read(query: str) -> tuple[str, list["Stage"]]:
    """The table of a query, and the stages for its rows; raises refusals for what is not supported."""
    parts: list[list[str]] = [[]]
    for token in tokens_of(query):
        if token == "|":  # noqa: S105 - no secret
            parts.append([])
        else:
            parts[-1].append(token)
    if parts[0] and parts[0][0].lower() in STAGES:
        parts.insert(0, [FIRST_TABLE])  # a query without a table uses the first one
    return " ".join(parts[0]).lower(), [Stage(tokens) for tokens in parts[1:]]


class Stage:
    """One parsed stage of a query, which can be applied to rows."""

    def __init__(self, tokens: list[str]) -> None:
        """Parse it; raises refusals for what is not supported."""
        self._tokens, self._place = tokens, 0
        verb = self._next().lower()
        # Whether each row is processed independently.
        self.by_row = verb in ("where", "project")
        if OTHER_STAGES.fullmatch(verb):
            raise not_simulated(f"{verb} in queries of Resource Graph")
        readers = {"where": self._where, "project": self._project, "order": self._order, "limit": self._limit}
        reader = readers.get("limit" if verb == "take" else verb)
        if reader is None:
            raise invalid(verb)
        self.apply: Callable[[Iterable[Row]], list[Row]] = reader()
        if self._peek():
            raise invalid(" ".join(tokens))

    def _where(self) -> Callable[[Iterable[Row]], list[Row]]:
        test = self._either()
        return lambda rows: [row for row in rows if test(row)]

    def _project(self) -> Callable[[Iterable[Row]], list[Row]]:
        columns = [self._column()]
        while self._took(","):
            columns.append(self._column())
        return lambda rows: [{name: value(row) for name, value in columns} for row in rows]

    def _order(self) -> Callable[[Iterable[Row]], list[Row]]:
        self._need("by")
        keys = [self._key()]
        while self._took(","):
            keys.append(self._key())

        def ordered(rows: Iterable[Row]) -> list[Row]:
            found = list(rows)
            for value, descending in reversed(keys):
                found.sort(key=lambda row: text_of(value(row)), reverse=descending)
            return found

        return ordered

    def _limit(self) -> Callable[[Iterable[Row]], list[Row]]:
        count = self._next()
        if not count.isdigit():
            raise invalid(f"limit {count}")
        return lambda rows: list(rows)[: int(count)]

    def _key(self) -> tuple[Value, bool]:
        _, value = self._value()
        direction = self._next() if self._peek().lower() in ("asc", "desc") else "desc"
        return value, direction.lower() == "desc"

    def _column(self) -> tuple[str, Value]:
        if self._peek(1) == "=":
            name = self._next()
            self._next()
            return name, self._value()[1]
        return self._value()

    def _either(self) -> Test:
        tests = [self._both()]
        while self._took("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._took("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._took("("):
            test = self._either()
            self._need(")")
            return test
        word = self._peek().lower()
        if word in ("isnotempty", "isempty"):
            self._next()
            self._need("(")
            _, value = self._value()
            self._need(")")
            wanted = word == "isnotempty"
            return lambda row: (text_of(value(row)) != "") is wanted
        _, value = self._value()
        return self._compared(value)

    def _compared(self, value: Value) -> Test:
        operator = self._next().lower()
        if operator == "startswith":
            beginning = self._text().lower()
            return lambda row: text_of(value(row)).lower().startswith(beginning)
        if operator == "contains":
            part = self._text().lower()
            return lambda row: part in text_of(value(row)).lower()
        fold = "~" in operator
        if operator in ("in", "in~"):
            self._need("(")
            texts = [self._text()]
            while self._took(","):
                texts.append(self._text())
            self._need(")")
            wanted = {text.lower() if fold else text for text in texts}
            return lambda row: folded(value(row), fold=fold) in wanted
        if OTHER_OPERATORS.fullmatch(operator):
            raise not_simulated(f"{operator} in queries of Resource Graph")
        if operator not in ("==", "=~", "!=", "!~"):
            raise invalid(operator)
        text = self._text()
        expected, same = text.lower() if fold else text, operator[0] != "!"
        return lambda row: (folded(value(row), fold=fold) == expected) is same

    def _value(self) -> tuple[str, Value]:
        """A path, or a conversion of one, and its column name."""
        word = self._peek().lower()
        if self._peek(1) == "(":
            if word not in ("tostring", "tobool"):
                raise not_simulated(f"the function {word} in queries of Resource Graph")
            self._next()
            self._need("(")
            name, value = self._value()
            self._need(")")
            convert = text_of if word == "tostring" else bool_of
            return name, lambda row: convert(value(row))
        return self._path()

    def _path(self) -> tuple[str, Value]:
        path = [self._name()]
        while self._peek() in (".", "["):
            if self._next() == ".":
                path.append(self._name())
            else:
                path.append(self._text())
                self._need("]")
        first, rest = path[0], tuple(path[1:])
        if not rest:
            return first, lambda row: row.get(first)

        def found(row: Row) -> Any:
            value = row.get(first)
            for part in rest:
                if not isinstance(value, dict):
                    return None
                value = value.get(part)
            return value

        return "_".join(path), found

    def _peek(self, ahead: int = 0) -> str:
        place = self._place + ahead
        return self._tokens[place] if place < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._place += 1
        return token

    def _took(self, token: str) -> bool:
        if self._peek().lower() != token:
            return False
        self._place += 1
        return True

    def _need(self, token: str) -> None:
        if not self._took(token):
            raise invalid(f"'{token}' is missing before '{self._peek()}'")

    def _name(self) -> str:
        token = self._next()
        if not re.fullmatch(r"[A-Za-z_]\w*", token):
            raise invalid(token)
        return token

    def _text(self) -> str:
        token = self._next()
        if token[:1] not in ("'", '"'):
            raise invalid(token)
        return re.sub(r"\\(.)", r"\1", token[1:-1])
