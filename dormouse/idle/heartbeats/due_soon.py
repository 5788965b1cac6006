"""Due soon: whether sweeps may warn about a machine or stop it within minutes; by then its agent reports every minute."""

from collections.abc import Mapping
from dataclasses import replace

from dormouse.clock import MINUTE
from dormouse.idle.decision import NextAction, decide
from dormouse.idle.evidence import Evaluation, TimeSeries
from dormouse.idle.heartbeats.in_use import AHEAD, shown_by_agent, shown_by_host
from dormouse.idle.verdict import evaluate
from dormouse.lifecycle import State

ACTIONS = frozenset({NextAction.WARN, NextAction.STOP, NextAction.DELETE})


def is_due_soon(case: Evaluation) -> bool:
    """Whether a warning, stop or deletion would be due within two sweeps if the machine was not used until then.

    Always false without an agent, which has nothing to report.
    """
    if case.machine.state is not State.RUNNING or case.evidence.inside is None:
        return False
    if case.tracked.lease is None and case.schedule is None and (shown_by_agent(case) or shown_by_host(case)):
        return False  # what is in use is stopped by a lease or a schedule only; most of a fleet is, and a look tells it
    later = unused_until_later(case)
    return decide(later, evaluate(later)).action in ACTIONS


def unused_until_later(case: Evaluation) -> Evaluation:
    """The evaluation of the same machine two sweeps later, if nothing is measured until then but rest."""
    evidence, now = case.evidence, case.now + AHEAD * MINUTE
    passed = AHEAD + evidence.behind
    inside = _at_rest(evidence.inside or {}, passed, case.policy.window)
    host = _at_rest(evidence.host, AHEAD, case.policy.window)
    seen = replace(evidence, inside=inside, host=host, heard_at=now, host_end=now, behind=0)
    return replace(case, now=now, evidence=seen)


def _at_rest(tracks: Mapping[str, TimeSeries], passed: int, window: int) -> dict[str, TimeSeries]:
    """The windows of these signals after some minutes; minutes that are not known yet, as of today, are at rest."""
    values = {name: (*track.window, *track.recent) for name, track in tracks.items()}
    known = max((_known(one) for one in values.values()), default=0)
    rest = (0.0,) * (window + passed)
    return {name: TimeSeries((*one[:known], *rest)[passed : passed + window]) for name, one in values.items()}


def _known(values: tuple[float | None, ...]) -> int:
    """Up to where a signal is known."""
    return next((place for place in range(len(values), 0, -1) if values[place - 1] is not None), 0)
