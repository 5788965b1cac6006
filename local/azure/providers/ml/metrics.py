"""Metrics of workspaces in Azure Monitor: how many nodes each cluster has in each state, minute by minute.

https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-metrics
has the names, dimensions and the time grain. That clusters without nodes have values, too, is assumed.
"""

import json
from collections.abc import Iterator, Sequence

from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.kinds import ML_COMPUTE, ML_WORKSPACE
from local.azure.providers.ml.nodes import NodeState, nodes_of
from local.azure.services.metric_queries import TABLES, Metric, Question

MINUTE = 60
# Of each metric: the states of the nodes that it counts.
COUNTED = {
    "Active Nodes": (NodeState.RUNNING,),
    "Idle Nodes": (NodeState.IDLE,),
    "Leaving Nodes": (NodeState.LEAVING,),
    "Total Nodes": tuple(NodeState),
}
METRICS = {
    name.lower(): Metric(name, name, "Count", "average", f"Number of {name.lower().removesuffix(' nodes')} nodes.")
    for name in COUNTED
}
TABLES[ML_WORKSPACE.lower()] = METRICS
# https://learn.microsoft.com/rest/api/monitor/metrics-batch/batch: how many time series a filtered query returns for a resource.
USUAL_TOP = 10
# The only filter that is served: the values of each cluster apart.
BY_CLUSTER = "ClusterName eq '*'"


def series_of(world: World, workspace: Document, question: Question, most: int) -> list[str]:
    """The time series of each metric of a workspace, as JSON: one for each cluster, and at most so many."""
    clusters = list(world.resources(ML_COMPUTE, workspace["id"] + "/"))[:most]
    logs = {cluster["name"]: nodes_of(world, cluster).log for cluster in clusters}
    return [_series(workspace["id"], metric, question, logs) for metric in question.metrics]


def _series(identifier: str, metric: Metric, question: Question, logs: dict[str, list[tuple[float, dict[str, int]]]]) -> str:
    about = {
        "id": f"{identifier}/providers/Microsoft.Insights/metrics/{metric.name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": metric.name, "localizedValue": metric.name},
        "displayDescription": metric.description,
        "unit": metric.unit,
        "errorCode": "Success",
    }
    wanted = question.aggregations or [metric.usual]
    series = []
    for name, log in logs.items():
        named = {"name": {"value": "clustername", "localizedValue": "clustername"}, "value": name}
        data = ",".join(_points(metric, question, wanted, log))
        series.append(f'{{"metadatavalues":[{json.dumps(named)}],"data":[{data}]}}')
    return f'{json.dumps(about)[:-1]}, "timeseries":[{",".join(series)}]}}'


def _points(
    metric: Metric, question: Question, wanted: Sequence[str], log: Sequence[tuple[float, dict[str, int]]]
) -> Iterator[str]:
    for minute, moment in zip(question.minutes, question.moments, strict=True):
        counts = list(_counts(metric.name, minute, log)) if minute < question.late else []
        values = {
            "maximum": max(counts, default=0),
            "minimum": min(counts, default=0),
            "average": sum(counts) / len(counts) if counts else 0,
            "total": sum(counts),
            "count": len(counts),
        }
        tail = "".join(f',"{name}":{values[name]}' for name in wanted) if counts else ""
        yield f"{moment}{tail}}}"


def _counts(name: str, minute: int, log: Sequence[tuple[float, dict[str, int]]]) -> Iterator[int]:
    """How many nodes there were in a minute: at its begin, and after each change in it; nothing before the cluster existed."""
    begin, end = minute * MINUTE, (minute + 1) * MINUTE
    for place, (at, counts) in enumerate(log):
        until = log[place + 1][0] if place + 1 < len(log) else end
        if at < end and until > begin:
            yield sum(counts.get(state, 0) for state in COUNTED[name])
