"""The data science machine: one VM of any size with JupyterHub over TLS, and data disks."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from dormouse.blueprints.blueprint import Blueprint
from dormouse.blueprints.fields import CALLER, DriverVersion, PublicKey, Size, Source, Username, WeeklyHours
from dormouse.blueprints.parts.hub_users import MOST_USERS, HubUser, repeated_names, user_misfits
from dormouse.blueprints.parts.python_packages import PythonPackages
from dormouse.blueprints.parts.rstudio import rstudio_misfits
from dormouse.blueprints.placement import MachineSpec, machine_of
from dormouse.blueprints.spec import PREMIUM, Disk, Image, MarketplaceImage, Network, Part
from dormouse.errors import Fault
from dormouse.idle.policy import IdlePolicy
from dormouse.resources.compute import data_disks
from dormouse.resources.compute.data_disks import with_data_disks
from dormouse.resources.compute.hibernation import hibernation_extension
from dormouse.resources.compute.virtual_machines import Machine, driver_feature, nvidia_driver, virtual_machine
from dormouse.resources.features import DataDisks, Feature, GuestSetup, JupyterHub
from dormouse.resources.hub_users import hub_users, user_passwords
from dormouse.resources.identity import with_user_identity
from dormouse.resources.keyvault import password
from dormouse.resources.network import SSH, network_interface, public_address, security_group, virtual_network
from dormouse.resources.plan import Resource
from dormouse.resources.sizes.vm_sizes import find_size
from dormouse.resources.target import DeploymentTarget, resource_group
from dormouse.text.doc import doc
from dormouse.text.validators import Matching, Several

HUB_PORT = JupyterHub(()).port
# https://learn.microsoft.com/azure/virtual-machines/managed-disks-overview
LARGEST_OS_DISK, LARGEST_DATA_DISK = 4095, 32767
MOUNT_PATH = Matching(
    r"/(?:data[a-z0-9_-]*|(?:srv|media)/[a-z0-9_-]+)(?:/[A-Za-z0-9_-]+){0,4}",
    "a folder below /data, /srv or /media, such as /data or /srv/images",
)
IN_A_GROUP = r"(?i:/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers/"
DISK_ID = Matching(
    IN_A_GROUP + r"Microsoft\.Compute/disks/)[\w.-]{1,80}",
    "the resource ID of a managed disk, /subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/disks/NAME",
)
IDENTITY_ID = Matching(
    IN_A_GROUP + r"Microsoft\.ManagedIdentity/userAssignedIdentities/)[\w-]{3,128}",
    "the resource ID of a user-assigned identity, /subscriptions/…/Microsoft.ManagedIdentity/userAssignedIdentities/NAME",
)
SECRET_URL = Matching(
    r"https://[a-z0-9](?:-?[a-z0-9]){2,23}\.vault\.azure\.net/(?:secrets|certificates)/[0-9A-Za-z-]{1,127}(?:/[0-9a-f]{32})?",
    "the URL of a certificate in Key Vault, such as https://contoso.vault.azure.net/certificates/hub",
)


def _os_disk(value: int) -> int:
    if value > LARGEST_OS_DISK:
        more = f"for more space, add `data_disks` of up to {LARGEST_DATA_DISK:,} GiB each"
        raise ValueError(f"an OS disk has at most {LARGEST_OS_DISK:,} GiB; {more}")
    return value


class SystemDisk(Disk):
    """The OS disk; its size in GiB."""

    size_gib: Annotated[
        int,
        AfterValidator(_os_disk),
        Field(ge=30, json_schema_extra={"maximum": LARGEST_OS_DISK}),
        doc("The size in GiB; larger data belongs on `data_disks`.", 128),
    ] = 128
    type: Annotated[
        Literal["Standard_LRS", "StandardSSD_LRS", "Premium_LRS"], doc("The kind of managed disk.", "Premium_LRS")
    ] = "StandardSSD_LRS"


class DataDiskSpec(Part):
    """A data disk: a new one, which is formatted, or an existing one by its ID; a disk with data is never formatted."""

    size_gib: Annotated[int, Field(ge=1, le=LARGEST_DATA_DISK), doc("The size in GiB of a new disk.", 1024)] = 1024
    type: Annotated[
        Literal["Standard_LRS", "StandardSSD_LRS", "Premium_LRS"], doc("The kind of a new disk.", "Premium_LRS")
    ] = "StandardSSD_LRS"
    mount_path: Annotated[str, MOUNT_PATH, doc("Where it is mounted.", "/data")] = "/data"
    keep: Annotated[bool, doc("Whether a new disk stays when the environment is deleted; it is billed on.", True)] = False
    disk_id: Annotated[
        Annotated[str, DISK_ID] | None,
        doc("An existing disk in the same region, which is attached and always stays; null for a new one.", None),
    ] = None


class Certificate(Part):
    """A certificate in Key Vault, and the user-assigned identity that may read its secret there."""

    secret: Annotated[
        str,
        SECRET_URL,
        doc("The URL of the certificate or its secret.", "https://contoso.vault.azure.net/certificates/hub"),
    ]
    identity: Annotated[
        str,
        IDENTITY_ID,
        doc(
            "The resource ID of the identity, which the machine gets.",
            "/subscriptions/0d0e5e00-0000-4000-8000-000000000001/resourceGroups/shared/providers/"
            "Microsoft.ManagedIdentity/userAssignedIdentities/hub",
        ),
    ]

    @property
    def secret_url(self) -> str:
        """The URL of the secret, which holds the key of the certificate."""
        return self.secret.replace("/certificates/", "/secrets/", 1)


class DataScienceSpec(MachineSpec):
    """One machine of any size with JupyterHub on port 8000 over TLS, open to its owner's address only."""

    changeable: ClassVar[frozenset[str]] = MachineSpec.changeable | {"allow_from", "idle", "schedule", "users"}

    blueprint: Annotated[Literal["data-science"], doc("The blueprint.", "data-science")]
    size: Annotated[Size, doc("The VM size, with or without GPUs.", "Standard_E4s_v5")] = "Standard_E4s_v5"
    image: MarketplaceImage = Image()
    disk: Annotated[SystemDisk, doc("The disk of the operating system.", {"size_gib": 1024})] = SystemDisk()
    data_disks: Annotated[
        tuple[DataDiskSpec, ...],
        Several(16),
        doc("The data disks, in the order of their LUNs.", [{"size_gib": 2048, "mount_path": "/data", "keep": True}]),
    ] = ()
    network: Annotated[Network, doc("The private network.", {"subnet": "10.0.0.0/28"})] = Network()
    allow_from: Annotated[
        tuple[Source, ...],
        Field(min_length=1),
        Several(20),
        doc("The networks that may connect over SSH and HTTPS; `caller` is the caller's own address.", ["203.0.113.7/32"]),
    ] = (CALLER,)
    admin_username: Annotated[
        Username, doc("The administrator, who logs in to JupyterHub and over SSH with the same password.", "ana")
    ] = "azureuser"
    ssh_public_key: Annotated[
        PublicKey | None,
        doc(
            "An OpenSSH public key for the administrator; SSH then refuses passwords, and JupyterHub still asks for one.",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA... ana",
        ),
    ] = None
    users: Annotated[
        tuple[HubUser, ...],
        Several(MOST_USERS, repeated_names),
        doc("The users of JupyterHub besides the administrator; everyone else is refused.", [{"name": "ben"}]),
    ] = ()
    certificate: Annotated[
        Certificate | None, doc("The certificate that JupyterHub serves; null for a self-signed one.", None)
    ] = None
    rstudio: Annotated[
        bool, doc("Whether R and RStudio Server are installed; RStudio opens behind the login of JupyterHub.", True)
    ] = False
    sudo: Annotated[bool, doc("Whether the administrator can become root in notebooks, without a password.", True)] = True
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
        doc("The Python packages of the notebooks, as lines of a requirements.txt.", ["pandas", "torch==2.7.1+cu126"]),
    ] = ("numpy", "pandas", "scipy", "scikit-learn", "matplotlib")

    def misfits(self) -> Sequence[Fault]:
        """The faults of a size, of disks, of an image for RStudio and of users that do not fit together."""
        users = user_misfits(self.users, self.admin_username, sudo=self.sudo)
        return [*super().misfits(), *_disk_misfits(self), *rstudio_misfits(self.image, asked=self.rstudio), *users]


