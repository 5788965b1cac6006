"""Images that a registry imports, so that nodes pull nothing from elsewhere.

https://learn.microsoft.com/azure/container-registry/container-registry-import-images
"""

import re
from dataclasses import dataclass

from dormouse.resources.kinds import ResourceKind, always_as_put
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Resource

# registry/repository[:tag]@sha256:digest; the registry has a dot, and Docker Hub's official images are below `library`.
REFERENCE = re.compile(
    r"(?P<registry>[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?)/(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?@(?P<digest>sha256:[0-9a-f]{64})"
)
DIGEST_START = 19


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image by its digest, which never changes what it is: where it comes from, and its name in the own registry."""

    registry: str
    repository: str
    tag: str
    digest: str

    @classmethod
    def of(cls, reference: str) -> "ImageReference":
        """The image of a reference with a digest; raises ValueError for any other text."""
        found = REFERENCE.fullmatch(reference)
        if not found:
            raise ValueError("is an image with its digest, such as registry.example/team/runner:1.2@sha256:…")
        digest = found["digest"]
        tag = found["tag"] or digest.removeprefix("sha256:")[:DIGEST_START]
        return cls(found["registry"], found["repository"], tag, digest)

    @property
    def source(self) -> str:
        """The repository and digest to import."""
        return f"{self.repository}@{self.digest}"

    def pulled_from(self, registry: Resource) -> str:
        """The reference by which nodes pull it from the own registry.

        https://learn.microsoft.com/azure/container-registry/container-registry-concepts
        """
        return f"{name_of(registry.id)}.azurecr.io/{self.repository}@{self.digest}"


def imported_image(registry: Resource, name: str, image: ImageReference) -> Resource:
    """An image in a registry, imported by its digest; a repetition changes nothing."""
    body = {
        "source": {"registryUri": image.registry, "sourceImage": image.source},
        "targetTags": [f"{image.repository}:{image.tag}"],
        "mode": "Force",
    }
    path = f"{registry.id}/images/{image.repository}"
    return Resource(name, IMPORTED_IMAGE.name, path, body, needs=(registry.name,), contained_in=registry.name)


def registry_of(resource: Resource) -> str:
    """The resource ID of the registry of an imported image."""
    return resource.id.partition("/images/")[0]


def _label(resource: Resource) -> str:
    return f"image {resource.id.partition('/images/')[2]} in {name_of(registry_of(resource))}"


# Resource Manager lists no images: one exists as long as its registry does, and is imported again when its digest changes.
IMPORTED_IMAGE = ResourceKind(
    "imported_image",
    diff=always_as_put,
    label=_label,
    by_use="what its registry stores beyond its tier",
    actions=("Microsoft.ContainerRegistry/registries/importImage/action",),
)
