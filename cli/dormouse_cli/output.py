"""Output: results to stdout, everything else to stderr, and no control characters from outside to either."""

import json
import re
import sys
from collections.abc import Collection, Iterable
from typing import Any

from rich.console import Console
from rich.text import Text

from dormouse_cli.layout import field_lines, table_lines, wrapped
from dormouse_cli.terminal import columns_of, wants_colour

# Characters that a terminal obeys instead of showing, and halves of characters, which no encoding can write; texts come
# from servers, machines and other people.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
LINE_END = re.compile(r"\r\n?")
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
    "evicted": "yellow",
    "unhealthy": "red",
    "refused": "red",
    "failed": "red",
    "lost": "red",
    "cancelled": "yellow",
    "incomplete": "red",
}


def console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr, with colours if they are wanted there."""
    stream = sys.stderr if stderr else sys.stdout
    coloured, columns = wants_colour(stream), columns_of(stream)
    return Console(
        file=stream,
        width=columns,
        force_terminal=coloured,
        no_color=not coloured,
        markup=False,
        highlight=False,
        emoji=False,
    )


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
    _print(console(), (Text(sanitize(line)) for line in lines))


def print_note(line: str) -> None:
    """Print a line that is not part of the result, to stderr."""
    _print(console(stderr=True), [Text(sanitize(line), style="dim")])


def print_error(message: str, *details: str) -> None:
    """Print an error and its details, to stderr."""
    lines = [Text(sanitize(message), style="red")] if message else []
    _print(console(stderr=True), [*lines, *(Text(sanitize(line)) for line in details)])


def write_text(text: str) -> None:
    """Print a text unchanged: a sanitized document, a completion script, or a password."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def to_json(content: Any, *, indent: int | None = None) -> str:
    """A value as a JSON document."""
    return json.dumps(content, indent=indent)


def print_table(columns: Iterable[str], rows: Iterable[Iterable[Any]], *, prose: Collection[str] = ()) -> None:
    """Print rows under their headings; on a terminal that is too narrow, only the columns of `prose` are wrapped.

    If that does not suffice, every row becomes a block of lines: a name, an ID or an address is never broken in two.
    """
    headings = list(columns)
    cells = [[cell if isinstance(cell, Text) else Text(_one_line(cell)) for cell in row] for row in rows]
    out = console()
    _write(out, table_lines(headings, cells, out.width, prose))


def print_fields(rows: Iterable[tuple[str, Any]], *, prose: Collection[str] = ()) -> None:
    """Print names with their values, without the rows that have no value; only the values of `prose` are wrapped."""
    known = [
        (name, value if isinstance(value, Text) else Text(_one_line(value)))
        for name, value in rows
        if value not in (None, "") and str(value)
    ]
    out = console()
    _write(out, field_lines(known, out.width, prose))


def _one_line(value: Any) -> str:
    return " ".join(sanitize(value).splitlines())


def _print(out: Console, lines: Iterable[Text]) -> None:
    for line in lines:
        parts = line.split("\n", allow_blank=True)
        _write(out, [each for part in parts for each in wrapped(part, out.width)])


def _write(out: Console, lines: Iterable[Text]) -> None:
    """Write lines as they are: a terminal continues a line that is too long, and copies it as one line."""
    if not out.is_terminal:  # rich is slow for thousands of lines
        out.file.writelines(f"{line.plain.rstrip()}\n" for line in lines)
    else:
        for line in lines:
            line.rstrip()
            out.print(line, soft_wrap=True)
    out.file.flush()
