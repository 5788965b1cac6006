"""Operations as text: their trail, their progress and how they ended."""

from dormouse_cli.output import print_lines, print_table, styled
from dormouse_cli.render.machines import print_sweep
from dormouse_cli.render.values import Fields, print_problems, print_rows, rows_of, seconds_text, time_text

SUCCEEDED, UNKNOWN = "succeeded", "unknown"  # outcomes of operations
RUNNING, ENDED = "running", "ended"  # states of sweeps


def is_running(fields: Fields) -> bool:
    """Whether an operation, or a sweep, is still in progress."""
    return fields["outcome"] is None if "outcome" in fields else fields.get("state") == RUNNING


def has_succeeded(fields: Fields) -> bool:
    """Whether an operation, or a sweep, has ended well."""
    return fields.get("outcome") == SUCCEEDED or fields.get("state") == ENDED


def print_operations(page: Fields) -> None:
    """Print a table of operations."""
    rows = [
        [
            time_text(row.get("accepted_at")),
            row.get("verb"),
            row.get("environment"),
            styled(_status(row)),
            f"{row.get('makespan_seconds') or 0:.0f} s",
            row.get("requested_by"),
            row.get("id"),
        ]
        for row in rows_of(page)
    ]
    columns = ("accepted", "operation", "environment", "outcome", "duration", "requested by", "id")
    print_problems(page)
    print_rows(columns, rows, if_empty="There are no operations.")


def print_operation(operation: Fields) -> None:
    """Print an operation with its steps."""
    rows = [
        [
            step.get("name"),
            styled(step.get("state")),
            seconds_text(step.get("began_seconds")),
            seconds_text(step.get("ended_seconds")),
            seconds_text(step.get("duration_seconds")),
        ]
        for step in operation.get("steps") or []
    ]
    if rows:
        print_table(("step", "state", "began", "ended", "duration"), rows)
        print_lines("")
    print_outcome(operation)
    accepted = time_text(operation.get("accepted_at"))
    print_lines(
        f"Requested by {operation.get('requested_by') or 'an unknown caller'}{f' at {accepted}' if accepted else ''}."
    )


def print_outcome(fields: Fields) -> None:
    """Print how an operation ended: the reason, the health checks unless it succeeded, and what could not be deleted.

    A sweep is printed with what it found.
    """
    if "summary" in fields:
        print_sweep(fields)
        return
    title = f"{fields.get('verb')} {fields.get('environment')}: {_status(fields)}."
    print_lines(f"{title} {fields.get('reason') or ''}".strip())
    checks = fields.get("health_checks") or []
    if checks and not has_succeeded(fields):
        rows = [[str(check.get(column) or "") for column in ("name", "result", "detail")] for check in checks]
        print_table(("health check", "result", "detail"), rows, prose=("detail",))
    for leftover in fields.get("leftovers") or []:
        print_lines(f"Not deleted, and possibly billed: {leftover}")


def _status(operation: Fields) -> str:
    return RUNNING if is_running(operation) else str(operation.get("outcome") or UNKNOWN)
