"""Work on a GPU pool: pods that take GPUs or wait for them, and the messages in the queue of the runners."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dormouse.clock import HOUR, MINUTE, minutes_text
from dormouse.idle.clusters.node_pool import NodePool
from dormouse.idle.evidence import Evaluation, NodeEvidence
from dormouse.idle.jobs.waiting import WaitingJob
from dormouse.resources.kubernetes.workloads import PENDING, ClusterNode, GpuPod, QueueDepth

SWEEP_INTERVAL = 5 * MINUTE
# Two sweeps, and what they are late; after a longer time no sweep knows what was between.
LONGEST_GAP = 2 * SWEEP_INTERVAL + MINUTE
MOST_NAMED = 3
QUEUE_UNKNOWN = "the depth of its queue is not known: the watch in the cluster reports none"
UNKNOWN_WHILE_ASLEEP = (
    "Whether there is work for the GPU pool {pool} has not been known for {time} ({why}), so that no sweep brings its nodes "
    "back. Start the environment if there is."
)


@dataclass(frozen=True, slots=True)
class RunnerWork:
    """What the spec of an environment says of its runners: their namespace, and whether they have a queue."""

    namespace: str
    has_queue: bool


@dataclass(frozen=True, slots=True)
class SeenInCluster:
    """What a cluster showed: its pods for GPUs, its nodes, the depth of the queue (None: not known), or what went wrong.

    `others` are the pods that others run without GPUs.
    """

    pods: tuple[GpuPod, ...] = ()
    nodes: tuple[ClusterNode, ...] = ()
    depth: QueueDepth | None = None
    problem: str = ""
    others: tuple[str, ...] = ()


def with_seen(case: Evaluation, pool: NodePool, seen: SeenInCluster, runners: RunnerWork) -> Evaluation:
    """The evaluation of a pool with what its cluster showed: the work on it, or why that is not known.

    Runners with a queue are there all the time, and wait for messages: the queue says whether they work. Without a queue,
    each is work. A pod counts unless it is on a node of another pool.
    """
    if seen.problem:
        return replace(case, nodes=NodeEvidence(end=case.now, unread=(seen.problem,), numbers=_counted(pool)))
    elsewhere = {node.name for node in seen.nodes if node.pool.lower() != pool.id.rpartition("/")[2].lower()}
    pods = [pod for pod in seen.pods if pod.node not in elsewhere]
    waits_for_queue = [pod for pod in pods if runners.has_queue and is_runner(pod, runners)]
    work = (*_messages(seen.depth), *_pods([pod for pod in pods if pod not in waits_for_queue]))
    unread = (QUEUE_UNKNOWN,) if runners.has_queue and seen.depth is None else ()
    depth = {} if seen.depth is None else _depth(seen.depth)
    numbers = {**_counted(pool), "gpu_pods": len(pods), **depth}
    others = tuple(f"the pod {name} runs in its cluster, or has just ended" for name in seen.others[:MOST_NAMED])
    return replace(case, nodes=NodeEvidence(end=case.now, work=work, unread=unread, numbers=numbers, others=others))


def is_runner(pod: GpuPod, runners: RunnerWork) -> bool:
    """Whether a pod is one of the runners that the spec asks for."""
    return pod.namespace == runners.namespace and pod.is_runner


def _counted(pool: NodePool) -> dict[str, float]:
    return {"nodes": pool.count}


def _depth(depth: QueueDepth) -> dict[str, float]:
    return {"queue_ready": depth.ready, "queue_unacknowledged": depth.unacknowledged}


def _messages(depth: QueueDepth | None) -> Iterator[str]:
    if depth is not None and not depth.is_empty:
        yield f"its queue has {depth.ready} messages that wait and {depth.unacknowledged} that are being worked on"


def _pods(pods: Sequence[GpuPod]) -> Iterator[str]:
    for pod in sorted(pods, key=lambda one: (one.phase == PENDING, one.namespace, one.name))[:MOST_NAMED]:
        yield f"the pod {pod.namespace}/{pod.name}, which takes GPUs, is {pod.phase}"


def with_watch(case: Evaluation) -> Evaluation:
    """The evaluation of a pool that remembers since when sweeps see it without work, and when one saw work last.

    The API server has no past. What was between two sweeps that are too far apart is not known, so that the time begins
    again. A sweep that could not read counts as none.
    """
    nodes, tracked = case.nodes, case.tracked
    if nodes.work:
        return replace(case, tracked=replace(tracked, free_since=0.0, worked_at=case.now, watched_at=case.now))
    if not nodes.end or nodes.unread:
        return case
    again = not tracked.free_since or case.now - tracked.watched_at > LONGEST_GAP
    since = case.now if again else tracked.free_since
    return replace(case, tracked=replace(tracked, free_since=since, watched_at=case.now))


def waiting_work(case: Evaluation, pool: NodePool) -> WaitingJob | None:
    """The work that waits for a pool that a sweep has scaled to zero by force; None if there is none.

    If it has not been known for an hour, someone has to look.
    """
    shutdown = case.tracked.shutdown
    if shutdown is None or not pool.forced:
        return None
    request = int(shutdown.since)
    if case.nodes.work:
        return WaitingJob(pool.id.lower(), request, f"There is work for it: {'; '.join(case.nodes.work)}.", wakes=True)
    blind = case.now - max(case.tracked.watched_at, shutdown.since)
    if not case.nodes.unread or blind < HOUR:
        return None
    why = "; ".join(case.nodes.unread)
    text = UNKNOWN_WHILE_ASLEEP.format(pool=pool.name, time=minutes_text(blind), why=why)
    return WaitingJob(pool.id.lower(), request, text)
