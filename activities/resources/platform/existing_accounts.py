"""Requests for storage accounts that exist already: they are only read."""

from collections.abc import Sequence

from activities.resources.api import ResourceApi
from activities.resources.arm import get_by_id
from dormouse.cloud.clients import Cloud
from dormouse.environments.answers import Answer, Done, Refused
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.resources.kinds import Observed
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.platform.existing_accounts import EXISTING_ACCOUNT as KIND
from dormouse.resources.platform.existing_accounts import STORAGE_V2, fits

MISSING = "The storage account {id} does not exist, or the control plane's identity may not read it."
OTHER_KIND = "The storage account {id} is of the kind {kind}; Machine Learning needs {wanted}. Name another account."


async def use_account(request: PutRequest, cloud: Cloud) -> Answer:
    """Nothing is put; an account that cannot be used is refused."""
    refusal = await _refusal(request.resource, cloud)
    return Refused(refusal) if refusal else Done()


async def get_usable(resource: Resource, cloud: Cloud) -> Observed | None:
    """The account, or None if there is none that can be used."""
    found = await get_by_id(resource, cloud)
    return found if found is not None and fits(found) else None


async def keep_account(resource: Resource, cloud: Cloud) -> Answer:
    """Nothing is deleted: the account is not ours."""
    return Done()


async def accounts_fit(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The named accounts that do not exist, or that Machine Learning cannot use; raises as reads do."""
    found = [await _refusal(one, cloud) for one in absent if one.kind == KIND.name]
    return [refusal for refusal in found if refusal is not None]


async def _refusal(resource: Resource, cloud: Cloud) -> Refusal | None:
    found = await get_by_id(resource, cloud)
    if found is None:
        return Refusal(RefusalReason.NOT_FOUND, MISSING.format(id=resource.id), step=resource.name)
    detail = OTHER_KIND.format(id=resource.id, kind=found.get("kind"), wanted=STORAGE_V2)
    return None if fits(found) else Refusal(RefusalReason.INCOMPATIBLE, detail, step=resource.name)


EXISTING_ACCOUNT = ResourceApi(use_account, get_usable, keep_account, preflight=(accounts_fit,))
