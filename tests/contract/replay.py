"""Replays recorded requests against the simulation, each in resource groups of its own."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from http.client import NOT_IMPLEMENTED
from typing import Any

from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer
from local.azure.providers.kinds import ACCOUNT, CLUSTER, DIAGNOSTIC_SETTING, EXTENSION, MACHINE, NIC, POOL, ROLE
from local.azure.providers.network import Creation
from tests.contract import secrets
from tests.contract.azure import Azure
from tests.contract.comparison import differences, poll_differences
from tests.contract.preparation import Preparation
from tests.contract.recordings import METRICS, Poll, Recording

IN_USE = (
    *(
        "NicInUse",
        "InUseSubnetCannotBeDeleted",
        "InUseNetworkSecurityGroupCannotBeDeleted",
        "PublicIPAddressCannotBeDeleted",
    ),
    "OperationNotAllowed",
)
MOST_LISTED = 24
# Since then the versions of Kubernetes are known that were offered.
FIRST_CLUSTERS = "2026-01-20T00:00:00Z"
IMAGE = {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "16.04-LTS"}
IMAGES = (
    ("suse 12", {"publisher": "SUSE", "offer": "SLES", "sku": "12-SP3"}),
    ("Windows Server 2016", {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2016-Datacenter"}),
)
ABSENT = (
    "ResourceNotFound",
    "NotFound",
    "ParentResourceNotFound",
    "ResourceGroupNotFound",
    "RoleAssignmentNotFound",
    "RoleDefinitionDoesNotExist",
    "ContainerNotFound",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A recording, what the simulation answered, and how the two differ."""

    recording: Recording
    answer: Answer
    differences: tuple[str, ...]
    trouble: tuple[str, ...]
    polled: tuple[tuple[Poll, Answer], ...] = ()

    @property
    def served(self) -> bool:
        """Whether the simulation claims to serve this: neither the request nor its prerequisites were refused with 501."""
        return self.answer.status != NOT_IMPLEMENTED and not any(": 501 " in line for line in self.trouble)


def replay(azure: Azure, recording: Recording) -> Outcome:
    """Prepare, send the request, compare."""
    prepare, began = Preparation(azure), azure.clock.now_at
    if CLUSTER.lower() in recording.bare.lower():  # which offers versions of their time
        azure.return_to(datetime.fromisoformat(max(recording.at, FIRST_CLUSTERS)).timestamp())
    if recording.op.endswith(METRICS):
        _prepare_metrics(prepare, recording)
    if "vault:" in recording.op:
        answer = secrets.answer(azure, recording)
    elif recording.op.endswith(METRICS):
        answer = azure.manage("GET", recording.path)
    elif recording.op.endswith("resourcegraph/resources"):
        prepare.rows(recording)
        answer = azure.manage("POST", recording.path, recording.body)
    else:
        _prepare(prepare, recording)
        for fault in prepare.faults:
            azure.world.faults.add(fault)
        answer = azure.manage(recording.method, recording.path, recording.body)
    polled = _polled(azure, recording, answer) if answer.status < 300 else ()
    azure.finish()
    azure.forget_everything()
    azure.return_to(max(azure.clock.now_at, began))
    return compared(Outcome(recording, answer, (), tuple(prepare.trouble), polled))


def compared(outcome: Outcome) -> Outcome:
    """An outcome with the differences of its responses."""
    if outcome.answer.status == NOT_IMPLEMENTED:
        return outcome
    found = differences(outcome.recording, outcome.answer)
    for poll, answer in outcome.polled:
        found += poll_differences(poll, answer)
    return replace(outcome, differences=tuple(dict.fromkeys(found)))


