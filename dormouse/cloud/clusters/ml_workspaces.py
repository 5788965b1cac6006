"""Workspaces of Azure ML by Resource Manager: their clusters, their jobs, and the quota of their region.

Clusters and jobs are not in Resource Graph. https://learn.microsoft.com/rest/api/azureml/compute/list and
https://learn.microsoft.com/rest/api/azureml/jobs/list
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from dormouse.cloud.clients import Cloud
from dormouse.cloud.error_codes import GONE
from dormouse.cloud.sdk_errors import ReadRefused, read_json
from dormouse.environments.answers import Answer, Done
from dormouse.errors import CloudUnavailable
from dormouse.idle.clusters.ml_cluster import ComputeCluster, cluster_in
from dormouse.idle.clusters.ml_runs import MOST_RUNS, Run, run_in
from dormouse.text.durations import minutes_in

VERSION = "2025-12-01"
USAGES = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{region}/usages"
BROKEN = (KeyError, TypeError, ValueError, AttributeError)
# The documented default: https://learn.microsoft.com/azure/machine-learning/how-to-manage-optimize-cost
SHORT_IDLE_TIME = "PT2M"
UNREADABLE = "Azure returned a list of {what} that cannot be read"


async def clusters_in(workspace: str, cloud: Cloud) -> list[ComputeCluster]:
    """The clusters of a workspace with their nodes, by one request; empty if there is no such workspace.

    Raises CloudUnavailable, and ReadRefused for a workspace that must not be read.
    """
    try:
        items = [item async for item in _items(f"{workspace}/computes", cloud)]
    except ReadRefused as error:
        if error.refusal.code in GONE:
            return []
        raise
    try:
        return [cluster for cluster in map(cluster_in, items) if cluster is not None]
    except BROKEN as error:
        raise CloudUnavailable(f"{UNREADABLE.format(what='clusters')} ({type(error).__name__}).") from error


async def unfinished_runs(workspace: str, cloud: Cloud) -> list[Run]:
    """The runs of a workspace that have not ended, and those that ended lately; raises as `clusters_in` does.

    Azure cannot filter them by status, so that every run is read that is not archived. Raises CloudUnavailable if there
    are more than `MOST_RUNS`.
    """
    found: list[Run] = []
    count = 0
    try:
        async for item in _items(f"{workspace}/jobs", cloud):
            count += 1
            if count > MOST_RUNS:
                raise CloudUnavailable(f"its workspace has more than {MOST_RUNS} jobs; archive old ones")
            found.append(run_in(item))
    except BROKEN as error:
        raise CloudUnavailable(f"{UNREADABLE.format(what='jobs')} ({type(error).__name__})") from error
    return found


async def usages(subscription: str, region: str, cloud: Cloud) -> list[Mapping[str, Any]]:
    """The quota of Azure ML in a region, row by row; raises CloudUnavailable or ReadRefused.

    https://learn.microsoft.com/rest/api/azureml/usages/list
    """
    return [row async for row in _items(USAGES.format(subscription=subscription, region=region), cloud)]


async def scale_to_zero(cluster: ComputeCluster, cloud: Cloud) -> Answer:
    """Start to give back the idle nodes of a cluster: no least number of nodes, and a short idle time.

    Nodes with a run stay until it has ended, and runs that wait still get nodes: nothing is interrupted. A cluster that has
    such settings already is left as it is.
    """
    if not cluster.least and _is_short(cluster.idle_time):
        return Done()
    settings = {"minNodeCount": 0, "maxNodeCount": cluster.most, "nodeIdleTimeBeforeScaleDown": SHORT_IDLE_TIME}
    body: Any = {"properties": {"properties": {"scaleSettings": settings}}}
    patch = cloud.resources.resources.begin_update_by_id
    return await cloud.begin(patch, cluster.id, body, api_version=VERSION)


def _is_short(idle_time: str) -> bool:
    try:
        return minutes_in(idle_time) <= minutes_in(SHORT_IDLE_TIME)
    except ValueError:
        return False


async def _items(path: str, cloud: Cloud) -> AsyncIterator[Mapping[str, Any]]:
    """The items of a list, page by page; only the path and the query of the next page are taken from the response."""
    from azure.core.rest import HttpRequest

    following = f"{path}?api-version={VERSION}"
    while following:
        answer = await read_json(cloud.resources.send_request(HttpRequest("GET", following)))
        items: Sequence[Mapping[str, Any]] = answer.get("value") or []
        for item in items:
            yield item
        link = urlsplit(str(answer.get("nextLink") or ""))
        following = f"{link.path}?{link.query}" if link.path else ""
