"""The formats of ages, IDs and timelines in estates, and the error messages for anything else."""

import re
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

AGE = r"^(\d+d(\d+h)?(\d+m)?|\d+h(\d+m)?|\d+m)$"
RANGE = r"^\d+(\.\d+)?\.\.\d+(\.\d+)?$"
SECONDS = {"d": 86400, "h": 3600, "m": 60}
NUMBER = {"type": "number", "minimum": 0}
VALUE = {"anyOf": [NUMBER, {"type": "string", "pattern": RANGE}, {"type": "null"}]}
MINUTES = {"type": "integer", "minimum": 1, "default": 1}
SPELL = {
    "type": "object",
    "properties": {"value": VALUE, "minutes": MINUTES},
    "required": ["value"],
    "additionalProperties": False,
}
PEAKS = {
    "type": "object",
    "properties": {"max": NUMBER, "p95": NUMBER, "minutes": MINUTES},
    "required": ["max", "p95"],
    "additionalProperties": False,
}

ALWAYS = 10**9  # minutes
# A parsed timeline: values, and for how many minutes each.
Items = list[tuple[Any, int]]


def read_age(text: Any) -> float:
    """The seconds of an age like 3d, 2h30m or 45m; raises ValueError."""
    if not isinstance(text, str) or not re.fullmatch(AGE, text):
        raise ValueError(f"{text!r} is not an age; write it like 3d, 2h30m or 45m")
    return float(sum(int(count) * SECONDS[unit] for count, unit in re.findall(r"(\d+)([dhm])", text)))


def read_host(given: Any) -> Items:
    """A timeline of what Azure Monitor shows; raises ValueError."""
    return _items(given, peaks=False)


def read_inside(given: Any) -> Items:
    """A timeline of what an agent sees, in which maximum and 95th percentile may differ; raises ValueError."""
    return _items(given, peaks=True)


def _schema(*items: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [*VALUE["anyOf"], {"type": "array", "minItems": 1, "items": {"anyOf": [*VALUE["anyOf"], *items]}}]}


Age = Annotated[float, PlainValidator(read_age), WithJsonSchema({"type": "string", "pattern": AGE})]
HostTimeline = Annotated[Items, PlainValidator(read_host), WithJsonSchema(_schema(SPELL))]
InsideTimeline = Annotated[Items, PlainValidator(read_inside), WithJsonSchema(_schema(SPELL, PEAKS))]


def _items(given: Any, *, peaks: bool) -> Items:
    if not isinstance(given, list):
        return [(_value(given), ALWAYS)]
    if not given:
        raise ValueError("a timeline as a list must have at least one item")
    return [_item(item, peaks=peaks) for item in given]


def _item(item: Any, *, peaks: bool) -> tuple[Any, int]:
    if not isinstance(item, dict):
        return _value(item), 1
    minutes = item.get("minutes", 1)
    if not isinstance(minutes, int) or isinstance(minutes, bool) or minutes < 1:
        raise ValueError(f"minutes must be a whole number of at least 1, not {minutes!r}")
    rest = set(item) - {"minutes"}
    if rest == {"value"}:
        return _value(item["value"]), minutes
    if peaks and rest == {"max", "p95"}:
        return {name: _number(item[name]) for name in ("max", "p95")}, minutes
    wanted = "{value, minutes} or {max, p95, minutes}" if peaks else "{value, minutes}"
    raise ValueError(f"an item is a number, a range like 0..5, null or {wanted}, not {item!r}")


def _value(given: Any) -> Any:
    if given is None:
        return None
    if not isinstance(given, str):
        return _number(given)
    if not re.fullmatch(RANGE, given):
        raise ValueError(f"{given!r} is not a range; write it like 0..5")
    low, high = (float(part) for part in given.split(".."))
    if low > high:
        raise ValueError(f"the range {given!r} ends before it begins")
    return [low, high]


def _number(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or given < 0:
        raise ValueError(f"{given!r} is not a number of at least 0")
    return given
