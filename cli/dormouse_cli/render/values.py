"""Single values as text: prices, times, durations, holds, leases and counts."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from dormouse_cli.output import print_lines, print_table

Fields = dict[str, Any]


def rows_of(page: Fields) -> list[Fields]:
    """The rows of a page."""
    return [row for row in page.get("value") or [] if isinstance(row, dict)]


def rows_in(fields: Fields, name: str) -> list[Fields]:
    """The rows in a field of an object."""
    return [row for row in fields.get(name) or [] if isinstance(row, dict)]


def print_rows(columns: Iterable[str], rows: list[list[Any]], *, if_empty: str, prose: Collection[str] = ()) -> None:
    """Print a table, or a sentence if it has no rows."""
    if rows:
        print_table(columns, rows, prose=prose)
    else:
        print_lines(if_empty)


def print_problems(page: Fields) -> None:
    """Print what a list leaves out or shows as it was earlier."""
    for problem in page.get("problems") or []:
        print_lines(f"Problem: {problem}")


def price_text(row: Fields, name: str = "price_per_hour") -> str:
    """The hourly price of a row, such as "0.59 USD/h", or "" if it has none; "at least" that if not all of it is known."""
    price = row.get(name) or {}
    least = "at least " if row.get("unpriced") else ""
    return f"{least}{round(price['amount'], 4):g} {price.get('currency') or ''}/h" if price.get("amount") is not None else ""


def asleep_text(row: Fields) -> str:
    """What is billed per hour while it sleeps, such as "0.0091 USD/h asleep", or "" if that is not known."""
    price = price_text(row, "price_asleep_per_hour")
    return f"{price} asleep" if price else ""


def amount_text(row: Fields) -> str:
    """The saved amount of a row, such as "7.08 USD"."""
    return f"{row.get('saved_amount') or 0:.2f} {row.get('currency') or ''}".rstrip()


def money_text(row: Fields, name: str) -> str:
    """An amount of money of a row, such as "12.27 USD", or "" if it has none."""
    money = row.get(name) or {}
    return f"{money['amount']:.2f} {money.get('currency') or ''}".rstrip() if money.get("amount") is not None else ""


def time_text(moment: Any, *, seconds: bool = True) -> str:
    """An RFC 3339 time as "2026-11-22 07:54:31 UTC", other texts unchanged, and "" for None."""
    try:
        parsed = datetime.fromisoformat(str(moment or "")).astimezone(UTC)
    except (ValueError, OverflowError):
        return str(moment or "")
    return f"{parsed:%Y-%m-%d %H:%M{':%S' if seconds else ''}} UTC"


def seconds_text(seconds: Any) -> str:
    """A number of seconds as "12.3 s", and "" for None."""
    return "" if seconds is None else f"{seconds:.1f} s"


def hold_text(hold: Fields | None) -> str:
    """A hold as "until 2026-11-22 10:00 UTC (set by ana: thesis)", and "" for None."""
    if not hold:
        return ""
    reason = f": {hold['reason']}" if hold.get("reason") else ""
    return f"until {time_text(hold.get('until'), seconds=False)} (set by {hold.get('by')}{reason})"


def lease_text(lease: Fields | None) -> str:
    """A lease as "stopped at 2026-11-25 08:02 UTC unless the lease is renewed", and "" for None."""
    if not lease:
        return ""
    verb = {"stop": "stopped", "delete": "deleted"}.get(str(lease.get("then")), lease.get("then"))
    return f"{verb} at {time_text(lease.get('until'), seconds=False)} unless the lease is renewed"


def count_text(number: int, noun: str) -> str:
    """A count with its noun: "1 machine", "4 machines"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def default_text(value: Any) -> str:
    """A parameter's default on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {part}" for name, part in value.items())
    return "" if value in (None, "") else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
