"""Keeping: how long a machine stays after the last job of its CI agent."""

from dormouse.clock import MINUTE, moment_text
from dormouse.idle.evidence import Evaluation

CI_JOBS = "batch_jobs"
KEPT = "Its last job ended at {ended}; not stopped for idleness before {until}."


def last_job_ended(case: Evaluation) -> float:
    """When the last job ended that the agent on a machine has reported, to the minute; 0.0 if none is known.

    A minute in which a job ran counts to its end. What was found before is tracked, because the window may be shorter.
    """
    series = (case.evidence.inside or {}).get(CI_JOBS)
    ago = series.last_at(1.0) if series else None
    if ago is None:
        return case.tracked.job_ended_at
    ended = (case.now // MINUTE - ago + 1) * MINUTE
    return max(case.tracked.job_ended_at, min(ended, case.now))


def kept_until(case: Evaluation) -> float:
    """The moment before which a machine is not stopped for idleness, because of its last job; 0.0 if there was none."""
    ended = last_job_ended(case)
    return ended + case.keep_minutes * MINUTE if ended and case.keep_minutes else 0.0


def kept_text(case: Evaluation) -> str:
    """The sentence that says so."""
    return KEPT.format(ended=moment_text(last_job_ended(case)), until=moment_text(kept_until(case)))
