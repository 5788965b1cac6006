"""Warnings that the machine is about to stop, shown to everybody who is logged in, each once."""

from __future__ import annotations

import logging
from collections import deque

from .heartbeat import Warned
from .places import Unknown
from .programs import Brief

HOW_TO_STAY_AWAKE = 'To keep the machine awake: dormouse-awake 2h "reason"'
log = logging.getLogger("dormouse")


class Announcer:
    """Shows warnings by `wall`, and remembers which ones the control plane does not know to be shown."""

    def __init__(self) -> None:
        self._shown: deque[str] = deque(maxlen=1000)
        self._unreported: list[str] = []
        self._brief = Brief()

    def show(self, warning: Warned) -> None:
        """Show a warning that was not shown before; one that could not be shown is tried again next time."""
        if warning.id in self._shown:
            return
        try:
            self._brief.output(["wall"], seconds=30, said=f"{warning.text}\n{HOW_TO_STAY_AWAKE}\n")
        except Unknown as error:
            log.warning("a warning could not be shown: %s", error)
            return
        self._shown.append(warning.id)
        self._unreported.append(warning.id)

    def unreported(self) -> list[str]:
        """The warnings that were shown since the last confirmed heartbeat."""
        return list(self._unreported)

    def confirm(self, shown: list[str]) -> None:
        """The control plane knows of these."""
        self._unreported = [each for each in self._unreported if each not in shown]
