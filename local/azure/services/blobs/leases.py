"""Leases of blobs: who has exclusive write access, and for how long.

https://learn.microsoft.com/rest/api/storageservices/lease-blob
"""

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World

LEASE_HEADER = "x-ms-lease-id"
FOREVER = -1
DURATIONS = range(15, 61)
AVAILABLE, LEASED, EXPIRED, BREAKING, BROKEN = "available", "leased", "expired", "breaking", "broken"


class BlobRefused(Refused):
    """A refusal in the envelope of Blob Storage."""

    @property
    def answer(self) -> Answer:
        """The refusal as a response."""
        text = (
            f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>'
        )
        headers = {"x-ms-error-code": self.code, "Content-Type": "application/xml", **self.headers}
        return Answer(self.status, text.encode(), headers)


def lease_headers(world: World, held: Document) -> dict[str, str]:
    """The state of a lease, in headers."""
    state = _state(world, held)
    headers = {"x-ms-lease-state": state, "x-ms-lease-status": "locked" if state in (LEASED, BREAKING) else "unlocked"}
    if state == LEASED:
        headers["x-ms-lease-duration"] = "infinite" if held["seconds"] == FOREVER else "fixed"
    return headers


def check_lease(world: World, request: Request, document: Document | None, *, reading: bool = False) -> None:
    """Raise a refusal for a write without the lease's ID, or for any request with a wrong one."""
    held = (document or {}).get("lease", {})
    given, locked = request.headers.get(LEASE_HEADER), _state(world, held) in (LEASED, BREAKING)
    if given and not locked:
        raise BlobRefused(412, "LeaseNotPresentWithBlobOperation", "There is currently no lease on the blob.")
    if given and given != held["id"]:
        raise BlobRefused(
            412, "LeaseIdMismatchWithBlobOperation", "The lease ID specified did not match the lease ID for the blob."
        )
    if locked and not given and not reading:
        raise BlobRefused(
            412, "LeaseIdMissing", "There is currently a lease on the blob and no lease ID was specified in the request."
        )


def lease(world: World, request: Request, document: Document) -> tuple[int, Document, dict[str, str]]:
    """Carry out a lease action on a blob: returns the status, the lease afterwards, and headers."""
    held = document["lease"]
    match request.headers.get("x-ms-lease-action", "").lower():
        case "acquire":
            return _acquire(world, request, held)
        case "renew":
            _check_id(request, held)
            if _state(world, held) in (BREAKING, BROKEN):
                raise BlobRefused(
                    409, "LeaseIsBrokenAndCannotBeRenewed", "The lease has been broken explicitly and cannot be renewed."
                )
            return 200, {**held, "since": world.seconds()}, {LEASE_HEADER: held["id"]}
        case "change":
            _check_id(request, held)
            fresh = request.headers.get("x-ms-proposed-lease-id", held["id"])
            return 200, {**held, "id": fresh}, {LEASE_HEADER: fresh}
        case "release":
            _check_id(request, held)
            return 200, {}, {}
        case "break":
            return _break(world, request, held)
    raise BlobRefused(400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.")


def _acquire(world: World, request: Request, held: Document) -> tuple[int, Document, dict[str, str]]:
    proposed = request.headers.get("x-ms-proposed-lease-id") or world.fresh_guid("lease")
    if _state(world, held) in (LEASED, BREAKING) and (held["id"] != proposed or _state(world, held) == BREAKING):
        raise BlobRefused(409, "LeaseAlreadyPresent", "There is already a lease present.")
    text = request.headers.get("x-ms-lease-duration", "")
    seconds = int(text) if text.lstrip("-").isdigit() else 0
    if seconds != FOREVER and seconds not in DURATIONS:
        raise BlobRefused(400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.")
    return 201, {"id": proposed, "seconds": seconds, "since": world.seconds()}, {LEASE_HEADER: proposed}


def _break(world: World, request: Request, held: Document) -> tuple[int, Document, dict[str, str]]:
    if not held:
        raise BlobRefused(409, "LeaseNotPresentWithLeaseOperation", "There is currently no lease on the blob.")
    now = world.seconds()
    left = 0.0 if held["seconds"] == FOREVER else max(held["since"] + held["seconds"] - now, 0.0)
    asked = request.headers.get("x-ms-lease-break-period")
    seconds = float(asked) if asked is not None else left
    if held["seconds"] != FOREVER:
        seconds = min(seconds, left)
    return (
        202,
        {**held, "breaks": min(held.get("breaks", now + seconds), now + seconds)},
        {"x-ms-lease-time": f"{seconds:.0f}"},
    )


def _check_id(request: Request, held: Document) -> None:
    if not held or request.headers.get(LEASE_HEADER) != held["id"]:
        raise BlobRefused(
            409, "LeaseIdMismatchWithLeaseOperation", "The lease ID specified did not match the lease ID for the blob."
        )


def _state(world: World, held: Document) -> str:
    if not held:
        return AVAILABLE
    if "breaks" in held:
        return BREAKING if world.seconds() < held["breaks"] else BROKEN
    over = held["seconds"] != FOREVER and world.seconds() >= held["since"] + held["seconds"]
    return EXPIRED if over else LEASED
