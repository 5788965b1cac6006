"""Checks of storage accounts."""

from collections.abc import Sequence
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import get_or_none
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.storage import ACCOUNTS, STORAGE_ACCOUNT


async def names_are_free(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The storage accounts whose names are taken: they are unique in all of Azure."""
    refusals = []
    for resource in absent:
        if resource.kind == STORAGE_ACCOUNT.name:
            body: Any = {"name": name_of(resource.id), "type": ACCOUNTS}
            answer: Any = await get_or_none(cloud.storage.storage_accounts.check_name_availability(body))
            if answer is not None and not answer["nameAvailable"]:
                said = (str(answer["message"]), str(answer["reason"]))
                refusals.append(Refusal(RefusalReason.NAME_TAKEN, *said, resource.name))
    return refusals
