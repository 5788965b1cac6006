"""Microsoft.Compute: starting, stopping and looking at machines, and running commands in them."""

from local.azure import operations
from local.azure.answers import Answer, Refused, not_simulated
from local.azure.guest import Guest
from local.azure.identifiers import ResourceId
from local.azure.providers.common import Body, found
from local.azure.providers.machines import DISK, EXTENSION, MACHINE
from local.azure.store import Document
from local.azure.world import World

PAUSES = {"start": 10, "deallocate": 10}
WHILE = {"start": "starting", "deallocate": "deallocating", "powerOff": "stopping", "restart": "running"}
AFTER = {"start": "running", "deallocate": "deallocated", "powerOff": "stopped", "restart": "running"}
AT_ONCE = 0.3  # what is asked to be as it is already takes no time

BUSY = "Run command extension execution is in progress. Please wait for completion before invoking a run command."
SHOWN = {
    "succeeded": "Provisioning succeeded",
    "failed": "Provisioning failed",
    "creating": "Creating",
    "updating": "Updating",
}


def change(world: World, rid: ResourceId, action: str, base: str) -> Answer:
    """Begin to start, deallocate, power off or restart a machine."""
    machine = found(world, rid)
    if machine["properties"]["provisioningState"] in ("Creating", "Deleting"):
        state = machine["properties"]["provisioningState"].lower()
        raise Refused(
            409, "OperationNotAllowed", f"Operation '{action}' is not allowed on VM '{rid.name}' since the VM is {state}."
        )
    if action == "restart" and machine["_power"] != "running":
        raise Refused(409, "OperationNotAllowed", f"Cannot restart VM '{rid.name}' because it is not running.")
    fault = world.faults.striking("fail", "POST", f"{rid.text}/{action}", MACHINE)
    there = machine["_power"] == AFTER[action] and action != "restart"
    seconds = AT_ONCE if there else world.draw(f"POST {MACHINE}/{action}", rid.text)
    world.keep({**machine, "_power": machine["_power"] if there else WHILE[action]})
    operation = operations.begin(
        world,
        "power changed",
        rid.text,
        seconds,
        provider="Microsoft.Compute",
        failure=fault.refusal if fault else None,
        action=action,
        before=machine["_power"],
    )
    headers = operations.addresses(operation, base, machine["location"])
    if action in PAUSES:
        headers["Retry-After"] = str(PAUSES[action])
    return Answer(202, None, headers)


@operations.finisher("power changed")
def _changed(world: World, operation: Document) -> None:
    machine = world.resource(operation["resource"])
    if machine is None:
        return
    if operation["status"] == "Failed":
        world.keep({**machine, "_power": operation["before"]})
        return
    action = operation["action"]
    changed = {**machine, "_power": AFTER[action]}
    if AFTER[action] == "running" and (action == "restart" or operation["before"] != "running"):
        changed = Guest(world, changed).booted(operation["ends"])
    world.keep(changed)
    _mark_disk(world, changed)


def run_command(world: World, rid: ResourceId, body: Body, base: str) -> Answer:
    """Begin to run a script inside a machine: one at a time, and only while it runs."""
    machine = found(world, rid)
    if body.get("commandId") != "RunShellScript" or body.get("parameters"):
        raise not_simulated(f"the run command {body.get('commandId')} with parameters {body.get('parameters')}")
    if machine["_power"] != "running" or machine["properties"]["provisioningState"] == "Creating":
        raise Refused(409, "OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running.")
    if operations.under_way(world, rid.text, "command run"):
        raise Refused(409, "Conflict", BUSY)
    seconds = world.draw(f"POST {MACHINE}/runCommand", rid.text)
    script = "\n".join(body.get("script") or [])
    operation = operations.begin(world, "command run", rid.text, seconds, provider="Microsoft.Compute", script=script)
    return Answer(202, None, operations.addresses(operation, base, machine["location"]))


@operations.finisher("command run")
def _command_run(world: World, operation: Document) -> None:
    machine = world.resource(operation["resource"])
    if machine is None:
        return
    out, err = Guest(world, machine).run(operation["script"])
    message = f"Enable succeeded: \n[stdout]\n{out[-4096:]}\n[stderr]\n{err[-4096:]}"
    status = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
    operation["output"] = {"value": [{**status, "message": message}]}


def instance_view(world: World, machine: Document) -> Body:
    """How a machine looks from outside at this moment."""
    power, state = machine["_power"], str(machine["properties"]["provisioningState"]).lower()
    view: Body = {}
    if power == "running":
        ready = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready"}
        view["computerName"] = machine["properties"]["osProfile"].get("computerName", machine["name"])
        view["osName"], view["osVersion"] = "ubuntu", "24.04"
        view["vmAgent"] = {"vmAgentVersion": "2.12.0.2", "statuses": [{**ready, "message": "Guest Agent is running"}]}
    view["hyperVGeneration"] = "V2"
    extensions = [_extension(item) for item in world.resources(EXTENSION, machine["id"] + "/")]
    if extensions:
        view["extensions"] = extensions
    problem = machine.get("_problem")
    code = f"ProvisioningState/{state}" + (f"/{problem['code']}" if problem and state == "failed" else "")
    status = {"code": code, "level": "Error" if state == "failed" else "Info", "displayStatus": SHOWN.get(state, state)}
    if problem and state == "failed":
        status["message"] = problem["message"]
    view["statuses"] = [status]
    if power != "creating":
        view["statuses"].append({"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"})
    return view


def _extension(document: Document) -> Body:
    given = document["properties"]
    state = str(given["provisioningState"]).lower()
    status = {"code": f"ProvisioningState/{state}", "level": "Info", "displayStatus": SHOWN.get(state, state)}
    kind = f"{given.get('publisher')}.{given.get('type')}"
    return {
        "name": document["name"],
        "type": kind,
        "typeHandlerVersion": given.get("typeHandlerVersion"),
        "statuses": [status],
    }


def _mark_disk(world: World, machine: Document) -> None:
    for disk in world.resources(DISK):
        if disk.get("managedBy", "").lower() == machine["id"].lower():
            state = "Reserved" if machine["_power"] == "deallocated" else "Attached"
            world.keep({**disk, "properties": {**disk["properties"], "diskState": state}})
