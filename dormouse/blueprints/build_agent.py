"""The build agent: GPU VMs that register themselves as agents in a pool of Azure Pipelines."""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dormouse.blueprints.blueprint import Blueprint
from dormouse.blueprints.fields import CALLER, AdminName, DriverVersion, LoginKey, Size, Source, WeeklyHours
from dormouse.blueprints.placement import MachineSpec, machine_of
from dormouse.blueprints.spec import AZURE_RESERVES, Disk, Image, MarketplaceImage, Network
from dormouse.errors import Fault
from dormouse.idle.policy import IdlePolicy
from dormouse.resources.compute.hibernation import hibernation_extension
from dormouse.resources.compute.machines import machine_id
from dormouse.resources.compute.virtual_machines import Machine, driver_feature, nvidia_driver, virtual_machine
from dormouse.resources.features import Docker, Feature, GuestSetup, PipelinesAgent
from dormouse.resources.identity import with_user_identity
from dormouse.resources.keyvault import password
from dormouse.resources.network import SSH, network_interface, public_address, security_group, virtual_network
from dormouse.resources.pipelines import agent_name, pipelines_agent, pool_access, registration, token_access
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget, resource_group
from dormouse.text.doc import doc
from dormouse.text.plain_text import PlainText
from dormouse.text.validators import Matching, Several

MOST_MACHINES = 20
LONGEST_KEEP = 1440  # minutes
# The agent finds the ICU library of a release only if it knows the release.
# https://github.com/microsoft/azure-pipelines-agent/issues/5569
UBUNTU = re.compile(r"ubuntu-(?P<year>\d\d)_(?P<month>\d\d)")
KNOWN_RELEASES = ("22_04", "24_04")
ORGANIZATION = Matching(
    r"https://dev\.azure\.com/[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?",
    "the URL of an organization, such as https://dev.azure.com/contoso",
)
# Names of Key Vault secrets. Those of this prefix are passwords of environments.
SECRET = Matching(
    r"(?:(?!dormouse-)[0-9A-Za-z-]{1,127})?",
    "the name of a Key Vault secret of letters, digits and hyphens that does not begin with dormouse-",
)
IDENTITY = Matching(
    r"(?:(?i:/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers/Microsoft\.ManagedIdentity/"
    r"userAssignedIdentities/)[\w-]{3,128})?",
    "the resource ID of a user-assigned identity, /subscriptions/…/Microsoft.ManagedIdentity/userAssignedIdentities/NAME",
)
VERSION = Matching(r"(?:\d+\.\d+\.\d+)?", "a version of three numbers, such as 5.277.0, or empty")
SHA256 = Matching(r"(?:[0-9a-f]{64})?", "a SHA-256 of 64 lower-case hexadecimal digits, or empty")


class BuildAgentSpec(MachineSpec):
    """GPU machines that register themselves as agents in a pool of Azure Pipelines."""

    changeable: ClassVar[frozenset[str]] = MachineSpec.changeable | {
        "allow_from",
        "idle",
        "schedule",
        "wake_for_jobs",
        "keep_minutes",
    }

    blueprint: Annotated[Literal["build-agent"], doc("The blueprint.", "build-agent")]
    organization: Annotated[
        str, ORGANIZATION, doc("The URL of the Azure DevOps organization.", "https://dev.azure.com/contoso")
    ]
    pool: Annotated[
        PlainText, Field(min_length=1, max_length=256), doc("The agent pool, which must exist.", "GPU Ubuntu 24.04")
    ]
    token_secret: Annotated[
        str,
        SECRET,
        doc(
            "With authentication `pat`: the Key Vault secret with a personal access token of the scope Agent Pools (read, "
            "manage). Its tag `dormouse-organization` must name the organization.",
            "pipelines-token",
        ),
    ] = ""
    count: Annotated[int, Field(ge=1, le=MOST_MACHINES), doc("The number of machines, each with one agent.", 2)] = 1
    agent_version: Annotated[
        str, VERSION, doc("The version of the agent; empty for the one that the organization wants.", "5.277.0")
    ] = ""
    agent_sha256: Annotated[
        str, SHA256, doc("The SHA-256 of the archive of that version (linux-x64), from its release notes.", "bedcf4e1...")
    ] = ""
    docker: Annotated[bool, doc("Whether jobs can use Docker, with the GPUs of the machine.", True)] = True
    size: Annotated[Size, doc("The VM size.", "Standard_NC4as_T4_v3")] = "Standard_NC4as_T4_v3"
    image: MarketplaceImage = Image()
    disk: Annotated[Disk, doc("The disk of the operating system.", {"size_gib": 256, "type": "Premium_LRS"})] = Disk(
        size_gib=128
    )
    network: Annotated[Network, doc("The private network.", {"subnet": "10.0.0.0/27"})] = Network(subnet="10.0.0.0/27")
    allow_from: Annotated[
        tuple[Source, ...],
        Field(min_length=1),
        Several(20),
        doc("The networks that may connect over SSH; `caller` is the caller's own address.", ["203.0.113.7/32"]),
    ] = (CALLER,)
    admin_username: AdminName = "azureuser"
    ssh_public_key: LoginKey = None
    idle: Annotated[
        IdlePolicy | None,
        doc("When a machine counts as idle; `window` is how long it stays after its last job.", {"window": "15m"}),
    ] = None
    schedule: Annotated[
        WeeklyHours, doc("The weekly hours in which the machines run; empty for none.", "mon-fri 08:00-19:00 Europe/Berlin")
    ] = ""
    wake_for_jobs: Annotated[
        bool, doc("Whether a job that waits in the pool starts a machine that a sweep has stopped.", False)
    ] = False
    keep_minutes: Annotated[
        int,
        Field(ge=0, le=LONGEST_KEEP),
        doc("How many minutes a machine stays after the last job of its agent, however long `window` is.", 30),
    ] = 0
    authentication: Annotated[
        Literal["pat", "entra"],
        doc(
            "How agents are registered: with the token in `token_secret`, or with a Microsoft Entra token of `identity`.",
            "pat",
        ),
    ] = "pat"
    identity: Annotated[
        str,
        IDENTITY,
        doc(
            "With authentication `entra`: the resource ID of a user-assigned identity, which every machine gets. It must be "
            "a user of the organization and Administrator of the pool.",
            "/subscriptions/0d0e5e00-0000-4000-8000-000000000001/resourceGroups/shared/providers/"
            "Microsoft.ManagedIdentity/userAssignedIdentities/agents",
        ),
    ] = ""
    driver_version: DriverVersion = ""

    def misfits(self) -> Sequence[Fault]:
        """The faults of a size, image, network or agent version that do not fit together."""
        return [*super().misfits(), *self._other_misfits()]

    def _other_misfits(self) -> Iterator[Fault]:
        entra = self.authentication == "entra"
        for name, value, wanted in (("token_secret", self.token_secret, not entra), ("identity", self.identity, entra)):
            if bool(value) != wanted:
                words = "is required" if wanted else "is not used"
                yield Fault(f"/{name}", f"{words} with the authentication {self.authentication}")
        if bool(self.agent_version) != bool(self.agent_sha256):
            yield Fault("/agent_sha256", "is the SHA-256 of the archive of agent_version; give both, or none of them")
        subnet = ipaddress.IPv4Network(self.network.subnet)
        if self.count > subnet.num_addresses - AZURE_RESERVES:
            detail = f"has room for {subnet.num_addresses - AZURE_RESERVES} machines, and count is {self.count}"
            yield Fault("/network/subnet", detail)
        release = UBUNTU.search(self.image.offer)
        if release and f"{release['year']}_{release['month']}" not in KNOWN_RELEASES:
            detail = f"the agent of Azure Pipelines does not support {self.image.offer} yet; choose ubuntu-24_04-lts"
            yield Fault("/image/offer", detail)


