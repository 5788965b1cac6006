"""How many nodes of each cluster worked, minute by minute: metrics of workspaces, 50 workspaces per call.

https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-metrics:
the metric has the dimension ClusterName, so that one call covers every cluster of a workspace.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from dormouse.clock import MINUTE
from dormouse.cloud.batches import Answers, BatchItemRefused, Budget, ask_azure_monitor, query_without_refused
from dormouse.cloud.clients import Cloud
from dormouse.cloud.metrics import AT_ONCE, BATCH, EXTRA, LONGEST_LAG, VERSION
from dormouse.idle.clusters.ml_cluster import ComputeCluster
from dormouse.idle.evidence import NodeEvidence, TimeSeries

NAMESPACE, ACTIVE = "microsoft.machinelearningservices/workspaces", "Active Nodes"
CLUSTER_NAME = "clustername"
# The most time series for a workspace; without it, Azure Monitor returns ten.
MOST_CLUSTERS = 500

# The most active nodes by minute since 1970, by cluster name in lower case.
ByCluster = dict[str, dict[int, float]]


@dataclass(frozen=True, slots=True)
class WorkspaceMetrics:
    """What Azure Monitor says of one workspace: active nodes by cluster and minute, the newest minute, or the problem."""

    active: ByCluster = field(default_factory=dict)
    newest: int = 0
    problem: str = ""

    def of(self, cluster: ComputeCluster, window: int) -> NodeEvidence:
        """The evidence about a cluster for the window of minutes that ends where the data end."""
        minutes, end = self.active.get(cluster.id.rpartition("/")[2].lower(), {}), self.newest + 1
        series = TimeSeries(tuple(minutes.get(place) for place in range(end - window, end)))
        return NodeEvidence(active=series, end=end * MINUTE if self.newest else 0.0, problem=self.problem)


async def metrics_of(
    workspaces: Mapping[str, ComputeCluster], window: int, now: float, cloud: Cloud
) -> dict[str, WorkspaceMetrics]:
    """The metrics of workspaces (by ID in lower case, with one cluster each) for a window and the longest lag before it."""
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for identifier, cluster in sorted(workspaces.items()):
        places[cluster.subscription.lower(), cluster.region].append(identifier)
    at_once, budget = asyncio.Semaphore(AT_ONCE), Budget(EXTRA)

    async def ask(place: tuple[str, str], identifiers: Sequence[str]) -> dict[str, ByCluster] | BatchItemRefused:
        async with at_once:
            return await ask_azure_monitor(cloud, place, identifiers, _query(window, now), _read)

    asked = [
        query_without_refused(named[begin : begin + BATCH], partial(ask, place), budget)
        for place, named in places.items()
        for begin in range(0, len(named), BATCH)
    ]
    nothing: Answers[ByCluster] = Answers()
    answers = nothing.plus(*await asyncio.gather(*asked))
    return {identifier: _metrics(identifier, answers, workspaces[identifier].region) for identifier in workspaces}


def _query(window: int, now: float) -> dict[str, str]:
    end = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
    begin = end - timedelta(minutes=window + LONGEST_LAG)
    return {
        "metricnamespace": NAMESPACE,
        "metricnames": ACTIVE,
        "aggregation": "maximum",
        "interval": "PT1M",
        "filter": "ClusterName eq '*'",
        "top": str(MOST_CLUSTERS),
        "starttime": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
        "endtime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "api-version": VERSION,
    }


def _metrics(identifier: str, answers: Answers[ByCluster], region: str) -> WorkspaceMetrics:
    refused = answers.refused.get(identifier)
    if refused is not None:
        return WorkspaceMetrics(problem=refused.words)
    active = answers.told.get(identifier)
    if active is None:
        return WorkspaceMetrics(problem=f"Azure Monitor in {region} returned no data about its workspace")
    return WorkspaceMetrics(active, max((minute for minutes in active.values() for minute in minutes), default=0))


def _read(answer: Any) -> dict[str, ByCluster]:
    """The response by workspace; raises if a part of it cannot be read, because each minute may be one of work."""
    found: dict[str, ByCluster] = {}
    for workspace in answer["values"]:
        clusters = found.setdefault(str(workspace["resourceid"]).lower(), {})
        for metric in workspace["value"]:
            for series in metric["timeseries"]:
                minutes = clusters.setdefault(_cluster_in(series), {})
                for minute, value in _minutes(series["data"]).items():
                    minutes[minute] = max(value, minutes.get(minute, 0.0))
    return found


def _cluster_in(series: Mapping[str, Any]) -> str:
    named = {str(one["name"]["value"]).lower(): str(one["value"]) for one in series["metadatavalues"]}
    return named[CLUSTER_NAME].lower()


def _minutes(points: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    known = [(point["timeStamp"], point.get("maximum")) for point in points]
    return {int(datetime.fromisoformat(at).timestamp() // MINUTE): float(value) for at, value in known if value is not None}
