"""Machines, sweeps, holds and leases as text."""

from dormouse_cli.output import print_lines, print_table, styled
from dormouse_cli.render.values import (
    Fields,
    amount_text,
    count_text,
    hold_text,
    lease_text,
    print_problems,
    print_rows,
    rows_of,
    time_text,
)

GROUP_IN_ID = 4  # the place of the resource group in /subscriptions/{id}/resourceGroups/{group}/…
PROSE = ("reason", "next action")
LONGER = "longer"
DRY_RUN_NOTE = " Dry run: nothing was changed."


def print_machines(page: Fields) -> None:
    """Print a table of machines as the last sweep saw them."""
    rows = [
        [
            _name(row),
            styled(row.get("state")),
            styled(row.get("verdict")),
            row.get("reason"),
            row.get("next_action_text"),
        ]
        for row in rows_of(page)
    ]
    print_problems(page)
    columns = ("machine", "state", "verdict", "reason", "next action")
    print_rows(columns, rows, if_empty="The last sweep saw no such machine.", prose=PROSE)


def print_idle_report(page: Fields) -> None:
    """Print the last sweep: its summary, and every machine with its verdict, next action and savings."""
    if page.get("sweep"):
        _print_summary(page, f"{page['sweep']}, {time_text(page.get('as_of'))}")
    else:
        print_lines("No sweep has finished yet.")
    print_problems(page)
    rows = [
        [
            _name(row),
            styled(row.get("verdict")),
            row.get("reason"),
            row.get("next_action_text"),
            f"{row.get('hours_asleep') or 0:.1f} h",
            amount_text(row),
        ]
        for row in rows_of(page)
    ]
    if rows:
        print_lines("")
        print_table(("machine", "verdict", "reason", "next action", "asleep", "saved"), rows, prose=PROSE)


def print_sweep(sweep: Fields) -> None:
    """Print what one sweep found."""
    if sweep.get("state") == "lost":
        print_lines(f"{sweep.get('id')}: lost. The sweep ended without a report.")
        return
    _print_summary(sweep, str(sweep.get("id")))


def print_hold(response: Fields, target: str, *, dry_run: bool) -> None:
    """Print the hold on record after a command."""
    hold = hold_text(response.get("hold"))
    text = f"{target} is kept awake {hold}." if hold else f"{target} has no hold."
    if hold and response.get("kept") == LONGER:
        text = f"A longer hold is already in place: {text} To remove it, use the duration 0."
    print_lines(f"{text}{DRY_RUN_NOTE if dry_run else ''}")


def print_lease(response: Fields, target: str, *, dry_run: bool) -> None:
    """Print the lease on record after a command."""
    lease = lease_text(response.get("lease"))
    text = f"{target} will be {lease}." if lease else f"{target} has no lease."
    print_lines(f"{text}{DRY_RUN_NOTE if dry_run else ''}")


def _print_summary(sweep: Fields, title: str) -> None:
    summary, dry_run = sweep.get("summary") or {}, bool(sweep.get("dry_run"))
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in (summary.get("verdicts") or {}).items())
    machines = count_text(int(summary.get("machines") or 0), "machine")
    print_lines(f"{title}{' (dry run)' if dry_run else ''}: {machines}{f': {verdicts}' if verdicts else ''}.")
    if summary.get("hours_asleep"):
        saved = f"{summary.get('saved_amount') or 0:.2f} USD"
        print_lines(f"Stopped by sweeps for {summary['hours_asleep']:.1f} h in total, which saved {saved}.")
    actions = [f"{action} {count}" for action, count in (summary.get("actions") or {}).items() if action != "nothing"]
    if actions:
        print_lines(f"{'Actions without --dry-run' if dry_run else 'Actions'}: {', '.join(actions)}.")
    for problem in summary.get("problems") or []:
        print_lines(f"Problem: {problem}")


def _name(row: Fields) -> str:
    parts = str(row.get("id", "")).split("/")
    group = f"{parts[GROUP_IN_ID]}/" if len(parts) > GROUP_IN_ID else ""
    return str(row.get("environment") or f"{group}{row.get('name')}")
