"""Key Vault, only secrets: its challenge, versions, soft delete.

https://learn.microsoft.com/rest/api/keyvault/secrets
"""

import math
from typing import Any

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World
from local.azure.services.secret_views import ATTRIBUTES, deleted_item, newest_version, page_of, secret_bundle, secret_item

SECRETS, DELETED = "secrets", "deleted secrets"
AGAIN = " and cannot be re-created; retry later"


def answer(world: World, request: Request) -> Answer:
    """Answer one request to the vault; raises Refused."""
    # The client sends its first request without a token and expects the challenge to name the issuer and the resource,
    # which must be a domain that the vault's host name ends with.
    # https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
    resource = "https://" + request.base.removeprefix("https://").partition(".")[2]
    challenge = f'Bearer authorization="{request.issuer.base}/{TENANT}", resource="{resource}"'
    try:
        request.check_token(resource, challenge=challenge)
    except Refused as refused:
        text = "AKV10000: Request is missing a Bearer or PoP token."
        raise Refused(401, "Unauthorized", text, headers=refused.headers) from None
    said = _answered(world, request, [part for part in request.path.split("/") if part])
    return Answer(said.status, said.body, {"x-ms-keyvault-region": "polandcentral", **said.headers})


def _answered(world: World, request: Request, parts: list[str]) -> Answer:
    match parts:
        case ["secrets", *rest]:
            return _secrets(world, request, rest)
        case ["deletedsecrets", *rest]:
            return _deleted_secrets(world, request, rest)
    raise not_simulated(f"{request.method} {request.path} of Key Vault")


def _secrets(world: World, request: Request, parts: list[str]) -> Answer:
    match (request.method, parts):
        case ("GET", []):
            return page_of(
                [secret_item(world, newest_version(document), request) for _, document in world.store.items(SECRETS)],
                request,
            )
        case ("PUT", [name]):
            return Answer(200, _set(world, name, request))
        case ("GET", [name, "versions"]):
            versions = [secret_item(world, version, request, versioned=True) for version in _found(world, name)["versions"]]
            return page_of(versions, request)
        case ("GET", [name, *version]):
            return Answer(200, secret_bundle(world, _version(world, name, *version), request))
        case ("PATCH", [name, *version]):
            return Answer(200, _patch(world, name, request, *version))
        case ("DELETE", [name]):
            delete(world, name)
            return Answer(200, deleted_item(world, world.store.get(DELETED, name) or {}, request))
    raise not_simulated(f"{request.method} {request.path} of Key Vault")


def _deleted_secrets(world: World, request: Request, parts: list[str]) -> Answer:
    match (request.method, parts):
        case ("GET", []):
            gone = [deleted_secret(world, document["name"]) for _, document in list(world.store.items(DELETED))]
            listed = [document for document in gone if document is not None and not _moving(world, document)]
            return page_of([deleted_item(world, document, request) for document in listed], request)
        case ("GET", [name]):
            return Answer(200, deleted_item(world, _recoverable(world, name, reading=True), request))
        case ("POST", [name, "recover"]):
            return Answer(200, _recover(world, name, request))
        case ("DELETE", [name]):
            document = _recoverable(world, name)
            ends = world.seconds() + world.draw("secret purge", name)
            world.store.put(DELETED, name, {**document, "_forgotten_from": ends})
            return Answer(204)
    raise not_simulated(f"{request.method} {request.path} of Key Vault")


def delete(world: World, name: str) -> None:
    """Begin to delete a secret: it can no longer be read, and after the deletion it can be recovered or purged."""
    document, now = _found(world, name), world.seconds()
    ends = now + world.draw("secret deletion", name)
    world.store.put(DELETED, name, {**document, "deleted": int(now), "_listed_from": ends})
    world.store.delete(SECRETS, name)


def deleted_secret(world: World, name: str) -> Document | None:
    """A secret that is deleted or being deleted; one that was purged is forgotten when its purge has ended."""
    document = world.store.get(DELETED, name)
    if document is not None and document.get("_forgotten_from", math.inf) <= world.seconds():
        world.store.delete(DELETED, name)
        return None
    return document


def _moving(world: World, document: Document) -> bool:
    """Whether the deletion or the purge of a secret has not ended."""
    return document.get("_listed_from", 0.0) > world.seconds() or "_forgotten_from" in document


def _being_deleted(name: str, more: str = "") -> Refused:
    # The first words are recorded for a recovery. Those for a new secret of the name, and that a purge is refused, too:
    # https://github.com/Azure/azure-sdk-for-net/issues/34322
    # https://github.com/hashicorp/terraform-provider-azurerm/issues/10454
    inner = {"code": "ObjectIsBeingDeleted"}
    return Refused(409, "Conflict", f"Secret {name} is currently being deleted{more}.", innererror=inner)


