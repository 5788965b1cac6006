"""Imports of images into a registry, from another one in Azure or from any other.

https://learn.microsoft.com/rest/api/containerregistry/registries/import-image
"""

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId, parse
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers.common import Body, found
from local.azure.providers.containers import images
from local.azure.providers.kinds import REGISTRY
from local.azure.services.authorization import checks

EFFECT = "image imported"
PULL = "Microsoft.ContainerRegistry/registries/pull/read"
NO_FORCE, FORCE = "NoForce", "Force"
KNOWN = {"source", "targetTags", "untaggedTargetRepositories", "mode"}
# Earlier versions answer `null` (recorded: "POST …/importimage", 202).
EMPTY_SINCE = "2023-07-01"


def begin(world: World, registry_id: ResourceId, request: Request) -> Answer:
    """Begin to import an image; raises a refusal of what Azure would reject at once."""
    registry, body = found(world, registry_id), request.json()
    unknown = set(body) - KNOWN
    if unknown or body.get("untaggedTargetRepositories"):
        raise not_simulated(f"{', '.join(unknown) or 'untaggedTargetRepositories'} of an import")
    if body.get("mode", NO_FORCE) not in (NO_FORCE, FORCE):
        raise _invalid(f"The mode {body['mode']} is not valid: {NO_FORCE} or {FORCE}.")
    image = _image(str(body["source"]["sourceImage"]))
    targets = [_target(tag) for tag in body.get("targetTags") or [str(body["source"]["sourceImage"])]]
    if body.get("mode") != FORCE:
        _check_free(world, registry["name"], targets)
    digest, missing = _digest(world, body["source"], image)
    operation = operations.begin(
        world,
        EFFECT,
        registry["id"],
        "POST Microsoft.ContainerRegistry/registries/importImage",
        request=("POST", f"{registry_id.text}/importImage"),
        provider="Microsoft.ContainerRegistry",
        failure=missing,
        registry=registry["name"],
        targets=targets,
        digest=digest,
    )
    place = f"{request.base}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerRegistry/locations"
    location = f"{place}/{registry['location'].upper()}/operationResults/registries-{operation['id']}"
    answer = b"null" if request.version < EMPTY_SINCE else None
    return Answer(202, answer, {"Location": f"{location}?api-version={request.version}"})


def poll(world: World, identifier: str, request: Request) -> Answer | None:
    """The status of an import as recorded, or None if this is the operation of something else."""
    operation = world.store.get(operations.SHELF, identifier.removeprefix("registries-"))
    if operation is None or operation["effect"] != EFFECT:
        return None
    if operation["status"] == "InProgress":
        return Answer(202, {"status": "Accepted"}, {"Location": request.url})
    if operation["status"] == "Failed":  # not recorded: as of other operations of this provider
        return Answer(200, {"status": "Failed", "error": operation["error"]})
    return Answer(200, {"status": "Succeeded"})


@operations.finisher(EFFECT)
def _imported(world: World, operation: Document) -> None:
    if operation["status"] == "Succeeded" and world.resource(operation["resource"]):
        for repository, tag in operation["targets"]:
            images.push(world, operation["registry"], repository, operation["digest"], tag)


def _digest(world: World, source: Body, image: tuple[str, str]) -> tuple[str, Refused | None]:
    """The digest of the image to import, and why the import fails later, if it does."""
    repository, reference = image
    if "registryUri" in source:  # what is in registries outside is not known here: whatever is asked for is there
        if images.DIGEST.fullmatch(reference):
            return reference, None
        return images.made_up_digest(str(source["registryUri"]), repository, reference), None
    rid = parse(str(source.get("resourceId", "")))
    registry = world.resource(rid.text) if rid and rid.type == REGISTRY else None
    if rid is None or registry is None:
        raise _invalid(f"The source registry {source.get('resourceId', '')} was not found.")
    if not checks.may(world, PULL, registry["id"]):
        text = f"The client has no permission to perform action(s) '{PULL}' on the linked scope(s) '{registry['id']}'."
        raise Refused(403, "LinkedAuthorizationFailed", text)
    digest = images.digest_of(world, registry["name"], repository, reference)
    # The words are from https://github.com/Azure/acr/issues/422; the code is assumed.
    missing = f"Operation failed. Resource {registry['id']} Unable to find manifest digest  Repo: {repository} {reference}"
    return digest, None if digest else Refused(400, "InvalidParameters", missing)


def _check_free(world: World, registry: str, targets: list[tuple[str, str]]) -> None:
    """Raise a refusal if a tag exists, before anything is copied.

    Documented; that scripts look for the words: https://learn.microsoft.com/azure/container-registry/container-registry-import-images
    """
    taken = [f"{name}:{tag}" for name, tag in targets if images.digest_of(world, registry, name, tag)]
    if taken:
        raise Refused(409, "Conflict", f"Tag {', '.join(taken)} already exists in target registry.")


def _image(text: str) -> tuple[str, str]:
    """The repository of an image, and its digest or tag."""
    match = images.IMAGE.fullmatch(text)
    if match is None:
        raise _invalid(f"The image {text} is not valid.")
    return match["repository"], match["digest"] or match["tag"] or images.LATEST


def _target(text: str) -> tuple[str, str]:
    repository, reference = _image(text)
    if images.DIGEST.fullmatch(reference):
        raise _invalid(f"The target tag {text} is not valid: it names a digest.")
    return repository, reference


def _invalid(text: str) -> Refused:
    return Refused(400, "InvalidParameters", text)
