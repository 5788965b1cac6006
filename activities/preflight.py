"""Preflight checks before a plan is built."""

from dormouse.cloud.clients import Cloud
from dormouse.cloud.preflight import Preflight
from dormouse.environments.results import ObservedState, PreflightResult
from dormouse.resources.plan import Plan, Resource


async def check_group(request: Plan, cloud: Cloud) -> PreflightResult:
    """Check the resource group of a recorded environment."""
    return await Preflight(cloud).group(request)


async def check_new_group(request: Plan, cloud: Cloud) -> PreflightResult:
    """Check that the resource group of a new environment does not exist yet."""
    return await Preflight(cloud).group(request, new=True)


async def check_storage_name(request: Plan, cloud: Cloud) -> PreflightResult:
    """Check that the name of the storage account is available."""
    return await Preflight(cloud).storage_name(request)


async def check_size(request: Plan, cloud: Cloud) -> PreflightResult:
    """Check that the VM size is offered in the region."""
    return await Preflight(cloud).size_offered(request)


async def check_quota(request: Plan, cloud: Cloud) -> PreflightResult:
    """Check that the subscription's quota suffices for the VM."""
    return await Preflight(cloud).quota_left(request)


async def observe_resource(request: Resource, cloud: Cloud) -> ObservedState:
    """Whether a resource exists, and still matches the plan."""
    return await Preflight(cloud).observe(request)
