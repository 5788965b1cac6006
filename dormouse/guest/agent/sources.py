"""Sources of signals and how they are read: a failed source reports nothing, never zero."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .filesystem import Unknown, plain

log = logging.getLogger("dormouse")


LONGEST_REASON = 300


class Source(Protocol):
    """A source of signals.

    Optional members: `signals`, the names of all its signals; `problems`, why some of them are currently unknown; and
    `remark`, a note on how the others were determined.
    """

    name: str

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The current signals, in the minute that began at `since`; raises Unknown if they cannot be determined."""


@dataclass
class Rates:
    """Rates of counters that only grow."""

    _before: Mapping[str, int] = field(default_factory=dict)
    _moment: float = 0.0

    def per_second(self, counters: Mapping[str, int], moment: float) -> float | None:
        """The growth of the sum of the counters per second; None on the first call, and if a counter went backwards."""
        before, elapsed = self._before, moment - self._moment
        self._before, self._moment = dict(counters), moment
        grown = [count - before[name] for name, count in counters.items() if name in before]
        if not grown or min(grown) < 0 or elapsed <= 0:
            return None
        return sum(grown) / elapsed


class ChangeDetector:
    """Detects activity by marks that change with it; the meaning of the marks and the wall clock do not matter."""

    def __init__(self) -> None:
        self._marks: dict[str, object] | None = None
        self._changed: dict[str, float] = {}

    def since(self, moment: float, marks: Mapping[str, object], since: float) -> int:
        """How many marks have changed or appeared since then; 0 on the first call."""
        before = self._marks
        if before is not None:
            new = {name for name, mark in marks.items() if name not in before or before[name] != mark}
            self._changed.update(dict.fromkeys(new, moment))
        self._marks = dict(marks)
        self._changed = {name: at for name, at in self._changed.items() if name in marks and at >= since}
        return len(self._changed)


class Observer:
    """Reads all sources, and logs when one becomes unknown or known again."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        self._unknown: dict[str, str] = {}

    def look(self, sources: Iterable[Source], clock: Callable[[], float], since: float) -> dict[str, float]:
        """All signals that are known now."""
        signals: dict[str, float] = {}
        problems: dict[str, str] = {}
        for source in sources:
            found, why = read_source(source, clock(), since)
            signals.update(found)
            problems.update(problems_of(source, why))
            if why and source.name not in self._unknown:
                log.warning("%s: unknown, because %s", source.name, why)
            elif not why and source.name in self._unknown:
                log.warning("%s: known again", source.name)
            self._unknown.pop(source.name, None)
            if why:
                self._unknown[source.name] = why
        self.problems = {name: why for name, why in problems.items() if name not in signals}
        return signals


def read_source(source: Source, moment: float, since: float) -> tuple[dict[str, float], str]:
    """The signals of a source, or why it has none."""
    try:
        return source.look(moment, since), ""
    except Unknown as error:
        return {}, str(error)
    except Exception as error:  # noqa: BLE001 - an error in one source must not affect the others
        return {}, f"{type(error).__name__}: {error}"


def problems_of(source: Source, why: str) -> dict[str, str]:
    """Why signals of a source are unknown, by signal: all of them if it failed, else those that it names."""
    names: tuple[str, ...] = getattr(source, "signals", (source.name,))
    said: Mapping[str, str] = dict.fromkeys(names, why) if why else getattr(source, "problems", {})
    return {name: plain(reason, LONGEST_REASON) for name, reason in said.items()}
