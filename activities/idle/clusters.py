"""Clusters of Azure ML in sweeps: they are read workspace by workspace, and so is the evidence about them.

A sweep asks for the clusters of each workspace, for the metrics of fifty workspaces in which a cluster holds nodes, and for
the runs of a workspace only if one of its clusters may be idle, or waits for nodes.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dormouse.clock import HOUR, MINUTE
from dormouse.cloud.clients import Cloud
from dormouse.cloud.clusters.ml_metrics import WorkspaceMetrics, metrics_of
from dormouse.cloud.clusters.ml_workspaces import clusters_in, unfinished_runs, usages
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.idle.clusters.ml_cluster import ComputeCluster, absent_cluster, cluster_ids, workspace_id
from dormouse.idle.clusters.ml_runs import Run, waiting_on, why_blocked, work_on
from dormouse.idle.evidence import Evaluation
from dormouse.idle.verdict import VerdictKind
from dormouse.lifecycle import State

AT_ONCE = 8
NOT_READ = "The clusters of the workspace {workspace} could not be read ({why})"
NOT_ASKED = ("its runs were not asked for",)
# A run that waits without any sign of it at its cluster is found by the one sweep in an hour that asks for the runs anyway.
SWEEP_INTERVAL = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class ClustersRead:
    """The clusters of environments, absent ones included, and why those of a workspace (ID in lower case) are unread."""

    found: tuple[ComputeCluster, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunsRead:
    """The runs of a workspace, or why they are not known."""

    runs: tuple[Run, ...] = ()
    unread: tuple[str, ...] = ()


async def read_clusters(records: Iterable[EnvironmentRecord], cloud: Cloud) -> ClustersRead:
    """The clusters of these environments, one request for each workspace; one that cannot be read is in state unknown."""
    wanted = [(identifier, record) for record in records for identifier in cluster_ids(record.resources)]
    workspaces = {workspace_id(identifier).lower(): workspace_id(identifier) for identifier, _ in wanted}
    at_once = asyncio.Semaphore(AT_ONCE)

    async def read(workspace: str) -> list[ComputeCluster] | str:
        async with at_once:
            try:
                return await clusters_in(workspace, cloud)
            except (CloudUnavailable, RefusedByAzure) as error:
                return NOT_READ.format(workspace=workspace.rpartition("/")[2], why=str(error).rstrip("."))

    answers = dict(zip(workspaces, await asyncio.gather(*map(read, workspaces.values())), strict=True))
    found = tuple(_found(identifier, record, answers[workspace_id(identifier).lower()]) for identifier, record in wanted)
    return ClustersRead(found, {workspace: answer for workspace, answer in answers.items() if isinstance(answer, str)})


def _found(identifier: str, record: EnvironmentRecord, answer: list[ComputeCluster] | str) -> ComputeCluster:
    """A cluster of an environment in the answer about its workspace."""
    absent = replace(absent_cluster(identifier, record.region), environment=record.name)
    if isinstance(answer, str):
        return replace(absent, state=State.UNKNOWN)
    there = next((cluster for cluster in answer if cluster.id.lower() == identifier.lower()), absent)
    return replace(there, environment=record.name)


async def with_node_evidence(cases: Sequence[Evaluation], cloud: Cloud) -> list[Evaluation]:
    """The evaluations of clusters with their evidence; what cannot be read is missing in it."""
    if not cases:
        return []
    metrics = await node_metrics([(cluster_of(case), case.policy.window) for case in cases], cases[0].now, cloud)
    known = [with_measurements(case, metrics) for case in cases]
    asked = {cluster_of(case).workspace.lower(): cluster_of(case).workspace for case in known if _needs_runs(case)}
    read = await asyncio.gather(*(read_runs(workspace, cloud) for workspace in asked.values()))
    runs = dict(zip(asked, read, strict=True))
    seen = [with_runs(case, runs.get(cluster_of(case).workspace.lower())) for case in known]
    return await with_quota(seen, runs, cloud)


async def node_metrics(
    clusters: Sequence[tuple[ComputeCluster, int]], now: float, cloud: Cloud
) -> dict[str, WorkspaceMetrics]:
    """The metrics of the workspaces in which a cluster holds nodes, by ID in lower case, for the longest window."""
    holding = {cluster.workspace.lower(): cluster for cluster, _ in clusters if cluster.counts.held}
    longest = max((window for _, window in clusters), default=0)
    return await metrics_of(holding, longest, now, cloud) if holding else {}


def with_measurements(case: Evaluation, metrics: Mapping[str, WorkspaceMetrics]) -> Evaluation:
    """The evaluation of a cluster with its nodes and metrics, and without its runs."""
    cluster = cluster_of(case)
    known, counts = metrics.get(cluster.workspace.lower(), WorkspaceMetrics()), cluster.counts
    named = {"running": counts.running, "being prepared": counts.preparing}
    work = tuple(f"{count} of its nodes {'is' if count == 1 else 'are'} {what}" for what, count in named.items() if count)
    measured = known.of(cluster, case.policy.window)
    return replace(case, nodes=replace(measured, work=work, numbers=counts.numbers, unread=NOT_ASKED))


def _needs_runs(case: Evaluation) -> bool:
    """Whether the runs of a cluster decide about it: nothing works on its nodes, or it waits for some."""
    cluster = cluster_of(case)
    if cluster.state not in (State.RUNNING, State.STARTING, State.STOPPED):
        return False
    if cluster.state is State.RUNNING:
        return not case.nodes.work and not case.nodes.active.peak
    counts, blocked = cluster.counts, case.tracked.verdict == VerdictKind.BLOCKED
    return bool(cluster.errors) or counts.wanted > counts.held or blocked or case.now % HOUR < SWEEP_INTERVAL


async def read_runs(workspace: str, cloud: Cloud) -> RunsRead:
    """The runs of a workspace."""
    try:
        return RunsRead(tuple(await unfinished_runs(workspace, cloud)))
    except (CloudUnavailable, RefusedByAzure) as error:
        return RunsRead(unread=(f"its runs could not be read ({str(error).rstrip('.')})",))


def with_runs(case: Evaluation, read: RunsRead | None) -> Evaluation:
    """The evaluation of a cluster with the runs of its workspace (None: not asked for)."""
    if read is None:
        return case
    work = (*case.nodes.work, *work_on(cluster_of(case), read.runs, case.policy.window, case.now))
    return replace(case, nodes=replace(case.nodes, work=work, unread=read.unread))


async def with_quota(cases: Sequence[Evaluation], runs: Mapping[str, RunsRead], cloud: Cloud) -> list[Evaluation]:
    """The evaluations with the reasons why runs that wait get no node; one request for each region in which one waits."""
    waiting = [waiting_on(one, runs.get(one.workspace.lower(), RunsRead()).runs) for one in map(cluster_of, cases)]
    pairs = list(zip(cases, waiting, strict=True))
    regions = sorted({_region(case) for case, run in pairs if run})
    quota = dict(zip(regions, await asyncio.gather(*(_quota(region, cloud) for region in regions)), strict=True))

    def blocked(case: Evaluation, run: Run | None) -> Evaluation:
        why = why_blocked(cluster_of(case), run, quota[_region(case)]) if run else ""
        return replace(case, nodes=replace(case.nodes, blocked=why))

    return [blocked(case, run) for case, run in pairs]


def _region(case: Evaluation) -> tuple[str, str]:
    cluster = cluster_of(case)
    return cluster.subscription, cluster.region


async def _quota(place: tuple[str, str], cloud: Cloud) -> Sequence[Mapping[str, Any]]:
    """The quota in a region; nothing follows from one that cannot be read."""
    try:
        return await usages(*place, cloud)
    except (CloudUnavailable, RefusedByAzure):
        return ()


def cluster_of(case: Evaluation) -> ComputeCluster:
    """The cluster that an evaluation is about."""
    assert isinstance(case.machine, ComputeCluster)
    return case.machine


async def cluster_now(identifier: str, cloud: Cloud) -> ComputeCluster | None:
    """A cluster as Azure shows it now, or None; raises CloudUnavailable or ReadRefused."""
    clusters = await clusters_in(workspace_id(identifier), cloud)
    return next((cluster for cluster in clusters if cluster.id.lower() == identifier.lower()), None)
