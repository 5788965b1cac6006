"""Microsoft.Consumption: budgets of resource groups; nothing of them is recorded.

https://learn.microsoft.com/rest/api/consumption/budgets/create-or-update
"""

import re

from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.world import World, visible
from local.azure.providers.common import Body, group_of, live_group_of
from local.azure.providers.kinds import BUDGET

NAME = re.compile(r"[\w-]{1,63}")
MOST_NOTIFICATIONS = 5
NEEDED = ("category", "amount", "timeGrain", "timePeriod")


def put(world: World, rid: ResourceId, request: Request) -> Answer:
    """Create or change a budget, at once; an ETag that is not the latest one is refused."""
    body, existing = request.json(), world.resource(rid.text)
    live_group_of(world, rid.group_id)
    check(BUDGET, body)
    given = body.get("properties") or {}
    _check(world, rid, given)
    if existing and body.get("eTag") not in (None, existing["eTag"]):
        raise Refused(409, "409", "The budget was updated by another request. Get the latest eTag and retry.")
    document = {
        "id": rid.text,
        "name": rid.name,
        "type": BUDGET,
        "eTag": f'"{world.fresh_guid("etag", rid.text)}"',
        "properties": {**given, "currentSpend": {"amount": 0.0, "unit": "USD"}},
    }
    return Answer(200 if existing else 201, visible(world.keep(document)))


def get(world: World, rid: ResourceId) -> Answer:
    """A budget."""
    group_of(world, rid.group_id)
    document = world.resource(rid.text)
    if document is None:
        raise Refused(404, "404", f"Budget with name {rid.name} was not found.")
    return Answer(200, visible(document))


def delete(world: World, rid: ResourceId, request: Request) -> Answer:
    """Delete a budget, at once."""
    group_of(world, rid.group_id)
    known = world.resource(rid.text)
    world.forget(rid.text)
    return Answer(200 if known else 204)


def _check(world: World, rid: ResourceId, given: Body) -> None:
    missing = [name for name in NEEDED if name not in given]
    start = str((given.get("timePeriod") or {}).get("startDate", ""))
    faults = [f"{name} is required" for name in missing]
    if not NAME.fullmatch(rid.name):
        faults.append("the name has 1 to 63 letters, digits, hyphens and underscores")
    if given.get("timeGrain") == "Monthly" and not start.startswith(world.text()[:7] + "-01") and rid.name:
        faults += [] if _is_earlier(world, rid, start) else ["the start date is the first day of the present month"]
    if float(given.get("amount", 0)) <= 0:
        faults.append("the amount is more than zero")
    notifications = given.get("notifications") or {}
    if len(notifications) > MOST_NOTIFICATIONS:
        faults.append(f"there are at most {MOST_NOTIFICATIONS} notifications")
    for name, one in notifications.items():
        if not any(one.get(kind) for kind in ("contactEmails", "contactGroups", "contactRoles")):
            faults.append(f"the notification {name} has no contact")
    if faults:
        raise Refused(400, "400", f"Invalid budget configuration: {'; '.join(faults)}.")


def _is_earlier(world: World, rid: ResourceId, start: str) -> bool:
    """Whether a start date is the one that the budget has had since its creation."""
    existing = world.resource(rid.text)
    return existing is not None and existing["properties"]["timePeriod"]["startDate"] == start
