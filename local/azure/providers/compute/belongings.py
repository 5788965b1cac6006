"""What belongs to a machine: its disks, network interfaces and addresses."""

from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.compute import disks
from local.azure.providers.kinds import NIC


def delete_belongings(world: World, machine: Document) -> None:
    """Delete the disks, network interfaces and addresses of a machine that are marked for deletion; detach the others."""
    disks.set_free(world, machine)
    for item in machine["properties"]["networkProfile"]["networkInterfaces"]:
        nic = world.resource(item["id"])
        if nic is None:
            continue
        if item.get("properties", {}).get("deleteOption") != "Delete":
            rest = {k: v for k, v in nic["properties"].items() if k not in ("virtualMachine", "primary", "macAddress")}
            world.keep({**nic, "properties": rest})
            continue
        for configuration in nic["properties"]["ipConfigurations"]:
            address = configuration["properties"].get("publicIPAddress", {})
            if address.get("properties", {}).get("deleteOption") == "Delete":
                world.forget(address["id"])
        world.forget(item["id"])


def attach(world: World, machine: Document) -> None:
    """Let the network interfaces of a machine name it."""
    for item in machine["properties"]["networkProfile"]["networkInterfaces"]:
        nic = world.resource(item["id"])
        if nic is not None and nic["type"] == NIC:
            more = {"virtualMachine": {"id": machine["id"]}, "primary": True}
            world.keep({**nic, "properties": {**nic["properties"], **more}})


def name_cards(world: World, machine: Document) -> None:
    """A network interface has a MAC address once its machine has been started."""
    for item in machine["properties"]["networkProfile"]["networkInterfaces"]:
        nic = world.resource(item["id"])
        if nic is not None:
            digits = world.guid("mac", nic["id"]).replace("-", "").upper()[:6]
            address = "-".join(["7C", "1E", "52", digits[:2], digits[2:4], digits[4:]])
            world.keep({**nic, "properties": {**nic["properties"], "macAddress": address}})
