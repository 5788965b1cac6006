"""The activities for resources of every kind; what each does for a kind is in `activities.resources.registry`."""

import asyncio

from activities.resources.registry import API, api_of
from activities.resources.survey import check, observe
from dormouse.cloud.clients import Cloud
from dormouse.environments.answers import Answer, Checked, Done, HealthAnswer, Pending, Refused
from dormouse.environments.requests import (
    CheckRequest,
    DetachRequest,
    LoginRequest,
    PollRequest,
    PowerRequest,
    PutRequest,
    SecretRequest,
)
from dormouse.environments.results import Refusal, RefusalReason, ResourceStatus
from dormouse.resources.compute.snapshots import SnapshotRequest
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of


async def observe_resource(request: Resource, cloud: Cloud) -> ResourceStatus:
    """What Azure shows of a resource; one without a body is not compared with the plan."""
    return await observe(request, cloud)


async def check_preflight(request: CheckRequest, cloud: Cloud) -> list[Refusal]:
    """Make one preflight check for the resources of a plan that are to be created or changed."""
    return list(await check(request.check, request.plan, request.absent, cloud))


async def put_resource(request: PutRequest, cloud: Cloud) -> Answer:
    """Start creating or updating a resource."""
    api = api_of(request.resource)
    put = api.update if request.update and api.update else api.put
    return await put(request, cloud)


async def read_put(request: PollRequest, cloud: Cloud) -> Answer:
    """Poll a put that a script inside a machine makes; when it has ended, its output decides."""
    answer, body = await cloud.ask(request.url)
    if not isinstance(answer, Done):
        return answer
    assert request.resource is not None
    read = api_of(request.resource).read_put
    assert read is not None
    return read(request.resource, body)


async def read_outputs(request: Resource, cloud: Cloud) -> Answer:
    """Read the outputs of an existing resource."""
    observed = await api_of(request).get(request, cloud)
    if observed is None:
        return Refused(Refusal(RefusalReason.NOT_FOUND, f"{kind_of(request).label(request)} does not exist."))
    return Done(dict(kind_of(request).outputs(observed)))


async def delete_resource(request: Resource, cloud: Cloud) -> Answer:
    """Start deleting a resource; deleting a missing one succeeds."""
    return await api_of(request).delete(request, cloud)


async def list_deleted(request: str, cloud: Cloud) -> list[Resource]:
    """The deleted resources of an environment that can still be recovered."""
    kept = [api.soft_delete for api in API.values() if api.soft_delete]
    found = await asyncio.gather(*(each.list_deleted(request, cloud) for each in kept))
    return [resource for resources in found for resource in resources]


async def purge_resource(request: Resource, cloud: Cloud) -> Answer:
    """Start purging a deleted resource, so that it cannot be recovered."""
    soft_delete = api_of(request).soft_delete
    return await soft_delete.purge(request, cloud) if soft_delete else Done()


async def change_resource_power(request: PowerRequest, cloud: Cloud) -> Answer:
    """Start to start, stop or restart a resource; safe if it is already in that state."""
    power = api_of(request.resource).power
    return await power(request, cloud) if power else Done()


async def suspend_resource(request: Resource, cloud: Cloud) -> Answer:
    """Start suspending a resource, before what it needs is stopped or deleted."""
    suspend = api_of(request).suspend
    return await suspend(request, cloud) if suspend else Done()


async def resume_resource(request: Resource, cloud: Cloud) -> Answer:
    """Start resuming a suspended resource, after what it needs was started."""
    resume = api_of(request).resume
    return await resume(request, cloud) if resume else Done()


async def renew_secret(request: SecretRequest, cloud: Cloud) -> Answer:
    """Make a new version of a secret; the answer names the version before and the new one."""
    rotation = api_of(request.resource).rotation
    return await rotation.renew(request, cloud) if rotation else Done()


async def restore_secret(request: SecretRequest, cloud: Cloud) -> Answer:
    """Make an earlier version of a secret the newest one again."""
    rotation = api_of(request.resource).rotation
    return await rotation.restore(request, cloud) if rotation else Done()


async def change_login(request: LoginRequest, cloud: Cloud) -> Answer:
    """Start giving a resource the password in a version of its secret."""
    login = api_of(request.resource).login
    return await login.change(request, cloud) if login else Done()


async def check_login(request: LoginRequest, cloud: Cloud) -> Answer:
    """Start checking whether a resource has the password in a version of its secret."""
    login = api_of(request.resource).login
    return await login.check(request, cloud) if login else Done()


async def read_login(request: PollRequest, cloud: Cloud) -> Answer:
    """Poll a change or check of a password; when it has ended, the output `password` says which one the resource has."""
    answer, body = await cloud.ask(request.url)
    if not isinstance(answer, Done):
        return answer
    assert request.resource is not None
    login = api_of(request.resource).login
    assert login is not None
    return Done({"password": login.read(body)})


async def take_snapshot(request: SnapshotRequest, cloud: Cloud) -> Answer:
    """Start taking a snapshot of a disk."""
    snapshot = api_of(request.disk).snapshot
    return await snapshot(request, cloud) if snapshot else Done()


async def detach_resources(request: DetachRequest, cloud: Cloud) -> Answer:
    """Start keeping resources from being deleted together with the one that uses them."""
    detach = api_of(request.resource).detach
    return await detach(request, cloud) if detach else Done()


async def begin_probe(request: Resource, cloud: Cloud) -> Answer | Checked:
    """Start the health check of a resource, or make it if it is one question to Azure."""
    probe = api_of(request).probe
    return await probe.begin(request, cloud) if probe else Done()


async def read_probe(request: PollRequest, cloud: Cloud) -> HealthAnswer:
    """Poll the health check of a resource; when it has ended, return its results."""
    answer, body = await cloud.ask(request.url)
    if isinstance(answer, Pending | Refused):
        return answer
    assert request.resource is not None
    probe = api_of(request.resource).probe
    assert probe is not None
    return probe.read(request.resource, body)
