"""The checks whether the control plane's identity has the rights that a plan needs, and whether it sees everything."""

from collections.abc import Mapping, Sequence
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import ReadRefused, get_or_none
from dormouse.environments.permissions import RolePermission, missing_actions, unreadable
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import kind_of

# Answered for subscriptions too, which the reference does not say: https://github.com/Azure/azure-rest-api-specs/issues/19473
PERMISSIONS = "/subscriptions/{subscription}/providers/Microsoft.Authorization/permissions"
API_VERSION = "2022-04-01"
LACKS = (
    "The control plane's identity has no role in the subscription with the permissions {actions}. Assign it one that has."
)

MAY_NOT_READ = (
    "the control plane's identity may not read everything in the subscription ({types}). Assign it the role Reader there"
)
UNKNOWN = "the permissions of the control plane's identity cannot be read. Assign it the role Reader in the subscription"


async def rights_suffice(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The refusal of a plan that needs more rights than the identity has in the subscription.

    Rights on single groups and data actions are not shown there: if the permissions cannot be read as a whole, nothing is
    refused, and the first request tells.
    """
    permissions = await _permissions(cloud)
    if permissions is None:
        return []
    needed = {right: one.name for one in reversed(absent) if kind_of(one).type for right in kind_of(one).rights}
    missing = missing_actions(reversed(needed), permissions)
    if not missing:
        return []
    detail = LACKS.format(actions=", ".join(missing))
    return [Refusal(RefusalReason.FORBIDDEN, detail, step=needed[missing[0]])]


async def check_sight(request: Sequence[str], cloud: Cloud) -> str:
    """Why the identity may not see everything in the subscription, or "" if it does; `request` names types of resources.

    Rights that a deny assignment takes away are not shown there.
    """
    permissions = await _permissions(cloud)
    if permissions is None:
        return UNKNOWN
    unseen = unreadable(request, permissions)
    return MAY_NOT_READ.format(types=", ".join(unseen)) if unseen else ""


async def _permissions(cloud: Cloud) -> list[RolePermission] | None:
    """The permissions of the identity, or None if they are not known."""
    path = PERMISSIONS.format(subscription=cloud.settings.azure_subscription_id)
    try:
        found: Any = await get_or_none(cloud.resources.resources.get_by_id(path, api_version=API_VERSION))
    except ReadRefused:
        return None
    if not isinstance(found, Mapping) or found.get("nextLink") or not isinstance(found.get("value"), list):
        return None
    return [RolePermission(tuple(one.get("actions") or ()), tuple(one.get("notActions") or ())) for one in found["value"]]
