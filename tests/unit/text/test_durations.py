import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.text.durations import DAY_MINUTES, duration_text, leading_duration, minutes_in

WEEK = 7 * DAY_MINUTES
UNDERSTOOD = {
    "45m": 45, "90min": 90, "2h": 120, "2h30m": 150, "2 h": 120, "1h 30m": 90, "1d12h": 2160, "1.5h": 90, "1,5h": 90,
    "2 hours": 120, "1 day": DAY_MINUTES, "30 minutes": 30,
    "1w": WEEK, "2 weeks": 2 * WEEK, "30m2h": 150, "0.25h": 15, "120s": 2,
    "PT30M": 30, "P1DT2H": DAY_MINUTES + 120, "P1D": DAY_MINUTES, "P1W": WEEK, "pt1.5h": 90, "PT2H30M": 150, "PT3600S": 60,
    " 2H ": 120, "2\u00a0hours": 120, "2\u2009h": 120, "'2h'": 120, "2 hrs": 120, "1 hr 15 mins": 75, "2h,": 120,
    "2 hours and 30 minutes": 150, "2h, 30m": 150, "1 day, 2 hours, and 5 min": DAY_MINUTES + 125,
    "0": 0, "00": 0, "0h": 0, "0m": 0, "P0D": 0, "PT0S": 0,
}  # fmt: skip
REFUSED = {
    "is not a duration like 45m, 2h30m or 1d": [
        "", "m", "soon", "2x", "8 nights", "2 or 3 hours", "2-3h", "2h30", "1h 2h", "2:30", "1e9h", "inf", "nan", "infh",
        "\u00b2h", "\u0664m", "\u0664", "1.333h", "1,000m", "1.000m", "1234567m", "+2h", "P", "PT", "P1DT", "PT1D",
        "1h " * 50,
    ],
    "is negative": ["-5m", "-2", "\u22122h", "-PT2H"],
    "is not a whole number of minutes": ["30s", "90 seconds", "PT90S", "0.01h", "1.25m"],
    "write days, like 30d": ["1 month", "P1M", "2 years", "P1Y2D", "1mo"],
    "for hours or": ["2", "8", "120", "2.5", "2,5", "1440", " 30 ", "9999999", "1,000"],
}  # fmt: skip


@pytest.mark.parametrize(("text", "minutes"), UNDERSTOOD.items())
def test_durations_are_parsed(text: str, minutes: int) -> None:
    assert minutes_in(text) == minutes


@pytest.mark.parametrize(("says", "text"), [(says, text) for says, texts in REFUSED.items() for text in texts])
def test_an_invalid_duration_is_rejected_with_an_explanation(says: str, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as refusal:
        minutes_in(text)
    assert repr(text[:60]) in str(refusal.value)


@given(st.integers(0, 10**6))
def test_a_duration_round_trips_through_its_text(minutes: int) -> None:
    assert minutes_in(duration_text(minutes)) == minutes


@given(st.text(max_size=100) | st.from_regex(r"[0-9.,]{1,9} ?[a-zA-Z]{0,7}[, ]{0,2}[0-9PT]{0,9}[hmdw]?", fullmatch=True))
def test_any_text_is_a_duration_or_rejected(text: str) -> None:
    try:
        minutes = minutes_in(text)
    except ValueError:
        return
    assert minutes >= 0


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("2 hours for training", 2),
        ("1 day for training", 2),
        ("4h thesis", 1),
        ("2 h", 2),
        ("2 hours and 30 minutes demo", 5),
        ("2 hours, training", 2),
        ("2", 0),
        ("8 nights", 0),
        ("2 training", 0),
        ("", 0),
    ],
)
def test_the_longest_leading_duration_is_found(words: str, count: int) -> None:
    assert leading_duration(words.split()) == count
