"""Durations: parsed as whole minutes from text such as `2h30m`; a number without a unit is rejected."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema

HOUR_MINUTES, DAY_MINUTES = 60, 1440  # minutes
EXAMPLE = "45m, 2h30m or 1d"
LONGEST_TEXT = 60  # characters
MOST_WORDS = 12
# In seconds; a duration in seconds is accepted if it is a whole number of minutes.
UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), 604_800),
}
MONTHS = frozenset({"mo", "mon", "mons", "month", "months", "y", "yr", "yrs", "year", "years"})
NUMBER = r"\d{1,6}(?:[.,]\d{1,2})?"  # three digits after a point or comma could be thousands
BARE = re.compile(r"\d[\d.,]*", re.ASCII)
PART = re.compile(rf"({NUMBER}) ?([a-z]+)(?:,? and |, ?| )?", re.ASCII)
WHOLE = re.compile(rf"(?:{PART.pattern})+", re.ASCII)
ISO = re.compile(rf"p(?=.)((?:{NUMBER}[ymwd])*)(?:t(?=.)((?:{NUMBER}[hms])*))?", re.ASCII)


def minutes_in(text: str) -> int:
    """The minutes in a text like `45m`, `2h30m`, `1.5h`, `2 hours`, `1 day` or `PT30M`, and 0 in `0`; raises ValueError."""
    said = " ".join(text[: LONGEST_TEXT + 1].lower().strip().strip("\"'`,").split())
    if said and not said.strip("0"):
        return 0
    seconds, fault = _seconds(said)
    if fault or seconds % 60:
        raise ValueError(f"{text[:LONGEST_TEXT]!r} {fault or f'is not a whole number of minutes; write {EXAMPLE}'}")
    return int(seconds // 60)


def duration_text(minutes: int) -> str:
    """A duration as text such as `1d12h` or `2h30m`, which `minutes_in` parses."""
    parts = ((minutes // DAY_MINUTES, "d"), (minutes // HOUR_MINUTES % 24, "h"), (minutes % HOUR_MINUTES, "m"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0m"


def leading_duration(words: Sequence[str]) -> int:
    """The largest number of leading words that form a duration, or 0."""
    for count in range(min(len(words), MOST_WORDS), 0, -1):
        try:
            minutes_in(" ".join(words[:count]))
        except ValueError:
            continue
        return count
    return 0


def _seconds(said: str) -> tuple[Decimal, str]:
    """The seconds in a text, and what is wrong with it (or "")."""
    if BARE.fullmatch(said):
        number = said[:8].rstrip(".,")
        return Decimal(0), f"has no unit; write {number}h for hours or {number}m for minutes"
    if said.startswith(("-", "\u2212")):
        return Decimal(0), f"is negative; write a duration like {EXAMPLE}"
    parts = _parts(said)
    units = [unit for _, unit in parts]
    if MONTHS.intersection(units):
        return Decimal(0), "has months or years, which vary in length; write days, like 30d"
    sizes = [UNITS.get(unit, 0) for unit in units]
    if not parts or not all(sizes) or len(set(sizes)) < len(sizes):
        return Decimal(0), f"is not a duration like {EXAMPLE}"
    return sum((number * size for (number, _), size in zip(parts, sizes, strict=True)), Decimal(0)), ""


def _parts(said: str) -> list[tuple[Decimal, str]]:
    """The numbers and units in a text, in ISO 8601 or informal notation; none for any other text."""
    iso = ISO.fullmatch(said)
    if iso:  # `m` are months before the T and minutes behind it
        dates = [(number, "mo" if unit == "m" else unit) for number, unit in PART.findall(iso[1] or "")]
        found = [*dates, *PART.findall(iso[2] or "")]
    else:
        found = PART.findall(said) if len(said) <= LONGEST_TEXT and WHOLE.fullmatch(said) else []
    return [(Decimal(number.replace(",", ".")), unit) for number, unit in found]


def _asked(value: Any) -> Any:
    if isinstance(value, str):
        return minutes_in(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return minutes_in(f"{value:g}")
    raise ValueError(f"must be a duration like {EXAMPLE}")


def _stored(value: Any, info: ValidationInfo) -> Any:
    number = isinstance(value, int) and not isinstance(value, bool)
    return value if number and info.context is not ASKED else _asked(value)


def between(least: int, most: int) -> AfterValidator:
    """A validator for minutes within these limits, inclusive."""

    def check(minutes: int) -> int:
        if not least <= minutes <= most:
            raise ValueError(f"must be between {duration_text(least)} and {duration_text(most)}")
        return minutes

    return AfterValidator(check)


# The validation context of caller input: there, unlike in records, a number needs a unit.
ASKED: dict[str, Any] = {"written by": "people"}
# Looser than `minutes_in`, which accepts many spellings; editors must still reject a number without a unit.
WRITTEN = {"type": "string", "pattern": r"(^\W*0+\W*$|[0-9].*[A-Za-z])", "examples": ["45m", "2h30m", "1d"]}
SCHEMA = {"anyOf": [WRITTEN, {"const": 0}]}
AskedMinutes = Annotated[int, BeforeValidator(_asked), WithJsonSchema(SCHEMA)]
StoredMinutes = Annotated[int, BeforeValidator(_stored), WithJsonSchema(SCHEMA)]
