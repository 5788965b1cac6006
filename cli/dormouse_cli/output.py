"""Output: results to stdout, everything else to stderr, and no control characters from outside to either."""

import json
import re
import sys
from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Characters that a terminal obeys instead of showing; texts come from servers, machines and other people.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
LINE_END = re.compile(r"\r\n?")
UNLIMITED_COLUMNS = 10_000  # piped output is never truncated
STYLES = {
    "running": "green",
    "succeeded": "green",
    "done": "green",
    "busy": "green",
    "idle": "yellow",
    "unknown": "yellow",
    "pending": "dim",
    "waiting": "dim",
    "unchanged": "dim",
    "stopped": "dim",
    "stopped_billed": "red",
    "unhealthy": "red",
    "refused": "red",
    "failed": "red",
    "lost": "red",
    "cancelled": "yellow",
    "incomplete": "red",
}


def console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr: with colours and the window's width on a terminal, with neither in a pipe."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else UNLIMITED_COLUMNS
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


def sanitize(value: Any) -> str:
    """A value as text without characters that a terminal obeys; "" for None."""
    return CONTROL.sub("\ufffd", "" if value is None else str(value))


def sanitize_lines(text: str) -> str:
    """A text of several lines, such as CSV, without characters that a terminal obeys."""
    return sanitize(LINE_END.sub("\n", text))


def sanitize_json(text: str) -> str:
    """The same JSON document with characters that a terminal obeys written as escapes."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", LINE_END.sub("\n", text))


def styled(word: Any) -> Text:
    """A state, outcome or verdict in its colour."""
    return Text(sanitize(word), style=STYLES.get(str(word), ""))


def print_lines(*lines: str) -> None:
    """Print lines of a result."""
    out = console()
    for line in lines:
        _print(out, Text(sanitize(line)))


def print_note(line: str) -> None:
    """Print a line that is not part of the result, to stderr."""
    _print(console(stderr=True), Text(sanitize(line), style="dim"))


def print_error(message: str, *details: str) -> None:
    """Print an error and its details, to stderr."""
    err = console(stderr=True)
    if message:
        _print(err, Text(sanitize(message), style="red"))
    for line in details:
        _print(err, Text(sanitize(line)))


def write_text(text: str) -> None:
    """Print a text unchanged: a sanitized document, a completion script, or a password."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def to_json(content: Any, *, indent: int | None = None) -> str:
    """A value as a JSON document."""
    return json.dumps(content, indent=indent)


def print_table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Print rows under their headings; long texts are wrapped on a terminal and left whole in a pipe."""
    lines = [[cell if isinstance(cell, Text) else Text(sanitize(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        _print_aligned([[column.upper() for column in columns], *([cell.plain for cell in line] for line in lines)])
        return
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        grid.add_column(column.upper(), overflow="fold")
    for line in lines:
        grid.add_row(*line)
    _print(console(), grid)


def print_fields(rows: Iterable[tuple[str, Any]]) -> None:
    """Print names with their values, without the rows that have no value."""
    known = [
        (name, value if isinstance(value, Text) else sanitize(value)) for name, value in rows if value not in (None, "")
    ]
    width = max((len(name) for name, _ in known), default=0) + 2
    out = console()
    for name, value in known:
        _print(out, Text.assemble((f"{name:<{width}}", "bold"), value))


def _print_aligned(lines: list[list[str]]) -> None:
    """Print columns without rich, whose tables are slow for thousands of rows."""
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    sys.stdout.flush()


def _print(out: Console, what: Any) -> None:
    # Wrapped by words on a terminal; a pipe gets every line whole.
    out.print(what, soft_wrap=not out.is_terminal and isinstance(what, Text))
    out.file.flush()
