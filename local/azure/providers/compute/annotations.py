"""Resource Health: the newest annotation of each machine, which says why it is available or not.

https://learn.microsoft.com/azure/service-health/resource-health-vm-annotation
https://learn.microsoft.com/azure/event-grid/event-schema-health-resources
"""

from typing import Any

from local.azure.core.world import TENANT, World
from local.azure.providers.kinds import MACHINE

ANNOTATIONS = "annotations"
TYPE = "Microsoft.ResourceHealth/resourceAnnotations"
BY_CUSTOMER, BY_PLATFORM, BY_MACHINE = "Customer Initiated", "Platform Initiated", "VM Initiated"
# The reason of each annotation, who initiated it, and its category; the reasons of starts and shutdowns are assumed.
KNOWN = {
    "VirtualMachinePreempted": ("Preempted", BY_PLATFORM, "Unplanned"),
    "VirtualMachineDeallocationInitiated": ("Stopping and deallocating", BY_CUSTOMER, "Not Applicable"),
    "VirtualMachineStartInitiatedByControlPlane": ("Starting", BY_CUSTOMER, "Not Applicable"),
    "VirtualMachineStoppedInternally": ("Stopped", BY_MACHINE, "Not Applicable"),
}
OF_ACTIONS = {
    "deallocate": "VirtualMachineDeallocationInitiated",
    "start": "VirtualMachineStartInitiatedByControlPlane",
}


def annotate(world: World, machine: str, name: str) -> None:
    """Annotate a machine; the annotation before is replaced."""
    reason, context, category = KNOWN[name]
    properties = {
        "targetResourceId": machine,
        "targetResourceType": MACHINE,
        "occurredTime": world.text(),
        "annotationName": name,
        "reason": reason,
        "context": context,
        "category": category,
        "impactType": "Informational",
    }
    world.store.put(ANNOTATIONS, machine.lower(), properties)


def rows(world: World) -> list[dict[str, Any]]:
    """The annotations of existing machines, as rows of the table healthresources."""
    return [
        {
            "id": f"{properties['targetResourceId']}/providers/{TYPE}/current",
            "name": "current",
            "type": TYPE.lower(),
            "tenantId": TENANT,
            "subscriptionId": properties["targetResourceId"].split("/")[2].lower(),
            "resourceGroup": properties["targetResourceId"].split("/")[4].lower(),
            "location": "",
            "properties": properties,
        }
        for _, properties in world.store.items(ANNOTATIONS)
        if world.resource(properties["targetResourceId"]) is not None
    ]
