"""Activities for VMs and VM extensions."""

import base64
import copy
from typing import Any

from dormouse.cloud.clients import Cloud
from dormouse.cloud.error_codes import GONE
from dormouse.cloud.inventory import Inventory
from dormouse.environments.operations import BuildRequest, ChangePower
from dormouse.environments.results import InstanceView, Progress
from dormouse.guest.cloud_init import cloud_config
from dormouse.lifecycle import Verb


async def put_virtual_machine(request: BuildRequest, cloud: Cloud) -> Progress:
    """Start creating a VM; its password is read from the key vault here and sent to Azure only."""
    step = request.resource
    secret = await cloud.secrets.get_secret(step.settings["secret"])
    body = copy.deepcopy(step.body)
    login = body["properties"]["osProfile"]
    login["adminPassword"] = secret.value
    if step.setup is not None:
        text = cloud_config(step.setup, keys_only="ssh" in login["linuxConfiguration"])
        login["customData"] = base64.b64encode(text.encode()).decode()
    return await cloud.begin(cloud.compute.virtual_machines.begin_create_or_update, step.group, *step.names, body)


async def read_virtual_machine(request: BuildRequest, cloud: Cloud) -> Progress:
    """Read the output of a VM: the principal ID of its identity."""
    machine = await cloud.compute.virtual_machines.get(request.resource.group, *request.resource.names)
    identity = machine.get("identity") or {}
    return Progress.done(principal=str(identity.get("principalId", "")))


async def put_machine_extension(request: BuildRequest, cloud: Cloud) -> Progress:
    """Start installing a VM extension."""
    step = request.resource
    put = cloud.compute.virtual_machine_extensions.begin_create_or_update
    return await cloud.begin(put, step.group, *step.names, step.body)


async def release_network(request: BuildRequest, cloud: Cloud) -> Progress:
    """Detach the lifetime of a network interface from its VM; done if the VM does not exist."""
    card = {"id": request.outputs["nic"]["id"], "properties": {"primary": True, "deleteOption": "Detach"}}
    body: Any = {"properties": {"networkProfile": {"networkInterfaces": [card]}}}
    update = cloud.compute.virtual_machines.begin_update
    progress = await cloud.begin(update, request.resource.group, *request.resource.names, body)
    gone = progress.refusal is not None and progress.refusal.code in GONE
    return Progress.done() if gone else progress


async def begin_power_change(request: ChangePower, cloud: Cloud) -> Progress:
    """Begin to start, deallocate or restart a VM; safe if it is already in that state."""
    machines = cloud.compute_in(request.subscription or cloud.settings.azure_subscription_id).virtual_machines
    begin = {Verb.START: machines.begin_start, Verb.STOP: machines.begin_deallocate, Verb.RESTART: machines.begin_restart}
    options: dict[str, Any] = {"hibernate": True} if request.hibernate and request.verb is Verb.STOP else {}
    return await cloud.begin(begin[request.verb], request.group, request.machine, **options)


async def read_machine(request: ChangePower, cloud: Cloud) -> InstanceView:
    """The current state of a VM from its instance view."""
    return await Inventory(cloud).look(request.group, request.machine, request.subscription)
