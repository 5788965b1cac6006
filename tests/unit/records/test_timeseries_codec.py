from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.idle.heartbeats.signals import Values
from dormouse.records.timeseries_codec import MOST_ROUNDED, packed, unpacked

WIDTH = 3
numbers = st.none() | st.sampled_from([0.0, 0.1, 9.2, 99.9]) | st.integers(0, 16_000_000).map(float)
tables = st.dictionaries(st.integers(29_000_000, 29_000_400), st.tuples(*[numbers] * WIDTH), min_size=1)


def without_empty(minutes: dict[int, Values], since: int = 0) -> dict[int, Values]:
    return {index: row for index, row in minutes.items() if index >= since and any(value is not None for value in row)}


@given(tables, st.integers(28_999_990, 29_000_410))
def test_minutes_are_read_as_they_were_written_from_any_minute_on(minutes: dict[int, Values], since: int) -> None:
    first, text = packed(minutes, WIDTH)
    assert unpacked(first, text, WIDTH) == without_empty(minutes)
    assert unpacked(first, text, WIDTH, since) == without_empty(minutes, since)


def test_minutes_are_read_in_their_order() -> None:
    first, text = packed({9: (1.0,), 7: (2.0,), 8: (None,)}, 1)
    assert all(one < other for one, other in pairwise(unpacked(first, text, 1)))


def test_no_minutes_take_no_text() -> None:
    assert packed({}, WIDTH) == (0, "")
    assert unpacked(0, "", WIDTH) == {}


def test_more_numbers_than_are_kept_in_memory_are_read_all_the_same() -> None:
    minutes: dict[int, Values] = {index: (float(index), None) for index in range(MOST_ROUNDED + 100)}
    assert unpacked(*packed(minutes, 2), 2) == minutes


def test_a_table_without_columns_is_refused() -> None:
    with pytest.raises(ArithmeticError, match="zero"):
        unpacked(*packed({1: (1.0,)}, 1), 0)
