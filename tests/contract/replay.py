"""Replays recorded requests against the simulation, each in groups of its own."""

import re
from dataclasses import dataclass
from typing import Any

from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer
from local.azure.providers.kinds import ACCOUNT, EXTENSION, MACHINE, ROLE
from local.azure.server import VAULT
from tests.contract.azure import Azure
from tests.contract.comparison import differences, poll_differences
from tests.contract.preparation import Preparation
from tests.contract.recordings import Recording

IN_USE = (
    *(
        "NicInUse",
        "InUseSubnetCannotBeDeleted",
        "InUseNetworkSecurityGroupCannotBeDeleted",
        "PublicIPAddressCannotBeDeleted",
    ),
    "OperationNotAllowed",
)
ABSENT = (
    "ResourceNotFound",
    "NotFound",
    "ParentResourceNotFound",
    "ResourceGroupNotFound",
    "RoleAssignmentNotFound",
    "ContainerNotFound",
)
SECRET = re.compile(r"/(?:deleted)?secrets/([^/?]+)")
VERSION = re.compile(r"(secrets/[^/]+/)[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A recording, what the simulation answered, and how the two differ."""

    recording: Recording
    answer: Answer
    differences: tuple[str, ...]
    trouble: tuple[str, ...]
    polls: int

    @property
    def served(self) -> bool:
        """Whether the simulation claims to serve this: neither the request nor what it needs was refused with 501."""
        return self.answer.status != 501 and not any(": 501 " in line for line in self.trouble)


def replay(azure: Azure, recording: Recording) -> Outcome:
    """Prepare, ask, compare."""
    prepare = Preparation(azure)
    if "vault:" in recording.op:
        answer = _vault(azure, recording)
    elif recording.op.endswith("resourcegraph/resources"):
        answer = azure.manage("POST", recording.path, recording.body)
    else:
        _prepare(prepare, recording)
        answer = azure.manage(recording.method, recording.path, recording.body)
    polls, polled = _polled(azure, recording, answer) if answer.status < 300 else (0, [])
    azure.finish()
    azure.forget_everything()
    found = differences(recording, answer) + polled if answer.status != 501 else []
    return Outcome(recording, answer, tuple(found), tuple(prepare.trouble), polls)


def _polled(azure: Azure, recording: Recording, answer: Answer) -> tuple[int, list[str]]:
    """How many recorded polls ours was asked as well, while the operation ran and when it had ended, and how they differ."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    found: list[str] = []
    count = 0
    for running in (True, False):
        if not running:
            azure.finish()
        for poll in recording.polls:
            if poll.running is running and poll.style in headers:
                path = "/" + headers[poll.style].split("/", 3)[3]
                found += poll_differences(poll, azure.manage("GET", path))
                count += 1
    return count, list(dict.fromkeys(found))


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
        _prepare_put(prepare, recording, rid, answered)
    elif rid.collection and recording.method != "POST" and not recording.bare.lower().endswith("/instanceview"):
        _prepare_list(prepare, recording, answered)
    elif recording.status != 204:
        _prepare_one(prepare, recording, rid, answered)


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
    region, name = (match[1], match[2]) if match else ("westus", "gone")
    if recording.status != 404:
        group = f"/subscriptions/{recording.bare.split('/')[2]}/resourceGroups/g-{name}"
        vault = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
        prepare.make(vault, {"location": region})
        prepare.azure.manage("DELETE", f"{vault}?api-version=2023-07-01")


def _prepare_put(prepare: Preparation, recording: Recording, rid: ResourceId, answered: dict[str, Any]) -> None:
    if isinstance(recording.body, dict) and recording.code != "NotFound":
        prepare.references(recording.body, recording.bare)
    if rid.type.lower() == ROLE.lower():
        prepare.scope(rid)
        if recording.status < 400 and recording.body:
            recording.body["properties"]["principalId"] = prepare.principal()
        if recording.code == "RoleAssignmentExists":
            recording.body["properties"]["principalId"] = prepare.principal()
            other = recording.bare.rpartition("/")[0] + "/" + prepare.azure.world.guid("another")
            prepare.put(other, recording.body)
    parent = re.match(r"(.*)/(?:extensions|blobServices)/", recording.bare, re.IGNORECASE)
    if parent and recording.code != "ParentResourceNotFound":
        prepare.make(parent[1])
    if recording.status == 200 and not rid.type.lower().endswith("vaults"):
        # What came back as "Updating" had been something else before.
        changed = (answered.get("properties") or {}).get("provisioningState") == "Updating"
        prepare.make(recording.bare, {**answered, "tags": {"before": "this"}} if changed else answered)


def _prepare_list(prepare: Preparation, recording: Recording, answered: dict[str, Any]) -> None:
    rid = parse(recording.bare)
    if rid is not None and rid.type.lower() == ROLE.lower():
        prepare.scope(rid)
    parent = re.match(r"(.*/(?:virtualMachines|storageAccounts)/[^/]+)/(?!providers)", recording.bare, re.IGNORECASE)
    if parent and recording.code not in ABSENT:
        prepare.make(parent[1])
    for item in (answered.get("value") or [])[:3]:
        if isinstance(item, dict) and isinstance(item.get("id"), str) and parse(item["id"]):
            prepare.make(item["id"], item)


def _prepare_one(prepare: Preparation, recording: Recording, rid: ResourceId, answered: dict[str, Any]) -> None:
    action = recording.method == "POST" or recording.bare.lower().endswith("/instanceview")
    path = recording.bare.rpartition("/")[0] if action else recording.bare
    if recording.code in ABSENT:
        if rid.type.lower() == EXTENSION.lower() and recording.code == "NotFound":
            prepare.make(path.rpartition("/extensions")[0])
        if rid.type.lower().startswith(ACCOUNT.lower() + "/") and recording.code == "ContainerNotFound":
            prepare.make(path.partition("/blobServices")[0])
        if rid.type.lower() == ROLE.lower() and recording.code == "RoleAssignmentNotFound":
            prepare.scope(rid)
        return
    whole = not action and recording.status < 300 and recording.method in ("GET", "PATCH")
    prepare.make(path, answered if whole else None)
    if recording.op.endswith(f"{MACHINE.lower()}/{{}}/start"):
        prepare.azure.manage("POST", f"{path}/deallocate?api-version={recording.version}")
        prepare.azure.finish()


def _vault(azure: Azure, recording: Recording) -> Answer:
    path, name = recording.path, SECRET.search(recording.path)
    if recording.status == 401:
        return azure.ask(VAULT, recording.method, path, recording.body, token=False)
    called, code = name[1] if name else "listed", recording.code
    inner = str((recording.answered or {}).get("error") or "") if isinstance(recording.answered, dict) else ""
    made: Any = None
    wanted = recording.status != 404 and (recording.method != "PUT" or bool(code))
    if wanted:
        given = {"value": "v", **_like(recording.answered)}
        made = azure.ask(VAULT, "PUT", f"/secrets/{called}?api-version=7.4", given).body
    if (
        wanted and "deletedsecrets" in path and "Exists" not in inner and "exists" not in inner
    ) or "ObjectIsDeleted" in inner:
        azure.ask(VAULT, "DELETE", f"/secrets/{called}?api-version=7.4")
    if isinstance(made, dict) and VERSION.search(path):
        path = VERSION.sub(lambda match: match[1] + made["id"].rpartition("/")[2], path)
    path = re.sub(r"&?\$skiptoken=[^&]*", "", path)  # what a page begins with is the server's own business
    return azure.ask(VAULT, recording.method, path, recording.body)


def _like(answered: Any) -> dict[str, Any]:
    """What of a recorded secret a caller has set."""
    if not isinstance(answered, dict):
        return {}
    items = answered.get("value")
    first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else answered
    given = {name: first[name] for name in ("tags", "contentType") if first.get(name) is not None}
    dates = {name: first["attributes"][name] for name in ("nbf", "exp") if name in (first.get("attributes") or {})}
    dates |= {"enabled": False} if "SecretDisabled" in str(answered) else {}
    return {**given, **({"attributes": dates} if dates else {})}
