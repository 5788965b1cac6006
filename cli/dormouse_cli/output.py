"""What is printed, and where: results to stdout, everything about them to stderr, nobody else's control codes to either."""

import json
import re
import sys
from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# What a terminal would obey instead of show; texts come from servers, machines and other people.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
LINE_END = re.compile(r"\r\n?")
UNLIMITED = 10_000  # columns: what is piped is never cut
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
    """A console on stdout or stderr: colours and the width of the window on a terminal, neither in a pipe."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else UNLIMITED
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


def plain(value: Any) -> str:
    """A value as text that a terminal shows and does not obey."""
    return CONTROL.sub("\ufffd", "" if value is None else str(value))


def plain_lines(text: str) -> str:
    """A text of many lines, as CSV is, that a terminal shows and does not obey."""
    return plain(LINE_END.sub("\n", text))


def plain_json(text: str) -> str:
    """The same JSON document, in which escapes stand for everything that a terminal would obey."""
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", LINE_END.sub("\n", text))


def styled(word: Any) -> Text:
    """A state or verdict in its colour."""
    return Text(plain(word), style=STYLES.get(str(word), ""))


def say(*lines: str) -> None:
    """Print lines of a result."""
    out = console()
    for line in lines:
        _print(out, Text(plain(line)))


def note(line: str) -> None:
    """Print a line that is not part of the result."""
    _print(console(stderr=True), Text(plain(line), style="dim"))


def complain(sentence: str, *more: str) -> None:
    """Print what went wrong."""
    err = console(stderr=True)
    if sentence:
        _print(err, Text(plain(sentence), style="red"))
    for line in more:
        _print(err, Text(plain(line)))


def write_out(text: str) -> None:
    """Print a text as it is: a document made plain before, a script of ours, or a password."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def json_text(content: Any, *, indent: int | None = None) -> str:
    """A value as one JSON document."""
    return json.dumps(content, indent=indent)


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Print rows under their columns; long texts are folded on a terminal and left whole in a pipe."""
    lines = [[cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        _aligned([[column.upper() for column in columns], *([cell.plain for cell in line] for line in lines)])
        return
    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        grid.add_column(column.upper(), overflow="fold")
    for line in lines:
        grid.add_row(*line)
    _print(console(), grid)


def facts(rows: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, leaving out what has no value."""
    known = [(name, value if isinstance(value, Text) else plain(value)) for name, value in rows if value not in (None, "")]
    width = max((len(name) for name, _ in known), default=0) + 2
    out = console()
    for name, value in known:
        _print(out, Text.assemble((f"{name:<{width}}", "bold"), value))


def _aligned(lines: list[list[str]]) -> None:
    """Columns without their table, which rich would take long for where nobody looks at it."""
    widths = [max(cell_len(line[place]) for line in lines) for place in range(len(lines[0]))]
    for line in lines:
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    sys.stdout.flush()


def _print(out: Console, what: Any) -> None:
    # Wrapped by words on a terminal; a pipe gets every line whole.
    out.print(what, soft_wrap=not out.is_terminal and isinstance(what, Text))
    out.file.flush()
