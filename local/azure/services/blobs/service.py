"""Blob Storage: containers and block blobs put in one request, with conditions, ranges, metadata, lists and leases.

Everything else (blocks, snapshots, versions, tiers, copies, append and page blobs) gets a 501.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import TENANT, World
from local.azure.services.blobs.leases import BlobRefused, check_lease, lease, lease_headers
from local.azure.services.blobs.lists import list_blobs, list_containers
from local.azure.services.blobs.properties import metadata_headers, metadata_of, new_version, now_text, version_headers

CONTAINERS = "blob containers"
NAME = re.compile(r"(?=.{3,63}$)[a-z0-9](?:-?[a-z0-9])*")
RANGE = re.compile(r"bytes=(?P<first>\d+)-(?P<last>\d*)")
KEPT = ("Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control")
CHALLENGE = f"Bearer authorization_uri=https://login.microsoftonline.com/{TENANT}/oauth2/authorize resource_id=https://storage.azure.com"
Handler = Callable[[World, Request, str], Answer]


def answer(world: World, request: Request) -> Answer:
    """Answer one request to the blob service; raises Refused."""
    request.check_token("https://storage.azure.com", challenge=CHALLENGE)
    container, _, name = unquote(request.path.lstrip("/")).partition("/")
    what = (request.method, request.query.get("restype", ""), request.query.get("comp", ""))
    if not name:
        handle = CONTAINER_VERBS.get(what)
        if handle is None:
            raise not_simulated(f"{request.method} {request.url} of Blob Storage")
        said = handle(world, request, container)
    else:
        _container(world, container)
        blob_handle = BLOB_VERBS.get(what)
        if blob_handle is None or request.headers.get("x-ms-blob-type", "BlockBlob") != "BlockBlob":
            raise not_simulated(f"{request.method} {request.url} of Blob Storage")
        said = blob_handle(world, request, f"{container}/{name}")
    return Answer(said.status, said.body, {"x-ms-version": request.headers.get("x-ms-version", ""), **said.headers})


def _create_container(world: World, request: Request, name: str) -> Answer:
    if not NAME.fullmatch(name):
        raise BlobRefused(400, "InvalidResourceName", "The specified resource name contains invalid characters.")
    if world.store.get(CONTAINERS, name):
        raise BlobRefused(409, "ContainerAlreadyExists", "The specified container already exists.")
    document = {"name": name, "metadata": metadata_of(request), **new_version(world, name)}
    return Answer(201, None, version_headers(world.store.put(CONTAINERS, name, document)))


def _show_container(world: World, request: Request, name: str) -> Answer:
    document = _container(world, name)
    policies = {"x-ms-has-immutability-policy": "false", "x-ms-has-legal-hold": "false"}
    return Answer(
        200, None, {**version_headers(document), **metadata_headers(document), **lease_headers(world, {}), **policies}
    )


def _describe_container(world: World, request: Request, name: str) -> Answer:
    document = {**_container(world, name), "metadata": metadata_of(request), **new_version(world, name)}
    return Answer(200, None, version_headers(world.store.put(CONTAINERS, name, document)))


def _delete_container(world: World, _: Request, name: str) -> Answer:
    _container(world, name)
    for key, _blob in _blobs(world, name):
        world.store.delete("blobs", key)
    world.store.delete(CONTAINERS, name)
    return Answer(202)


def _put(world: World, request: Request, key: str) -> Answer:
    existing = world.store.get("blobs", _shelf_key(key))
    if request.headers.get("If-None-Match") == "*" and existing:
        raise BlobRefused(409, "BlobAlreadyExists", "The specified blob already exists.")
    _check_conditions(request, existing)
    check_lease(world, request, existing)
    if request.headers.get("x-ms-blob-type") is None:
        raise BlobRefused(400, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified.")
    digest = base64.b64encode(hashlib.md5(request.body, usedforsecurity=False).digest()).decode()
    if request.headers.get("Content-MD5", digest) != digest:
        raise BlobRefused(
            400,
            "Md5Mismatch",
            "The MD5 value specified in the request did not match with the MD5 value calculated by the server.",
        )
    headers = request.headers
    document = {
        "content": base64.b64encode(request.body).decode(),
        "size": len(request.body),
        "md5": digest,
        "type": headers.get("x-ms-blob-content-type") or headers.get("Content-Type") or "application/octet-stream",
        "kept": {name: headers[f"x-ms-blob-{name}"] for name in KEPT if f"x-ms-blob-{name}" in headers},
        "metadata": metadata_of(request),
        "lease": (existing or {}).get("lease", {}),
        "created": (existing or {}).get("created") or now_text(world),
        **new_version(world, key),
    }
    world.store.put("blobs", _shelf_key(key), document)
    return Answer(201, None, {**version_headers(document), "Content-MD5": digest, "x-ms-request-server-encrypted": "true"})


def _get(world: World, request: Request, key: str) -> Answer:
    document = _blob(world, key)
    check_lease(world, request, document, reading=True)
    unchanged = _check_conditions(request, document)
    if unchanged:
        return unchanged
    content = base64.b64decode(document["content"])
    headers = {**_headers(world, document), "Content-Type": document["type"], "x-ms-blob-content-md5": document["md5"]}
    asked = RANGE.fullmatch(request.headers.get("x-ms-range") or request.headers.get("Range", ""))
    if request.method == "HEAD" or asked is None:
        length = {"Content-Length": str(len(content))} if request.method == "HEAD" else {}
        return Answer(
            200, None if request.method == "HEAD" else content, {**headers, **length, "Content-MD5": document["md5"]}
        )
    first, last = int(asked["first"]), min(int(asked["last"] or len(content)), len(content) - 1)
    if first >= len(content):
        text = "The range specified is invalid for the current size of the resource."
        raise BlobRefused(416, "InvalidRange", text, headers={"Content-Range": f"bytes */{len(content)}"})
    return Answer(206, content[first : last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{len(content)}"})


def _describe(world: World, request: Request, key: str) -> Answer:
    document = _blob(world, key)
    _check_conditions(request, document)
    check_lease(world, request, document)
    changed = {**document, "metadata": metadata_of(request), **new_version(world, key)}
    return Answer(200, None, version_headers(world.store.put("blobs", _shelf_key(key), changed)))


def _delete(world: World, request: Request, key: str) -> Answer:
    document = _blob(world, key)
    _check_conditions(request, document)
    check_lease(world, request, document)
    world.store.delete("blobs", _shelf_key(key))
    return Answer(202, None, {"x-ms-delete-type-permanent": "true"})


def _lease(world: World, request: Request, key: str) -> Answer:
    document = _blob(world, key)
    status, held, headers = lease(world, request, document)
    world.store.put("blobs", _shelf_key(key), {**document, "lease": held})
    return Answer(status, None, {**version_headers(document), **headers})


def _list_containers(world: World, request: Request, _: str) -> Answer:
    return list_containers(request, dict(world.store.items(CONTAINERS)))


def _list_blobs(world: World, request: Request, container: str) -> Answer:
    _container(world, container)
    return list_blobs(request, container, {key.partition("/")[2]: blob for key, blob in _blobs(world, container)})


CONTAINER_VERBS: dict[tuple[str, str, str], Handler] = {
    ("PUT", "container", ""): _create_container,
    ("GET", "container", ""): _show_container,
    ("HEAD", "container", ""): _show_container,
    ("PUT", "container", "metadata"): _describe_container,
    ("DELETE", "container", ""): _delete_container,
    ("GET", "container", "list"): _list_blobs,
    ("GET", "", "list"): _list_containers,
}
BLOB_VERBS: dict[tuple[str, str, str], Handler] = {
    ("PUT", "", ""): _put,
    ("GET", "", ""): _get,
    ("HEAD", "", ""): _get,
    ("PUT", "", "metadata"): _describe,
    ("DELETE", "", ""): _delete,
    ("PUT", "", "lease"): _lease,
}


def _container(world: World, name: str) -> Document:
    document = world.store.get(CONTAINERS, name)
    if document is None:
        raise BlobRefused(404, "ContainerNotFound", "The specified container does not exist.")
    return document


def _blob(world: World, key: str) -> Document:
    document = world.store.get("blobs", _shelf_key(key))
    if document is None:
        raise BlobRefused(404, "BlobNotFound", "The specified blob does not exist.")
    return document


def _blobs(world: World, container: str) -> Iterable[tuple[str, Document]]:
    for key, document in world.store.items("blobs"):
        name = bytes.fromhex(key).decode()
        if name.startswith(f"{container}/"):
            yield name, document


def _shelf_key(key: str) -> str:
    # Names of blobs are case-sensitive; the shelf is not.
    return key.encode().hex()


def _check_conditions(request: Request, document: Document | None) -> Answer | None:
    """Raise a refusal for a condition that does not hold; return 304 for a reader that already has the blob."""
    match, none_match = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    unmet = BlobRefused(412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")
    if match not in (None, "*") and (document is None or document["etag"] != match):
        raise unmet
    since = request.headers.get("If-Unmodified-Since")
    if since and document and parsedate_to_datetime(document["modified"]) > parsedate_to_datetime(since):
        raise unmet
    if document is not None and none_match == document["etag"]:
        if request.method in ("GET", "HEAD"):
            return Answer(304, None, {"x-ms-error-code": "ConditionNotMet"})
        raise unmet
    return None


def _headers(world: World, document: Document) -> dict[str, str]:
    told = {"x-ms-blob-type": "BlockBlob", "x-ms-creation-time": document["created"], "Accept-Ranges": "bytes"}
    return {
        **version_headers(document),
        **document["kept"],
        **metadata_headers(document),
        **lease_headers(world, document["lease"]),
        **told,
    }
