"""Virtual machines, their extensions and disks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.resources.billing.meters import Charge, disk_meter
from dormouse.resources.compute.machine_views import (
    disk_drift,
    failure,
    hibernated,
    identity_of,
    machine_drift,
    power_state,
    unstoppable,
)
from dormouse.resources.compute.spot import NO_LIMIT, SETTING, SPOT, is_spot, priority_of, spot_properties
from dormouse.resources.features import GuestSetup, NvidiaDriver
from dormouse.resources.kinds import Observed, PriceQuery, ResourceKind
from dormouse.resources.naming import name_of
from dormouse.resources.network import NICS, in_group, numbered
from dormouse.resources.plan import Resource
from dormouse.resources.sizes.vm_sizes import Driver, find_size
from dormouse.resources.target import DeploymentTarget

MACHINES, DISKS = "Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks"
EXTENSIONS = f"{MACHINES}/extensions"
API_VERSION, DISK_API_VERSION = "2024-07-01", "2024-03-02"
DISK_KIND, DISK_GIB = "disk_kind", "disk_gib"  # the settings by which a disk is billed


@dataclass(frozen=True, slots=True)
class Machine:
    """A VM as a blueprint asks for it: size, marketplace image, OS disk (GiB), and how its administrator logs in.

    `zone` is its availability zone ("": none in particular). `hibernates`: its memory can be kept while it is stopped.
    `max_price` is the highest price of a Spot VM in USD per hour.
    """

    size: str
    image: Mapping[str, str]
    disk_gib: int
    disk_type: str
    ssh_public_key: str = ""
    driver_version: str = ""
    zone: str = ""
    hibernates: bool = False
    spot: bool = False
    max_price: float = NO_LIMIT


def virtual_machine(
    target: DeploymentTarget, machine: Machine, setup: GuestSetup, password: Resource, instance: str = ""
) -> Resource:
    """A VM with a system-assigned identity; its disk, network interface and IP address are deleted together with it."""
    nic = target.id(NICS, target.called("nic", instance))
    name = target.called("vm", instance)
    body = {
        "identity": {"type": "SystemAssigned"},
        **({"zones": [machine.zone]} if machine.zone else {}),
        "properties": {
            "hardwareProfile": {"vmSize": machine.size},
            **_security(machine),
            **(spot_properties(machine.max_price) if machine.spot else {}),
            "storageProfile": {
                "imageReference": dict(machine.image),
                "osDisk": _disk(machine, target.called("disk", instance)),
            },
            "osProfile": {
                "computerName": name,
                "adminUsername": setup.admin_username,
                "linuxConfiguration": _login(machine, setup.admin_username),
            },
            "networkProfile": {"networkInterfaces": [{"id": nic, "properties": {"deleteOption": "Delete"}}]},
        },
    }
    settings = {
        "size": machine.size,
        "secret": name_of(password.id),
        "disk": target.called("disk", instance),
        DISK_KIND: machine.disk_type,
        DISK_GIB: str(machine.disk_gib),
        "nic": numbered("nic", instance),
        **({SETTING: SPOT} if machine.spot else {}),
    }
    needs = (numbered("nic", instance), password.name)
    found = in_group(target, numbered("vm", instance), VIRTUAL_MACHINE, name, body, settings=settings, needs=needs)
    return Resource(found.name, found.kind, found.id, found.body, settings, setup, needs, contained_in="group")


def driver_feature(machine: Machine) -> tuple[NvidiaDriver, ...]:
    """The driver as a feature of a machine; none for a size without a GPU."""
    return () if find_size(machine.size).driver is Driver.NONE else (NvidiaDriver(),)


def nvidia_driver(target: DeploymentTarget, machine: Machine, vm: Resource, instance: str = "") -> list[Resource]:
    """The VM extension that installs the NVIDIA driver (GRID or CUDA, by VM size); none for a size without a GPU.

    https://learn.microsoft.com/azure/virtual-machines/extensions/hpccompute-gpu-linux
    """
    if not driver_feature(machine):
        return []
    body = {
        "properties": {
            "publisher": "Microsoft.HpcCompute",
            "type": "NvidiaGpuDriverLinux",
            "typeHandlerVersion": "1.11",
            "autoUpgradeMinorVersion": True,
            "settings": {"driverVersion": machine.driver_version} if machine.driver_version else {},
        }
    }
    path = f"{vm.id}/extensions/nvidia-driver"
    needs = (vm.name,)
    return [
        Resource(
            numbered("driver", instance),
            MACHINE_EXTENSION.name,
            path,
            target.located(body),
            needs=needs,
            contained_in=vm.name,
        )
    ]


def _security(machine: Machine) -> dict[str, Any]:
    # https://learn.microsoft.com/azure/virtual-machines/linux/hibernate-resume-linux: not together with trusted launch
    if machine.hibernates:
        return {"additionalCapabilities": {"hibernationEnabled": True}}
    # GRID drivers do not support Secure Boot; set explicitly, because Azure's default differs by subscription.
    # https://learn.microsoft.com/azure/virtual-machines/trusted-launch
    if not find_size(machine.size).trusted_launch:
        return {}
    uefi = {"secureBootEnabled": False, "vTpmEnabled": True}
    return {"securityProfile": {"securityType": "TrustedLaunch", "uefiSettings": uefi}}


def _disk(machine: Machine, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "diskSizeGB": machine.disk_gib,
        "managedDisk": {"storageAccountType": machine.disk_type},
        "deleteOption": "Delete",
    }


def _login(machine: Machine, username: str) -> dict[str, Any]:
    # xrdp authenticates with the account's password, so password login stays on even with a key; with a key,
    # cloud-init configures sshd to accept keys only.
    login: dict[str, Any] = {"disablePasswordAuthentication": False}
    if machine.ssh_public_key:
        path = f"/home/{username}/.ssh/authorized_keys"
        login["ssh"] = {"publicKeys": [{"path": path, "keyData": machine.ssh_public_key}]}
    return login


def _billing(resource: Resource, observed: Observed | None) -> PriceQuery | None:
    properties = (observed or {}).get("properties", {})
    size = str((properties.get("hardwareProfile") or {}).get("vmSize") or resource.settings.get("size", ""))
    spot = priority_of(properties) == SPOT if properties else is_spot(resource)
    return PriceQuery(size, spot=spot) if size else None


def _sizes(resource: Resource) -> Mapping[str, int]:
    """The size that a VM takes; one that changes it gives back the size before.

    Stopped VMs count, too. https://learn.microsoft.com/azure/virtual-machines/quotas
    """
    needed = Counter([resource.settings["size"]])
    needed.subtract([size for name, size in resource.before.items() if name == "size"])
    return needed


def _os_disk(resource: Resource) -> Sequence[Resource]:
    group = resource.id.partition("/providers/")[0]
    path = f"{group}/providers/{DISKS}/{resource.settings['disk']}"
    body = {}
    if resource.body:
        wanted = resource.body["properties"]["storageProfile"]["osDisk"]
        kind = wanted["managedDisk"]["storageAccountType"]
        body = {"sku": {"name": kind}, "properties": {"diskSizeGB": wanted["diskSizeGB"]}}
    known = {name: resource.settings[name] for name in (DISK_KIND, DISK_GIB) if name in resource.settings}
    return [Resource(f"{resource.name}-disk", DISK.name, path, body, known, needs=("group",), contained_in="group")]


def _disk_charges(resource: Resource) -> Sequence[Charge]:
    """The tier of a disk; records of earlier releases do not say which one it is."""
    kind, gib = resource.settings.get(DISK_KIND, ""), resource.settings.get(DISK_GIB, "")
    meter = disk_meter(kind, int(gib)) if gib.isdigit() else None
    return [Charge(meter, f"disk {resource.name}" if meter is None else meter.name)]


POLLS = ("Microsoft.Compute/locations/operations/read",)
DISK_RIGHTS = (
    "Microsoft.Compute/snapshots/read",
    "Microsoft.Compute/snapshots/write",
    # To take a snapshot is to read the disk: https://github.com/Azure/OpenShift/issues/186
    f"{DISKS}/beginGetAccess/action",
    "Microsoft.Compute/locations/diskOperations/read",
)
DISK = ResourceKind(
    "disk",
    DISKS,
    DISK_API_VERSION,
    diff=disk_drift,
    charges=_disk_charges,
    charged="by the month as long as it exists: its tier",
    by_use="transactions of standard disks",
    repeatable=False,
    snapshots=True,
    actions=DISK_RIGHTS,
)
MACHINE_EXTENSION = ResourceKind("machine_extension", EXTENSIONS, API_VERSION, needs_power=True, actions=POLLS)
VIRTUAL_MACHINE = ResourceKind(
    "virtual_machine",
    MACHINES,
    API_VERSION,
    diff=machine_drift,
    outputs=identity_of,
    power_state=power_state,
    problem=failure,
    unstoppable=unstoppable,
    hibernated=hibernated,
    billing=_billing,
    sizes=_sizes,
    implied=_os_disk,
    takes_along=lambda resource: (resource.settings["nic"],),
    checks=("sizes_can_be_had", "images_fit", "cost_is_allowed", "max_price_suffices"),
    actions=(
        *(f"{MACHINES}/{action}/action" for action in ("start", "deallocate", "restart", "runCommand")),
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        f"{MACHINES}/instanceView/read",
        *POLLS,
        "Microsoft.Compute/skus/read",
        "Microsoft.Compute/locations/usages/read",
        "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read",
    ),
    repeatable=False,
    resizable=True,
    probed=lambda resource: resource.setup is not None,
    login_secrets=lambda resource: (resource.settings["secret"],),
)
