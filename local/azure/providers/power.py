"""Microsoft.Compute: starting, stopping and looking at machines, and running commands in them."""

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers import disks
from local.azure.providers.admission import no_capacity
from local.azure.providers.common import Body, found
from local.azure.providers.kinds import EXTENSION, MACHINE
from local.azure.vms.agent_process import changed_by
from local.azure.vms.guest import Guest
from local.azure.vms.timelines import with_power

PAUSES = {"start": (10, 9), "deallocate": (10, 36)}
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


def change(world: World, rid: ResourceId, action: str, request: Request) -> Answer:
    """Begin to start, deallocate, power off or restart a machine."""
    machine = found(world, rid)
    if machine["properties"]["provisioningState"] in ("Creating", "Deleting"):
        state = machine["properties"]["provisioningState"].lower()
        raise Refused(
            409, "OperationNotAllowed", f"Operation '{action}' is not allowed on VM '{rid.name}' since the VM is {state}."
        )
    hibernate = action == "deallocate" and _hibernates(machine, request)
    if action == "restart" and machine["_power"] != "running":
        raise Refused(409, "OperationNotAllowed", f"Cannot restart VM '{rid.name}' because it is not running.")
    there = machine["_power"] == AFTER[action] and action != "restart"
    # What is deallocated has given its place away: there may be none when it comes back.
    placeless = action == "start" and machine["_power"] == "deallocated"
    first, later = PAUSES.get(action, (0, 0))
    operation = operations.begin(
        world,
        "power changed",
        rid.text,
        AT_ONCE if there else f"POST {MACHINE}/{action}",
        request=("POST", f"{rid.text}/{action}"),
        provider="Microsoft.Compute",
        failure=no_capacity(world, machine) if placeless else None,
        pause=later,
        action=action,
        before=machine["_power"],
        hibernate=hibernate,
    )
    world.keep(with_power(machine, machine["_power"] if there else WHILE[action], world.seconds()))
    headers = operations.addresses(operation, request, machine["location"])
    if first:
        headers["Retry-After"] = str(first)
    return Answer(202, None, headers)


@operations.finisher("power changed")
def _changed(world: World, operation: Document) -> None:
    machine = world.resource(operation["resource"])
    if machine is None:
        return
    if operation["status"] == "Failed":
        world.keep(with_power(machine, operation["before"], operation["ends"]))
        return
    action = operation["action"]
    awake = {name: value for name, value in machine.items() if name != "_hibernated"}
    changed = with_power(awake, AFTER[action], operation["ends"])
    if operation.get("hibernate"):
        changed["_hibernated"] = True
    if AFTER[action] == "running" and (action == "restart" or operation["before"] != "running"):
        changed = Guest(world, changed).booted(operation["ends"], resumed=bool(machine.get("_hibernated")))
    world.keep(changed)
    disks.mark(world, changed)


