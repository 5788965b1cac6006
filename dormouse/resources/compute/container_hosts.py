"""Small machines with one container each: a fixed private address, and the data on a disk of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dormouse.resources.compute.data_disks import LARGEST_CACHED_GIB
from dormouse.resources.compute.virtual_machines import DISK, Machine, virtual_machine
from dormouse.resources.features import Container, DataDisks, Docker, GuestSetup
from dormouse.resources.identity import role_assignment_at
from dormouse.resources.keyvault import generated_secret
from dormouse.resources.naming import name_of
from dormouse.resources.network import in_group, network_interface, public_address
from dormouse.resources.pipelines import KEY_VAULT_SECRETS_USER
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

MOUNT_PATH = "/data"


@dataclass(frozen=True, slots=True)
class ContainerHost:
    """A host as a blueprint asks for it: its name, VM, private address, disk for data (GiB), and its container.

    `password_variable` is the variable of the container that gets the generated password, and `login` those with user and
    password for its health URL. `health_path` is at `health_port`.
    """

    name: str
    machine: Machine
    address: str
    data_gib: int
    data_type: str
    image: str
    ports: tuple[int, ...]
    data_path: str
    password_variable: str
    health_port: int
    health_path: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    login: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def container_host(target: DeploymentTarget, host: ContainerHost, admin: str, password: Resource) -> list[Resource]:
    """A host and all that is its own: address, network interface, disk, generated secret, and the right to read it.

    The address is fixed, so that what is told to the runners stays true after every start.
    https://learn.microsoft.com/azure/virtual-network/ip-services/virtual-networks-static-private-ip-arm-pportal
    """
    secret = generated_secret(target, f"{host.name}-secret")
    disk = _data_disk(target, host)
    setup = GuestSetup(admin, (Docker(), DataDisks((MOUNT_PATH,)), _container(target, host, secret), *target.agent))
    vm = _attached(virtual_machine(target, host.machine, setup, password, host.name), disk)
    vm = replace(vm, needs=(*vm.needs, disk.name, secret.name))
    scope = f"{target.vault}/secrets/{name_of(secret.id)}"
    access = role_assignment_at(
        target, f"{host.name}-access", KEY_VAULT_SECRETS_USER, of=vm, scope=scope, needs=(secret.name,)
    )
    address = public_address(target, {"ssh": admin}, host.name)
    return [secret, address, _fixed(network_interface(target, host.name), host.address), disk, vm, access]


def _container(target: DeploymentTarget, host: ContainerHost, secret: Resource) -> Container:
    return Container(
        host.name,
        host.image,
        host.address,
        host.ports,
        host.data_path,
        MOUNT_PATH,
        f"http://{host.address}:{host.health_port}{host.health_path}",
        tuple(host.environment.items()),
        ((host.password_variable, f"{target.vault_url}/secrets/{name_of(secret.id)}"),),
        host.login,
        host.command,
    )


def _fixed(card: Resource, address: str) -> Resource:
    properties = card.body["properties"]
    (place,) = properties["ipConfigurations"]
    fixed = {**place["properties"], "privateIPAllocationMethod": "Static", "privateIPAddress": address}
    return replace(
        card, body={**card.body, "properties": {**properties, "ipConfigurations": [{**place, "properties": fixed}]}}
    )


def _data_disk(target: DeploymentTarget, host: ContainerHost) -> Resource:
    properties = {"creationData": {"createOption": "Empty"}, "diskSizeGB": host.data_gib}
    body = {"sku": {"name": host.data_type}, "properties": properties}
    return in_group(target, f"{host.name}-data", DISK, target.called("data", host.name), body)


def _attached(vm: Resource, disk: Resource) -> Resource:
    size = int(disk.body["properties"]["diskSizeGB"])
    attached = {
        "lun": 0,
        "createOption": "Attach",
        "caching": "ReadOnly" if size <= LARGEST_CACHED_GIB else "None",
        "managedDisk": {"id": disk.id},
        "deleteOption": "Detach",
    }
    properties = vm.body["properties"]
    profile: dict[str, Any] = {**properties["storageProfile"], "dataDisks": [attached]}
    return replace(vm, body={**vm.body, "properties": {**properties, "storageProfile": profile}})
