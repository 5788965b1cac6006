"""Microsoft.Compute: starting, stopping and inspecting machines, and running commands in them."""

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body, found
from local.azure.providers.compute import annotations, disks
from local.azure.providers.compute.capacity import check_capacity, no_capacity
from local.azure.providers.compute.hibernation import hibernates
from local.azure.providers.compute.images import WINDOWS, Image, image_of
from local.azure.providers.compute.spot import check_price
from local.azure.providers.kinds import EXTENSION, MACHINE
from local.azure.vms.agent_process import changed_by
from local.azure.vms.guest import Guest
from local.azure.vms.timelines import with_power

PAUSES = {"start": (10, 9), "deallocate": (10, 36)}
WHILE = {"start": "starting", "deallocate": "deallocating", "powerOff": "stopping", "restart": "running"}
AFTER = {"start": "running", "deallocate": "deallocated", "powerOff": "stopped", "restart": "running"}
AT_ONCE = 0.3  # a request for the present state takes no time

SETTLED = {"code": "ProvisioningState/succeeded", "level": "Info"}
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
    hibernate = action == "deallocate" and hibernates(machine, request)
    if action == "restart" and machine["_power"] != "running":
        raise Refused(409, "OperationNotAllowed", f"Cannot restart VM '{rid.name}' because it is not running.")
    there = machine["_power"] == AFTER[action] and action != "restart"
    # A deallocated machine has given up its capacity: there may be none when it starts again.
    placeless = action == "start" and machine["_power"] == "deallocated"
    if placeless:
        size = machine["properties"]["hardwareProfile"]["vmSize"]
        check_capacity(world, size, machine["location"], machine.get("zones") or [])
        check_price(world, machine["properties"], machine["location"], "Start VM")
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
    if action in annotations.OF_ACTIONS and not there:
        annotations.annotate(world, machine["id"], annotations.OF_ACTIONS[action])
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
    if _image(machine).system == WINDOWS:
        raise not_simulated("scripts in machines with Windows")
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
    guest = Guest(world, machine)
    out, err = (changed[1], "") if changed else guest.run(operation["script"])
    if guest.with_accounts is not None:
        world.keep(guest.with_accounts)
    message = f"Enable succeeded: \n[stdout]\n{out[-4096:]}\n[stderr]\n{err[-4096:]}"
    status = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
    operation["output"] = {"value": [{**status, "message": message}]}


