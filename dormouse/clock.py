"""Moments and lengths of time, both in seconds (moments since 1970), and how they are said to people and machines."""

from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def minutes_text(seconds: float) -> str:
    """A length of time in words."""
    return f"{seconds / MINUTE:.0f} minutes"


def moment_text(moment: float) -> str:
    """A moment in words, to the minute, in UTC."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


def iso_text(moment: float) -> str:
    """A moment as ISO 8601, to the second, in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
