"""Request bodies for Azure Resource Manager."""

from collections.abc import Iterable
from typing import Any

from dormouse.blueprints.specs import WorkstationSpec

Body = dict[str, Any]

RDP, SSH = 3389, 22
PORT_NAMES = {RDP: "RDP", SSH: "SSH"}

STORAGE_ACCOUNT: Body = {
    "sku": {"name": "Standard_LRS"},
    "kind": "StorageV2",
    "properties": {
        "minimumTlsVersion": "TLS1_2",
        "allowBlobPublicAccess": False,
        "allowSharedKeyAccess": False,
        "supportsHttpsTrafficOnly": True,
    },
}

PUBLIC_ADDRESS: Body = {"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}


def network(spec: WorkstationSpec, subnet: str) -> Body:
    """A virtual network with one subnet."""
    place = {"name": subnet, "properties": {"addressPrefix": spec.network.subnet}}
    space = {"addressPrefixes": [spec.network.address_space]}
    return {"properties": {"addressSpace": space, "subnets": [place]}}


def firewall(spec: WorkstationSpec, open_ports: Iterable[int]) -> Body:
    """A network security group that allows inbound traffic from the allowed sources to these ports only."""
    return {"properties": {"securityRules": [_rule(spec, port, place) for place, port in enumerate(open_ports)]}}


def network_interface(subnet_id: str, firewall_id: str, address_id: str) -> Body:
    """A network interface with a security group and a public IP address that is deleted together with the VM."""
    properties = {
        "subnet": {"id": subnet_id},
        "privateIPAllocationMethod": "Dynamic",
        "publicIPAddress": {"id": address_id, "properties": {"deleteOption": "Delete"}},
    }
    return {
        "properties": {
            "networkSecurityGroup": {"id": firewall_id},
            "ipConfigurations": [{"name": "internal", "properties": properties}],
        }
    }


def virtual_machine(spec: WorkstationSpec, name: str, disk: str, nic_id: str) -> Body:
    """A VM with a system-assigned identity; its disk and network interface are deleted together with it."""
    return {
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "hardwareProfile": {"vmSize": spec.size},
            # GRID drivers do not support Secure Boot; set explicitly, because Azure's default differs by subscription.
            # https://learn.microsoft.com/azure/virtual-machines/trusted-launch
            "securityProfile": {
                "securityType": "TrustedLaunch",
                "uefiSettings": {"secureBootEnabled": False, "vTpmEnabled": True},
            },
            "storageProfile": {"imageReference": spec.image.model_dump(), "osDisk": _disk(spec, disk)},
            "osProfile": {
                "computerName": name,
                "adminUsername": spec.admin_username,
                "linuxConfiguration": _login(spec),
            },
            "networkProfile": {"networkInterfaces": [{"id": nic_id, "properties": {"deleteOption": "Delete"}}]},
        },
    }


def nvidia_driver(spec: WorkstationSpec) -> Body:
    """The VM extension that installs the NVIDIA driver, GRID or CUDA depending on the VM size.

    https://learn.microsoft.com/azure/virtual-machines/extensions/hpccompute-gpu-linux
    """
    return {
        "properties": {
            "publisher": "Microsoft.HpcCompute",
            "type": "NvidiaGpuDriverLinux",
            "typeHandlerVersion": "1.11",
            "autoUpgradeMinorVersion": True,
            "settings": {"driverVersion": spec.driver_version} if spec.driver_version else {},
        }
    }


def _rule(spec: WorkstationSpec, port: int, place: int) -> Body:
    return {
        "name": f"Allow-{PORT_NAMES[port]}",
        "properties": {
            "priority": 1000 + 10 * place,
            "direction": "Inbound",
            "access": "Allow",
            "protocol": "Tcp",
            "sourcePortRange": "*",
            "destinationPortRange": str(port),
            "sourceAddressPrefixes": list(spec.allow_from),
            "destinationAddressPrefix": "*",
        },
    }


def _disk(spec: WorkstationSpec, name: str) -> Body:
    return {
        "name": name,
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "diskSizeGB": spec.disk.size_gib,
        "managedDisk": {"storageAccountType": spec.disk.type},
        "deleteOption": "Delete",
    }


def _login(spec: WorkstationSpec) -> Body:
    # xrdp authenticates with the account's password, so password login stays on even with a key; with a key,
    # cloud-init configures sshd to accept keys only.
    login: Body = {"disablePasswordAuthentication": False}
    if spec.ssh_public_key:
        path = f"/home/{spec.admin_username}/.ssh/authorized_keys"
        login["ssh"] = {"publicKeys": [{"path": path, "keyData": spec.ssh_public_key}]}
    return login
