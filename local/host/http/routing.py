"""Routes: templates matched as by the official host, case-insensitively, in the order of registration."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from local.host.functions.worker import Function
from local.host.http.keys import Level

PARAMETER = re.compile(r"\{(?P<star>\*?)(?P<name>[A-Za-z_]\w*)(?::(?P<kind>[a-z]+))?(?P<optional>\?)?\}")
KINDS = {
    "int": r"-?\d+",
    "guid": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "alpha": r"[A-Za-z]+",
    "bool": r"(?:true|false)",
}
LEVELS = {"ANONYMOUS": Level.ANONYMOUS, "FUNCTION": Level.FUNCTION, "ADMIN": Level.ADMIN}


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP-triggered function and its requests."""

    function: Function
    pattern: re.Pattern[str]
    methods: frozenset[str]
    level: Level

    @classmethod
    def of(cls, function: Function, prefix: str) -> "Route":
        """The route of a function below the prefix."""
        trigger = function.trigger
        template = str(trigger.get("route") or function.name)
        methods = frozenset(str(method).upper() for method in trigger.get("methods") or ())
        level = LEVELS[str(trigger.get("authLevel", "FUNCTION")).upper()]
        return cls(function, _pattern("/".join(part for part in (prefix, template) if part)), methods, level)


def find(routes: Sequence[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The first route that matches a request, with its parameters; a wrong method is no match."""
    for route in routes:
        match = route.pattern.fullmatch(path.strip("/"))
        if match and (not route.methods or method in route.methods):
            return route, {name: value for name, value in match.groupdict().items() if value is not None}
    return None


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(
        "".join(_segment(part, first=place == 0) for place, part in enumerate(template.split("/"))), re.IGNORECASE
    )


def _segment(segment: str, *, first: bool) -> str:
    slash = "" if first else "/"
    parameter = PARAMETER.fullmatch(segment)
    if parameter is None:
        return slash + "".join(_piece(piece) for piece in re.split(r"(\{[^}]*\})", segment))
    name = parameter["name"]
    if parameter["star"]:
        return f"(?:{slash}(?P<{name}>.*))?"
    inner = f"{slash}(?P<{name}>{KINDS.get(parameter['kind'] or '', '[^/]+')})"
    return f"(?:{inner})?" if parameter["optional"] else inner


def _piece(piece: str) -> str:
    parameter = PARAMETER.fullmatch(piece)
    return f"(?P<{parameter['name']}>[^/]+?)" if parameter else re.escape(piece)
