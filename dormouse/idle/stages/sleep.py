"""What a spec asks for when its environment sleeps on, and what is known about that sleep. Pure.

Moments are in seconds since 1970, 0.0 means never.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dormouse.resources.compute.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """What sweeps will do because something sleeps on: `stop` or `delete`, when (0.0: not for now), and a sentence."""

    then: str
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class SleepRecord:
    """What sweeps remember about the sleep of a target whose spec asks for a later stage.

    `asked_at` is when someone last asked for it (a hold, a lease, an operation), or when it was last seen in use, and
    `dormant_since` since when sweeps see that nothing of it computes.
    """

    asked_at: float = 0.0
    planned: PlannedStage | None = None
    dormant_since: float = 0.0

    def asked(self, moment: float) -> "SleepRecord":
        """The record after someone asked for the target, or it was in use, until this moment."""
        return replace(self, asked_at=max(self.asked_at, moment))


@dataclass(frozen=True, slots=True)
class Stages:
    """The later stages that a spec asks for, in minutes of sleep (0: never).

    `snapshots`: before a deletion, snapshots of the disks are taken. `leads`: this target stands for its environment, so
    that decisions about the whole of it are made here.
    """

    stop_after: int = 0
    leads: bool = False
    forget_after: int = 0
    snapshots: bool = False


@dataclass(frozen=True, slots=True)
class EnvironmentSleep:
    """The sleep of an environment beyond its leading target: since when the rest of it is at rest, and no one asked for it.

    `why_not` says in a phrase why it must stay as it is ("": nothing does), `unread` what could not be read about it. Before
    a deletion, `losses` says what is lost with it, and `snapshots` are those that are taken first.
    """

    since: float = 0.0
    why_not: str = ""
    unread: tuple[str, ...] = ()
    losses: str = ""
    snapshots: Snapshots | None = None


@dataclass(frozen=True, slots=True)
class FailedDeletion:
    """Input of `note_failed_deletion`: the leading target of an environment, and when its deletion failed."""

    machine: str
    at: float


def stages_in(spec: Mapping[str, Any]) -> Stages:
    """The later stages that a stored spec asks for."""
    return Stages(
        _minutes(spec.get("stop_after")),
        forget_after=_minutes(spec.get("forget_after")),
        snapshots=spec.get("forget") == "snapshot",
    )


def _minutes(stored: object) -> int:
    return stored if isinstance(stored, int) and not isinstance(stored, bool) else 0
