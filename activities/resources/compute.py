"""Requests for virtual machines."""

import copy
from collections.abc import Callable
from typing import Any

from activities.resources.api import LoginApi, ProbeApi, ResourceApi
from activities.resources.arm import delete_by_id, get_by_id, put_body
from activities.resources.costs import cost_is_allowed, max_price_suffices
from activities.resources.images import images_fit
from activities.resources.run_command import run_script, script_output
from activities.resources.sizes import sizes_can_be_had
from dormouse.cloud.clients import Cloud
from dormouse.cloud.error_codes import GONE
from dormouse.cloud.sdk_errors import get_existing, get_or_none
from dormouse.environments.answers import Answer, Checked, Done, Refused
from dormouse.environments.requests import DetachRequest, LoginRequest, PowerRequest, PutRequest
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.guest.cloud_init import custom_data
from dormouse.guest.health import findings_in, health_script
from dormouse.guest.password_change import change_script, check_script, password_found
from dormouse.lifecycle import Verb
from dormouse.resources.kinds import Observed
from dormouse.resources.naming import group_of, name_of, subscription_of
from dormouse.resources.plan import Resource


async def put_virtual_machine(request: PutRequest, cloud: Cloud) -> Answer:
    """Start creating a VM; its password is read from the key vault here and sent to Azure only."""
    resource = request.resource
    secret = await get_existing(cloud.secrets.get_secret(resource.settings["secret"]))
    body = copy.deepcopy(resource.body)
    login = body["properties"]["osProfile"]
    login["adminPassword"] = secret.value
    if resource.setup is not None:
        login["customData"] = custom_data(resource.setup, keys_only="ssh" in login["linuxConfiguration"])
    return await put_body(resource, body, cloud)


async def put_extension(request: PutRequest, cloud: Cloud) -> Answer:
    """Start installing a VM extension; one that has failed runs again, although its configuration is the same.

    https://learn.microsoft.com/rest/api/compute/virtual-machine-extensions/create-or-update (forceUpdateTag)
    """
    body = copy.deepcopy(request.resource.body)
    if request.repeated:
        body["properties"]["forceUpdateTag"] = f"{cloud.now():.0f}"
    return await put_body(request.resource, body, cloud)


async def update_virtual_machine(request: PutRequest, cloud: Cloud) -> Answer:
    """Start giving an existing VM the size in its settings; nothing else of it can change, and a stopped one stays so.

    https://learn.microsoft.com/azure/virtual-machines/sizes/resize-vm
    """
    resource = request.resource
    wanted = resource.settings["size"]
    size = resource.before.get("size", wanted) if request.revert else wanted
    body: Any = {"properties": {"hardwareProfile": {"vmSize": size}}}
    update = _machines(resource, cloud).begin_update
    return await cloud.begin(update, group_of(resource.id), name_of(resource.id), body)


async def get_virtual_machine(resource: Resource, cloud: Cloud) -> Observed | None:
    """A VM with its instance view, or None if it does not exist."""
    group, name = group_of(resource.id), name_of(resource.id)
    found: Any = await get_or_none(_machines(resource, cloud).get(group, name, expand="instanceView"))
    return found  # type: ignore[no-any-return]


async def change_power(request: PowerRequest, cloud: Cloud) -> Answer:
    """Start, deallocate (or hibernate) or restart a VM; safe if it is already in that state."""
    resource, machines = request.resource, _machines(request.resource, cloud)
    begin = {Verb.START: machines.begin_start, Verb.STOP: machines.begin_deallocate, Verb.RESTART: machines.begin_restart}
    options: dict[str, Any] = {"hibernate": True} if request.hibernate and request.verb is Verb.STOP else {}
    return await cloud.begin(begin[request.verb], group_of(resource.id), name_of(resource.id), **options)


async def begin_health_check(resource: Resource, cloud: Cloud) -> Answer:
    """Start the health script inside the VM."""
    return Done() if resource.setup is None else await run_script(resource.id, health_script(resource.setup), cloud)


def read_health_check(resource: Resource, body: Any) -> Checked:
    """The results of the health script."""
    return Checked() if resource.setup is None else Checked(findings_in(script_output(body), resource.setup))


async def change_password(request: LoginRequest, cloud: Cloud) -> Answer:
    """Start setting the administrator's password inside the VM; only its hash leaves the control plane."""
    return await _run_password_script(change_script, request, cloud)


async def check_password(request: LoginRequest, cloud: Cloud) -> Answer:
    """Start checking which password the administrator has inside the VM."""
    return await _run_password_script(check_script, request, cloud)


def read_password_found(body: Any) -> str:
    """Which password the administrator has, in the output of a script."""
    return password_found(script_output(body))


async def _run_password_script(script: Callable[[str, str, str], str], request: LoginRequest, cloud: Cloud) -> Answer:
    resource, setup = request.resource, request.resource.setup
    if setup is None:
        detail = "The administrator of the machine is not known, because the recorded spec cannot be read."
        return Refused(Refusal(RefusalReason.CONFLICT, detail))
    secret = await get_existing(cloud.secrets.get_secret(resource.settings["secret"], request.version))
    text = script(setup.admin_username, secret.value or "", request.version)
    return await run_script(resource.id, text, cloud)


async def detach_from_vm(request: DetachRequest, cloud: Cloud) -> Answer:
    """Detach network interfaces from the lifetime of a VM, so that they survive it; done if the VM does not exist."""
    resource = request.resource
    cards = [{"id": kept.id, "properties": {"primary": True, "deleteOption": "Detach"}} for kept in request.kept]
    body: Any = {"properties": {"networkProfile": {"networkInterfaces": cards}}}
    update = _machines(resource, cloud).begin_update
    answer = await cloud.begin(update, group_of(resource.id), name_of(resource.id), body)
    return Done() if isinstance(answer, Refused) and answer.refusal.code in GONE else answer


def _machines(resource: Resource, cloud: Cloud) -> Any:
    return cloud.compute_in(subscription_of(resource.id)).virtual_machines


MACHINE_EXTENSION = ResourceApi(put_extension, get_by_id, delete_by_id)
VIRTUAL_MACHINE = ResourceApi(
    put=put_virtual_machine,
    get=get_virtual_machine,
    delete=delete_by_id,
    update=update_virtual_machine,
    power=change_power,
    probe=ProbeApi(begin_health_check, read_health_check),
    detach=detach_from_vm,
    login=LoginApi(change_password, check_password, read_password_found),
    preflight=(sizes_can_be_had, images_fit, cost_is_allowed, max_price_suffices),
)
