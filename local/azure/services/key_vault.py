"""Key Vault, the part that holds secrets: its challenge, its versions, its soft delete.

https://learn.microsoft.com/rest/api/keyvault/secrets
"""

from typing import Any

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World

SECRETS, DELETED = "secrets", "deleted secrets"
RETENTION_DAYS, SECONDS_A_DAY = 90, 86400
RECOVERABLE_DAYS_SINCE = "7.3"
LARGEST_PAGE = 25
ATTRIBUTES = ("enabled", "nbf", "exp")


def answer(world: World, request: Request) -> Answer:
    """Answer one request to the vault; raises Refused."""
    # The client sends its first request bare and wants to be told who issues tokens, and for which resource: one that
    # the vault's own name ends in.
    # https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
    resource = "https://" + request.base.removeprefix("https://").partition(".")[2]
    challenge = f'Bearer authorization="{request.issuer.base}/{TENANT}", resource="{resource}"'
    try:
        request.check_token(world, resource, challenge=challenge)
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
            return _page([_item(_newest(document), request) for _, document in world.store.items(SECRETS)], request)
        case ("PUT", [name]):
            return Answer(200, _set(world, name, request))
        case ("GET", [name, "versions"]):
            versions = [_item(version, request, versioned=True) for version in _found(world, name)["versions"]]
            return _page(versions, request)
        case ("GET", [name, *version]):
            return Answer(200, _bundle(_version(world, name, *version), request))
        case ("PATCH", [name, *version]):
            return Answer(200, _patch(world, name, request, *version))
        case ("DELETE", [name]):
            delete(world, name)
            return Answer(200, _deleted(world, name, request))
    raise not_simulated(f"{request.method} {request.path} of Key Vault")


def _deleted_secrets(world: World, request: Request, parts: list[str]) -> Answer:
    match (request.method, parts):
        case ("GET", []):
            return _page([_deleted(world, document["name"], request) for _, document in world.store.items(DELETED)], request)
        case ("GET", [name]):
            return Answer(200, _deleted(world, name, request))
        case ("POST", [name, "recover"]):
            return Answer(200, _recover(world, name, request))
        case ("DELETE", [name]):
            _deleted(world, name, request)
            world.store.delete(DELETED, name)
            return Answer(204)
    raise not_simulated(f"{request.method} {request.path} of Key Vault")


def delete(world: World, name: str) -> None:
    """Delete a secret; it can be recovered until it is purged."""
    document = _found(world, name)
    world.store.put(DELETED, name, {**document, "deleted": int(world.seconds())})
    world.store.delete(SECRETS, name)


def _set(world: World, name: str, request: Request) -> Document:
    if world.store.get(DELETED, name):
        text = (
            f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the "
            "secret can only be recovered or purged."
        )
        raise Refused(409, "Conflict", text, innererror={"code": "ObjectIsDeletedButRecoverable"})
    body, now = request.json(), int(world.seconds())
    given = body.get("attributes") or {}
    version = {
        "name": name,
        "version": world.guid("secret", name, str(world.seconds())).replace("-", ""),
        "value": str(body["value"]),
        "tags": body.get("tags"),
        "contentType": body.get("contentType"),
        "created": now,
        "updated": now,
        **{field: given[field] for field in ATTRIBUTES if given.get(field) is not None},
    }
    before = (world.store.get(SECRETS, name) or {}).get("versions", [])
    world.store.put(SECRETS, name, {"name": name, "versions": [*before, version]})
    return _bundle(version, request)


def _patch(world: World, name: str, request: Request, version: str = "") -> Document:
    body, document, old = request.json(), _found(world, name), _version(world, name, version, reading=False)
    given = body.get("attributes") or {}
    fresh = {**old, "updated": int(world.seconds()), **{f: given[f] for f in ATTRIBUTES if given.get(f) is not None}}
    fresh |= {field: body[field] for field in ("tags", "contentType") if field in body}
    versions = [fresh if item["version"] == old["version"] else item for item in document["versions"]]
    world.store.put(SECRETS, name, {**document, "versions": versions})
    return {key: value for key, value in _bundle(fresh, request).items() if key != "value"}


def _recover(world: World, name: str, request: Request) -> dict[str, Any]:
    if world.store.get(DELETED, name) is None and world.store.get(SECRETS, name) is not None:
        inner = {"code": "RequestNotAllowedOnNonDeletedObject"}
        raise Refused(400, "MethodNotAllowed", f"Secret exists already: {name}", innererror=inner)
    _deleted(world, name, request)
    document = {key: value for key, value in (world.store.get(DELETED, name) or {}).items() if key != "deleted"}
    world.store.delete(DELETED, name)
    return _item(_newest(world.store.put(SECRETS, name, document)), request, versioned=True)


def _deleted(world: World, name: str, request: Request) -> dict[str, Any]:
    document = world.store.get(DELETED, name)
    if document is None:
        raise Refused(404, "SecretNotFound", f"Deleted Secret not found: {name}")
    shown = _item(_newest(document), request)
    shown["recoveryId"] = f"{request.base}/deletedsecrets/{name}"
    shown["deletedDate"] = document["deleted"]
    shown["scheduledPurgeDate"] = document["deleted"] + RETENTION_DAYS * SECONDS_A_DAY
    return shown


def _found(world: World, name: str) -> Document:
    document = world.store.get(SECRETS, name)
    if document is None:
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


def _newest(document: Document) -> Document:
    newest: Document = document["versions"][-1]
    return newest


def _page(items: list[dict[str, Any]], request: Request) -> Answer:
    top, skip = (
        min(int(request.query.get("maxresults", LARGEST_PAGE)), LARGEST_PAGE),
        int(request.query.get("$skiptoken", 0)),
    )
    following = None
    if skip + top < len(items):
        path = f"{request.base}{request.path}"
        following = f"{path}?api-version={request.version}&$skiptoken={skip + top}&maxresults={top}"
    return Answer(200, {"value": items[skip : skip + top], "nextLink": following})


def _bundle(version: Document, request: Request) -> Document:
    return {"value": version["value"], **_item(version, request, versioned=True)}


def _item(version: Document, request: Request, *, versioned: bool = False) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "enabled": True,
        **{field: version[field] for field in ATTRIBUTES if field in version},
        "created": version["created"],
        "updated": version["updated"],
        "recoveryLevel": "Recoverable+Purgeable",
    }
    if request.version >= RECOVERABLE_DAYS_SINCE:
        attributes["recoverableDays"] = RETENTION_DAYS
    identifier = f"{request.base}/secrets/{version['name']}" + (f"/{version['version']}" if versioned else "")
    more = {field: version[field] for field in ("contentType", "tags") if version[field] is not None}
    return {"id": identifier, "attributes": attributes, **more}