def run_command(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to run a script inside a machine: one at a time, and only while it runs."""
    body = request.json()
    machine = found(world, rid)
    if body.get("commandId") != "RunShellScript" or body.get("parameters"):
        raise not_simulated(f"the run command {body.get('commandId')} with parameters {body.get('parameters')}")
    if machine["_power"] != "running" or machine["properties"]["provisioningState"] == "Creating":
        raise Refused(409, "OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running.")
    if operations.under_way(world, rid.text, "command run"):
        raise Refused(409, "Conflict", BUSY)
    operation = operations.begin(
        world,
        "command run",
        rid.text,
        f"POST {MACHINE}/runCommand",
        request=("POST", f"{rid.text}/runCommand"),
        provider="Microsoft.Compute",
        script="\n".join(body.get("script") or []),
    )
    return Answer(202, None, operations.addresses(operation, request, machine["location"]))


@operations.finisher("command run")
def _command_run(world: World, operation: Document) -> None:
    machine = world.resource(operation["resource"])
    if machine is None or operation["status"] == "Failed":
        return
    changed = changed_by(operation["script"], machine, operation["ends"])
    if changed is not None:
        world.keep(changed[0])
    out, err = (changed[1], "") if changed else Guest(world, machine).run(operation["script"])
    message = f"Enable succeeded: \n[stdout]\n{out[-4096:]}\n[stderr]\n{err[-4096:]}"
    status = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
    operation["output"] = {"value": [{**status, "message": message}]}


def instance_view(world: World, machine: Document) -> Body:
    """How a machine looks from outside at this moment."""
    power, state = machine["_power"], str(machine["properties"]["provisioningState"]).lower()
    now = world.text(float(int(world.seconds()))).replace(".0000000", "")
    settled = {"code": "ProvisioningState/succeeded", "level": "Info"}
    view: Body = {}
    if power == "running":
        ready = {**settled, "displayStatus": "Ready", "message": "Guest Agent is running", "time": now}
        view["computerName"] = machine["properties"]["osProfile"].get("computerName", machine["name"])
        view["osName"], view["osVersion"] = "ubuntu", "24.04"
        view["vmAgent"] = {"vmAgentVersion": "2.12.0.2", "statuses": [ready], "extensionHandlers": []}
    disk = world.resource(machine["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"])
    if disk is not None:
        status = {**settled, "displayStatus": "Provisioning succeeded", "time": disk["properties"]["timeCreated"]}
        view["disks"] = [{"name": disk["name"], "statuses": [status]}]
    view["hyperVGeneration"] = "V2"
    extensions = [_extension(item) for item in world.resources(EXTENSION, machine["id"] + "/")]
    if extensions:
        view["extensions"] = extensions
    view["statuses"] = [_provisioning(machine, state, now)]
    if power != "creating":
        view["statuses"].append({"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"})
    if machine.get("_hibernated"):
        view["statuses"].append({"code": "HibernationState/Hibernated", "level": "Info", "displayStatus": "VM hibernated"})
    return view


def status_only(world: World, machine: Document) -> Body:
    """A machine in the list of all machines with `statusOnly=true`: how it runs at this moment, and little else.

    That its power state is there is documented; which of the other properties are there is not recorded, so only the status is.
    https://learn.microsoft.com/azure/virtual-machines/states-billing
    """
    view = {"statuses": instance_view(world, machine)["statuses"]}
    seen = {name: machine[name] for name in ("id", "name", "type", "location")}
    return {**seen, "properties": {"vmId": machine["properties"]["vmId"], "instanceView": view}}


def _hibernates(machine: Document, request: Request) -> bool:
    """Whether a machine is to sleep when it is deallocated; raises the refusals for machines that cannot, or cannot go at all."""
    unknown = set(request.query) - {"api-version", "hibernate"}
    if unknown:
        raise not_simulated(f"deallocate with {', '.join(sorted(unknown))}")
    name, properties = machine["name"], machine["properties"]
    # What Azure says in these cases is not recorded anywhere we could find: its code is documented, its words are assumed.
    if "diffDiskSettings" in properties["storageProfile"]["osDisk"]:
        text = f"Operation 'deallocate' is not supported on VM '{name}' since it uses an ephemeral OS disk."
        raise Refused(409, "OperationNotAllowed", text)
    if request.query.get("hibernate", "").lower() != "true":
        return False
    if not (properties.get("additionalCapabilities") or {}).get("hibernationEnabled"):
        text = f"Operation 'hibernate' is not allowed on VM '{name}' since hibernation is not enabled on it."
        raise Refused(409, "OperationNotAllowed", text)
    if machine["_power"] != "running":
        text = f"Operation 'hibernate' is not allowed on VM '{name}' since the VM is not running."
        raise Refused(409, "OperationNotAllowed", text)
    return True


def _provisioning(machine: Document, state: str, now: str) -> Body:
    problem = machine.get("_problem") if state == "failed" else None
    code = f"ProvisioningState/{state}" + (f"/{problem['code']}" if problem else "")
    status = {"code": code, "level": "Error" if state == "failed" else "Info", "displayStatus": SHOWN.get(state, state)}
    return {**status, **({"message": problem["message"]} if problem else {}), "time": now}


def _extension(document: Document) -> Body:
    given = document["properties"]
    state = str(given["provisioningState"]).lower()
    status = {"code": f"ProvisioningState/{state}", "level": "Info", "displayStatus": SHOWN.get(state, state)}
    settled = {"message": "Enable succeeded."} if state == "succeeded" else {}
    kind = f"{given.get('publisher')}.{given.get('type')}"
    return {
        "name": document["name"],
        "type": kind,
        "typeHandlerVersion": given.get("typeHandlerVersion"),
        "statuses": [{**status, **settled}],
    }
