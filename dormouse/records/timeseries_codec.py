"""Codec for an agent's minutes: a table of numbers as compressed text."""

import base64
import zlib
from array import array
from itertools import chain
from math import nan
from typing import Any

from dormouse.idle.heartbeats.signals import Values

KIND = "f"  # four bytes per number; signals are stored with three decimals
MOST_ROUNDED = 65536
FAST = 1  # of zlib: a tenth longer than by default, in a fifth of the time; every heartbeat packs the minutes of hours


def packed(minutes: dict[int, Values], width: int) -> tuple[int, str]:
    """The index of the first minute, and the encoded minutes from there to the last; gaps are allowed."""
    if not minutes:
        return 0, ""
    first, last = min(minutes), max(minutes)
    nothing: Values = (None,) * width
    values = chain.from_iterable(minutes.get(index, nothing) for index in range(first, last + 1))
    numbers = array(KIND, [nan if value is None else value for value in values])
    return first, base64.b64encode(zlib.compress(numbers.tobytes(), FAST)).decode()


def unpacked(first: int, text: str, width: int, since: int = 0) -> dict[int, Values]:
    """The decoded minutes from index `since` on; minutes without values are omitted."""
    if not text:
        return {}
    numbers = array(KIND)
    numbers.frombytes(zlib.decompress(base64.b64decode(text)))
    begin = max(since - first, 0)
    wanted = numbers[begin * width : len(numbers) // width * width]
    rows = zip(*(_column(wanted[signal::width]) for signal in range(width)), strict=True)
    nothing: Values = (None,) * width
    return {index: row for index, row in enumerate(rows, first + begin) if row != nothing}


def _column(numbers: "array[Any]") -> Values:
    """The values of one signal; most are 0 all the time."""
    if not numbers.tobytes().strip(b"\0"):
        return (0.0,) * len(numbers)
    return tuple(map(_ROUNDED.__getitem__, numbers))


class _Rounded(dict[float, float | None]):
    """Numbers rounded to their stored precision, None for NaN; kept, because few distinct numbers occur."""

    def __missing__(self, number: float) -> float | None:
        if number != number:
            return None  # not kept: no NaN is equal to another one
        if len(self) >= MOST_ROUNDED:
            self.clear()
        return self.setdefault(number, round(number, 3))


_ROUNDED = _Rounded()
