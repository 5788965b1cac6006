"""Looking before building: what exists, what is offered, what there is quota for."""

from cloud.connection import Cloud
from cloud.preflight import Preflight, Survey
from environments.plan import Plan


async def survey_existing(request: Plan, cloud: Cloud) -> Survey:
    """Which steps of a plan exist already, and whether its names are ours to take."""
    return await Preflight(cloud).existing(request)


async def survey_size(request: Plan, cloud: Cloud) -> Survey:
    """Whether the machine's size is offered in the region."""
    return await Preflight(cloud).size_offered(request)


async def survey_quota(request: Plan, cloud: Cloud) -> Survey:
    """Whether the subscription's quota has room for the machine."""
    return await Preflight(cloud).quota_left(request)
