"""Requests for budgets: when they begin, and the ETag without which a change could undo another one."""

from datetime import UTC, datetime

from activities.resources.api import ResourceApi
from activities.resources.arm import delete_by_id, get_by_id, put_body
from dormouse.cloud.clients import Cloud
from dormouse.environments.answers import Answer
from dormouse.environments.requests import PutRequest


async def put_budget(request: PutRequest, cloud: Cloud) -> Answer:
    """Create a budget from the first day of this month on, or change one, which keeps its beginning.

    https://learn.microsoft.com/rest/api/consumption/budgets/create-or-update
    """
    resource = request.resource
    there = await get_by_id(resource, cloud)
    month = datetime.fromtimestamp(cloud.now(), UTC).replace(day=1)
    period = there["properties"]["timePeriod"] if there else {"startDate": f"{month:%Y-%m-%d}T00:00:00Z"}
    tag = {"eTag": there["eTag"]} if there and there.get("eTag") else {}
    body = {**resource.body, **tag, "properties": {**resource.body["properties"], "timePeriod": period}}
    return await put_body(resource, body, cloud)


BUDGET = ResourceApi(put_budget, get_by_id, delete_by_id)
