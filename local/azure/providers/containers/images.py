"""The images in simulated registries: digests and the tags that point at them."""

import hashlib
import re

from local.azure.core.store import Document
from local.azure.core.world import World

SHELF = "images"
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
IMAGE = re.compile(
    rf"(?P<repository>{REPOSITORY.pattern})(?::(?P<tag>{TAG.pattern}))?(?:@(?P<digest>{DIGEST.pattern}))?", re.ASCII
)
LATEST = "latest"


def repository(world: World, registry: str, name: str) -> Document:
    """The digests and tags in a repository of a registry, which is given by its name."""
    return world.store.get(SHELF, f"{registry.lower()}/{name}") or {"digests": [], "tags": {}}


def digest_of(world: World, registry: str, name: str, reference: str) -> str:
    """The digest that a tag or a digest stands for, or "" if there is no such image."""
    known = repository(world, registry, name)
    if DIGEST.fullmatch(reference):
        return reference if reference in known["digests"] else ""
    return str(known["tags"].get(reference, ""))


def push(world: World, registry: str, name: str, digest: str, tag: str = "") -> None:
    """Put an image into a repository, and let a tag point at it ("": none)."""
    known = repository(world, registry, name)
    digests = [*dict.fromkeys((*known["digests"], digest))]
    tags = {**known["tags"], **({tag: digest} if tag else {})}
    world.store.put(SHELF, f"{registry.lower()}/{name}", {"digests": digests, "tags": tags})


def forget(world: World, registry: str) -> None:
    """Delete all images of a registry."""
    for key in [key for key, _ in world.store.items(SHELF) if key.startswith(f"{registry.lower()}/")]:
        world.store.delete(SHELF, key)


def made_up_digest(*parts: str) -> str:
    """A digest for an image whose content does not exist: the same for the same words."""
    return f"sha256:{hashlib.sha256('/'.join(parts).encode()).hexdigest()}"
