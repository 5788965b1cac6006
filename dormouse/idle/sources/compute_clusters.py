"""Evidence about clusters of nodes, here those of Azure ML: what their nodes did, minute by minute, and the work on them.

A cluster is idle only if no node worked in any minute of the window, none works now, and no work waits for it. Metrics are
some minutes late: they must reach the moment since which sweeps have seen it without work, so that no run is missed.
"""

from dataclasses import replace

from dormouse.clock import minutes_text
from dormouse.idle.evidence import STALE, Evaluation, gap_of
from dormouse.idle.sources.source import EvidenceSource, Words

WORDS = Words(
    asleep="Scaled to zero: it holds no nodes. The next run brings them back.",
    put_to_sleep="scaled to zero nodes",
    stopped="scaled to zero nodes",
    confirmed="Azure confirms that it holds no nodes.",
    absent="The cluster does not exist: it was deleted outside Dormouse, or has not been created yet.",
    failed="Check the failed change in Azure Machine Learning studio.",
)


def _uses(case: Evaluation) -> list[str]:
    evidence = case.nodes
    ago = evidence.active.last_at(1.0)
    worked = [f"{evidence.active.peak:.0f} active nodes{f' ({ago} min ago)' if ago else ''}"] if ago is not None else []
    return [*evidence.work, *worked]


def _missing(case: Evaluation) -> list[str]:
    evidence = case.nodes
    return [*evidence.unread, *_missing_metrics(case)]


def _missing_metrics(case: Evaluation) -> list[str]:
    evidence, window = case.nodes, case.policy.window
    if evidence.problem:
        return [evidence.problem]
    if case.now - evidence.end > STALE:
        return [f"Azure Monitor has returned no data about its nodes for more than {minutes_text(STALE)}"]
    if evidence.end < (case.tracked.free_since or case.now):
        return ["the data of Azure Monitor do not reach the end of its last run yet"]
    gap = gap_of(evidence.active, case)
    return [f"Azure Monitor has no data about its nodes for {gap} of {window} minutes"] if gap else []


def with_free_since(case: Evaluation) -> Evaluation:
    """The evaluation of a cluster that remembers since when it has been seen without work; never while that is not known."""
    since = 0.0 if case.nodes.work or case.nodes.unread else case.tracked.free_since or case.now
    return replace(case, tracked=replace(case.tracked, free_since=since))


def _numbers(case: Evaluation) -> dict[str, float]:
    evidence = case.nodes
    peak = evidence.active.peak
    return {**evidence.numbers, **({} if peak is None else {"nodes_active": peak})}


def _idle(case: Evaluation) -> str:
    held = int(case.nodes.numbers.get("nodes", 0))
    nodes = f"{held} node{'' if held == 1 else 's'}"
    return f"Idle for {case.policy.window} minutes: it holds {nodes}, none was active, and no run is queued or running."


COMPUTE_CLUSTERS = EvidenceSource(WORDS, _uses, _missing, lambda case: [], _numbers, _idle, lambda case: case.nodes.blocked)