def _check_recovered(world: World, name: str, more: str = "") -> None:
    """Raise the refusal for a secret that is being recovered.

    Its words for a new secret: https://github.com/Azure/azure-sdk-for-net/issues/31581; that a second recovery gets them
    too is assumed.
    """
    if (world.store.get(SECRETS, name) or {}).get("_shown_from", 0.0) > world.seconds():
        inner = {"code": "ObjectIsBeingRecovered"}
        raise Refused(409, "Conflict", f"Secret {name} is currently being recovered{more}.", innererror=inner)


def _set(world: World, name: str, request: Request) -> Document:
    _check_recovered(world, name, AGAIN)
    gone = deleted_secret(world, name)
    if gone is not None:
        if _moving(world, gone):
            raise _being_deleted(name, AGAIN)
        text = (
            f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the "
            "secret can only be recovered or purged."
        )
        raise Refused(409, "Conflict", text, innererror={"code": "ObjectIsDeletedButRecoverable"})
    body = request.json()
    return secret_bundle(world, store(world, name, str(body["value"]), body.get("tags"), body), request)


def store(world: World, name: str, value: str, tags: Any = None, body: Document | None = None) -> Document:
    """Store a new version of a secret."""
    body, now = body or {}, int(world.seconds())
    given = body.get("attributes") or {}
    version = {
        "name": name,
        "version": world.guid("secret", name, str(world.seconds())).replace("-", ""),
        "value": value,
        "tags": tags,
        "contentType": body.get("contentType"),
        "created": now,
        "updated": now,
        **{field: given[field] for field in ATTRIBUTES if given.get(field) is not None},
    }
    before = (world.store.get(SECRETS, name) or {}).get("versions", [])
    world.store.put(SECRETS, name, {"name": name, "versions": [*before, version]})
    return version


def _patch(world: World, name: str, request: Request, version: str = "") -> Document:
    body, document, old = request.json(), _found(world, name), _version(world, name, version, reading=False)
    given = body.get("attributes") or {}
    fresh = {**old, "updated": int(world.seconds()), **{f: given[f] for f in ATTRIBUTES if given.get(f) is not None}}
    fresh |= {field: body[field] for field in ("tags", "contentType") if field in body}
    versions = [fresh if item["version"] == old["version"] else item for item in document["versions"]]
    world.store.put(SECRETS, name, {**document, "versions": versions})
    return {key: value for key, value in secret_bundle(world, fresh, request).items() if key != "value"}


def _recover(world: World, name: str, request: Request) -> dict[str, Any]:
    _check_recovered(world, name)
    if deleted_secret(world, name) is None and world.store.get(SECRETS, name) is not None:
        inner = {"code": "RequestNotAllowedOnNonDeletedObject"}
        raise Refused(400, "MethodNotAllowed", f"Secret exists already: {name}", innererror=inner)
    document = _recoverable(world, name)
    ends = world.seconds() + world.draw("secret recovery", name)
    kept = {key: value for key, value in document.items() if key not in ("deleted", "_listed_from")}
    world.store.delete(DELETED, name)
    world.store.put(SECRETS, name, {**kept, "_shown_from": ends})
    return secret_item(world, newest_version(kept), request, versioned=True)


def _recoverable(world: World, name: str, *, reading: bool = False) -> Document:
    """A deleted secret; while it is being deleted or purged it is not found by readers, and refused to others."""
    document = deleted_secret(world, name)
    if document is not None and not _moving(world, document):
        return document
    if document is not None and not reading:
        raise _being_deleted(name)
    raise Refused(404, "SecretNotFound", f"Deleted Secret not found: {name}")


def _found(world: World, name: str) -> Document:
    document = world.store.get(SECRETS, name)
    # A recovery takes time, too: the client's `begin_recover_deleted_secret` polls until the secret is found.
    if document is None or document.get("_shown_from", 0.0) > world.seconds():
        raise Refused(404, "SecretNotFound", f"A secret with (name/id) {name} was not found in this key vault.")
    return document


def _version(world: World, name: str, version: str = "", *, reading: bool = True) -> Document:
    document = _found(world, name)
    wanted = [item for item in document["versions"] if version in ("", item["version"])]
    if not wanted:
        raise Refused(404, "SecretNotFound", f"A secret with (name/id) {name}/{version} was not found in this key vault.")
    found: Document = wanted[-1]
    if reading and found.get("enabled") is False:
        inner = {"code": "SecretDisabled"}
        raise Refused(403, "Forbidden", "Operation get is not allowed on a disabled secret.", innererror=inner)
    return found
