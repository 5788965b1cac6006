"""Progress of an operation on stderr: a live table on a terminal, one line for every change in a pipe."""

import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dormouse_cli.output import console, sanitize, styled
from dormouse_cli.terminal import can_redraw, wants_colour

BAR_WIDTH = 24
NARROWEST_WITH_BAR = 80  # columns
REDRAWS_PER_SECOND = 5


class ProgressDisplay(AbstractContextManager["ProgressDisplay"], Protocol):
    """Shows the progress of one operation."""

    def update(self, operation: dict[str, Any]) -> None:
        """Show the operation's current progress."""

    def show_message(self, message: str) -> None:
        """Show a message beside the progress."""


def progress_display() -> "LiveTable | LineLog":
    """The display that suits stderr."""
    if not can_redraw(sys.stderr):
        return LineLog(console(stderr=True))
    return LiveTable(Console(file=sys.stderr, force_terminal=True, no_color=not wants_colour(sys.stderr), highlight=False))


class LiveTable:
    """A table that is redrawn in place."""

    def __init__(self, err: Console) -> None:
        """Prepare to draw on this terminal."""
        self._with_bar = err.width >= NARROWEST_WITH_BAR
        self._started, self._operation, self._message = time.monotonic(), dict[str, Any](), ""
        self._live = Live(self, console=err, refresh_per_second=REDRAWS_PER_SECOND)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def update(self, operation: dict[str, Any]) -> None:
        """Show the operation's current progress, and remove the message."""
        self._operation, self._message = operation, ""
        self._live.refresh()

    def show_message(self, message: str) -> None:
        """Show a message below the table until the next update."""
        self._message = sanitize(message)
        self._live.refresh()

    def __rich__(self) -> Group:
        """The table to draw now, with the message below."""
        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(no_wrap=True)
        steps = self._operation.get("steps") or []
        total = max((step.get("ended_seconds") or step.get("began_seconds") or 0.0 for step in steps), default=0.0) or 1.0
        for step in steps:
            bar = Text(_bar(step, total) if self._with_bar else "", "dim")
            grid.add_row(sanitize(step.get("name")), styled(step.get("state")), _duration(step), bar)
        elapsed = f"{time.monotonic() - self._started:.0f} s"
        grid.add_row(Text(_title(self._operation), "bold"), styled(_state(self._operation)), elapsed, "")
        return Group(grid, Text(self._message)) if self._message else Group(grid)


class LineLog:
    """One line for every step that changes its state."""

    def __init__(self, err: Console) -> None:
        """Prepare to print to this console."""
        self._err, self._states = err, dict[str, str]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def update(self, operation: dict[str, Any]) -> None:
        """Print the steps that have changed since the last update."""
        for step in operation.get("steps") or []:
            name, state = str(step.get("name")), str(step.get("state"))
            if self._states.get(name, "waiting") != state:
                took = _duration(step)
                self.show_message(f"{name}: {state}{f'  {took}' if took else ''}")
            self._states[name] = state

    def show_message(self, message: str) -> None:
        """Print a message on a line of its own."""
        self._err.print(Text(sanitize(message)), soft_wrap=True)
        self._err.file.flush()


def _title(operation: dict[str, Any]) -> str:
    words = (operation.get("verb") or "sweep", operation.get("environment"))
    return sanitize(" ".join(str(word) for word in words if word)) if operation else ""


def _state(operation: dict[str, Any]) -> str:
    return str(operation.get("outcome") or operation.get("state") or "running") if operation else "…"


def _duration(step: dict[str, Any]) -> str:
    return f"{step.get('duration_seconds') or 0.0:.1f} s" if step.get("ended_seconds") is not None else ""


def _bar(step: dict[str, Any], total: float) -> str:
    if step.get("began_seconds") is None:
        return ""
    first = min(_column(step["began_seconds"], total), BAR_WIDTH - 1)
    ended = step.get("ended_seconds")
    last = BAR_WIDTH if ended is None else max(_column(ended, total), first + 1)
    return " " * first + "━" * (last - first)


def _column(seconds: float, total: float) -> int:
    return min(max(int(seconds / total * BAR_WIDTH), 0), BAR_WIDTH)
