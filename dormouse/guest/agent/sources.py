"""What a source of signals is, and how one is asked: one that fails knows nothing, which is not the same as zero."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .filesystem import Unknown, plain

log = logging.getLogger("dormouse")


LONGEST_REASON = 300


class Source(Protocol):
    """Something that can be looked at.

    A source may also have `signals`, the names of all that it can know, `problems`, why it does not know some of them at
    present, and a `remark` on how it knows the others.
    """

    name: str

    def look(self, moment: float, since: float) -> dict[str, float]:
        """The signals that are known at this moment of the minute that began at `since`; raises when they are not."""


@dataclass
class Rates:
    """Differences of counters that only grow."""

    _before: Mapping[str, int] = field(default_factory=dict)
    _moment: float = 0.0

    def per_second(self, counters: Mapping[str, int], moment: float) -> float | None:
        """How fast the sum of the counters grows; unknown at first, and when one of them went backwards."""
        before, elapsed = self._before, moment - self._moment
        self._before, self._moment = dict(counters), moment
        grown = [count - before[name] for name, count in counters.items() if name in before]
        if not grown or min(grown) < 0 or elapsed <= 0:
            return None
        return sum(grown) / elapsed


class Changes:
    """Marks that change when somebody does something; what the marks mean, and what a clock says, does not matter."""

    def __init__(self) -> None:
        self._marks: dict[str, object] | None = None
        self._changed: dict[str, float] = {}

    def since(self, moment: float, marks: Mapping[str, object], since: float) -> int:
        """How many of the marks have changed, or are new, since then; at the first look nothing has."""
        before = self._marks
        if before is not None:
            new = {name for name, mark in marks.items() if name not in before or before[name] != mark}
            self._changed.update(dict.fromkeys(new, moment))
        self._marks = dict(marks)
        self._changed = {name: at for name, at in self._changed.items() if name in marks and at >= since}
        return len(self._changed)


class Observer:
    """Looks with every source, and says once when one goes blind and once when it sees again."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        self._blind: dict[str, str] = {}

    def look(self, sources: Iterable[Source], clock: Callable[[], float], since: float) -> dict[str, float]:
        """Everything that is known now."""
        signals: dict[str, float] = {}
        problems: dict[str, str] = {}
        for source in sources:
            found, why = ask(source, clock(), since)
            signals.update(found)
            problems.update(problems_of(source, why))
            if why and source.name not in self._blind:
                log.warning("%s: unknown, because %s", source.name, why)
            elif not why and source.name in self._blind:
                log.warning("%s: known again", source.name)
            self._blind.pop(source.name, None)
            if why:
                self._blind[source.name] = why
        self.problems = {name: why for name, why in problems.items() if name not in signals}
        return signals


def ask(source: Source, moment: float, since: float) -> tuple[dict[str, float], str]:
    """What a source knows, or why it knows nothing."""
    try:
        return source.look(moment, since), ""
    except Unknown as error:
        return {}, str(error)
    except Exception as error:  # noqa: BLE001 - what one source stumbles over must not blind the others
        return {}, f"{type(error).__name__}: {error}"


def problems_of(source: Source, why: str) -> dict[str, str]:
    """Why signals of a source are not known after a look, by signal: all of them if it failed, or those that it names."""
    names: tuple[str, ...] = getattr(source, "signals", (source.name,))
    said: Mapping[str, str] = dict.fromkeys(names, why) if why else getattr(source, "problems", {})
    return {name: plain(reason, LONGEST_REASON) for name, reason in said.items()}
