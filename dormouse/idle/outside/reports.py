"""Activity reports: a reporter says that a machine is busy until a moment, and why. Moments are seconds since 1970.

A reporter changes only what it has said itself. Reports are ordered by the time at which they were sent, so that a late or
repeated one never undoes a newer one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dormouse.clock import MINUTE

LONGEST_REASON = 200  # characters
MOST_REPORTERS = 20  # of one machine
# Longer than a signature is accepted, so that a message from before a withdrawal has no effect after it.
WITHDRAWALS_KEPT = 15 * MINUTE


@dataclass(frozen=True, slots=True)
class ActivityReport:
    """What one reporter has said of a machine: it is busy until a moment (0.0: no longer), and why.

    `reporter` distinguishes reporters, `by` is their name for people, and `at` is when the report was sent.
    """

    reporter: str
    by: str
    until: float
    reason: str
    at: float


def with_report(known: Iterable[ActivityReport], said: ActivityReport, now: float) -> tuple[ActivityReport, ...]:
    """The reports about a machine after another one; an older one than its reporter's last changes nothing.

    Of two reports of the same moment, the one that keeps the machine awake for longer counts.
    """
    current = current_reports(known, now)
    own = next((one for one in current if one.reporter == said.reporter), None)
    if own is not None and (own.at, own.until) >= (said.at, said.until):
        return current
    others = [one for one in current if one.reporter != said.reporter]
    return current_reports([*others, said], now)


def current_reports(known: Iterable[ActivityReport], now: float) -> tuple[ActivityReport, ...]:
    """The reports that still matter, those that last longest first: busy ones, and withdrawals that were just made."""
    kept = [one for one in known if one.until > now or one.at + WITHDRAWALS_KEPT > now]
    return tuple(sorted(kept, key=lambda one: (-one.until, -one.at, one.reporter))[:MOST_REPORTERS])


def busy_reports(known: Iterable[ActivityReport], now: float) -> tuple[ActivityReport, ...]:
    """The reports by which a machine is busy now, those that last longest first."""
    return tuple(one for one in current_reports(known, now) if one.until > now)
