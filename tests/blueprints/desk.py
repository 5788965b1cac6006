"""A kind of resource that exists in the tests only: a desk, which is open while the VM that it is in runs.

It is a tag of the VM, so that everything happens at the simulated Azure. It must be closed before the VM stops.
"""

from typing import Any

from activities.resources.api import ResourceApi
from activities.resources.registry import API
from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import get_or_none
from dormouse.environments.answers import Answer, Done
from dormouse.environments.requests import PutRequest
from dormouse.lifecycle import State
from dormouse.resources.compute.machine_views import power_state
from dormouse.resources.kinds import Observed, ResourceKind, always_as_put
from dormouse.resources.naming import group_of, name_of
from dormouse.resources.plan import Resource
from dormouse.resources.registry import KINDS

TAG = "desk"


def desk(vm: Resource) -> Resource:
    """A desk in a VM."""
    return Resource("desk", KIND.name, f"{vm.id}#desk", settings={"vm": vm.id}, needs=(vm.name,), contained_in=vm.name)


async def put_desk(request: PutRequest, cloud: Cloud) -> Answer:
    """Open the desk."""
    return await _set(request.resource, "open", cloud)


async def get_desk(resource: Resource, cloud: Cloud) -> Observed | None:
    """The desk, if its VM has one."""
    vm = await _vm(resource, cloud)
    state = ((vm or {}).get("tags") or {}).get(TAG)
    return {"state": state} if state else None


async def delete_desk(resource: Resource, cloud: Cloud) -> Answer:
    """Take the desk away."""
    return await _set(resource, None, cloud)


async def close_desk(resource: Resource, cloud: Cloud) -> Answer:
    """Close the desk; there is nothing to close in a VM that does not run."""
    vm = await _vm(resource, cloud)
    running = vm is not None and power_state(vm) is State.RUNNING
    return await _set(resource, "closed", cloud) if running else Done()


async def open_desk(resource: Resource, cloud: Cloud) -> Answer:
    """Open the desk again."""
    return await _set(resource, "open", cloud)


async def _vm(resource: Resource, cloud: Cloud) -> Any:
    identifier = resource.settings["vm"]
    machines = cloud.compute.virtual_machines
    return await get_or_none(machines.get(group_of(identifier), name_of(identifier), expand="instanceView"))


async def _set(resource: Resource, state: str | None, cloud: Cloud) -> Answer:
    vm = await _vm(resource, cloud)
    tags = {name: value for name, value in ((vm or {}).get("tags") or {}).items() if name != TAG}
    wanted = {**tags, **({TAG: state} if state else {})}
    if vm is None or vm.get("tags") == wanted:
        return Done()
    identifier = resource.settings["vm"]
    update = cloud.compute.virtual_machines.begin_update
    return await cloud.begin(update, group_of(identifier), name_of(identifier), {"tags": wanted})


KIND = ResourceKind("desk", diff=always_as_put, label=lambda resource: resource.id, needs_power=True, suspends=True)


def register() -> None:
    """Make the kind known to the app of this process."""
    KINDS[KIND.name] = KIND
    API[KIND.name] = ResourceApi(put_desk, get_desk, delete_desk, suspend=close_desk, resume=open_desk)
