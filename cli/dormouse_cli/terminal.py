"""What stdout and stderr can show: colours, the width of a line, and a cursor that moves."""

import os
from collections.abc import Mapping
from typing import TextIO

DEFAULT_COLUMNS = 80
UNLIMITED_COLUMNS = 10_000  # lines in a pipe are never wrapped
NARROWEST_TABLE = 40  # columns that a table which is redrawn needs
OFF = frozenset({"", "0", "false", "no", "off"})
DUMB = frozenset({"dumb", "unknown"})


def wants_colour(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to use colours: NO_COLOR forbids them, FORCE_COLOR asks for them, and otherwise a terminal gets them."""
    if environment.get("NO_COLOR"):
        return False
    if forced := environment.get("FORCE_COLOR"):
        return forced.lower() not in OFF
    if compatible := environment.get("TTY_COMPATIBLE"):  # a log viewer that shows colours, as on GitHub
        return compatible.lower() not in OFF
    return stream.isatty() and not _is_dumb(environment)


def can_redraw(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether lines can be redrawn in place: on an interactive terminal with a cursor, and not in CI jobs."""
    interactive = not any(environment.get(name, "1").lower() in OFF for name in ("TTY_COMPATIBLE", "TTY_INTERACTIVE"))
    in_ci = environment.get("CI", "").lower() not in OFF
    wide = columns_of(stream, environment) >= NARROWEST_TABLE
    return stream.isatty() and interactive and wide and not in_ci and not _is_dumb(environment)


def columns_of(stream: TextIO, environment: Mapping[str, str] = os.environ) -> int:
    """The columns of a line: COLUMNS or the window's width on a terminal, and practically unlimited in a pipe."""
    if not stream.isatty():
        return UNLIMITED_COLUMNS
    given = environment.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and int(given[:5]) > 0:
        return int(given[:5])
    try:
        return os.get_terminal_size(stream.fileno()).columns or DEFAULT_COLUMNS
    except (OSError, ValueError):
        return DEFAULT_COLUMNS


def _is_dumb(environment: Mapping[str, str]) -> bool:
    """Whether the terminal cannot move its cursor; Windows does not set TERM."""
    term = environment.get("TERM", "" if os.name == "posix" else "windows").lower()
    return not term or term in DUMB
