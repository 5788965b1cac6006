"""Checks of container registries."""

from collections.abc import Sequence

from dormouse.cloud.clients import Cloud
from dormouse.cloud.plain_requests import send
from dormouse.environments.answers import Done, Refused
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import CloudUnavailable
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.platform.registries import CONTAINER_REGISTRY, REGISTRIES

PATH = "/subscriptions/{subscription}/providers/Microsoft.ContainerRegistry/checkNameAvailability"


async def registry_names_are_free(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The registries whose names are taken: they are unique in all of Azure. Raises CloudUnavailable.

    https://learn.microsoft.com/rest/api/containerregistry/registries/check-name-availability
    """
    path, refusals = PATH.format(subscription=cloud.settings.azure_subscription_id), []
    for resource in absent:
        if resource.kind == CONTAINER_REGISTRY.name and not resource.before:  # what is changed in place has its name
            body = {"name": name_of(resource.id), "type": REGISTRIES}
            answer, shown = await send(cloud, "POST", path, CONTAINER_REGISTRY.api_version, body)
            if isinstance(answer, Refused):
                refusals.append(answer.refusal)
            elif not isinstance(answer, Done):
                raise CloudUnavailable(answer.detail or "Azure did not say whether the name of a registry is free.")
            elif not shown.get("nameAvailable", True):
                said = (str(shown.get("message", "")), str(shown.get("reason", "")))
                refusals.append(Refusal(RefusalReason.NAME_TAKEN, *said, resource.name))
    return refusals