def build_agent(spec: BuildAgentSpec, target: DeploymentTarget) -> Sequence[Resource]:
    """Machines in one network; each may read the token, registers itself, and is waited for in the pool."""
    secret = password(target)
    numbers = [str(number) for number in range(1, spec.count + 1)]
    # First, so that a rollback deletes it after the group: until its machine is gone, it may register its agent.
    accesses = [pool_access(_agent(spec, target, number), number) for number in numbers if spec.identity]
    return [
        *accesses,
        resource_group(target),
        virtual_network(target, spec.network.address_space, spec.network.subnet),
        security_group(target, spec.allow_from, (SSH,)),
        secret,
        *(part for number in numbers for part in _machine(spec, target, secret, number)),
    ]


def _machine(spec: BuildAgentSpec, target: DeploymentTarget, secret: Resource, instance: str) -> list[Resource]:
    machine = machine_of(spec, spec.image, spec.ssh_public_key, spec.driver_version)
    agent = _agent(spec, target, instance)
    vm = virtual_machine(target, machine, _setup(spec, machine, agent, target), secret, instance)
    extensions = nvidia_driver(target, machine, vm, instance)
    extensions += hibernation_extension(target, machine, vm, extensions, instance)
    if spec.identity:
        access = pool_access(agent, instance)
        vm = replace(with_user_identity(vm, spec.identity), needs=(*vm.needs, access.name))
    else:
        access = token_access(target, agent, spec.token_secret, vm, instance)
    # Extensions run one after the other: that of the driver must not wait for this one.
    registered = registration(target, vm, (access.name, *(one.name for one in extensions)), instance)
    return [
        public_address(target, {"ssh": spec.admin_username}, instance),
        network_interface(target, instance),
        vm,
        *extensions,
        *([] if spec.identity else [access]),
        registered,
        pipelines_agent(agent, spec.token_secret, (vm.name, registered.name), instance),
    ]


def _agent(spec: BuildAgentSpec, target: DeploymentTarget, instance: str) -> PipelinesAgent:
    return PipelinesAgent(
        spec.organization,
        spec.pool,
        agent_name(target, instance),
        machine_id(target.subscription, target.group, target.called("vm", instance)),
        f"{target.vault_url}/secrets/{spec.token_secret}" if spec.token_secret else "",
        spec.agent_version,
        spec.agent_sha256,
        spec.identity,
    )


def _setup(spec: BuildAgentSpec, machine: Machine, agent: PipelinesAgent, target: DeploymentTarget) -> GuestSetup:
    driver = driver_feature(machine)
    docker = [Docker(gpu=bool(driver))] if spec.docker else []
    features: list[Feature] = [*driver, *docker, agent, *target.agent]
    return GuestSetup(spec.admin_username, tuple(features))


BLUEPRINT = Blueprint("build-agent", BuildAgentSpec, build_agent)
