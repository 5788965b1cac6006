"""Warnings before a stop, written once to every terminal of a user session."""

from __future__ import annotations

import logging
import os
import select
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from .filesystem import FileSystem, Unknown, plain
from .heartbeat import StopWarning
from .intervals import now

HOLD_HINT = 'To keep it running: dormouse-awake 2h "reason"'
SECONDS_FOR_A_TERMINAL = 2.0
MOST_WARNINGS = 100  # remembered
MOST_REPORTED = 20  # in one heartbeat
log = logging.getLogger("dormouse")


class WarningWriter:
    """Writes warnings to terminals, and keeps the list of shown warnings until the control plane has confirmed it.

    A warning counts as shown once at least one terminal has accepted it; `terminals` returns those of user sessions.
    """

    def __init__(self, filesystem: FileSystem, terminals: Callable[[], list[str]]) -> None:
        self._filesystem = filesystem
        self._terminals = terminals
        self._reached: OrderedDict[str, set[str]] = OrderedDict()
        self._unreported: list[str] = []
        self._problem = ""

    def show(self, warning: StopWarning) -> bool:
        """Write a warning to the terminals that have not shown it; failed ones are retried with the next call.

        Returns whether a first terminal has shown it now, which is to be reported.
        """
        reached = self._reached.setdefault(warning.id, set())
        while len(self._reached) > MOST_WARNINGS:
            self._reached.popitem(last=False)
        was_shown, problem = bool(reached), "no user session has an open terminal"
        text = "".join(f"\r\n{line}" for line in (plain(warning.text, 1000), HOLD_HINT, ""))
        try:
            for terminal in self._terminals():
                problem = self._write(terminal, text, reached) or problem
        except (OSError, ValueError) as error:
            problem = f"user sessions are unknown, because {error}"
        if not reached and problem != self._problem:
            log.warning("warning not shown: %s", plain(problem))
        self._problem = "" if reached else problem
        if not reached or was_shown:
            return False
        self._unreported.append(warning.id)
        return True

    def unreported(self) -> list[str]:
        """Warnings shown since the last confirmed heartbeat, as many as fit in one heartbeat."""
        return self._unreported[:MOST_REPORTED]

    def confirm(self, shown: list[str]) -> None:
        """Remove warnings that the control plane has confirmed."""
        self._unreported = [each for each in self._unreported if each not in shown]

    def _write(self, terminal: str, text: str, reached: set[str]) -> str:
        """Write to a terminal unless it has shown the warning; returns why that failed, or ""."""
        if terminal in reached:
            return ""
        try:
            write_to(self._filesystem.at(terminal), text.encode())
        except (OSError, ValueError) as error:
            return f"{terminal}: {error}"
        reached.add(terminal)
        return ""


def write_to(path: Path, text: bytes, seconds: float = SECONDS_FOR_A_TERMINAL) -> None:
    """Write to a terminal with a time limit; raises OSError, or Unknown if it does not accept the whole text."""
    descriptor = os.open(str(path), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not os.isatty(descriptor):
            raise Unknown("not a terminal")
        until = now() + seconds
        while text:
            _, writable, _ = select.select([], [descriptor], [], max(0.0, until - now()))
            if not writable:
                raise Unknown("the terminal is paused or does not respond")
            text = text[os.write(descriptor, text) :]
    finally:
        os.close(descriptor)
