"""Microsoft.ContainerRegistry: images that a registry imports, and whether an image is there for those who pull it.

https://learn.microsoft.com/azure/container-registry/container-registry-import-images: accepted now (202 with a location, as
recorded), there when the operation ends. What other registries hold is not known: all of it exists unless a test says not.
"""

import hashlib
import re
from typing import Any

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers.common import Body, found
from local.azure.providers.kinds import REGISTRY

SHELF, ABSENT = "registry images", "absent images"
OWN = ".azurecr.io"
IMPORT = "image imported"
SOURCE = re.compile(
    r"(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def import_image(world: World, rid: ResourceId, request: Request) -> Answer:
    """Begin to copy an image from another registry, by its tag or its digest."""
    registry, body = found(world, rid), request.json()
    source: Body = body.get("source") or {}
    image = SOURCE.fullmatch(str(source.get("sourceImage", "")))
    host = _host(world, source)
    if image is None or not host:
        raise Refused(400, "InvalidParameters", "The source of the image is not valid.")
    if source.get("credentials"):
        raise not_simulated("an import with credentials")
    digest = _digest(world, host, image)
    if not exists(world, host, image["repository"], digest):
        text = f"Error pulling the manifest of the source image {source['sourceImage']}: the manifest is unknown to the registry {host}."
        raise Refused(400, "InvalidParameters", text)
    tags = [str(tag) for tag in body.get("targetTags") or [source["sourceImage"].partition("@")[0]]]
    taken = [tag for tag in tags if body.get("mode", "NoForce") == "NoForce" and _tagged(world, registry["id"], tag)]
    if taken:
        raise Refused(409, "Conflict", f"Tag {taken[0]} already exists in target registry.")
    operation = operations.begin(
        world,
        IMPORT,
        registry["id"],
        "POST Microsoft.ContainerRegistry/registries/importImage",
        request=("POST", f"{registry['id']}/importImage"),
        provider="Microsoft.ContainerRegistry",
        tags=tags,
        digest=digest,
        repositories=body.get("untaggedTargetRepositories") or [],
    )
    place = f"{request.base}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerRegistry/locations"
    result = f"operationResults/registries-{operation['id']}?api-version={request.version}"
    return Answer(202, None, {"Location": f"{place}/{registry['location'].upper()}/{result}"})


@operations.finisher(IMPORT)
def _imported(world: World, operation: Document) -> None:
    if operation["status"] == "Failed":
        return
    for tag in operation["tags"]:
        repository, _, name = str(tag).partition(":")
        _add(world, operation["resource"], repository, operation["digest"], name or "latest")
    for repository in operation["repositories"]:
        _add(world, operation["resource"], repository, operation["digest"], "")


def exists(world: World, host: str, repository: str, reference: str) -> bool:
    """Whether a registry has an image with a tag or a digest."""
    if world.store.get(ABSENT, f"{host}/{repository}"):
        return False
    registry = registry_called(world, host)
    if registry is None:
        return not host.endswith(OWN)
    known = _known(world, registry["id"], repository)
    return reference in known["digests"] or reference in known["tags"]


def registry_called(world: World, host: str) -> Document | None:
    """The registry with this login server, if it is one of ours."""
    return next((one for one in world.resources(REGISTRY) if one["properties"]["loginServer"] == host.lower()), None)


def forget_images(world: World, registry: Document) -> None:
    """Remove the images of a registry that is deleted."""
    for key, _ in world.store.items(SHELF):
        if key.startswith(f"{registry['id'].lower()}|"):
            world.store.delete(SHELF, key)


def _host(world: World, source: Body) -> str:
    if source.get("resourceId"):
        registry = world.resource(str(source["resourceId"]))
        return str(registry["properties"]["loginServer"]) if registry else ""
    return str(source.get("registryUri", "")).removeprefix("https://").rstrip("/")


def _digest(world: World, host: str, image: re.Match[str]) -> str:
    if image["digest"]:
        return image["digest"]
    tag, registry = image["tag"] or "latest", registry_called(world, host)
    known = _known(world, registry["id"], image["repository"])["tags"].get(tag) if registry else None
    whole = f"{host}/{image['repository']}:{tag}"
    return str(known or f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}")


def _tagged(world: World, registry: str, tag: str) -> bool:
    repository, _, name = tag.partition(":")
    return (name or "latest") in _known(world, registry, repository)["tags"]


def _known(world: World, registry: str, repository: str) -> dict[str, Any]:
    return world.store.get(SHELF, f"{registry}|{repository}") or {"tags": {}, "digests": []}


def _add(world: World, registry: str, repository: str, digest: str, tag: str) -> None:
    known = _known(world, registry, repository)
    tags = {**known["tags"], **({tag: digest} if tag else {})}
    world.store.put(SHELF, f"{registry}|{repository}", {"tags": tags, "digests": sorted({*known["digests"], digest})})
