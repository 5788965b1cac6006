"""Months and days of a time zone: where they begin, with changes of the clocks. Pure; moments are seconds since 1970."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


def month_began_in(moment: float, zone: str) -> float:
    """When the month of a moment began in a time zone."""
    local = datetime.fromtimestamp(moment, ZoneInfo(zone))
    return datetime(local.year, local.month, 1, tzinfo=local.tzinfo).timestamp()


def next_month_in(moment: float, zone: str) -> float:
    """When the month after that of a moment begins in a time zone."""
    local = datetime.fromtimestamp(moment, ZoneInfo(zone))
    years, month = divmod(local.month, 12)
    return datetime(local.year + years, month + 1, 1, tzinfo=local.tzinfo).timestamp()


def month_in(moment: float, zone: str) -> str:
    """The month of a moment in a time zone, as 2026-11."""
    return f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%Y-%m}"


def day_in(moment: float, zone: str) -> str:
    """The day of a moment in a time zone, as 2026-11-30."""
    return f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%Y-%m-%d}"


def days_of(began: float, ended: float, zone: str) -> Iterator[tuple[str, float, float]]:
    """The days of a time zone from one moment to another, each with the part of it in between: 23 to 25 hours at most."""
    place = ZoneInfo(zone)
    while began < ended:
        today = datetime.fromtimestamp(began, place).date()
        tomorrow = today + timedelta(days=1)
        midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=place).timestamp()
        yield today.isoformat(), began, min(midnight, ended)
        began = midnight
