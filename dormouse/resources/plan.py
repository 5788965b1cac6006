"""A plan: what a spec means in Azure, as data."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# The deployment whose names carry no id, so that this release finds what those without deployments have built.
DEFAULT_DEPLOYMENT = "main"


class ResourceKind(StrEnum):
    """The kinds of resource a step can be."""

    RESOURCE_GROUP = "resource_group"
    VIRTUAL_NETWORK = "virtual_network"
    SECURITY_GROUP = "security_group"
    PUBLIC_ADDRESS = "public_address"
    NETWORK_INTERFACE = "network_interface"
    STORAGE_ACCOUNT = "storage_account"
    BLOB_CONTAINER = "blob_container"
    PASSWORD = "password"  # noqa: S105 - the kind of a step, not a password
    VIRTUAL_MACHINE = "virtual_machine"
    MACHINE_EXTENSION = "machine_extension"
    ROLE_ASSIGNMENT = "role_assignment"


@dataclass(frozen=True, slots=True)
class GuestSetup:
    """What the inside of a machine is to become: input of cloud-init and of the health check.

    With a `control_plane` (a URL), an agent tells it what goes on in the machine, by tokens for `audience`.
    """

    admin_username: str
    storage_account: str
    container: str
    mount_path: str = "/mnt/blob_storage"
    cache_path: str = "/var/cache/blobfuse2"
    python_packages: tuple[str, ...] = ()
    desktop: bool = True
    gpu: bool = True
    control_plane: str = ""
    audience: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a plan.

    `names` are the arguments the SDK wants after the group, `id` is how reports name the resource, `inputs` and `setup`
    are what its activity needs besides the body, and `inside` is the step whose deletion takes this one along.
    """

    name: str
    kind: ResourceKind
    id: str
    group: str
    names: tuple[str, ...]
    body: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    setup: GuestSetup | None = None
    needs: tuple[str, ...] = ()
    contained_in: str = ""


@dataclass(frozen=True, slots=True)
class PlannedMachine:
    """The machine of a plan: where it is and what it is to be inside."""

    id: str
    group: str
    name: str
    size: str
    setup: GuestSetup


@dataclass(frozen=True, slots=True)
class DeploymentTarget:
    """Where a plan is carried out: the subscription, the environment's name, and the operation that does it.

    `control_plane` is where its machine reports to ("": nowhere), `audience` what it shows tokens for, and `deployment` the
    deployment of the control plane that builds it.
    """

    subscription: str
    environment: str
    operation: str
    secret: str
    control_plane: str = ""
    audience: str = ""
    deployment: str = DEFAULT_DEPLOYMENT


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything an environment is made of; `changed` names the steps to put even where the resource exists."""

    environment: str
    blueprint: str
    operation: str
    region: str
    group: str
    resources: tuple[Resource, ...]
    machine: PlannedMachine
    changed: tuple[str, ...] = ()

    def resource(self, name: str) -> Resource:
        """The step of that name; raises KeyError if the plan has none."""
        for step in self.resources:
            if step.name == name:
                return step
        raise KeyError(name)

    def of_kind(self, kind: ResourceKind) -> Resource | None:
        """The first step of a kind, if the plan has one."""
        return next((step for step in self.resources if step.kind is kind), None)
