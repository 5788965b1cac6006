"""Use that outlasts the next sweeps, as the agent or Azure Monitor has shown it: nothing is decided about it until then."""

from collections.abc import Mapping, Sequence

from dormouse.idle.evidence import Evaluation, TimeSeries
from dormouse.idle.heartbeats.signals import HOST, INSIDE, Signal

# Two sweeps: the agent learns of it with its next heartbeat, shortly before the next sweep, and the one after that may act.
AHEAD = 10  # minutes


def needs_host_metrics(case: Evaluation) -> bool:
    """Whether what Azure Monitor has measured may change a verdict, a decision or when the agent reports again.

    It cannot while the agent shows use that outlasts the next sweeps, nor for a machine that sweeps leave alone. A lease,
    a schedule or a budget may stop such a machine as well, and what that requires is asked.
    """
    if case.hands_off:
        return False
    if case.tracked.lease or case.schedule or case.overspent:
        return True
    return case.policy.enabled and not shown_by_agent(case)


def shown_by_agent(case: Evaluation) -> bool:
    """Whether a minute of use that the agent has reported is still in the window two sweeps later."""
    return _is_used_after(AHEAD + case.evidence.behind, INSIDE, case.evidence.inside or {}, case)


def shown_by_host(case: Evaluation) -> bool:
    """Whether a minute of use that Azure Monitor has measured is still in the window two sweeps later."""
    return _is_used_after(AHEAD, HOST, case.evidence.host, case)


def _is_used_after(passed: int, signals: Sequence[Signal], series: Mapping[str, TimeSeries], case: Evaluation) -> bool:
    """Whether one of these signals reached its limit after the first minutes that are known of it."""
    for signal in signals:
        track, limit = series.get(signal.name), signal.limit(case.policy)
        if track is None or limit is None:
            continue
        ago = track.last_at(limit)
        if ago is not None and len(track.window) + len(track.recent) - ago > passed:
            return True
    return False
