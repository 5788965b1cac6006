"""On the way into an environment: how far it is, and whether what answers there has been checked since it booted. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dormouse.clock import MINUTE, parse_moment
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.environments.results import Check, OutcomeStatus
from dormouse.lifecycle import State, Verb

# Sweeps see a change up to five minutes after it, and a sweep lasts some minutes.
SEEN_LATE = 15 * MINUTE
BOOTS = frozenset({Verb.PROVISION, Verb.START, Verb.RESTART, Verb.RESIZE})
SHUTDOWNS = frozenset({Verb.STOP, Verb.HIBERNATE})
# Operations with these outcomes have changed nothing.
VOID = frozenset({OutcomeStatus.REFUSED, OutcomeStatus.CANCELLED})
ON_THE_WAY = frozenset({Verb.PROVISION, Verb.START, Verb.RESTART})


class Phase(StrEnum):
    """How far an environment is on the way to being used."""

    ASLEEP = "asleep"
    STARTING = "starting"
    READY = "ready"
    UNCHECKED = "unchecked"
    UNHEALTHY = "unhealthy"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"


class BootHealth(StrEnum):
    """What is known of the health checks since the last boot."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SeenBoot:
    """Since when a machine runs as sweeps have seen it, and since when they know it, in seconds since 1970."""

    since: float
    first_seen: float


PHASES = {
    State.STOPPED: Phase.ASLEEP,
    State.STOPPED_BILLED: Phase.ASLEEP,
    State.PARTIAL: Phase.ASLEEP,
    State.STARTING: Phase.STARTING,
    State.STOPPING: Phase.BUSY,
}
AWAKE = {BootHealth.PASSED: Phase.READY, BootHealth.FAILED: Phase.UNHEALTHY, BootHealth.UNKNOWN: Phase.UNCHECKED}


def phase_of(state: State, running: Verb | None, health: BootHealth) -> Phase:
    """The phase of an environment in this state, while this operation runs (None: none does)."""
    if running is Verb.DELETE:
        return Phase.UNAVAILABLE
    if running is not None:
        return Phase.STARTING if running in ON_THE_WAY else Phase.BUSY
    if state in (State.RUNNING, State.READY):
        return AWAKE[health]
    return PHASES.get(state, Phase.UNAVAILABLE)


def last_power_change(newest_first: Sequence[object]) -> OperationRecord | None:
    """The last operation that has started or stopped something, or None if none is on record."""
    for one in newest_first:
        changed = isinstance(one, OperationRecord) and one.outcome and one.outcome.status not in VOID
        if isinstance(one, OperationRecord) and changed and one.verb in BOOTS | SHUTDOWNS:
            return one
    return None


def health_of(record: EnvironmentRecord, last: OperationRecord | None, boots: Iterable[SeenBoot]) -> BootHealth:
    """What the health checks after the last boot have found; a boot that was not checked makes it unknown.

    `last` is the last power change, `boots` are those of its machines as sweeps have seen them.
    """
    failed = any(check.result is not Check.PASSED for check in record.health_checks)
    if last is None or last.outcome is None:  # forgotten by now, or never recorded: its checks are on the record
        return BootHealth.FAILED if failed or not record.ready else BootHealth.PASSED
    if last.outcome.status is OutcomeStatus.UNHEALTHY:
        return BootHealth.FAILED
    if last.verb in SHUTDOWNS or last.outcome.status is not OutcomeStatus.SUCCEEDED:
        return BootHealth.UNKNOWN
    if record.health_checks and not last.outcome.health_checks:
        return BootHealth.UNKNOWN  # started by a sweep, or resized while it slept
    ended = parse_moment(last.ended_at) if last.ended_at else 0.0
    later = any(boot.since > max(ended + SEEN_LATE, boot.first_seen) for boot in boots)
    return BootHealth.UNKNOWN if later else BootHealth.PASSED


def usual_seconds(newest_first: Sequence[object]) -> float | None:
    """How long the recorded starts took that ended well: their median in seconds, or None if there were none."""
    took = [
        parse_moment(one.ended_at) - parse_moment(one.accepted_at)
        for one in newest_first
        if isinstance(one, OperationRecord) and one.verb is Verb.START and one.began_at and one.ended_at
        if one.outcome and one.outcome.status is OutcomeStatus.SUCCEEDED and one.outcome.health_checks
    ]
    return round(statistics.median(took), 1) if took else None