def instance_view(world: World, machine: Document) -> Body:
    """The instance view of a machine at this moment."""
    power, state = machine["_power"], str(machine["properties"]["provisioningState"]).lower()
    now = world.text(float(int(world.seconds()))).replace(".0000000", "")
    profile, image = machine["properties"]["storageProfile"], _image(machine)
    view: Body = {}
    if power == "running" and Guest(world, machine).is_up():
        view["computerName"] = (machine["properties"].get("osProfile") or {}).get("computerName", machine["name"])
        view["osName"], view["osVersion"] = image.name, image.version
    view["vmAgent"] = _agent(world, machine, now)
    disks_shown = [world.resource(str(one["managedDisk"].get("id"))) for one in (profile["osDisk"], *profile["dataDisks"])]
    statuses = [
        {**SETTLED, "displayStatus": "Provisioning succeeded", "time": d["properties"]["timeCreated"]}
        for d in disks_shown
        if d
    ]
    if statuses:
        view["disks"] = [
            {"name": d["name"], "statuses": [s]} for d, s in zip([d for d in disks_shown if d], statuses, strict=True)
        ]
    pictures = (machine["properties"].get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
    if pictures.get("enabled"):
        view["bootDiagnostics"] = _pictures(machine, str(pictures.get("storageUri") or ""))
    view["hyperVGeneration"] = image.generation
    extensions = [extension_view(item) for item in world.resources(EXTENSION, machine["id"] + "/")]
    if extensions:
        view["extensions"] = extensions
    view["statuses"] = [_provisioning(machine, state, now)]
    if power != "creating":
        view["statuses"].append({"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"})
    if machine.get("_hibernated"):
        view["statuses"].append({"code": "HibernationState/Hibernated", "level": "Info", "displayStatus": "VM hibernated"})
    return view


def _image(machine: Document) -> Image:
    return image_of(machine["properties"]["storageProfile"].get("imageReference") or {})


def _agent(world: World, machine: Document, now: str) -> Body:
    """What Azure knows of its agent in a machine; one that does not run is unresponsive (recorded for a deallocated one)."""
    ready = machine["_power"] == "running" and Guest(world, machine).is_up()
    if not ready:
        said = (
            "VM status blob is found but not yet populated."
            if machine["_power"] == "running"
            else "VM Agent is unresponsive."
        )
        status = {"code": "ProvisioningState/Unavailable", "level": "Warning", "displayStatus": "Not Ready", "message": said}
        return {"vmAgentVersion": "Unknown", "statuses": [{**status, "time": now}]}
    windows = _image(machine).system == WINDOWS
    said = "GuestAgent is running and processing the extensions." if windows else "Guest Agent is running"
    version = "2.7.41491.1095" if windows else "2.12.0.2"
    status = {**SETTLED, "displayStatus": "Ready", "message": said, "time": now}
    handlers = [_handler(item) for item in world.resources(EXTENSION, machine["id"] + "/")] if windows else []
    return {"vmAgentVersion": version, "statuses": [status], "extensionHandlers": handlers}


def _handler(document: Document) -> Body:
    """An extension as the agent of Windows lists it; recorded lists of Linux are empty."""
    given = document["properties"]
    kind = f"{given.get('publisher')}.{given.get('type')}"
    status = {**SETTLED, "displayStatus": "Ready"}
    return {"type": kind, "typeHandlerVersion": _whole_version(document), "status": status}


def _whole_version(document: Document) -> str:
    """The version of an extension's handler, which has four numbers once it is installed; the last ones are invented."""
    parts = str(document["properties"].get("typeHandlerVersion") or "1.0").split(".")
    return ".".join([*parts, "0", "0", "0"][:4])


def _pictures(machine: Document, account: str) -> Body:
    """Where the pictures of the last boots are; those in an account of Azure's own have no address."""
    if not account:
        return {}
    number, name = machine["properties"]["vmId"], machine["name"]
    short = name.replace("-", "")[:9]
    root = f"{account.rstrip('/')}/bootdiagnostics-{short}-{number}/{name}.{number}"
    return {"consoleScreenshotBlobUri": f"{root}.screenshot.bmp", "serialConsoleLogBlobUri": f"{root}.serialconsole.log"}


def status_only(world: World, machine: Document) -> Body:
    """A machine in the list of all machines with `statusOnly=true`: its present status, and little else.

    Its power state is documented; which other properties are returned is not recorded, so only the status is.
    https://learn.microsoft.com/azure/virtual-machines/states-billing
    """
    view = {"statuses": instance_view(world, machine)["statuses"]}
    seen = {name: machine[name] for name in ("id", "name", "type", "location")}
    return {**seen, "properties": {"vmId": machine["properties"]["vmId"], "instanceView": view}}


def _provisioning(machine: Document, state: str, now: str) -> Body:
    problem = machine.get("_problem") if state == "failed" else None
    code = f"ProvisioningState/{state}" + (f"/{problem['code']}" if problem else "")
    status = {"code": code, "level": "Error" if state == "failed" else "Info", "displayStatus": SHOWN.get(state, state)}
    return {**status, **({"message": problem["message"]} if problem else {}), "time": now}


def extension_view(document: Document) -> Body:
    """The instance view of an extension at this moment."""
    given = document["properties"]
    state = str(given["provisioningState"]).lower()
    status = {"code": f"ProvisioningState/{state}", "level": "Info", "displayStatus": SHOWN.get(state, state)}
    settled = {"message": "Enable succeeded."} if state == "succeeded" else {}
    kind = f"{given.get('publisher')}.{given.get('type')}"
    return {
        "name": document["name"],
        "type": kind,
        "typeHandlerVersion": _whole_version(document),
        "statuses": [{**status, **settled}],
    }
