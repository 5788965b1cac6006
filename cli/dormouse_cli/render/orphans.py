"""Findings of reconciliation as text."""

from dormouse_cli.output import print_lines
from dormouse_cli.render.values import Fields, print_problems, print_rows, rows_of, time_text

COLUMNS = ("kind", "id", "environment", "state", "since", "per month", "why", "next action")


def print_orphans(page: Fields) -> None:
    """Print a table of findings, and which pass has seen them."""
    rows = [
        [
            str(row.get("kind") or "").replace("_", " "),
            row.get("id"),
            row.get("environment") or "",
            row.get("state"),
            time_text(row.get("since")),
            _price(row.get("per_month")),
            row.get("why"),
            row.get("next_action"),
        ]
        for row in rows_of(page)
    ]
    print_problems(page)
    if page.get("as_of"):
        print_lines(f"As of {time_text(page['as_of'])}; RECONCILE={page.get('policy')}.")
    print_rows(COLUMNS, rows, if_empty="Nothing is without a record.", prose=("why", "next action"))


def _price(money: Fields | None) -> str:
    return f"{money['amount']:.2f} {money['currency']}" if money else ""
