"""The parts blueprints are made of: each function returns the steps of one concern, as Azure wants their bodies."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from environments.machine_sizes import Driver, find_size
from environments.plan import GuestSetup, Kind, Place, Step
from environments.specs import WorkstationSpec

RDP, SSH = 3389, 22
PORT_NAMES = {RDP: "RDP", SSH: "SSH"}

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"

NAMESPACE = uuid.UUID("6f2b4d1e-6a3c-5a0f-9d5b-0d0c5e0a7d11")


class Parts:
    """The parts of one environment: everything that they share is said once."""

    def __init__(self, spec: WorkstationSpec, place: Place) -> None:
        """Fix what all parts share: the spec, and where it is built by which operation."""
        self._spec = spec
        self._place = place
        self.group = f"rg-dormouse-{place.environment}"
        self._root = f"/subscriptions/{place.subscription}/resourceGroups/{self.group}"
        self.tags = {
            "dormouse": place.environment,
            "dormouse-blueprint": spec.blueprint,
            "dormouse-owner": spec.owner,
            "dormouse-operation": place.operation,
        }

    def resource_group(self) -> list[Step]:
        """The group that everything of an environment lives in."""
        body = {"location": self._spec.region, "tags": self.tags}
        return [Step("group", Kind.RESOURCE_GROUP, self._root, self.group, (), body)]

    def network(self, open_ports: Sequence[int]) -> list[Step]:
        """A private network, a firewall that lets only the allowed sources in, a public address, and the card on them."""
        name = self._place.environment
        vnet, firewall, address, nic = f"vnet-{name}", f"nsg-{name}", f"pip-{name}", f"nic-{name}"
        subnet = f"subnet-{name}"
        network = "Microsoft.Network"
        return [
            self._step("network", Kind.VIRTUAL_NETWORK, f"{network}/virtualNetworks", vnet, self._network_body(subnet)),
            self._step(
                "firewall",
                Kind.SECURITY_GROUP,
                f"{network}/networkSecurityGroups",
                firewall,
                {"properties": {"securityRules": list(self._rules(open_ports))}},
            ),
            self._step(
                "address",
                Kind.PUBLIC_ADDRESS,
                f"{network}/publicIPAddresses",
                address,
                {"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}},
            ),
            self._step(
                "nic",
                Kind.NETWORK_INTERFACE,
                f"{network}/networkInterfaces",
                nic,
                self._nic_body(self.id(f"{network}/virtualNetworks", vnet) + f"/subnets/{subnet}", firewall, address),
                needs=("network", "firewall", "address"),
            ),
        ]

    def blob_container(self) -> list[Step]:
        """A storage account under a name of its own in the world, and a private container in it."""
        account = self.storage_account
        path = self.id("Microsoft.Storage/storageAccounts", account)
        container = self._spec.container
        body = {
            "sku": {"name": "Standard_LRS"},
            "kind": "StorageV2",
            "properties": {
                "minimumTlsVersion": "TLS1_2",
                "allowBlobPublicAccess": False,
                "allowSharedKeyAccess": False,
                "supportsHttpsTrafficOnly": True,
            },
        }
        return [
            self._step("storage", Kind.STORAGE_ACCOUNT, "Microsoft.Storage/storageAccounts", account, body),
            Step(
                "container",
                Kind.BLOB_CONTAINER,
                f"{path}/blobServices/default/containers/{container}",
                self.group,
                (account, container),
                {"properties": {"publicAccess": "None"}},
                needs=("storage",),
                inside="storage",
            ),
        ]

    def password(self) -> list[Step]:
        """A password that exists in the key vault before any machine that uses it."""
        secret = self._place.secret
        return [
            Step("password", Kind.PASSWORD, f"secrets/{secret}", "", (secret,), {"tags": self.tags}),
        ]

    def virtual_machine(self) -> list[Step]:
        """The machine, with a system-assigned identity; its disk, card and address go when it goes."""
        return [
            self._step(
                "vm",
                Kind.VIRTUAL_MACHINE,
                "Microsoft.Compute/virtualMachines",
                self.machine_name,
                self._machine_body(),
                inputs={"secret": self._place.secret},
                setup=self.setup,
                needs=("nic", "password"),
            )
        ]

    def nvidia_driver(self) -> list[Step]:
        """NVIDIA's driver as an extension, GRID or CUDA as the size needs; nothing on a size without such a GPU."""
        if find_size(self._spec.size).driver is Driver.NONE:
            return []
        machine = self.id("Microsoft.Compute/virtualMachines", self.machine_name)
        settings = {"driverVersion": self._spec.driver_version} if self._spec.driver_version else {}
        body = {
            "location": self._spec.region,
            "tags": self.tags,
            "properties": {
                "publisher": "Microsoft.HpcCompute",
                "type": "NvidiaGpuDriverLinux",
                "typeHandlerVersion": "1.11",
                "autoUpgradeMinorVersion": True,
                "settings": settings,
            },
        }
        name = "nvidia-driver"
        names = (self.machine_name, name)
        return [
            Step(
                "driver",
                Kind.MACHINE_EXTENSION,
                f"{machine}/extensions/{name}",
                self.group,
                names,
                body,
                needs=("vm",),
                inside="vm",
            )
        ]

    def may_use_blobs(self) -> list[Step]:
        """The machine's identity may read and write blobs of the storage account, and nothing else."""
        scope = self.id("Microsoft.Storage/storageAccounts", self.storage_account)
        role = (
            f"/subscriptions/{self._place.subscription}/providers/Microsoft.Authorization/roleDefinitions/"
            f"{STORAGE_BLOB_DATA_CONTRIBUTOR}"
        )
        inputs = {"scope": scope, "role": role, "principal_of": "vm"}
        return [
            Step(
                "role",
                Kind.ROLE_ASSIGNMENT,
                "",
                self.group,
                (),
                inputs=inputs,
                needs=("vm", "storage"),
                inside="storage",
            )
        ]

    def id(self, kind: str, name: str) -> str:
        """The resource id of something in the environment's group."""
        return f"{self._root}/providers/{kind}/{name}"

    @property
    def machine_name(self) -> str:
        """The name of the machine, which is its host name too."""
        return f"vm-{self._place.environment}"

    @property
    def storage_account(self) -> str:
        """A name of at most 24 letters and digits that is the same for the same environment, and nobody else's."""
        unique = uuid.uuid5(NAMESPACE, self._root.lower()).hex
        return f"st{self._place.environment.replace('-', '')[:9]}{unique[:13]}"

    @property
    def setup(self) -> GuestSetup:
        """What the inside of the machine is to become."""
        return GuestSetup(
            admin_username=self._spec.admin_username,
            storage_account=self.storage_account,
            container=self._spec.container,
            python_packages=self._spec.python_packages,
            gpu=find_size(self._spec.size).driver is not Driver.NONE,
        )

    def _step(
        self,
        name: str,
        kind: Kind,
        resource: str,
        called: str,
        body: dict[str, Any],
        *,
        inputs: dict[str, str] | None = None,
        setup: GuestSetup | None = None,
        needs: tuple[str, ...] = ("group",),
    ) -> Step:
        whole = {"location": self._spec.region, "tags": self.tags, **body}
        path = self.id(resource, called)
        return Step(name, kind, path, self.group, (called,), whole, inputs or {}, setup, needs, inside="group")

    def _network_body(self, subnet: str) -> dict[str, Any]:
        return {
            "properties": {
                "addressSpace": {"addressPrefixes": [self._spec.network.address_space]},
                "subnets": [{"name": subnet, "properties": {"addressPrefix": self._spec.network.subnet}}],
            }
        }

    def _rules(self, open_ports: Iterable[int]) -> Iterable[dict[str, Any]]:
        for place, port in enumerate(open_ports):
            yield {
                "name": f"Allow-{PORT_NAMES[port]}",
                "properties": {
                    "priority": 1000 + 10 * place,
                    "direction": "Inbound",
                    "access": "Allow",
                    "protocol": "Tcp",
                    "sourcePortRange": "*",
                    "destinationPortRange": str(port),
                    "sourceAddressPrefixes": list(self._spec.allow_from),
                    "destinationAddressPrefix": "*",
                },
            }

    def _nic_body(self, subnet: str, firewall: str, address: str) -> dict[str, Any]:
        network = "Microsoft.Network"
        return {
            "properties": {
                "networkSecurityGroup": {"id": self.id(f"{network}/networkSecurityGroups", firewall)},
                "ipConfigurations": [
                    {
                        "name": "internal",
                        "properties": {
                            "subnet": {"id": subnet},
                            "privateIPAllocationMethod": "Dynamic",
                            "publicIPAddress": {
                                "id": self.id(f"{network}/publicIPAddresses", address),
                                "properties": {"deleteOption": "Delete"},
                            },
                        },
                    }
                ],
            }
        }

    def _machine_body(self) -> dict[str, Any]:
        nic = self.id("Microsoft.Network/networkInterfaces", f"nic-{self._place.environment}")
        disk = self._spec.disk
        return {
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "hardwareProfile": {"vmSize": self._spec.size},
                # GRID drivers refuse Secure Boot; said explicitly, because Azure's default differs by subscription.
                # https://learn.microsoft.com/azure/virtual-machines/trusted-launch
                "securityProfile": {
                    "securityType": "TrustedLaunch",
                    "uefiSettings": {"secureBootEnabled": False, "vTpmEnabled": True},
                },
                "storageProfile": {
                    "imageReference": self._spec.image.model_dump(),
                    "osDisk": {
                        "name": f"disk-{self._place.environment}",
                        "createOption": "FromImage",
                        "caching": "ReadWrite",
                        "diskSizeGB": disk.size_gib,
                        "managedDisk": {"storageAccountType": disk.type},
                        "deleteOption": "Delete",
                    },
                },
                "osProfile": {
                    "computerName": self.machine_name,
                    "adminUsername": self._spec.admin_username,
                    "linuxConfiguration": self._login(),
                },
                "networkProfile": {"networkInterfaces": [{"id": nic, "properties": {"deleteOption": "Delete"}}]},
            },
        }

    def _login(self) -> dict[str, Any]:
        # xrdp asks for the account's password, so that password login stays on even with a key; sshd is told by
        # cloud-init to take keys only as soon as there is one.
        login: dict[str, Any] = {"disablePasswordAuthentication": False}
        if self._spec.ssh_public_key:
            path = f"/home/{self._spec.admin_username}/.ssh/authorized_keys"
            login["ssh"] = {"publicKeys": [{"path": path, "keyData": self._spec.ssh_public_key}]}
        return login