def _disk_misfits(spec: DataScienceSpec) -> Iterator[Fault]:
    for place, disk in enumerate(spec.data_disks):
        if disk.type == PREMIUM and disk.disk_id is None and not find_size(spec.size).premium_disks:
            advice = "choose StandardSSD_LRS, or a size with the letter s, such as Standard_E4s_v5"
            yield Fault(f"/data_disks/{place}/type", f"{spec.size} cannot use {PREMIUM} disks; {advice}")
    for (_, one), (place, other) in combinations(enumerate(spec.data_disks), 2):
        paths = sorted((f"{one.mount_path}/", f"{other.mount_path}/"))
        if paths[1].startswith(paths[0]):
            yield Fault(f"/data_disks/{place}/mount_path", f"{other.mount_path} is in the way of {one.mount_path}")


def data_science(spec: DataScienceSpec, target: DeploymentTarget) -> Sequence[Resource]:
    """One VM with JupyterHub and its data disks, reachable from the allowed networks over SSH and HTTPS only."""
    machine = machine_of(spec, spec.image, spec.ssh_public_key, spec.driver_version)
    secret = password(target)
    vm = virtual_machine(target, machine, _setup(spec, machine, target), secret)
    if spec.certificate:
        vm = with_user_identity(vm, spec.certificate.identity)
    disks = [data_disks.DataDisk(one.size_gib, one.type, one.keep, one.disk_id or "") for one in spec.data_disks]
    served = ("ssh", f"https:{HUB_PORT}", *([f"rstudio:{HUB_PORT}"] if spec.rstudio else []))
    driver = nvidia_driver(target, machine, vm)
    extensions = [*driver, *hibernation_extension(target, machine, vm, driver)]
    passwords = user_passwords(target, [user.name for user in spec.users])
    return [
        resource_group(target),
        virtual_network(target, spec.network.address_space, spec.network.subnet),
        security_group(target, spec.allow_from, (SSH, HUB_PORT)),
        public_address(target, dict.fromkeys(served, spec.admin_username)),
        network_interface(target),
        secret,
        *passwords,
        *with_data_disks(target, vm, disks),
        *extensions,
        hub_users(vm, {user.name: user.sudo for user in spec.users}, passwords, extensions),
    ]


def _setup(spec: DataScienceSpec, machine: Machine, target: DeploymentTarget) -> GuestSetup:
    secret, identity = _certificate(spec)
    names = (spec.admin_username, *(user.name for user in spec.users))
    sudoers = tuple(user.name for user in spec.users if user.sudo)
    paths = tuple(disk.mount_path for disk in spec.data_disks)
    features: list[Feature] = [
        *driver_feature(machine),
        *([DataDisks(paths)] if paths else []),
        JupyterHub(names, spec.python_packages, spec.sudo, secret, identity, rstudio=spec.rstudio, sudoers=sudoers),
        *target.agent,
    ]
    return GuestSetup(spec.admin_username, tuple(features))


def _certificate(spec: DataScienceSpec) -> tuple[str, str]:
    return (spec.certificate.secret_url, spec.certificate.identity) if spec.certificate else ("", "")


BLUEPRINT = Blueprint("data-science", DataScienceSpec, data_science)
