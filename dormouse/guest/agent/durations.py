"""Parsing and formatting durations; the control plane accepts and rejects the same spellings."""

from __future__ import annotations

import re
from collections.abc import Sequence

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
EXAMPLE = "2h, 2h30m, 90min or 1d"
LONGEST_TEXT = 60  # characters
MOST_WORDS = 12
SECONDS_IN = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), 7 * DAY),
}
NUMBER = r"\d{1,6}(?:[.,]\d{1,2})?"  # three digits behind a point or a comma could be thousands
BARE = re.compile(r"\d[\d.,]*", re.ASCII)
PART = re.compile(rf"({NUMBER}) ?([a-z]+)(?:,? and |, ?| )?", re.ASCII)
WHOLE = re.compile(rf"(?:{PART.pattern})+", re.ASCII)
ISO = re.compile(rf"p(?=.)((?:{NUMBER}[wd])*)(?:t(?=.)((?:{NUMBER}[hms])*))?", re.ASCII)


def seconds_in(text: str) -> float:
    """The seconds in a text like `45m`, `2h30m`, `1.5h`, `2 hours` or `PT30M`; raises ValueError that says what to write."""
    said = " ".join(text[: LONGEST_TEXT + 1].lower().strip().strip("\"'`,").split())
    if BARE.fullmatch(said):
        number = said[:8].rstrip(".,")
        raise ValueError(f"{number} has no unit; write {number}h for hours or {number}m for minutes")
    parts = _parts(said)
    sizes = [SECONDS_IN.get(unit, 0.0) for _, unit in parts]
    seconds = sum(number * SECONDS_IN.get(unit, 0.0) for number, unit in parts)
    if not parts or not all(sizes) or len(set(sizes)) < len(sizes):
        raise ValueError(f"{text[:LONGEST_TEXT]} is not a duration like {EXAMPLE}")
    if round(seconds, 6) % MINUTE:
        raise ValueError(f"{text[:LONGEST_TEXT]} is not a whole number of minutes; write {EXAMPLE}")
    return seconds


def leading_duration(words: Sequence[str]) -> int:
    """How many of the first words together form a duration (the longest match); 0 if none do."""
    for count in range(min(len(words), MOST_WORDS), 0, -1):
        try:
            seconds_in(" ".join(words[:count]))
        except ValueError:
            continue
        return count
    return 0


def in_words(seconds: float) -> str:
    """A duration in words, like `2 h 30 min`."""
    minutes = max(1, round(seconds / MINUTE))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join(parts)


def _parts(said: str) -> list[tuple[float, str]]:
    iso = ISO.fullmatch(said)
    if iso:
        found = [*PART.findall(iso[1] or ""), *PART.findall(iso[2] or "")]
    else:
        found = PART.findall(said) if len(said) <= LONGEST_TEXT and WHOLE.fullmatch(said) else []
    return [(float(number.replace(",", ".")), unit) for number, unit in found]
