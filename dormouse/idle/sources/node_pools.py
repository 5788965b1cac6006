"""Evidence about GPU pools of managed clusters: the pods that take GPUs or wait for them, and the queue of the runners.

The API server shows the present only. A pool is idle if every sweep of the window has seen it without work, also the last.
"""

from dormouse.clock import MINUTE, minutes_text
from dormouse.idle.clusters.node_pool import NodePool
from dormouse.idle.evidence import STALE, Evaluation
from dormouse.idle.sources.source import EvidenceSource, Words

WORDS = Words(
    asleep="No nodes: only the system nodes and the load balancer of its cluster are billed. Work brings its nodes back.",
    put_to_sleep="scaled to zero nodes",
    stopped="scaled to zero nodes",
    confirmed="Azure confirms that it is to have no nodes.",
    absent="The node pool does not exist: it was deleted outside Dormouse, or has not been created yet.",
    failed="Check the failed change of the node pool in the Azure portal.",
)
STOPPED = "Stopped, with its cluster: disks, addresses and the load balancer are billed. Work does not wake it: start it."


def _uses(case: Evaluation) -> list[str]:
    ago = case.now - case.tracked.worked_at
    lately = case.tracked.worked_at and ago < case.policy.window * MINUTE and not case.nodes.work
    return [*case.nodes.work, *([f"a sweep saw work on it {minutes_text(ago)} ago"] if lately else [])]


def _missing(case: Evaluation) -> list[str]:
    evidence, window = case.nodes, case.policy.window
    if evidence.unread:
        return list(evidence.unread)
    if case.now - evidence.end > STALE:
        return ["its pods were not asked for"]
    watched = case.now - (case.tracked.free_since or case.now)
    if watched >= window * MINUTE:
        return []
    return [f"sweeps have seen it without work for {int(watched // MINUTE)} of {window} minutes only"]


def _idle(case: Evaluation) -> str:
    count = int(case.nodes.numbers.get("nodes", 0))
    nodes = f"{count} node{'' if count == 1 else 's'}"
    queue = ", and its queue was empty" if "queue_ready" in case.nodes.numbers else ""
    return f"Idle for {case.policy.window} minutes: it holds {nodes}, and no sweep saw work on a GPU{queue}."


def _asleep(case: Evaluation) -> str:
    """In a stopped cluster, nothing brings nodes; a stopped pool in one that runs looks the same."""
    pool = case.machine
    return STOPPED if isinstance(pool, NodePool) and not (pool.scales or pool.forced) else ""


def _numbers(case: Evaluation) -> dict[str, float]:
    return dict(case.nodes.numbers)


NODE_POOLS = EvidenceSource(WORDS, _uses, _missing, lambda case: [], _numbers, _idle, asleep=_asleep)
