"""Warnings that the machine is about to stop, written to the terminals of people, once to each."""

from __future__ import annotations

import logging
import os
import select
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from .filesystem import Places, Unknown, plain
from .heartbeat import Warned
from .intervals import now

HOW_TO_STAY_AWAKE = 'To keep the machine awake: dormouse-awake 2h "reason"'
SECONDS_FOR_A_TERMINAL = 2.0
MOST_WARNINGS = 100  # remembered
MOST_REPORTED = 20  # in one heartbeat
log = logging.getLogger("dormouse")


class Announcer:
    """Shows warnings, and remembers which ones the control plane does not know to be shown.

    A warning counts as shown once at least one terminal has taken it: `terminals` names those that people can read.
    """

    def __init__(self, places: Places, terminals: Callable[[], list[str]]) -> None:
        self._places = places
        self._terminals = terminals
        self._reached: OrderedDict[str, set[str]] = OrderedDict()
        self._unreported: list[str] = []
        self._problem = ""

    def show(self, warning: Warned) -> None:
        """Show a warning on the terminals that have not had it; what fails is tried again at the next call."""
        reached = self._reached.setdefault(warning.id, set())
        while len(self._reached) > MOST_WARNINGS:
            self._reached.popitem(last=False)
        was_shown, problem = bool(reached), "no terminal of a person is open"
        said = "".join(f"\r\n{line}" for line in (plain(warning.text, 1000), HOW_TO_STAY_AWAKE, ""))
        try:
            for terminal in self._terminals():
                problem = self._write(terminal, said, reached) or problem
        except (OSError, ValueError) as error:
            problem = f"the sessions are unknown, because {error}"
        if not reached and problem != self._problem:
            log.warning("a warning was not shown: %s", plain(problem))
        self._problem = "" if reached else problem
        if reached and not was_shown:
            self._unreported.append(warning.id)

    def unreported(self) -> list[str]:
        """The warnings that were shown since the last confirmed heartbeat, as many as one heartbeat takes."""
        return self._unreported[:MOST_REPORTED]

    def confirm(self, shown: list[str]) -> None:
        """The control plane knows of these."""
        self._unreported = [each for each in self._unreported if each not in shown]

    def _write(self, terminal: str, said: str, reached: set[str]) -> str:
        """Write to a terminal that has not been reached; why that failed."""
        if terminal in reached:
            return ""
        try:
            write_to(self._places.at(terminal), said.encode())
        except (OSError, ValueError) as error:
            return f"{terminal}: {error}"
        reached.add(terminal)
        return ""


def write_to(path: Path, said: bytes, seconds: float = SECONDS_FOR_A_TERMINAL) -> None:
    """Write to a terminal without waiting for one that is stuck; raises OSError, or Unknown unless it takes everything."""
    descriptor = os.open(str(path), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not os.isatty(descriptor):
            raise Unknown("this is not a terminal")
        until = now() + seconds
        while said:
            _, writable, _ = select.select([], [descriptor], [], max(0.0, until - now()))
            if not writable:
                raise Unknown("the terminal is stopped or stuck")
            said = said[os.write(descriptor, said) :]
    finally:
        os.close(descriptor)
