"""The building blocks of blueprints: each method returns the resources of one concern."""

import uuid
from collections.abc import Sequence

from dormouse.blueprints import payloads
from dormouse.blueprints.specs import WorkstationSpec
from dormouse.resources.ownership import group_name
from dormouse.resources.plan import DeploymentTarget, GuestSetup, Resource, ResourceKind
from dormouse.resources.vm_sizes import Driver, find_size

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"

NAMESPACE = uuid.UUID("6f2b4d1e-6a3c-5a0f-9d5b-0d0c5e0a7d11")

VNETS, FIREWALLS = "Microsoft.Network/virtualNetworks", "Microsoft.Network/networkSecurityGroups"
ADDRESSES, NICS = "Microsoft.Network/publicIPAddresses", "Microsoft.Network/networkInterfaces"
ACCOUNTS, MACHINES = "Microsoft.Storage/storageAccounts", "Microsoft.Compute/virtualMachines"


class Parts:
    """The resources of one environment, with shared names and tags."""

    def __init__(self, spec: WorkstationSpec, place: DeploymentTarget) -> None:
        """Use this spec and deployment target for all resources."""
        self._spec, self._place, self._name = spec, place, place.environment
        self.group = group_name(place.deployment, place.environment)
        self._root = f"/subscriptions/{place.subscription}/resourceGroups/{self.group}"
        self.tags = {
            "dormouse": place.environment,
            "dormouse-deployment": place.deployment,
            "dormouse-blueprint": spec.blueprint,
            "dormouse-owner": spec.owner,
            "dormouse-operation": place.operation,
        }

    def resource_group(self) -> list[Resource]:
        """The resource group of the environment."""
        body = {"location": self._spec.region, "tags": self.tags}
        return [Resource("group", ResourceKind.RESOURCE_GROUP, self._root, self.group, (), body)]

    def network(self, open_ports: Sequence[int]) -> list[Resource]:
        """A virtual network, a security group for the allowed sources, a public IP address and a network interface."""
        vnet, firewall = f"vnet-{self._name}", f"nsg-{self._name}"
        address, nic, subnet = f"pip-{self._name}", f"nic-{self._name}", f"subnet-{self._name}"
        card = payloads.network_interface(
            f"{self.id(VNETS, vnet)}/subnets/{subnet}", self.id(FIREWALLS, firewall), self.id(ADDRESSES, address)
        )
        needs = ("network", "firewall", "address")
        return [
            self._step("network", ResourceKind.VIRTUAL_NETWORK, VNETS, vnet, payloads.network(self._spec, subnet)),
            self._step(
                "firewall", ResourceKind.SECURITY_GROUP, FIREWALLS, firewall, payloads.firewall(self._spec, open_ports)
            ),
            self._step("address", ResourceKind.PUBLIC_ADDRESS, ADDRESSES, address, payloads.PUBLIC_ADDRESS),
            self._step("nic", ResourceKind.NETWORK_INTERFACE, NICS, nic, card, needs=needs),
        ]

    def blob_container(self) -> list[Resource]:
        """A storage account with a globally unique name, and a private blob container in it."""
        account, container = self.storage_account, self._spec.container
        path = f"{self.id(ACCOUNTS, account)}/blobServices/default/containers/{container}"
        body = {"properties": {"publicAccess": "None"}}
        names, needs = (account, container), ("storage",)
        return [
            self._step("storage", ResourceKind.STORAGE_ACCOUNT, ACCOUNTS, account, payloads.STORAGE_ACCOUNT),
            Resource(
                "container", ResourceKind.BLOB_CONTAINER, path, self.group, names, body, needs=needs, contained_in="storage"
            ),
        ]

    def password(self) -> list[Resource]:
        """The administrator password as a key vault secret, created before the VM that uses it."""
        secret = self._place.secret
        return [Resource("password", ResourceKind.PASSWORD, f"secrets/{secret}", "", (secret,), {"tags": self.tags})]

    def virtual_machine(self) -> list[Resource]:
        """The VM, with a system-assigned identity; its disk, network interface and IP address are deleted with it."""
        nic = self.id(NICS, f"nic-{self._name}")
        return [
            self._step(
                "vm",
                ResourceKind.VIRTUAL_MACHINE,
                MACHINES,
                self.machine_name,
                payloads.virtual_machine(self._spec, self.machine_name, f"disk-{self._name}", nic),
                inputs={"secret": self._place.secret},
                setup=self.setup,
                needs=("nic", "password"),
            )
        ]

    def nvidia_driver(self) -> list[Resource]:
        """The NVIDIA driver extension (GRID or CUDA, by VM size); no resource for a size without an NVIDIA GPU."""
        if find_size(self._spec.size).driver is Driver.NONE:
            return []
        name = "nvidia-driver"
        path = f"{self.id(MACHINES, self.machine_name)}/extensions/{name}"
        body = {"location": self._spec.region, "tags": self.tags, **payloads.nvidia_driver(self._spec)}
        names = (self.machine_name, name)
        return [
            Resource(
                "driver", ResourceKind.MACHINE_EXTENSION, path, self.group, names, body, needs=("vm",), contained_in="vm"
            )
        ]

    def may_use_blobs(self) -> list[Resource]:
        """A role assignment that lets the VM's identity read and write blobs in the storage account."""
        roles = f"/subscriptions/{self._place.subscription}/providers/Microsoft.Authorization/roleDefinitions"
        inputs = {
            "scope": self.id(ACCOUNTS, self.storage_account),
            "role": f"{roles}/{STORAGE_BLOB_DATA_CONTRIBUTOR}",
            "principal_of": "vm",
        }
        needs = ("vm", "storage")
        # Its ID is derived from the VM's principal ID, which is unknown until the VM exists.
        return [
            Resource(
                "role",
                ResourceKind.ROLE_ASSIGNMENT,
                "",
                self.group,
                (),
                settings=inputs,
                needs=needs,
                contained_in="storage",
            )
        ]

    def id(self, kind: str, name: str) -> str:
        """The resource ID of a resource in the environment's group."""
        return f"{self._root}/providers/{kind}/{name}"

    @property
    def machine_name(self) -> str:
        """The name of the VM, also used as its host name."""
        return f"vm-{self._name}"

    @property
    def storage_account(self) -> str:
        """A deterministic, globally unique name of at most 24 letters and digits."""
        unique = uuid.uuid5(NAMESPACE, self._root.lower()).hex
        return f"st{self._name.replace('-', '')[:9]}{unique[:13]}"

    @property
    def setup(self) -> GuestSetup:
        """The configuration inside the VM."""
        return GuestSetup(
            admin_username=self._spec.admin_username,
            storage_account=self.storage_account,
            container=self._spec.container,
            python_packages=self._spec.python_packages,
            gpu=find_size(self._spec.size).driver is not Driver.NONE,
            control_plane=self._place.control_plane,
            audience=self._place.audience,
        )

    def _step(
        self,
        name: str,
        kind: ResourceKind,
        resource: str,
        called: str,
        body: payloads.Body,
        *,
        inputs: dict[str, str] | None = None,
        setup: GuestSetup | None = None,
        needs: tuple[str, ...] = ("group",),
    ) -> Resource:
        whole = {"location": self._spec.region, "tags": self.tags, **body}
        path = self.id(resource, called)
        return Resource(name, kind, path, self.group, (called,), whole, inputs or {}, setup, needs, contained_in="group")
