"""Words and values of the Kusto Query Language: tokens, conversions, and the refusal of an invalid query."""

import json
import re
from typing import Any

from local.azure.core.responses import Refused

TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<name>[A-Za-z_][\w-]*~?)|(?P<number>\d+)|(?P<mark>=~|!~|==|!=|![a-z_]+~?|[<>]=?|[()\[\],.=|]))"""
)


def text_of(value: Any) -> str:
    """The result of tostring; a missing value becomes an empty string."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def invalid(what: str) -> Refused:
    """The refusal for an invalid query."""
    text = "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the error before retrying."
    details = [{"code": "InvalidQuery", "message": text}, {"code": "ParserFailure", "message": f"ParserFailure: {what}"}]
    return Refused(400, "BadRequest", "Please provide below info when asking for support.", details=details)


def tokens_of(query: str) -> list[str]:
    """The tokens of a query; raises the refusal of an invalid one."""
    tokens, place, end = [], 0, len(query.rstrip())
    while place < end:
        match = TOKEN.match(query, place)
        if match is None:
            raise invalid(query[place : place + 20].strip())
        tokens.append(match[match.lastgroup or 0])
        place = match.end()
    return tokens


def folded(value: Any, *, fold: bool) -> str:
    """A value as text, in lower case for operators that ignore case."""
    text = text_of(value)
    return text.lower() if fold else text


def bool_of(value: Any) -> bool | None:
    """The result of tobool; None for what is no truth value."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value != 0
    return {"true": True, "false": False}.get(str(value).lower())
