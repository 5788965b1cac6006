"""The events that the app writes to its log, with their fields, as the source code has them."""

import ast
from collections.abc import Iterator
from functools import cache

from tests.support import ROOT

APP = ("activities", "dormouse", "orchestrators")


@cache
def events() -> dict[str, set[str]]:
    """The fields of every event, by its name."""
    found: dict[str, set[str]] = {}
    for folder in APP:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text()
            if "log_event(" in text and path.name != "log_events.py":
                for function in ast.walk(ast.parse(text)):
                    if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                        for name, fields in _events_in(function):
                            found[name] = found.get(name, set()) | fields
    return found


def _events_in(function: ast.AST) -> Iterator[tuple[str, set[str]]]:
    dicts = {
        target.id: {key.value for key in node.value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "log_event":
            (name,) = node.args
            assert isinstance(name, ast.Constant), "the name of an event is a literal"
            fields = {keyword.arg for keyword in node.keywords if keyword.arg}
            for keyword in node.keywords:
                if keyword.arg is None:
                    assert isinstance(keyword.value, ast.Name), "fields are named, or in a dict of this function"
                    fields |= dicts[keyword.value.id]
            yield str(name.value), fields
