"""Secrets as the vault shows them: with and without their values, deleted ones, and page by page."""

from typing import Any

from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.core.store import Document
from local.azure.core.world import World

ATTRIBUTES = ("enabled", "nbf", "exp")
# How many days the vault keeps what is deleted: the fact of this name, or as many as by default.
RETENTION, LONGEST_RETENTION, SECONDS_A_DAY = "retention", 90, 86400
WITHOUT_DAYS = ("7.0", "7.1", "7.2")
LARGEST_PAGE = 25


def deleted_item(world: World, document: Document, request: Request) -> dict[str, Any]:
    """A deleted secret, with the date of its purge."""
    shown = secret_item(world, newest_version(document), request)
    shown["recoveryId"] = f"{request.base}/deletedsecrets/{document['name']}"
    shown["deletedDate"] = document["deleted"]
    shown["scheduledPurgeDate"] = document["deleted"] + retention_days(world) * SECONDS_A_DAY
    return shown


def retention_days(world: World) -> int:
    """How many days the vault keeps what is deleted."""
    return int((world.store.get("facts", RETENTION) or {"days": LONGEST_RETENTION})["days"])


def newest_version(document: Document) -> Document:
    """The newest version of a secret."""
    newest: Document = document["versions"][-1]
    return newest


def page_of(items: list[dict[str, Any]], request: Request) -> Answer:
    """One page of a list, with the URL of the next."""
    top, skip = (
        min(int(request.query.get("maxresults", LARGEST_PAGE)), LARGEST_PAGE),
        int(request.query.get("$skiptoken", 0)),
    )
    following = None
    if skip + top < len(items):
        path = f"{request.base}{request.path}"
        following = f"{path}?api-version={request.version}&$skiptoken={skip + top}&maxresults={top}"
    return Answer(200, {"value": items[skip : skip + top], "nextLink": following})


def secret_bundle(world: World, version: Document, request: Request) -> Document:
    """A version of a secret with its value."""
    return {"value": version["value"], **secret_item(world, version, request, versioned=True)}


def secret_item(world: World, version: Document, request: Request, *, versioned: bool = False) -> dict[str, Any]:
    """A secret without its value, named with its version if asked so."""
    days = retention_days(world)
    attributes: dict[str, Any] = {
        "enabled": True,
        **{field: version[field] for field in ATTRIBUTES if field in version},
        "created": version["created"],
        "updated": version["updated"],
        "recoveryLevel": f"{'' if days == LONGEST_RETENTION else 'Customized'}Recoverable+Purgeable",
    }
    if request.version not in WITHOUT_DAYS:
        attributes["recoverableDays"] = days
    identifier = f"{request.base}/secrets/{version['name']}" + (f"/{version['version']}" if versioned else "")
    more = {field: version[field] for field in ("contentType", "tags") if version[field] is not None}
    return {"id": identifier, "attributes": attributes, **more}
