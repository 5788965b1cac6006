"""The parts blueprints are made of: each returns the steps of one concern, with their names, needs and bodies."""

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
    """The parts of one environment: everything that they share is said once."""

    def __init__(self, spec: WorkstationSpec, place: DeploymentTarget) -> None:
        """Fix what all parts share: the spec, and where it is built by which operation."""
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
        """The group that everything of an environment lives in."""
        body = {"location": self._spec.region, "tags": self.tags}
        return [Resource("group", ResourceKind.RESOURCE_GROUP, self._root, self.group, (), body)]

    def network(self, open_ports: Sequence[int]) -> list[Resource]:
        """A private network, a firewall that lets only the allowed sources in, a public address, and the card on them."""
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
        """A storage account under a name of its own in the world, and a private container in it."""
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
        """A password that exists in the key vault before any machine that uses it."""
        secret = self._place.secret
        return [Resource("password", ResourceKind.PASSWORD, f"secrets/{secret}", "", (secret,), {"tags": self.tags})]

    def virtual_machine(self) -> list[Resource]:
        """The machine, with a system-assigned identity; its disk, card and address go when it goes."""
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
        """NVIDIA's driver as an extension, GRID or CUDA as the size needs; nothing on a size without such a GPU."""
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
        """The machine's identity may read and write blobs of the storage account, and nothing else."""
        roles = f"/subscriptions/{self._place.subscription}/providers/Microsoft.Authorization/roleDefinitions"
        inputs = {
            "scope": self.id(ACCOUNTS, self.storage_account),
            "role": f"{roles}/{STORAGE_BLOB_DATA_CONTRIBUTOR}",
            "principal_of": "vm",
        }
        needs = ("vm", "storage")
        # Its id follows from the machine's principal, which nobody knows before the machine exists.
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
        """The resource id of something in the environment's group."""
        return f"{self._root}/providers/{kind}/{name}"

    @property
    def machine_name(self) -> str:
        """The name of the machine, which is its host name too."""
        return f"vm-{self._name}"

    @property
    def storage_account(self) -> str:
        """A name of at most 24 letters and digits that is the same for the same environment, and nobody else's."""
        unique = uuid.uuid5(NAMESPACE, self._root.lower()).hex
        return f"st{self._name.replace('-', '')[:9]}{unique[:13]}"

    @property
    def setup(self) -> GuestSetup:
        """What the inside of the machine is to become."""
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
