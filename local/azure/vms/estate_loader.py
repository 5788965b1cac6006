"""Loading the machines of an estate into the world, with their past."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from local.azure.core import regions
from local.azure.core.resource_ids import ResourceId
from local.azure.core.store import Document
from local.azure.core.world import SIGNALS, TENANT, World
from local.azure.providers.kinds import GROUP, MACHINE
from local.azure.providers.roles import PRINCIPALS
from local.azure.vms import timelines
from local.azure.vms.estate_parser import Items
from local.azure.vms.estates import Estate, EstateError, Machine, Signals, understood
from local.azure.vms.timelines import MINUTE, Timeline

IMAGE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}


def load(world: World, content: Any) -> int:
    """Load the machines of an estate, except those that exist already, and return their number; raises EstateError."""
    estate = understood(Estate, content)
    faults = [
        f"machines.{place}.region: there is no region {machine.region}"
        for place, machine in enumerate(estate.machines)
        if not regions.exists(machine.region)
    ]
    names = Counter(rid.text.lower() for machine in estate.machines for rid in machine.ids)
    faults += [f"{identifier} is listed {count} times" for identifier, count in names.items() if count > 1]
    if faults:
        raise EstateError(faults)
    now = float(int(world.seconds()))
    machines: dict[str, Document] = {}
    signals: dict[str, Document] = {}
    for machine in estate.machines:
        its_signals = _signals(machine, int(now // MINUTE) - 1)
        for rid in machine.ids:
            if world.resource(rid.text) is None:
                machines[rid.text] = _document(world, machine, rid, now)
                signals[rid.text] = its_signals
    principals = [document["identity"]["principalId"] for document in machines.values()]
    world.store.put_all(PRINCIPALS, {principal: {"id": principal, "known_at": 0} for principal in principals})
    world.store.put_all(SIGNALS, signals)
    world.adopt([*_groups(world, machines.values()), *machines.values()])
    return len(machines)


def change(world: World, content: Any) -> None:
    """Change the signals of a machine from this minute on; raises EstateError."""
    given = understood(Signals, content)
    machine = world.resource(given.id)
    if machine is None:
        raise EstateError([f"there is no machine {given.id}"])
    minute, before = int(world.seconds() // MINUTE), timelines.signals_of(world, machine)

    def gone_on(side: str, changes: dict[Any, Items]) -> dict[str, Timeline]:
        fresh = {name: timelines.beginning(items, minute) for name, items in changes.items()}
        return before[side] | {name: timelines.changed(before[side].get(name), new) for name, new in fresh.items()}

    kept = {"host": gone_on("host", given.host), "inside": gone_on("inside", given.inside)}
    world.store.put(SIGNALS, given.id, kept)


def _signals(machine: Machine, last: int) -> Document:
    return {
        "host": {name: timelines.ending(items, last) for name, items in machine.host.items()},
        "inside": {name: timelines.ending(items, last) for name, items in machine.inside.items()},
    }


def _groups(world: World, machines: Iterable[Document]) -> list[Document]:
    found: dict[str, Document] = {}
    for machine in machines:
        identifier = "/".join(machine["id"].split("/")[:5])
        if world.resource(identifier) is None and identifier.lower() not in found:
            group = {"id": identifier, "name": identifier.rpartition("/")[2], "type": GROUP, "location": machine["location"]}
            found[identifier.lower()] = {**group, "properties": {"provisioningState": "Succeeded"}}
    return list(found.values())


def _document(world: World, machine: Machine, rid: ResourceId, now: float) -> Document:
    started = now - (machine.created if machine.started is None else machine.started)
    guest: Document = {"up": started, "first_up": started, "setup_takes": 0.0, "driver_at": started}
    guest |= {"driver": machine.gpu_found == "ok", "gpu": machine.gpu_found}
    guest["holds"] = [{"by": hold.by, "reason": hold.reason, "until": now + hold.lasts} for hold in machine.awake]
    guest["problems"] = dict(machine.problems)
    if machine.agent:
        guest["agent"] = {"since": started, "running": True}
    principal = world.guid("principal", rid.text)
    return {
        "name": rid.name,
        "id": rid.text,
        "type": MACHINE,
        "location": machine.region,
        "tags": machine.tags,
        "properties": _properties(world, machine, rid, world.text(now - machine.created)),
        "identity": {"type": "SystemAssigned", "principalId": principal, "tenantId": TENANT},
        "_power": machine.power,
        "_ran": [[started, None]] if machine.power == "running" else [],
        "_guest": guest,
        "_custom_data": "",
        **({"_can_hibernate": True} if machine.hibernation else {}),
    }


def _properties(world: World, machine: Machine, rid: ResourceId, created: str) -> Document:
    disk = f"{rid.name}_OsDisk_1"
    managed = {"storageAccountType": "Premium_LRS", "id": f"{rid.group_id}/providers/Microsoft.Compute/disks/{disk}"}
    os_disk: Document = {
        "osType": "Linux",
        "name": disk,
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "managedDisk": managed,
    }
    os_disk |= {"deleteOption": "Delete", "diskSizeGB": 64}
    more: Document = {}
    if machine.ephemeral_disk:
        os_disk |= {"caching": "ReadOnly", "diffDiskSettings": {"option": "Local", "placement": "CacheDisk"}}
    if machine.hibernation:
        more["additionalCapabilities"] = {"hibernationEnabled": True}
    if machine.scale_set:
        above = f"{rid.group_id}/providers/Microsoft.Compute/virtualMachineScaleSets/"
        more["virtualMachineScaleSet"] = {"id": machine.scale_set if "/" in machine.scale_set else above + machine.scale_set}
    if machine.priority == "Spot":
        more |= {"priority": "Spot", "evictionPolicy": "Deallocate", "billingProfile": {"maxPrice": -1}}
    login: Document = {"computerName": rid.name, "adminUsername": "azureuser", "secrets": []}
    login["linuxConfiguration"] = {"disablePasswordAuthentication": True, "provisionVMAgent": True}
    login |= {"allowExtensionOperations": True, "requireGuestProvisionSignal": True}
    return {
        "hardwareProfile": {"vmSize": machine.size},
        "provisioningState": "Succeeded",
        "vmId": world.guid("vm", rid.text, created),
        "storageProfile": {
            "imageReference": {**IMAGE, "exactVersion": "24.04.202610010"},
            "osDisk": os_disk,
            "dataDisks": [],
        },
        "osProfile": login,
        "networkProfile": {"networkInterfaces": []},
        "timeCreated": created,
        **more,
    }
