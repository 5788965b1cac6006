"""What a container or blob has besides its content: metadata, a version, and the time of its last change."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime

from local.azure.core.requests import Request
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.services.blobs.leases import BlobRefused

METADATA_NAME = re.compile(r"[A-Za-z_]\w*")


def metadata_of(request: Request) -> dict[str, str]:
    """The metadata in the headers of a request; raises the refusal of names that are not permitted."""
    given = {name[10:].lower(): value for name, value in request.headers.items() if name.lower().startswith("x-ms-meta-")}
    if any(not METADATA_NAME.fullmatch(name) for name in given):
        raise BlobRefused(
            400, "InvalidMetadata", "The metadata specified is invalid. It has characters that are not permitted."
        )
    return given


def metadata_headers(document: Document) -> dict[str, str]:
    """The metadata of a container or blob as headers."""
    return {f"x-ms-meta-{name}": value for name, value in document["metadata"].items()}


def new_version(world: World, key: str) -> dict[str, str]:
    """A new ETag, and this moment as the time of the last change."""
    digits = world.fresh_guid("blob", key).replace("-", "")[:15].upper()
    return {"etag": f'"0x{digits}"', "modified": now_text(world)}


def version_headers(document: Document) -> dict[str, str]:
    """The version of a container or blob as headers."""
    return {"ETag": document["etag"], "Last-Modified": document["modified"]}


def now_text(world: World) -> str:
    """The simulated time in the form of HTTP."""
    return format_datetime(datetime.fromtimestamp(world.seconds(), UTC), usegmt=True)
