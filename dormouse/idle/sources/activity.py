"""Activity as one more signal of every kind of sleep target: what was reported about it, and what a service says of it.

It keeps a target awake, or makes it unknown. What the target shows of itself is required all the same, so that no report and
no service makes it idle.
"""

from collections.abc import Sequence
from dataclasses import replace

from dormouse.clock import MINUTE, moment_text
from dormouse.idle.evidence import Evaluation
from dormouse.idle.outside.answers import ServiceAnswer
from dormouse.idle.outside.reports import ActivityReport, busy_reports
from dormouse.idle.sources.source import EvidenceSource

SIGNAL = "reported_busy_minutes"


def with_activity(source: EvidenceSource) -> EvidenceSource:
    """A source of evidence with the activity that was reported, and with what an activity service says."""

    def uses(case: Evaluation) -> list[str]:
        return [*phrases_of(activity_of(case)), *source.uses(case)]

    def missing(case: Evaluation) -> list[str]:
        return [*source.missing(case), *([case.activity.unknown] if case.activity.unknown else [])]

    def numbers(case: Evaluation) -> dict[str, float]:
        left = max((one.until - case.now for one in activity_of(case)), default=0.0)
        return {**source.numbers(case), **({SIGNAL: round(left / MINUTE, 1)} if left else {})}

    def idle(case: Evaluation) -> str:
        asked = case.activity.service
        return f"{source.idle(case)}{f' {asked[:1].upper()}{asked[1:]} reports no activity.' if asked else ''}"

    return replace(source, uses=uses, missing=missing, numbers=numbers, idle=idle)


def activity_of(case: Evaluation) -> tuple[ActivityReport, ...]:
    """Why a target is busy according to reporters and the activity service, what lasts longest first."""
    return said_busy(case.tracked.reports, case.activity, case.now)


def said_busy(reports: Sequence[ActivityReport], asked: ServiceAnswer, now: float) -> tuple[ActivityReport, ...]:
    """Why something is busy according to these reports and to the answer of its activity service, the longest first."""
    said = [ActivityReport(asked.service, asked.service, asked.until, asked.reason, now)] if asked.until else []
    return busy_reports([*reports, *said], now)


def phrases_of(reports: tuple[ActivityReport, ...]) -> list[str]:
    """The report that lasts longest, in a phrase that counts the others; nothing without reports."""
    if not reports:
        return []
    first, others = reports[0], len(reports) - 1
    why = f": {first.reason}" if first.reason else ""
    more = f" (and {others} more)" if others else ""
    return [f"{first.by} reports it busy until {moment_text(first.until)}{why}{more}"]
