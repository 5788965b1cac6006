"""GPU pools of managed clusters in sweeps: read cluster by cluster, and so is the work on them.

A sweep asks Azure for each cluster of an environment, and the API server of one only if a pool of it has nodes, or was
scaled to zero by a sweep: then pods and messages may wait. Clusters with a private API server are not watched.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from activities.resources.arm import get_by_id, put_body
from dormouse.cloud.clients import Cloud
from dormouse.cloud.kubernetes.api import KubernetesApi
from dormouse.cloud.kubernetes.workloads import gpu_and_other_pods, nodes, queue_depth
from dormouse.cloud.sdk_errors import ReadRefused, get_or_none
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.operations import EnvironmentRecord
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.idle.clusters.gpu_work import RunnerWork, SeenInCluster, waiting_work, with_seen
from dormouse.idle.clusters.node_pool import NodePool, absent_pool, cluster_above, pool_ids, pool_in
from dormouse.idle.decision import NextAction
from dormouse.idle.evidence import Evaluation
from dormouse.idle.stages.stop import counts_to_stop
from dormouse.lifecycle import State
from dormouse.resources.kubernetes.clusters import API_VERSION
from dormouse.resources.kubernetes.manifests import WATCH
from dormouse.resources.kubernetes.node_pools import NODE_POOL, emptied, scaled, scales
from dormouse.resources.kubernetes.objects import is_private
from dormouse.resources.plan import Resource

AT_ONCE = 8
BROKEN = (KeyError, TypeError, ValueError, AttributeError, OSError)
NOT_READ = "The cluster {cluster} could not be read ({why})"
NOT_ASKED = "its cluster could not be asked ({why})"
UNREADABLE = "Azure returned a cluster that cannot be read ({error})."


@dataclass(frozen=True, slots=True)
class PoolsRead:
    """The GPU pools of environments, absent ones included, and why those of a cluster (ID in lower case) are unread."""

    found: tuple[NodePool, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


async def read_pools(records: Iterable[EnvironmentRecord], cloud: Cloud) -> PoolsRead:
    """The GPU pools of these environments, one request for each cluster; one that cannot be read is in state unknown."""
    wanted = [(one, record) for record in records for one in _pools_of(record) if not is_private(one)]
    clusters = {cluster_above(one.id).lower(): cluster_above(one.id) for one, _ in wanted}
    at_once = asyncio.Semaphore(AT_ONCE)

    async def read(cluster: str) -> Mapping[str, Any] | str | None:
        async with at_once:
            try:
                return await _shown(cluster, cloud)
            except (CloudUnavailable, RefusedByAzure) as error:
                return NOT_READ.format(cluster=cluster.rpartition("/")[2], why=str(error).rstrip("."))

    answers = dict(zip(clusters, await asyncio.gather(*map(read, clusters.values())), strict=True))
    found, problems = [], {cluster: answer for cluster, answer in answers.items() if isinstance(answer, str)}
    for resource, record in wanted:
        answer, absent = answers[cluster_above(resource.id).lower()], absent_pool(resource.id, record.region)
        try:
            pool = absent if answer is None or isinstance(answer, str) else pool_in(answer, resource.id)
        except BROKEN as error:
            problems[absent.cluster.lower()] = UNREADABLE.format(error=type(error).__name__).rstrip(".")
            pool = absent
        if absent.cluster.lower() in problems:
            pool = replace(pool, state=State.UNKNOWN)
        found.append(_of_record(pool, record))
    return PoolsRead(tuple(found), problems)


def _pools_of(record: EnvironmentRecord) -> list[Resource]:
    ids = set(pool_ids(record.resources))
    return [one for one in record.resources if one.id in ids]


def _of_record(pool: NodePool, record: EnvironmentRecord) -> NodePool:
    """A pool with its environment, and with the most nodes of its spec: Azure shows none without the autoscaler."""
    planned = next((one for one in _pools_of(record) if one.id.lower() == pool.id.lower()), None)
    most = int(planned.settings.get("most", 0)) if planned else 0
    return replace(pool, environment=record.name, most=most or pool.most)


async def _shown(cluster: str, cloud: Cloud) -> Mapping[str, Any] | None:
    found: Any = await get_or_none(cloud.resources.resources.get_by_id(cluster, api_version=API_VERSION))
    return found  # type: ignore[no-any-return]


async def pool_now(identifier: str, cloud: Cloud, record: EnvironmentRecord | None = None) -> NodePool | None:
    """A pool as Azure shows it now, or None; raises CloudUnavailable or ReadRefused."""
    shown = await _shown(cluster_above(identifier), cloud)
    try:
        pool = pool_in(shown, identifier) if shown is not None else None
    except BROKEN as error:
        raise CloudUnavailable(UNREADABLE.format(error=type(error).__name__)) from error
    if pool is None or pool.state is State.ABSENT:
        return None
    return _of_record(pool, record) if record else pool


async def with_pool_evidence(
    cases: Sequence[Evaluation], records: Mapping[str, EnvironmentRecord], cloud: Cloud
) -> list[Evaluation]:
    """The evaluations of pools with their evidence; what cannot be read is missing in it."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def seen(case: Evaluation) -> Evaluation:
        async with at_once:
            return await with_work(case, records.get(case.machine.environment), cloud)

    return list(await asyncio.gather(*map(seen, cases)))


