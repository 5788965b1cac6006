"""Microsoft.Compute: extensions of virtual machines."""

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World, visible
from local.azure.providers.common import check_put, found, tracked
from local.azure.providers.compute.hibernation import EXTENSION_TYPE, READY
from local.azure.providers.kinds import EXTENSION
from local.azure.vms import pipelines
from local.azure.vms.guest import Guest

LONGEST_SCRIPT = 2400.0  # of the script that waits for the registration
# https://learn.microsoft.com/azure/virtual-machines/extensions/custom-script-linux#troubleshooting
FAILED = "VM has reported a failure when processing extension 'registration' (publisher 'Microsoft.Azure.Extensions' and type 'CustomScript'). Error message: 'Enable failed: failed to execute command: command terminated with exit status=1\n[stdout]\n\n[stderr]\n%s\n'. More information on troubleshooting is available at https://aka.ms/VMExtensionCSELinuxTroubleshoot. "
# https://github.com/hashicorp/terraform/issues/24626
NO_EXTENSIONS = "This operation cannot be performed when extension operations are disallowed. To allow, please ensure VM Agent is installed on the VM and the osProfile.allowExtensionOperations property is true."


def put_extension(world: World, rid: ResourceId, request: Request) -> Answer:
    """Put an extension on a running machine."""
    body = request.json()
    assert rid.parent is not None
    machine = found(world, rid.parent)
    check_put(world, rid, {"location": machine["location"], **body})
    if not (machine["properties"].get("osProfile") or {}).get("allowExtensionOperations", True):
        raise Refused(409, "OperationNotAllowed", NO_EXTENSIONS)
    if machine["_power"] != "running":
        raise Refused(409, "OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running.")
    existing = world.resource(rid.text)
    given = {name: value for name, value in body["properties"].items() if name != "protectedSettings"}
    before = existing["properties"] if existing else {"autoUpgradeMinorVersion": False}
    properties = {**before, **given, "provisioningState": "Updating" if existing else "Creating"}
    document = tracked(rid, {"location": machine["location"], **body}, properties)
    operation = operations.begin(
        world,
        "extension ready",
        rid.text,
        f"PUT {EXTENSION}",
        request=("PUT", rid.text),
        provider="Microsoft.Compute",
        machine=machine["id"],
    )
    if _waits(document):
        due = min(pipelines.registration_due(world, machine), world.seconds() + LONGEST_SCRIPT)
        operation = world.store.put(operations.SHELF, operation["id"], {**operation, "ends": max(operation["ends"], due)})
    world.keep(document)
    where = operations.addresses(operation, request, document["location"])["Azure-AsyncOperation"]
    return Answer(200 if existing else 201, visible(document), {"Azure-AsyncOperation": where})


@operations.finisher("extension ready")
def _extension_ready(world: World, operation: Document) -> None:
    document, machine = world.resource(operation["resource"]), world.resource(operation["machine"])
    if document is None:
        return
    why = _why_not_registered(world, machine) if machine is not None and _waits(document) else ""
    if why:
        operation |= {"status": "Failed", "error": {"code": "VMExtensionProvisioningError", "message": FAILED % why}}
    world.keep({**document, "properties": {**document["properties"], "provisioningState": operation["status"]}})
    if machine is not None and document["properties"].get("type") == "NvidiaGpuDriverLinux":
        world.keep(Guest(world, machine).driver_settled(operation["ends"], installed=operation["status"] == "Succeeded"))
    if machine is not None and document["properties"].get("type") == EXTENSION_TYPE and operation["status"] == "Succeeded":
        world.keep({**machine, READY: True})


def _waits(extension: Document) -> bool:
    """Whether an extension waits until its machine is registered as an agent of Azure Pipelines."""
    given = extension["properties"]
    command = str((given.get("settings") or {}).get("commandToExecute", ""))
    return str(given.get("type")) == "CustomScript" and command.endswith("dormouse-pipelines wait")


def _why_not_registered(world: World, machine: Document) -> str:
    if pipelines.registration_due(world, machine) > world.seconds():
        return "the token cannot be read from Key Vault yet (HTTP 403 Forbidden)"
    return pipelines.register(world, machine)
