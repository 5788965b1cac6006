"""Microsoft.Storage: blob containers, as Azure Resource Manager shows them."""

import re

from local.azure.core.request_schemas import check
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World, visible
from local.azure.providers.common import (
    GATEWAY,
    Body,
    absent,
    group_of,
    live_group_of,
)
from local.azure.providers.kinds import ACCOUNT, CONTAINER
from local.azure.providers.storage import PLAIN

CONTAINER_NAME = re.compile(r"(?=.{3,63}$)(\$root|\$logs|[a-z0-9](?:-?[a-z0-9])*)")
ANSWERED = ("deleted", "remainingRetentionDays", "metadata", "hasImmutabilityPolicy", "hasLegalHold")


def put_container(world: World, rid: ResourceId, request: Request) -> Answer:
    """Put a blob container in an account that is ready."""
    body = request.json()
    live_group_of(world, rid.group_id)
    account = world.resource(_account_id(rid))
    if account is None:
        raise _parent_absent(rid, "write")
    if not CONTAINER_NAME.fullmatch(rid.name):
        raise Refused(
            400,
            "ContainerNameInvalid",
            "The specified container name is not valid: 3 to 63 lower-case letters, numbers and single hyphens.",
        )
    check(CONTAINER, body)
    if account["properties"]["provisioningState"] != "Succeeded":
        text = "The storage account provisioning state must be 'Succeeded' before executing the operation."
        raise Refused(409, "StorageAccountIsNotProvisioned", text)
    existing = world.resource(rid.text)
    asked = {name: value for name, value in (body.get("properties") or {}).items() if value is not None}
    document = keep(world, rid.text, asked)
    public = {name: value for name, value in document["properties"].items() if name in ANSWERED}
    answered = {"id": rid.text, "name": rid.name, "type": CONTAINER, **({"properties": public} if asked else {})}
    return Answer(200 if existing else 201, answered, {"ETag": document["etag"]})


def keep(world: World, identifier: str, asked: Body) -> Document:
    """Store a container with these properties, and the others as they are for a new one."""
    now = world.seconds()
    properties = {
        "deleted": False,
        "remainingRetentionDays": 0,
        "defaultEncryptionScope": "$account-encryption-key",
        "denyEncryptionScopeOverride": False,
        "publicAccess": "None",
        **asked,
        "leaseStatus": "Unlocked",
        "leaseState": "Available",
        "lastModifiedTime": world.zulu(float(int(now))),
        "legalHold": {"hasLegalHold": False, "tags": []},
        "hasImmutabilityPolicy": False,
        "hasLegalHold": False,
    }
    etag = f'"0x{world.guid("container", identifier, str(now)).replace("-", "")[:15].upper()}"'
    name = identifier.rpartition("/")[2]
    return world.keep({"id": identifier, "name": name, "type": CONTAINER, "etag": etag, "properties": properties})


def get_container(world: World, rid: ResourceId) -> Answer:
    """Get a blob container; raises refusals if it or its account does not exist."""
    group_of(world, rid.group_id)
    if world.resource(_account_id(rid)) is None:
        raise _parent_absent(rid, "read")
    document = world.resource(rid.text)
    if document is None:
        text = f"The specified container does not exist.\nRequestId:{world.fresh_guid('request')}\nTime:{world.zulu()}"
        raise Refused(404, "ContainerNotFound", text)
    return Answer(200, visible(document), {"ETag": document["etag"]})


def list_containers(world: World, rid: ResourceId) -> Answer:
    """Every container of an account."""
    group_of(world, rid.group_id)
    if world.resource(_account_id(rid)) is None:
        raise _parent_absent(rid, "read")
    return Answer(200, {"value": [visible(item) for item in world.resources(CONTAINER, _account_id(rid) + "/")]})


def delete_container(world: World, rid: ResourceId) -> Answer:
    """Delete a blob container with all its content, at once."""
    if world.resource(_account_id(rid)) is None:
        raise _parent_absent(rid, "delete")
    if world.resource(rid.text) is None:
        return Answer(204)
    world.forget(rid.text)
    return Answer(200, None, PLAIN)


def _parent_absent(rid: ResourceId, verb: str) -> Refused:
    if verb == "read" and len(rid.types) == 1:
        return absent(rid)
    text = (
        f"Failed to perform '{verb}' on resource(s) of type 'storageAccounts/blobServices', because the parent "
        f"resource '{_account_id(rid)}' could not be found."
    )
    return Refused(404, "ParentResourceNotFound", text, headers=GATEWAY)


def _account_id(rid: ResourceId) -> str:
    return f"{rid.group_id}/providers/{ACCOUNT}/{rid.names[0]}"