async def with_work(case: Evaluation, record: EnvironmentRecord | None, cloud: Cloud) -> Evaluation:
    """The evaluation of a pool with what its cluster shows, and with the work that waits for it."""
    pool = pool_of(case)
    asleep = (pool.forced and case.tracked.shutdown is not None) or counts_to_stop(case)
    if record is None or case.unreadable or not (pool.state is State.RUNNING or asleep):
        return case
    runners = _runners_of(pool, record)
    case = with_seen(case, pool, await _seen_in(pool.cluster, runners, cloud), runners)
    return replace(case, job=waiting_work(case, pool), wakes_for_jobs=True)


def _runners_of(pool: NodePool, record: EnvironmentRecord) -> RunnerWork:
    namespace = next(one.settings.get("namespace", "") for one in _pools_of(record) if one.id.lower() == pool.id.lower())
    return RunnerWork(namespace, any(one.name == WATCH for one in record.resources))


async def _seen_in(cluster: str, runners: RunnerWork, cloud: Cloud) -> SeenInCluster:
    try:
        api = await cloud.cluster_api(cluster)
        (pods, others), found = await asyncio.gather(gpu_and_other_pods(api, cloud.now()), nodes(api))
    except (CloudUnavailable, RefusedByAzure) as error:
        return SeenInCluster(problem=NOT_ASKED.format(why=str(error).rstrip(".")))
    except BROKEN as error:
        return SeenInCluster(problem=NOT_ASKED.format(why=f"its answer cannot be read: {type(error).__name__}"))
    depth = await _depth(api, runners, cloud) if runners.has_queue else None
    return SeenInCluster(tuple(pods), tuple(found), depth, others=tuple(others))


async def _depth(api: KubernetesApi, runners: RunnerWork, cloud: Cloud) -> Any:
    """The depth of the queue; None if it is not known, which must not hide the pods."""
    try:
        return await queue_depth(api, runners.namespace, cloud.now())
    except (CloudUnavailable, RefusedByAzure, *BROKEN):
        return None


async def change_pool(pool: NodePool, action: NextAction, cloud: Cloud) -> Answer:
    """Start to scale a pool to zero by force, or to give it back to the autoscaler; one that is so already is done."""
    resource = Resource(pool.name, NODE_POOL.name, pool.id)
    try:
        observed = await get_by_id(resource, cloud)
    except CloudUnavailable as error:
        return Pending(0.0, detail=str(error))
    except ReadRefused as error:
        return Refused(error.refusal)
    if observed is None:
        return Refused(Refusal(RefusalReason.NOT_FOUND, "The node pool does not exist."))
    if action is NextAction.STOP:
        there = not scales(observed) and not observed["properties"].get("count")
        return Done() if there else await put_body(resource, emptied(observed), cloud)
    return Done() if scales(observed) else await put_body(resource, scaled(observed, pool.most), cloud)


def pool_of(case: Evaluation) -> NodePool:
    """The pool that an evaluation is about."""
    assert isinstance(case.machine, NodePool)
    return case.machine
