"""Looking before building: what exists, what is offered, what there is quota for."""

from dormouse.cloud.clients import Cloud
from dormouse.cloud.preflight import Preflight
from dormouse.environments.results import ObservedState, PreflightResult
from dormouse.resources.plan import Plan, Resource


async def check_group(request: Plan, cloud: Cloud) -> PreflightResult:
    """Whether a plan's group exists, and is ours."""
    return await Preflight(cloud).group(request)


async def check_new_group(request: Plan, cloud: Cloud) -> PreflightResult:
    """Whether the group of a plan for a new environment can be created: one that exists is not ours."""
    return await Preflight(cloud).group(request, new=True)


async def check_storage_name(request: Plan, cloud: Cloud) -> PreflightResult:
    """Whether a plan's storage account can have its name."""
    return await Preflight(cloud).storage_name(request)


async def check_size(request: Plan, cloud: Cloud) -> PreflightResult:
    """Whether the machine's size is offered in the region."""
    return await Preflight(cloud).size_offered(request)


async def check_quota(request: Plan, cloud: Cloud) -> PreflightResult:
    """Whether the subscription's quota has room for the machine."""
    return await Preflight(cloud).quota_left(request)


async def observe_resource(request: Resource, cloud: Cloud) -> ObservedState:
    """Whether the resource of a step exists, and is as it was put."""
    return await Preflight(cloud).look_at(request)
