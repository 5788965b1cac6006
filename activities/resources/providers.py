"""Checks of resource providers."""

import asyncio
from collections.abc import Sequence
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import ReadRefused, get_or_none
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.resources.plan import Plan, Resource
from dormouse.resources.registry import kind_of

# Every subscription has these. https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types
ALWAYS_REGISTERED = frozenset({"Microsoft.Authorization", "Microsoft.Resources"})
# While a provider is being registered, it takes requests in the regions that are ready.
USABLE = frozenset({"registered", "registering"})


async def providers_are_registered(plan: Plan, absent: Sequence[Resource], cloud: Cloud) -> Sequence[Refusal]:
    """The resource providers of the new resources for which the subscription is not registered."""
    steps: dict[str, str] = {}
    for resource in absent:
        namespace = kind_of(resource).type.partition("/")[0]
        if namespace and namespace not in ALWAYS_REGISTERED | cloud.registered_providers:
            steps.setdefault(namespace, resource.name)
    states = await asyncio.gather(*(_state(namespace, cloud) for namespace in steps))
    found = dict(zip(steps, states, strict=True))
    command = "run `az provider register --namespace {name}` once"
    return [
        Refusal(RefusalReason.NOT_REGISTERED, f"{name} is not registered; {command.format(name=name)}.", step=steps[name])
        for name, state in found.items()
        if state and state not in USABLE
    ]


async def _state(namespace: str, cloud: Cloud) -> str:
    """The registration of a provider, in lower case; "" if the identity may not read it: then the first request tells.

    A registration is remembered at once, so that a retry after the failure of another read does not ask for it again.
    """
    try:
        found: Any = await get_or_none(cloud.resources.providers.get(namespace))
    except ReadRefused:
        return ""
    state = str((found or {}).get("registrationState") or "").lower()
    if state == "registered":
        cloud.registered_providers.add(namespace)
    return state
