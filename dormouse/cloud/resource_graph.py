"""Queries of Azure Resource Graph, as plain requests: an SDK converts every value of its rows once more.

https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import read_large_json
from dormouse.errors import CloudUnavailable

PATH, VERSION = "/providers/Microsoft.ResourceGraph/resources", "2021-03-01"
# Rows of one response. https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class GraphPage:
    """Some rows of a query, how many it finds in all, and the token for the rows that follow ("": there are none)."""

    rows: list[dict[str, Any]]
    total: int
    following: str


async def ask_graph(
    cloud: Cloud,
    subscriptions: Sequence[str],
    query: str,
    *,
    top: int = LARGEST_PAGE,
    skip: int = 0,
    following: str = "",
) -> GraphPage:
    """One page of what a query finds in these subscriptions; raises CloudUnavailable or ReadRefused.

    `following` is the token of the page before, for the rows that come after it.
    """
    from azure.core.rest import HttpRequest

    options = {"resultFormat": "objectArray", "$top": top, **({"$skipToken": following} if following else {"$skip": skip})}
    body = {"subscriptions": list(subscriptions), "query": query, "options": options}
    request = HttpRequest("POST", PATH, params={"api-version": VERSION}, json=body)
    answer = await read_large_json(cloud.resources.send_request(request, stream=True))
    rows, total = answer.get("data"), answer.get("totalRecords")
    if not isinstance(rows, list) or not isinstance(total, int):
        raise CloudUnavailable("Azure Resource Graph returned a response that cannot be parsed; retry later.")
    return GraphPage(rows, total, str(answer.get("$skipToken") or ""))
