"""Codec for an agent's minutes: a table of numbers as compressed text."""

import base64
import zlib
from array import array
from functools import lru_cache
from math import nan

from dormouse.idle.signals import Values

KIND = "f"  # four bytes per number; signals are stored with three decimals


def packed(minutes: dict[int, Values], width: int) -> tuple[int, str]:
    """The index of the first minute, and the encoded minutes from there to the last; gaps are allowed."""
    if not minutes:
        return 0, ""
    first, last = min(minutes), max(minutes)
    nothing: Values = (None,) * width
    numbers = array(
        KIND,
        (nan if value is None else value for place in range(first, last + 1) for value in minutes.get(place, nothing)),
    )
    return first, base64.b64encode(zlib.compress(numbers.tobytes())).decode()


def unpacked(first: int, text: str, width: int, since: int = 0) -> dict[int, Values]:
    """The decoded minutes from index `since` on; minutes without values are omitted."""
    if not text:
        return {}
    numbers = array(KIND)
    numbers.frombytes(zlib.decompress(base64.b64decode(text)))
    minutes: dict[int, Values] = {}
    for row in range(max(since - first, 0), len(numbers) // width):
        values = tuple(_number(value) if value == value else None for value in numbers[row * width : (row + 1) * width])
        if any(value is not None for value in values):
            minutes[first + row] = values
    return minutes


@lru_cache(65536)
def _number(value: float) -> float:
    """A number rounded to its stored precision; cached, because few distinct values occur."""
    return round(value, 3)
