"""What a recorded request needs is made first, through the simulation's own interface."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from local.azure.core import versions
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.kinds import (
    ACCOUNT,
    ADDRESS,
    CONTAINER,
    DISK,
    EXTENSION,
    FIREWALL,
    KEY_VAULT,
    MACHINE,
    NIC,
    ROLE,
    VNET,
)
from local.azure.services.arm import kind_of
from tests.contract.azure import Azure

Body = dict[str, Any]
ID = re.compile(r"/subscriptions/[^\"?]+")
GROUP = re.compile(r"(/subscriptions/[^/]+/resourcegroups/[^/?]+)", re.IGNORECASE)
READ_ONLY = frozenset(
    {
        *(
            "provisioningState",
            "resourceGuid",
            "etag",
            "vmId",
            "timeCreated",
            "exactVersion",
            "instanceView",
            "keyCreationTime",
        ),
        *("creationTime", "primaryEndpoints", "statusOfPrimary", "primaryLocation", "lastModifiedTime", "principalId"),
        *("macAddress", "virtualMachine", "resources", "ipConfiguration", "systemData", "vaultUri"),
    }
)
IMAGE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
UNLIKE = "The recorded disk was made in a way that is not simulated."
IMMUTABILITY = ("immutableStorageWithVersioning", "immutabilityPolicy")
OWNER = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"


class Preparation:
    """Makes what one request needs."""

    def __init__(self, azure: Azure) -> None:
        self.azure, self.made = azure, set[str]()
        self.trouble: list[str] = []

    def put(self, path: str, body: Body) -> Answer:
        known = versions.KNOWN.get(kind_of(path).lower(), ["2024-05-01"])
        version = max(version for version in known if "preview" not in version)
        answer = self.azure.manage("PUT", f"{path}?api-version={version}", body)
        self.azure.finish()
        if answer.status >= 400:
            self.trouble.append(f"{path}: {answer.status} {answer.body}")
        return answer

    def group(self, path: str, like: Body | None = None) -> str:
        match = GROUP.match(path)
        if match and match[1].lower() not in self.made:
            self.made.add(match[1].lower())
            self.put(match[1], {"location": "westus", **(like or {})})
        return match[1] if match else ""

    def references(self, body: Any, own: str) -> None:
        """Everything that a body points to: networks with all their subnets first, cards last."""
        identifiers = sorted(set(ID.findall(json.dumps(body))), key=lambda item: "networkinterfaces" in item.lower())
        subnets: dict[str, set[str]] = defaultdict(set)
        for identifier in identifiers:
            match = re.fullmatch(r"(.*/virtualNetworks/[^/]+)/subnets/([^/]+)", identifier, re.IGNORECASE)
            if match:
                subnets[match[1]].add(match[2])
        for network, names in subnets.items():
            if network.lower() != own.lower():
                self.network(network, sorted(names))
        for identifier in identifiers:
            rid = parse(identifier)
            if (
                rid
                and rid.group
                and not rid.collection
                and len(rid.types) == 1
                and not identifier.lower().startswith(own.lower())
            ):
                self.make(identifier)

    def network(self, path: str, names: list[str]) -> None:
        self.group(path)
        if path.lower() in self.made:
            return
        self.made.add(path.lower())
        subnets = [{"name": n, "properties": {"addressPrefix": f"10.0.{place}.0/24"}} for place, n in enumerate(names)]
        self.put(
            path,
            {"location": "westus", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets}},
        )

    def make(self, path: str, like: Any = None) -> None:
        """One resource, with the part of a recorded body that a caller may set."""
        rid = parse(path)
        if rid is None or path.lower() in self.made:
            return
        self.group(path)
        self.made.add(path.lower())
        body = self._body(rid, path, settable(like) if isinstance(like, dict) else {})
        if body is not None:
            self.references(body, path)
            self.put(path, body)
            self._used_as(path, like)

    def _used_as(self, path: str, like: Any) -> None:
        """What used a recorded resource uses this one too."""
        given = like.get("properties") or {} if isinstance(like, dict) else {}
        if {"ipConfiguration", "virtualMachine"} & set(given) or (
            kind_of(path) == FIREWALL and given.get("networkInterfaces")
        ):
            self.user_of(path)

    def _body(self, rid: ResourceId, path: str, like: Body) -> Body | None:
        """What to put, or None for what cannot be put."""
        body = {**like, "location": like.get("location") or "westus", "properties": dict(like.get("properties") or {})}
        make: dict[str, Callable[[str, Body], Body | None]] = {
            VNET: self._network,
            FIREWALL: self._firewall,
            ADDRESS: lambda _, same: same,
            NIC: self._card,
            ACCOUNT: lambda _, same: {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", **same},
            CONTAINER: self._container,
            MACHINE: self.machine,
            EXTENSION: self._extension,
            KEY_VAULT: self._vault,
            ROLE: lambda _, __: self._role(rid),
            DISK: self._disk,
        }
        kind = kind_of(path)
        return make[kind](path, body) if kind in make else None

    def _network(self, _: str, body: Body) -> Body:
        body["properties"].setdefault("addressSpace", {"addressPrefixes": ["10.0.0.0/16"]})
        return body

    def _firewall(self, _: str, body: Body) -> Body:
        for name in ("defaultSecurityRules", "networkInterfaces"):
            body["properties"].pop(name, None)
        for rule in body["properties"].get("securityRules") or []:
            for end in ("sourceAddressPrefix", "destinationAddressPrefix"):
                if str(rule["properties"].get(end, "")).isdigit():
                    rule["properties"][end] = "*"  # older groups hold what is refused today
        return body

    def _container(self, path: str, body: Body) -> Body:
        self.make(path.partition("/blobServices")[0])
        wanted = ("publicAccess", "metadata", *IMMUTABILITY)
        return {"properties": {name: value for name, value in body["properties"].items() if name in wanted}}

    def _extension(self, path: str, body: Body) -> Body:
        self.make(path.rpartition("/extensions")[0])
        body["properties"].setdefault("type", "T")
        return body

    def _vault(self, _: str, body: Body) -> Body:
        return {**body, "properties": {"sku": {"family": "A", "name": "standard"}, "tenantId": "t", **body["properties"]}}

    def _role(self, rid: ResourceId) -> Body:
        self.scope(rid)
        role = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
        who = {"principalId": self.principal(), "principalType": "ServicePrincipal"}
        return {"properties": {"roleDefinitionId": role, **who}}

    def _card(self, path: str, body: Body) -> Body:
        if not body["properties"].get("ipConfigurations"):
            network = f"{self.group(path)}/providers/{VNET}/made"
            self.network(network, ["s"])
            subnet = {"id": f"{network}/subnets/s"}
            body["properties"]["ipConfigurations"] = [{"name": "ipconfig1", "properties": {"subnet": subnet}}]
        return body

    def _disk(self, path: str, like: Body) -> None:
        """A disk, which only a machine can bring along, and leave behind."""
        given = like.get("properties") or {}
        origin = given.get("creationData") or {}
        if origin.get("createOption", "FromImage") != "FromImage" or "galleryImageReference" in origin:
            self.trouble.append(f"{path}: 501 {UNLIKE}")
            return
        if {"securityProfile", "diskAccessId"} & set(given) or "diskEncryptionSetId" in (given.get("encryption") or {}):
            self.trouble.append(f"{path}: 501 {UNLIKE}")
            return
        owner = f"{self.group(path)}/providers/{MACHINE}/of-{path.rpartition('/')[2]}"
        more = {name: like[name] for name in ("tags", "zones") if like.get(name) is not None}
        body = self.machine(owner, {"location": "westus", "properties": {}, **more})
        disk = body["properties"]["storageProfile"]["osDisk"]
        disk |= {"name": path.rpartition("/")[2], "diskSizeGB": given.get("diskSizeGB", 30)}
        disk["managedDisk"] = {"storageAccountType": (like.get("sku") or {}).get("name", "Standard_LRS")}
        self.put(owner, body)
        if "managedBy" not in like:
            self.azure.manage("DELETE", f"{owner}?api-version=2024-07-01")
            self.azure.finish()

    def machine(self, path: str, like: Body) -> Body:
        given, group = like.get("properties") or {}, self.group(path)
        cards = (given.get("networkProfile") or {}).get("networkInterfaces") or []
        cards = cards or [{"id": f"{group}/providers/{NIC}/card-of-{path.rpartition('/')[2]}"}]
        for card in cards:
            self.make(card["id"])
        asked = given.get("storageProfile") or {}
        disk = {"createOption": "FromImage", **(asked.get("osDisk") or {})}
        disk["managedDisk"] = {k: v for k, v in (disk.get("managedDisk") or {}).items() if k != "id"}
        login = {
            "computerName": "m",
            "adminUsername": "u",
            **(given.get("osProfile") or {}),
            "adminPassword": "Pass-word-1234",
        }
        storage = {"imageReference": {**IMAGE, **(asked.get("imageReference") or {})}, "osDisk": disk}
        storage |= {"dataDisks": asked["dataDisks"]} if asked.get("dataDisks") else {}
        properties = {**given, "storageProfile": storage, "osProfile": login, "networkProfile": {"networkInterfaces": cards}}
        return {**like, "location": "westus", "properties": {**properties, "hardwareProfile": {"vmSize": "Standard_D2s_v5"}}}

    def user_of(self, path: str) -> None:
        """Something that uses a resource, so that it cannot be deleted."""
        group, kind = self.group(path), kind_of(path)
        if kind == DISK:
            owner = f"{group}/providers/{MACHINE}/user"
            body = self.machine(owner, {"location": "westus", "properties": {}})
            body["properties"]["storageProfile"]["osDisk"]["name"] = path.rpartition("/")[2]
            self.put(owner, body)
            return
        if kind == NIC:
            self.make(path)
            networks = {"networkProfile": {"networkInterfaces": [{"id": path}]}}
            self.make(f"{group}/providers/{MACHINE}/user", {"properties": networks})
            return
        network = path if kind == VNET else f"{group}/providers/{VNET}/of-user"
        self.network(network, ["s"])
        given: Body = {
            "subnet": {"id": f"{network}/subnets/s"},
            **({"publicIPAddress": {"id": path}} if kind == ADDRESS else {}),
        }
        more = {"networkSecurityGroup": {"id": path}} if kind == FIREWALL else {}
        card = {"ipConfigurations": [{"name": "ipconfig1", "properties": given}], **more}
        self.references(card, "nothing")
        self.put(f"{group}/providers/{NIC}/user", {"location": "westus", "properties": card})

    def scope(self, rid: ResourceId) -> None:
        if rid.scope and parse(rid.scope) is not None:
            if kind_of(rid.scope).lower() in versions.KNOWN:
                self.make(rid.scope)
            else:
                self.group(rid.scope)
                above = parse(rid.scope)
                self.azure.world.keep(
                    {
                        "id": rid.scope,
                        "type": above.type if above else "",
                        "name": rid.scope.rpartition("/")[2],
                        "properties": {},
                    }
                )
        elif rid.group:
            self.group(rid.text)

    def principal(self) -> str:
        """A principal that the directory has known for long."""
        guid = self.azure.world.guid("a principal", str(len(self.made)))
        self.azure.world.store.put("principals", guid, {"id": guid, "known_at": 0})
        return guid


def settable(value: Any) -> Any:
    """A recorded body without what only Azure writes."""
    if isinstance(value, list):
        return [settable(item) for item in value]
    if not isinstance(value, dict):
        return value
    reference = set(value) <= {"id", "properties", "resourceGroup"}
    return {
        name: settable(item)
        for name, item in value.items()
        if name not in READ_ONLY
        and not (name == "id" and not reference)
        and not (name == "type" and "publisher" not in value)
    }
