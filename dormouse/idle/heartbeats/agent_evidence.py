"""What an agent reported, as evidence: its minutes of a window, and how far behind it is."""

from dataclasses import replace

from dormouse.clock import MINUTE
from dormouse.idle.evidence import Evaluation, Evidence, TimeSeries
from dormouse.idle.heartbeats.agent_record import AgentRecord

# Newer minutes may not have arrived yet, although the agent reports every minute.
REPORTING_LAG = 3  # minutes
# While nothing is to be said, the agent reports every five minutes: a window may end by so much earlier.
LONGEST_BEHIND = 5  # minutes


def with_agent(evidence: Evidence, record: AgentRecord, window: int, now: float) -> Evidence:
    """The evidence with the agent's data for the window of minutes that ends now, or with the newest one reported.

    Newer minutes count as far as they are known, and before an action they must be (`unreported`).
    """
    behind = _behind(record, now)
    end, last = int(now // MINUTE) - REPORTING_LAG - behind, int(now // MINUTE) + 1
    series = record.series(end - window, last)
    tracks = {name: TimeSeries(values[:window], values[window:]) for name, values in series.items()}
    return replace(
        evidence,
        inside=tracks,
        heard_at=record.heard_at,
        booted_at=record.booted_at,
        gpu=record.gpu,
        gpu_problem=record.gpu_problem,
        problems=record.problems,
        behind=behind,
    )


def _behind(record: AgentRecord, now: float) -> int:
    """By how many minutes the newest reported one is older than the last one that a window needs; later ones are missing."""
    needed = int(now // MINUTE) - REPORTING_LAG - 1
    return min(max(needed - max(record.minutes, default=needed), 0), LONGEST_BEHIND)


def first_minute(window: int, now: float) -> int:
    """The index of the first minute that an evaluation at this moment may need."""
    return int(now // MINUTE) - REPORTING_LAG - LONGEST_BEHIND - window


def unreported(case: Evaluation) -> list[str]:
    """That the agent's newest minutes are not known, which is no reason for another verdict but forbids an action."""
    behind = case.evidence.behind
    return [f"its agent has reported nothing about the last {REPORTING_LAG + behind} minutes"] if behind else []
