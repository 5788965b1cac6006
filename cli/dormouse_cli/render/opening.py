"""The ways into an environment as text."""

from dormouse_cli.output import print_fields, print_lines
from dormouse_cli.render.values import Fields, money_text, price_text, rows_in


def print_ways_in(opening: Fields) -> None:
    """Print how far an environment is, the ways in, and what it costs."""
    print_lines(str(opening.get("text") or ""))
    price, today = price_text(opening), money_text(opening, "spent_today")
    rows = [row for way in rows_in(opening, "ways_in") for row in _rows(way)]
    print_fields([*rows, ("price", price), ("today", f"{today} since midnight (UTC)" if today else "")], prose=("price",))


def _rows(way: Fields) -> list[tuple[str, str]]:
    username = f"log in as {way['username']}" if way.get("username") else ""
    about = "; ".join(filter(None, (username, str(way.get("note") or ""))))
    return [(str(way.get("title")), str(way.get("url") or way.get("command"))), ("", about)]
