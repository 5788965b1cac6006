"""Key Vault, the part that holds secrets: its challenge, its versions, its soft delete."""

import time
from typing import Any

from local.azure.answers import Answer, Refused, not_simulated
from local.azure.requests import Request
from local.azure.store import Document
from local.azure.world import TENANT, World

SECRETS, DELETED = "secrets", "deleted secrets"
RETENTION_DAYS = 90
SECONDS_A_DAY = 86400


def answer(world: World, request: Request) -> Answer:
    """Answer one request to the vault; raises Refused."""
    # The client sends its first request bare and wants to be told who issues tokens, and for which resource:
    # one that the vault's own name ends in. https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
    resource = "https://" + request.base.removeprefix("https://").partition(".")[2]
    challenge = f'Bearer authorization="{request.issuer.base}/{TENANT}", resource="{resource}"'
    request.check_token(world, resource, challenge=challenge)
    parts = [part for part in request.path.split("/") if part]
    match (request.method, parts):
        case ("GET", ["secrets"]):
            found = [_item(document, request.base) for _, document in world.store.items(SECRETS)]
            return Answer(200, {"value": found, "nextLink": None})
        case ("PUT", ["secrets", name]):
            return Answer(200, _set(world, name, request))
        case ("GET", ["secrets", name, *version]) if version != ["versions"]:
            return Answer(200, _bundle(_found(world, name, *version), request.base))
        case ("DELETE", ["secrets", name]):
            delete(world, name)
            return Answer(200, _deleted(world, name, request))
        case ("GET", ["deletedsecrets", name]):
            return Answer(200, _deleted(world, name, request))
        case ("POST", ["deletedsecrets", name, "recover"]):
            return Answer(200, _recover(world, name, request))
        case ("DELETE", ["deletedsecrets", name]):
            _deleted(world, name, request)
            world.store.delete(DELETED, name)
            return Answer(204)
    raise not_simulated(f"{request.method} {request.path} of Key Vault")


def _set(world: World, name: str, request: Request) -> Document:
    if world.store.get(DELETED, name):
        text = (
            f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the "
            "secret can only be recovered or purged."
        )
        raise Refused(409, "Conflict", text, innererror={"code": "ObjectIsDeletedButRecoverable"})
    body = request.json()
    now = int(time.time())
    version = world.guid("secret", name, str(world.seconds())).replace("-", "")
    document = {
        "name": name,
        "version": version,
        "value": str(body["value"]),
        "tags": body.get("tags") or {},
        "contentType": body.get("contentType", ""),
        "created": now,
    }
    return _bundle(world.store.put(SECRETS, name, document), request.base)


def delete(world: World, name: str) -> None:
    """Delete a secret; it can be recovered until it is purged."""
    document = _found(world, name)
    world.store.put(DELETED, name, {**document, "deleted": int(time.time())})
    world.store.delete(SECRETS, name)


def _recover(world: World, name: str, request: Request) -> dict[str, Any]:
    _deleted(world, name, request)
    document = dict(world.store.get(DELETED, name) or {})
    document.pop("deleted", None)
    world.store.delete(DELETED, name)
    return _item(world.store.put(SECRETS, name, document), request.base)


def _deleted(world: World, name: str, request: Request) -> dict[str, Any]:
    document = world.store.get(DELETED, name)
    if document is None:
        raise Refused(404, "SecretNotFound", f"Deleted Secret not found: {name}")
    shown = _item(document, request.base)
    shown["recoveryId"] = f"{request.base}/deletedsecrets/{name}"
    shown["deletedDate"] = document["deleted"]
    shown["scheduledPurgeDate"] = document["deleted"] + RETENTION_DAYS * SECONDS_A_DAY
    return shown


def _found(world: World, name: str, version: str = "") -> Document:
    document = world.store.get(SECRETS, name)
    if document is None or version not in ("", document["version"]):
        raise Refused(404, "SecretNotFound", f"Secret not found: {name}")
    return document


def _bundle(document: Document, base: str) -> Document:
    identifier = f"{base}/secrets/{document['name']}/{document['version']}"
    return {"value": document["value"], **_item(document, base), "id": identifier}


def _item(document: Document, base: str) -> dict[str, Any]:
    attributes = {
        "enabled": True,
        "created": document["created"],
        "updated": document["created"],
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": RETENTION_DAYS,
    }
    return {
        "id": f"{base}/secrets/{document['name']}",
        "contentType": document["contentType"],
        "attributes": attributes,
        "tags": document["tags"],
    }
