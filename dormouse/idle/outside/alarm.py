"""The alarm about activity services: people are told when one has failed in several sweeps in a row, at most once a day."""

from dataclasses import replace

from dormouse.clock import DAY
from dormouse.idle.outside.answers import ServiceAnswer
from dormouse.idle.report import ReportHead, SweepSummary

SWEEPS_BEFORE_ALARM = 3
BEGINNING = "Machines are kept running, because "


def problem_of(answer: ServiceAnswer) -> str:
    """A line of the report about a service that failed."""
    return f"{BEGINNING}{answer.unknown}."


def unanswered_sweeps(before: ReportHead | None, sweep: str, summary: SweepSummary, *, dry_run: bool) -> int:
    """In how many sweeps in a row a service has failed, with this one; a dry run counts as none.

    `before` is the head of the last report: that of this very sweep if its end is recorded again.
    """
    known = before.unanswered_sweeps if before else 0
    if dry_run or (before is not None and before.sweep == sweep):
        return known
    return known + 1 if summary.unanswered else 0


def activity_alarm(head: ReportHead) -> tuple[ReportHead, str]:
    """The head of a report that remembers its notification about activity services, and the text ("": none is due)."""
    told_at, now = head.unanswered_told_at, head.ended_at
    lasts = head.unanswered_sweeps >= SWEEPS_BEFORE_ALARM and not head.dry_run
    if not lasts or (told_at != now and now - told_at < DAY):  # equal: this sweep, recorded again
        return head, ""
    why = " ".join(problem for problem in head.summary.problems if problem.startswith(BEGINNING))
    count = head.summary.unanswered
    machines = f"{count} machine{'' if count == 1 else 's'}"
    text = f"In {head.unanswered_sweeps} sweeps in a row, nothing was known of the activity of {machines}. {why}".strip()
    return replace(head, unanswered_told_at=now), text
