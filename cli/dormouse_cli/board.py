"""Boards: an operation's steps while one waits, redrawn on a terminal, line by line in a pipe; always on stderr."""

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dormouse_cli.output import console, plain, styled

BAR = 24
REDRAWS = 5  # a second


class Board(AbstractContextManager["Board"], Protocol):
    """Shows where an operation stands."""

    def show(self, operation: dict[str, Any]) -> None:
        """Show it as it stands now."""

    def say(self, line: str) -> None:
        """Say something beside."""


def board() -> "LiveBoard | LineBoard":
    """The board that fits stderr."""
    err = console(stderr=True)
    return LiveBoard(err) if err.is_terminal else LineBoard(err)


class LiveBoard:
    """A table that is drawn again and again."""

    def __init__(self, err: Console) -> None:
        """Draw on this terminal."""
        self._since, self._operation, self._said = time.monotonic(), dict[str, Any](), ""
        self._live = Live(self, console=err, refresh_per_second=REDRAWS)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def show(self, operation: dict[str, Any]) -> None:
        """Show it as it stands now."""
        self._operation, self._said = operation, ""
        self._live.refresh()

    def say(self, line: str) -> None:
        """Say something below the table until there is news."""
        self._said = plain(line)

    def __rich__(self) -> Table:
        """The table at this moment."""
        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(no_wrap=True)
        steps = [step for step in self._operation.get("steps") or [] if isinstance(step, dict)]
        total = max((step.get("ended") or step.get("began") or 0.0 for step in steps), default=0.0) or 1.0
        for step in steps:
            took = f"{step.get('seconds') or 0.0:.1f} s" if step.get("ended") is not None else ""
            grid.add_row(plain(step.get("name")), styled(step.get("state")), took, Text(_bar(step, total), "dim"))
        waited = f"{time.monotonic() - self._since:.0f} s"
        grid.add_row(Text(_title(self._operation), "bold"), styled(self._operation.get("state", "…")), waited, self._said)
        return grid


class LineBoard:
    """One line for every step that has gone on."""

    def __init__(self, err: Console) -> None:
        """Print there."""
        self._err, self._seen = err, dict[str, str]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def show(self, operation: dict[str, Any]) -> None:
        """Tell what has changed since the last time."""
        for step in operation.get("steps") or []:
            name, state = str(step.get("name")), str(step.get("state"))
            if self._seen.get(name, "waiting") != state:
                took = f"  {step.get('seconds') or 0.0:.1f} s" if step.get("ended") is not None else ""
                self.say(f"{name}: {state}{took}")
            self._seen[name] = state

    def say(self, line: str) -> None:
        """Print one line."""
        self._err.print(Text(plain(line)), soft_wrap=True)
        self._err.file.flush()


def _title(operation: dict[str, Any]) -> str:
    words = (operation.get("verb") or "sweep", operation.get("environment"))
    return plain(" ".join(str(word) for word in words if word)) if operation else ""


def _bar(step: dict[str, Any], total: float) -> str:
    if step.get("began") is None:
        return ""
    first = min(int(step["began"] / total * BAR), BAR - 1)
    last = BAR if step.get("ended") is None else max(int(step["ended"] / total * BAR), first + 1)
    return " " * first + "━" * (last - first)
