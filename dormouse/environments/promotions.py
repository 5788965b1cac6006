"""Promotions of images from one container registry of an environment to another. Pure."""

import re
from dataclasses import dataclass

from dormouse.resources.plan import Resource
from dormouse.text.validators import Matching

# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY, TAG, DIGEST = rf"{PART}(?:/{PART})*", r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", r"sha256:[0-9a-f]{64}"
IMAGE = re.compile(rf"(?P<repository>{REPOSITORY}):(?P<tag>{TAG})(?:@(?P<digest>{DIGEST}))?")
IMAGE_NAME = Matching(
    rf"{REPOSITORY}:{TAG}(?:@{DIGEST})?",
    "repository:tag, or repository:tag@sha256:… to promote exactly this digest, such as trainer:1.4",
)


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """An image by its repository and tag, and by its digest ("": what the tag points at)."""

    repository: str
    tag: str
    digest: str = ""

    @classmethod
    def read(cls, text: str) -> "ContainerImage":
        """The image in a text like `trainer:1.4@sha256:…`; raises ValueError."""
        found = IMAGE.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not an image")
        return cls(found["repository"], found["tag"], found["digest"] or "")

    @property
    def name(self) -> str:
        """Repository and tag."""
        return f"{self.repository}:{self.tag}"

    @property
    def asked(self) -> str:
        """The image as it was asked for."""
        return f"{self.name}@{self.digest}" if self.digest else self.name


@dataclass(frozen=True, slots=True)
class ImageQuestion:
    """Input of the activity that reads a digest: the registry, and a repository with a tag or a digest in it."""

    registry: Resource
    repository: str
    reference: str


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """The digest of an image ("": there is no such image); if `problem` says why it cannot be read, it is unknown."""

    digest: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ImageImport:
    """Input of the activity that imports an image by its digest; with `force`, the tag may exist already."""

    source: Resource
    target: Resource
    image: ContainerImage
    force: bool = False


@dataclass(frozen=True, slots=True)
class Promotion:
    """Input of `promote_image`: an image of the registry `source`, to be imported into the registry `target`."""

    operation: str
    environment: str
    source: Resource
    target: Resource
    image: ContainerImage
    force: bool = False
