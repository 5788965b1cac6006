"""Creates what a recorded request needs, through the simulation's own interface."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from local.azure.core import operations, versions
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.common import canonical
from local.azure.providers.containers.images import SHELF as IMAGES
from local.azure.providers.containers.long_running import COMMAND
from local.azure.providers.kinds import (
    ACCOUNT,
    ACTION_GROUP,
    ADDRESS,
    CLUSTER,
    COMPONENT,
    CONTAINER,
    DIAGNOSTIC_SETTING,
    DISK,
    EXTENSION,
    FIREWALL,
    IDENTITY,
    KEY_VAULT,
    LOG_WORKSPACE,
    MACHINE,
    ML_COMPUTE,
    ML_WORKSPACE,
    NIC,
    POOL,
    REGISTRY,
    ROLE,
    ROLE_DEFINITION,
    SUBNET,
    VNET,
)
from local.azure.services.arm import kind_of
from tests.contract import bodies
from tests.contract.azure import Azure
from tests.contract.recordings import REGION, REGIONS, SIZE, Recording

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
        *("creationTime", "primaryEndpoints", "statusOfPrimary", "primaryLocation", "lastModifiedTime"),
        *("macAddress", "virtualMachine", "resources", "ipConfiguration", "systemData", "vaultUri"),
    }
)
IMAGE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
MARKET = re.compile(
    r"/Publishers/(?P<publisher>[^/]+)/ArtifactTypes/VMImage/Offers/(?P<offer>[^/]+)/Skus/(?P<sku>[^/]+)", re.IGNORECASE
)
UNLIKE = "The recorded disk was made in a way that is not simulated."
IMMUTABILITY = ("immutableStorageWithVersioning", "immutabilityPolicy")
MOST_ROWS = 3000
OWNER = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"


class Preparation:
    """Creates the prerequisites of one request."""

    def __init__(self, azure: Azure) -> None:
        self.azure, self.made = azure, set[str]()
        self.trouble: list[str] = []
        self.faults: list[Body] = []

    def put(self, path: str, body: Body) -> Answer:
        kind = kind_of(path).lower()
        known = [
            version for version in versions.KNOWN.get(kind, ["2024-05-01"]) if version >= versions.SERVED_SINCE.get(kind, "")
        ]
        version = max((version for version in known if "preview" not in version), default=max(known))
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
        """Every resource that a body refers to: networks with all their subnets first, network interfaces last."""
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
                and kind_of(identifier) != DISK
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
        """Create one resource from the settable part of a recorded body."""
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
        """Make the resources that used a recorded resource use this one too, and those that were parts of it."""
        for part in (like.get("resources") or []) if isinstance(like, dict) else []:
            self.make(part["id"], part)
        given = like.get("properties") or {} if isinstance(like, dict) else {}
        if {"ipConfiguration", "virtualMachine"} & set(given) or (
            kind_of(path) == FIREWALL and given.get("networkInterfaces")
        ):
            self.user_of(path)

    def _body(self, rid: ResourceId, path: str, like: Body) -> Body | None:
        """The body to put, or None for a resource that cannot be put."""
        place = like.get("location") or REGION
        if kind_of(path) in (MACHINE, DISK) and canonical(place) not in REGIONS:
            place = REGION
        body = {**like, "location": place, "properties": dict(like.get("properties") or {})}
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
            ROLE: lambda _, same: self._role(rid, same),
            DISK: self._disk,
            IDENTITY: bodies.identity,
            LOG_WORKSPACE: bodies.log_workspace,
            COMPONENT: bodies.component,
            ACTION_GROUP: bodies.action_group,
            DIAGNOSTIC_SETTING: self._setting,
            ML_COMPUTE: self._compute,
            ML_WORKSPACE: bodies.ml_workspace,
            ROLE_DEFINITION: bodies.custom_role,
            REGISTRY: bodies.registry,
            CLUSTER: bodies.cluster,
            POOL: self._pool,
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
                    rule["properties"][end] = "*"  # older groups contain values that are rejected today
        return body

    def _container(self, path: str, body: Body) -> Body:
        self.make(path.partition("/blobServices")[0])
        wanted = ("publicAccess", "metadata", *IMMUTABILITY)
        return {"properties": {name: value for name, value in body["properties"].items() if name in wanted}}

    def _extension(self, path: str, body: Body) -> Body:
        self.make(path.rpartition("/extensions")[0])
        body["properties"].setdefault("type", "T")
        return body

    def _compute(self, path: str, body: Body) -> Body:
        self.make(path.rpartition("/computes")[0])
        return body

    def _pool(self, path: str, body: Body) -> Body:
        self.make(path.rpartition("/agentPools")[0])
        return bodies.pool(path, body)

    def _vault(self, _: str, body: Body) -> Body:
        return {**body, "properties": {"sku": {"family": "A", "name": "standard"}, "tenantId": "t", **body["properties"]}}

    def _setting(self, path: str, like: Body) -> Body:
        rid = parse(path)
        assert rid is not None
        self.scope(rid)
        workspace = f"{rid.group_id}/providers/{LOG_WORKSPACE}/of-setting"
        body = bodies.diagnostic_setting(path, like)
        return body if body["properties"] else {"properties": {"workspaceId": workspace}}

    def _role(self, rid: ResourceId, like: Body) -> Body:
        self.scope(rid)
        given = like.get("properties") or {}
        triple = json.dumps([rid.scope or rid.root, given.get("roleDefinitionId"), given.get("principalId")])
        if triple in self.made:  # the recorder replaced the IDs of all principals by one
            given = {name: value for name, value in given.items() if name != "principalId"}
        self.made.add(triple)
        role = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
        who = {"principalId": self.principal(given), "principalType": given.get("principalType") or "ServicePrincipal"}
        more = {"description": given["description"]} if given.get("description") else {}
        return {"properties": {"roleDefinitionId": given.get("roleDefinitionId") or role, **who, **more}}

    def _card(self, path: str, body: Body) -> Body:
        if not body["properties"].get("ipConfigurations"):
            network = f"{self.group(path)}/providers/{VNET}/made"
            self.network(network, ["s"])
            subnet = {"id": f"{network}/subnets/s"}
            body["properties"]["ipConfigurations"] = [{"name": "ipconfig1", "properties": {"subnet": subnet}}]
        return body

    def _disk(self, path: str, like: Body) -> Body | None:
        """The body of an empty disk; one with a system on it only a machine can create, and leave behind."""
        given = like.get("properties") or {}
        origin = given.get("creationData") or {}
        option = origin.get("createOption", "FromImage")
        unlike = {"securityProfile", "diskAccessId"} & set(given) or "diskEncryptionSetId" in (given.get("encryption") or {})
        if option not in ("FromImage", "Empty") or "galleryImageReference" in origin or unlike:
            self.trouble.append(f"{path}: 501 {UNLIKE}")
            return None
        if option == "Empty" and "managedBy" not in like:
            kept = ("creationData", "diskSizeGB", "networkAccessPolicy", "hyperVGeneration", "supportedCapabilities")
            properties = {name: given[name] for name in kept if given.get(name) is not None}
            return {**like, "sku": {"name": like["sku"]["name"]}, "properties": properties}
        owner = f"{self.group(path)}/providers/{MACHINE}/of-{path.rpartition('/')[2]}"
        more = {name: like[name] for name in ("tags", "zones") if like.get(name) is not None}
        body = self.machine(owner, {"location": like.get("location") or REGION, "properties": {}, **more})
        kind, storage = (like.get("sku") or {}).get("name", "Standard_LRS"), body["properties"]["storageProfile"]
        disk = {"name": path.rpartition("/")[2], "diskSizeGB": given.get("diskSizeGB", 30)}
        disk |= {"managedDisk": {"storageAccountType": kind}}
        if option == "Empty":
            storage["dataDisks"] = [{**disk, "lun": 0, "createOption": "Empty"}]
        else:
            storage["osDisk"] |= disk
            match = MARKET.search(str((origin.get("imageReference") or {}).get("id")))
            storage["imageReference"] = {**match.groupdict(), "version": "latest"} if match else storage["imageReference"]
        self.put(owner, body)
        if "managedBy" not in like:
            self.azure.manage("DELETE", f"{owner}?api-version=2024-07-01")
            self.azure.finish()
        return None

    def images(self, body: Body) -> None:
        """The image that a registry imports from another one of ours."""
        self.references(body, "none")
        source = body["source"].get("resourceId")
        if source:
            repository, _, tag = body["source"]["sourceImage"].partition("@")[0].partition(":")
            digest = body["source"]["sourceImage"].partition("@")[2] or f"sha256:{'0' * 64}"
            known = {"tags": {tag or "latest": digest}, "digests": [digest]}
            self.azure.world.store.put(IMAGES, f"{source}|{repository}", known)

    def unknown_to_provider(self, path: str) -> None:
        """A cluster that has just been deleted, or a cluster without a pool."""
        above, _, pool = path.partition("/agentPools/")
        self.make(above)
        if not pool:
            self.azure.manage("DELETE", f"{path}?api-version=2026-08-01")
            self.azure.pass_time(61)

    def command_result(self, recording: Recording) -> None:
        """A command that runs, or that has ended as the recorded one."""
        cluster, _, identifier = recording.bare.rpartition("/commandResults/")
        self.make(cluster)
        given = recording.answered["properties"]
        ended = given["provisioningState"] == "Succeeded"
        now = self.azure.world.seconds()
        document: Body = {"effect": COMMAND, "status": "Succeeded" if ended else "InProgress", "begun": now, "ends": now + 5}
        document |= {"id": identifier, "resource": cluster, "error": None, "result": {"exitCode": 0, "logs": "a log"}}
        self.azure.world.store.put(operations.SHELF, identifier, document)

    def machine(self, path: str, like: Body) -> Body:
        """The body of a machine like a recorded one, with what it needs."""
        given, group = like.get("properties") or {}, self.group(path)
        cards = (given.get("networkProfile") or {}).get("networkInterfaces") or []
        cards = cards or [{"id": f"{group}/providers/{NIC}/card-of-{path.rpartition('/')[2]}"}]
        for card in cards:
            self.make(card["id"])
        self.identities(like)
        asked = given.get("storageProfile") or {}
        disk = {"createOption": "FromImage", **(asked.get("osDisk") or {})}
        if disk["createOption"] == "Attach":
            self.disk(disk["managedDisk"]["id"], zones=like.get("zones"))
            properties = {**given, "networkProfile": {"networkInterfaces": cards}}
            return {"location": REGION, **like, "properties": {"hardwareProfile": {"vmSize": SIZE}, **properties}}
        disk["managedDisk"] = {k: v for k, v in (disk.get("managedDisk") or {}).items() if k != "id"}
        own = ("secrets", "requireGuestProvisionSignal")
        login = {name: value for name, value in (given.get("osProfile") or {}).items() if name not in own}
        login = {"computerName": "m", "adminUsername": "u", **login, "adminPassword": "Pass-word-1234"}
        image = {k: v for k, v in (asked.get("imageReference") or IMAGE).items() if k != "exactVersion"}
        storage = {
            **asked,
            "imageReference": image,
            "osDisk": disk,
            "dataDisks": self._data_disks(asked.get("dataDisks") or [], like.get("zones")),
        }
        properties = {**given, "storageProfile": storage, "osProfile": login, "networkProfile": {"networkInterfaces": cards}}
        return {"location": REGION, **like, "properties": {"hardwareProfile": {"vmSize": SIZE}, **properties}}

    def _data_disks(self, recorded: list[Body], zones: list[str] | None) -> list[Body]:
        """The disks that were attached before: a recorded one without an ID is only being attached."""
        found = []
        for disk in recorded:
            if "id" not in disk["managedDisk"] or disk.get("new"):
                continue
            kind = disk["managedDisk"].get("storageAccountType", "Premium_LRS")
            if disk["createOption"] == "Attach":
                self.disk(disk["managedDisk"]["id"], kind, disk.get("diskSizeGB", 1), zones)
                managed = disk["managedDisk"]
            else:
                managed = {"storageAccountType": kind}
            settled = {k: v for k, v in disk.items() if k not in ("toBeDetached", "detachOption", "managedDisk")}
            found.append({**settled, "managedDisk": managed})
        return found

    def identities(self, body: Body) -> None:
        """The user-assigned identities of a machine."""
        for identifier in (body.get("identity") or {}).get("userAssignedIdentities") or {}:
            self.make(identifier)

    def disk(self, path: str, kind: str = "Premium_LRS", size: int = 1, zones: list[str] | None = None) -> None:
        """An empty disk that nothing uses, in the zone of the machine that it is for."""
        if path.lower() not in self.made:
            self.made.add(path.lower())
            self.group(path)
            properties = {"creationData": {"createOption": "Empty"}, "diskSizeGB": size}
            placed = {"zones": zones} if zones else {}
            self.put(path, {"location": REGION, "sku": {"name": kind}, "properties": properties, **placed})

    def user_of(self, path: str) -> None:
        """A resource that uses another one, so that the latter cannot be deleted."""
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
            if kind_of(rid.scope).lower() in versions.KNOWN and kind_of(rid.scope) != SUBNET:
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

    def principal(self, like: Body | None = None) -> str:
        """A principal that the directory has known for a long time: that of a recorded assignment, or a new one."""
        given = like or {}
        guid = given.get("principalId") or self.azure.world.guid("a principal", str(len(self.made)))
        known = {"id": guid, "known_at": 0, "type": given.get("principalType") or "ServicePrincipal"}
        self.azure.world.store.put("principals", str(guid), known)
        return str(guid)

    def rows(self, recording: Recording) -> None:
        """The resources that a query of Resource Graph has found, and as many more as it has counted."""
        answered = recording.answered if isinstance(recording.answered, dict) else {}
        found = [row for row in answered.get("data") or [] if isinstance(row, dict) and parse(str(row.get("id")))]
        more = range(len(found), min(int(answered.get("totalRecords") or 0), MOST_ROWS))
        template = {"type": "", "name": "", "location": "westus", "properties": {}}
        documents = [{**template, **row, "type": kind_of(row["id"])} for row in found]
        path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/zz/providers/Microsoft.Nothing/others"
        others = [{**template, "id": f"{path}/{number}", "type": "Microsoft.Nothing/others"} for number in more]
        skipped = int(((recording.body or {}).get("options") or {}).get("$skip") or 0)
        self.azure.world.adopt([*others[:skipped], *documents, *others[skipped:]])


def settable(value: Any) -> Any:
    """A recorded body without the properties that only Azure writes."""
    if isinstance(value, list):
        return [settable(item) for item in value]
    if not isinstance(value, dict):
        return value
    reference = set(value) <= {"id", "properties", "resourceGroup", "storageAccountType"}
    return {
        name: settable(item)
        for name, item in value.items()
        if name not in READ_ONLY
        and not (name == "id" and not reference)
        and not (name == "type" and not {"publisher", "userAssignedIdentities", "tenantId"} & set(value))
    }
