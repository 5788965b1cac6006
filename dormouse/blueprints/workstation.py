"""The workstation: one GPU VM with a desktop over RDP and a mounted blob container."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dormouse.blueprints.blueprint import Blueprint
from dormouse.blueprints.fields import CALLER, AdminName, Container, DriverVersion, LoginKey, Size, Source, WeeklyHours
from dormouse.blueprints.parts.python_packages import PythonPackages
from dormouse.blueprints.placement import MachineSpec, machine_of
from dormouse.blueprints.spec import Image, MarketplaceImage, Network
from dormouse.idle.policy import IdlePolicy
from dormouse.resources.compute.hibernation import hibernation_extension
from dormouse.resources.compute.virtual_machines import Machine, driver_feature, nvidia_driver, virtual_machine
from dormouse.resources.features import BlobMount, Desktop, Feature, GuestSetup, PythonEnvironment, SshKeyPair
from dormouse.resources.identity import STORAGE_BLOB_DATA_CONTRIBUTOR, role_assignment
from dormouse.resources.keyvault import password
from dormouse.resources.network import RDP, SSH, network_interface, public_address, security_group, virtual_network
from dormouse.resources.plan import Resource
from dormouse.resources.storage import account_name, blob_container, storage_account
from dormouse.resources.target import DeploymentTarget, resource_group
from dormouse.text.doc import doc
from dormouse.text.validators import Several


class WorkstationSpec(MachineSpec):
    """One GPU machine with a desktop over RDP and a blob container mounted, open to its owner's address only."""

    changeable: ClassVar[frozenset[str]] = MachineSpec.changeable | {"allow_from", "idle", "schedule"}

    blueprint: Annotated[Literal["workstation"], doc("The blueprint.", "workstation")]
    size: Annotated[Size, doc("The VM size.", "Standard_NV6ads_A10_v5")] = "Standard_NV6ads_A10_v5"
    image: MarketplaceImage = Image()
    network: Annotated[Network, doc("The private network.", {"subnet": "10.0.0.0/28"})] = Network()
    allow_from: Annotated[
        tuple[Source, ...],
        Field(min_length=1),
        Several(20),
        doc("The networks that may connect over SSH and RDP; `caller` is the caller's own address.", ["203.0.113.7/32"]),
    ] = (CALLER,)
    container: Annotated[Container, doc("The name of the blob container that is mounted.", "deeplearning")] = "deeplearning"
    admin_username: AdminName = "azureuser"
    ssh_public_key: LoginKey = None
    idle: Annotated[
        IdlePolicy | None, doc("When the machine counts as idle; null for the default policy.", {"window": "45m"})
    ] = None
    schedule: Annotated[
        WeeklyHours,
        doc("The weekly hours in which the machine runs; empty for none.", "mon-fri 08:00-19:00 Europe/Berlin"),
    ] = ""
    driver_version: DriverVersion = ""
    python_packages: Annotated[
        PythonPackages,
        doc(
            "The Python packages that are installed, as lines of a requirements.txt: names, extras, versions and markers. "
            "A build of PyTorch (`torch==2.3.0+cu121`) selects its index.",
            ["torch", "numpy>=1.24,<2.0"],
        ),
    ] = (
        "torch",
        "torchvision",
        "opencv-python-headless",
        "matplotlib",
        "numpy",
        "tqdm",
        "jupyter",
    )


def workstation(spec: WorkstationSpec, target: DeploymentTarget) -> Sequence[Resource]:
    """One GPU VM with an RDP desktop and a mounted blob container, reachable from the allowed networks only."""
    machine = machine_of(spec, spec.image, spec.ssh_public_key, spec.driver_version)
    storage, secret = storage_account(target), password(target)
    vm = virtual_machine(target, machine, _setup(spec, machine, target), secret)
    driver = nvidia_driver(target, machine, vm)
    return [
        resource_group(target),
        virtual_network(target, spec.network.address_space, spec.network.subnet),
        security_group(target, spec.allow_from, (RDP, SSH)),
        public_address(target, dict.fromkeys(("ssh", "rdp"), spec.admin_username)),
        network_interface(target),
        storage,
        blob_container(target, spec.container),
        secret,
        vm,
        *driver,
        *hibernation_extension(target, machine, vm, driver),
        role_assignment(target, "role", STORAGE_BLOB_DATA_CONTRIBUTOR, of=vm, on=storage),
    ]


def _setup(spec: WorkstationSpec, machine: Machine, target: DeploymentTarget) -> GuestSetup:
    features: list[Feature] = [
        *driver_feature(machine),
        BlobMount(account_name(target), spec.container),
        Desktop(),
        SshKeyPair(),
        PythonEnvironment(spec.python_packages),
        *target.agent,
    ]
    return GuestSetup(spec.admin_username, tuple(features))


BLUEPRINT = Blueprint("workstation", WorkstationSpec, workstation)