def _polled(azure: Azure, recording: Recording, answer: Answer) -> tuple[tuple[Poll, Answer], ...]:
    """The recorded polls that the simulation answered too, during the operation and after its end."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    found: list[tuple[Poll, Answer]] = []
    for running in (True, False):
        if not running:
            azure.finish()
        for poll in recording.polls:
            if poll.running is running and poll.style in headers:
                path = "/" + headers[poll.style].split("/", 3)[3]
                found.append((poll, azure.manage("GET", path)))
    return tuple(found)


def _prepare(prepare: Preparation, recording: Recording) -> None:
    rid = parse(recording.bare)
    answered = recording.answered if isinstance(recording.answered, dict) else {}
    if recording.code == "ResourceGroupNotFound":
        return
    if rid is None:
        _prepare_group(prepare, recording, answered)
        return
    if "deletedvaults" in recording.op:
        _prepare_deleted_vault(prepare, recording)
        return
    if rid.group:
        prepare.group(recording.bare)
    if answered.get("nameAvailable") is False:
        prepare.azure.world.store.put("taken names", recording.body["name"], {"name": recording.body["name"]})
    elif recording.code in IN_USE and recording.method == "DELETE":
        prepare.user_of(recording.bare)
    elif recording.method == "PUT":
        _prepare_failure(prepare, recording)
        _prepare_put(prepare, recording, rid, answered)
    elif rid.collection and recording.method != "POST" and not recording.bare.lower().endswith("/instanceview"):
        _prepare_list(prepare, recording, answered)
    elif recording.status != 204:
        _prepare_one(prepare, recording, rid, answered)


def _prepare_failure(prepare: Preparation, recording: Recording) -> None:
    """An operation that fails at its end as the recorded one did."""
    for poll in recording.polls:
        error = poll.answered.get("error") if isinstance(poll.answered, dict) else None
        if error and poll.answered.get("status") == "Failed":
            fault = {"effect": "fail", "method": "PUT", "path": recording.bare, "times": 1}
            prepare.faults.append({**fault, "code": error["code"], "message": error["message"]})


def _prepare_metrics(prepare: Preparation, recording: Recording) -> None:
    """A machine in the region and at the time of recorded metrics."""
    prepare.azure.return_to(datetime.fromisoformat(recording.at).timestamp())
    answered = recording.answered if isinstance(recording.answered, dict) else {}
    region = str(answered.get("resourceregion") or "southcentralus")
    prepare.make(recording.bare.rpartition("/providers/")[0], {"location": region})
    prepare.azure.return_to(datetime.fromisoformat(recording.at).timestamp())


def _prepare_group(prepare: Preparation, recording: Recording, answered: dict[str, Any]) -> None:
    absent = recording.status == 404 or (recording.method == "PUT" and recording.status == 201)
    for item in (answered.get("value") or []) if recording.bare.count("/") == 3 else []:
        prepare.group(item["id"], _of_group(item))
    if recording.bare.count("/") == 4 and not absent:
        prepare.group(recording.bare, _of_group(answered) if "error" not in answered else None)
        if (answered.get("properties") or {}).get("provisioningState") == "Deleting":
            prepare.azure.manage("DELETE", f"{recording.bare}?api-version={recording.version}")


def _of_group(answered: dict[str, Any]) -> dict[str, Any]:
    return {name: answered[name] for name in ("location", "tags", "managedBy") if answered.get(name) is not None}


def _prepare_deleted_vault(prepare: Preparation, recording: Recording) -> None:
    match = re.search(r"/locations/([^/]+)/deletedvaults/([^/]+)", recording.bare, re.IGNORECASE)
    found = recording.answered if isinstance(recording.answered, dict) else {}
    listed = found["value"] if isinstance(found.get("value"), list) else [found] if found.get("name") else []
    gone = [
        (item["properties"]["location"], item["properties"]["vaultId"], item["properties"].get("tags")) for item in listed
    ]
    if match and not gone:
        group = f"/subscriptions/{recording.bare.split('/')[2]}/resourceGroups/g-{match[2]}"
        gone = [(match[1], f"{group}/providers/Microsoft.KeyVault/vaults/{match[2]}", None)]
    for region, vault, tags in gone if recording.status != 404 else []:
        prepare.make(vault, {"location": region, "tags": tags or {}})
        prepare.azure.manage("DELETE", f"{vault}?api-version=2023-07-01")


def _prepare_put(prepare: Preparation, recording: Recording, rid: ResourceId, answered: dict[str, Any]) -> None:
    if isinstance(recording.body, dict) and recording.code != "NotFound":
        prepare.references(recording.body, recording.bare)
    if rid.type.lower() == ROLE.lower():
        prepare.scope(rid)
        if recording.body and (recording.status < 400 or recording.code == "RoleAssignmentExists"):
            prepare.principal({**recording.body["properties"], **(answered.get("properties") or {})})
        if recording.code == "RoleAssignmentExists":
            other = recording.bare.rpartition("/")[0] + "/" + prepare.azure.world.guid("another")
            prepare.put(other, recording.body)
    if rid.type.lower() == NIC.lower() and "azure-asyncoperation" in recording.headers:
        ready = answered["properties"]["provisioningState"] == "Succeeded"
        prepare.azure.create_cards(Creation.POLLED if ready else Creation.SLOWLY)
    parent = re.match(r"(.*)/(?:extensions|blobServices|computes|datastores|agentPools)/", recording.bare, re.IGNORECASE)
    if parent and recording.code != "ParentResourceNotFound":
        prepare.make(parent[1])
    if _state(answered) == "Restoring":
        prepare.make(recording.bare, answered)
        prepare.azure.manage("DELETE", f"{recording.bare}?api-version={recording.version}")
    if recording.status == 200 and not rid.type.lower().endswith("vaults"):
        # A resource returned as "Updating" existed before.
        changed = _state(answered) == "Updating"
        if rid.type.lower() == MACHINE.lower():
            prepare.make(recording.bare, _before(prepare, recording.body, answered))
            _prepare_power(prepare, recording, recording.bare, answered)
        else:
            before = _pool_before(answered) if rid.type.lower() == POOL.lower() else answered
            prepare.make(recording.bare, {**before, "tags": {"before": "this"}} if changed else before)


def _pool_before(answered: dict[str, Any]) -> dict[str, Any]:
    """A pool before a recorded change: of an older version, or with one node less."""
    properties, state = answered["properties"], _state(answered)
    older = {"orchestratorVersion": "1.32.9"} if state == "Upgrading" else {}
    fewer = {"count": properties["count"] - 1} if state == "Scaling" else {}
    return {**answered, "properties": {**properties, **older, **fewer}}


def _state(answered: dict[str, Any]) -> str:
    return str((answered.get("properties") or {}).get("provisioningState", ""))


def _before(prepare: Preparation, body: Any, answered: dict[str, Any]) -> dict[str, Any]:
    """A machine before a recorded change: without the data disks that the change attaches, which exist by themselves."""
    prepare.identities(body)
    asked = {
        disk["lun"]: disk for disk in ((body.get("properties") or {}).get("storageProfile") or {}).get("dataDisks") or []
    }
    profile = answered["properties"]["storageProfile"]
    disks = []
    for disk in profile["dataDisks"]:
        wanted, kind = asked.get(disk["lun"], {}), disk["managedDisk"]
        attaching = wanted.get("createOption") == "Attach" and "toBeDetached" not in wanted and not disk["toBeDetached"]
        if attaching:
            prepare.disk(
                kind["id"], kind.get("storageAccountType", "Premium_LRS"), disk["diskSizeGB"], answered.get("zones")
            )
        if not attaching and "id" in kind:
            disks.append(disk)
    profile = {**profile, "dataDisks": disks}
    return {**answered, "properties": {**answered["properties"], "storageProfile": profile}}


def _prepare_list(prepare: Preparation, recording: Recording, answered: dict[str, Any]) -> None:
    rid = parse(recording.bare)
    if rid is not None and rid.type.lower() in (ROLE.lower(), DIAGNOSTIC_SETTING.lower()):
        prepare.scope(rid)
    parent = re.match(r"(.*/(?:virtualMachines|storageAccounts)/[^/]+)/(?!providers)", recording.bare, re.IGNORECASE)
    if parent and recording.code not in ABSENT:
        prepare.make(parent[1])
    for item in (answered.get("value") or [])[:MOST_LISTED]:
        if isinstance(item, dict) and isinstance(item.get("id"), str) and parse(item["id"]):
            prepare.make(item["id"], item)


def _prepare_one(prepare: Preparation, recording: Recording, rid: ResourceId, answered: dict[str, Any]) -> None:
    action = recording.method == "POST" or recording.bare.lower().endswith("/instanceview")
    path = recording.bare.rpartition("/")[0] if action else recording.bare
    if _prepare_of_clusters(prepare, recording, path):
        return
    if recording.code in ABSENT:
        if rid.type.lower() == EXTENSION.lower() and recording.code == "NotFound":
            prepare.make(path.rpartition("/extensions")[0])
        if rid.type.lower().startswith(ACCOUNT.lower() + "/") and recording.code == "ContainerNotFound":
            prepare.make(path.partition("/blobServices")[0])
        if rid.type.lower() == ROLE.lower() and recording.code == "RoleAssignmentNotFound":
            prepare.scope(rid)
        return
    whole = not action and recording.status < 300 and recording.method in ("GET", "PATCH", "DELETE")
    viewed = _as_viewed(answered) if recording.bare.lower().endswith("/instanceview") else None
    prepare.make(path, answered if whole else viewed)
    for part in answered.get("extensions") or [] if viewed else []:
        publisher, _, kind = part["type"].rpartition(".")
        given = {"publisher": publisher, "type": kind, "typeHandlerVersion": part["typeHandlerVersion"]}
        prepare.make(f"{path}/extensions/{part['name']}", {"properties": given})
    if rid.type.lower().startswith(MACHINE.lower()):
        _prepare_power(prepare, recording, path, answered)


def _prepare_of_clusters(prepare: Preparation, recording: Recording, path: str) -> bool:
    """What only clusters and images need; returns whether that is all."""
    if recording.op.endswith("/importimage"):
        prepare.images(recording.body)
    if recording.op.endswith("managedclusters/{}/start"):
        prepare.make(path)
        prepare.azure.manage("POST", f"{path}/stop?api-version={recording.version}")
        prepare.azure.finish()
    if "/commandresults/" in recording.bare.lower():
        prepare.command_result(recording)
        return True
    if recording.status == 404 and isinstance(recording.answered, dict) and "subcode" in recording.answered:
        prepare.unknown_to_provider(path)
        return True
    return False


def _as_viewed(view: dict[str, Any]) -> dict[str, Any]:
    """A machine with the system, the data disks and the pictures of an instance view."""
    image = next((image for words, image in IMAGES if words in f"{view.get('osName')} {view.get('osVersion')}"), IMAGE)
    disks = [
        {"lun": lun, "name": disk["name"], "createOption": "Empty", "diskSizeGB": 1, "managedDisk": {"id": "made with it"}}
        for lun, disk in enumerate(view["disks"][1:])
    ]
    storage = {"imageReference": image, "dataDisks": disks, "osDisk": {"name": view["disks"][0]["name"]}}
    pictures = {"bootDiagnostics": {"enabled": True, "storageUri": "https://pictures.blob.core.windows.net/"}}
    more = {"diagnosticsProfile": pictures} if "bootDiagnostics" in view else {}
    return {"properties": {"storageProfile": storage, "osProfile": {"computerName": view.get("computerName", "m")}, **more}}


def _prepare_power(prepare: Preparation, recording: Recording, path: str, answered: dict[str, Any]) -> None:
    """A machine in the recorded state: off before a start, and where it was shown so; just started if its agent was."""
    view = (answered.get("properties") or {}).get("instanceView") or answered
    codes = {status.get("code") for status in view.get("statuses") or []}
    disk = ((answered.get("properties") or {}).get("storageProfile") or {}).get("osDisk") or {"diskSizeGB": 0}
    said = str((view.get("vmAgent") or {}).get("statuses"))
    off = "PowerState/deallocated" in codes or "diskSizeGB" not in disk
    if recording.op.endswith(f"{MACHINE.lower()}/{{}}/start") or off:
        prepare.azure.manage("POST", f"{path}/deallocate?api-version={recording.version}")
        prepare.azure.finish()
    if "not yet populated" in said:
        prepare.azure.manage("POST", f"{path}/restart?api-version={recording.version}")
        prepare.azure.pass_time(61)
