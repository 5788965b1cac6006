"""A plan: the Azure resources of a spec, as data."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# Names of this deployment carry no deployment ID: earlier releases built such environments.
DEFAULT_DEPLOYMENT = "main"


class ResourceKind(StrEnum):
    """The kinds of resource in a plan."""

    RESOURCE_GROUP = "resource_group"
    VIRTUAL_NETWORK = "virtual_network"
    SECURITY_GROUP = "security_group"
    PUBLIC_ADDRESS = "public_address"
    NETWORK_INTERFACE = "network_interface"
    STORAGE_ACCOUNT = "storage_account"
    BLOB_CONTAINER = "blob_container"
    PASSWORD = "password"  # noqa: S105 - the kind of a resource, not a password
    VIRTUAL_MACHINE = "virtual_machine"
    MACHINE_EXTENSION = "machine_extension"
    ROLE_ASSIGNMENT = "role_assignment"


@dataclass(frozen=True, slots=True)
class GuestSetup:
    """The configuration inside a VM: input of cloud-init and of the health check.

    If `control_plane` (a URL) is set, an agent reports to it, authenticated by tokens for `audience`.
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

    `names` are the SDK arguments after the group, `id` is the resource ID, `settings` and `setup` are further inputs of
    its activity, and `contained_in` names the resource whose deletion also deletes this one.
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
    """The VM of a plan: its location, size and configuration."""

    id: str
    group: str
    name: str
    size: str
    setup: GuestSetup


@dataclass(frozen=True, slots=True)
class DeploymentTarget:
    """Where a plan is deployed: the subscription, the environment's name, and the operation that builds it.

    `control_plane` is the URL its agent reports to ("": no agent), `audience` the audience of the agent's tokens, and
    `deployment` the deployment of the control plane that builds it.
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
    """All resources of an environment; those named in `changed` are put even if they exist."""

    environment: str
    blueprint: str
    operation: str
    region: str
    group: str
    resources: tuple[Resource, ...]
    machine: PlannedMachine
    changed: tuple[str, ...] = ()

    def resource(self, name: str) -> Resource:
        """The resource with this name; raises KeyError if the plan has none."""
        for step in self.resources:
            if step.name == name:
                return step
        raise KeyError(name)

    def of_kind(self, kind: ResourceKind) -> Resource | None:
        """The first resource of a kind, or None."""
        return next((step for step in self.resources if step.kind is kind), None)
