"""Long operations of private DNS: polled below their resource group, with a pause in every answer."""

import base64

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.resource_ids import ResourceId
from local.azure.core.responses import Answer, Refused
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import shown

PREFIX = "FrontEndAsyncOperation"
# Recorded: "PUT [rg]/microsoft.network/privatednszones/{}" of 2026, "DELETE [rg]/microsoft.network/privatednszones/{}" of 2019.
PUT_PAUSE, DELETE_PAUSE = 30, 10


def accepted(
    world: World, rid: ResourceId, request: Request, effect: str, word: str, failure: Refused | None = None
) -> Answer:
    """Begin an operation; `word` is its name in the token of its URL."""
    pause = PUT_PAUSE if request.method == "PUT" else DELETE_PAUSE
    operation = operations.begin(
        world,
        effect,
        rid.text,
        f"{request.method} {rid.type}",
        request=(request.method, rid.text),
        failure=failure,
        provider="Microsoft.Network",
        pause=pause,
        word=word,
        group=rid.group_id,
        method=request.method,
    )
    return Answer(202, {} if request.method == "PUT" else None, _headers(operation, request))


def poll(world: World, token: str, request: Request, *, monitor: bool) -> Answer:
    """The status of an operation, or at its location what came of it; the latter follows the documentation only."""
    try:
        identifier = base64.b64decode(token + "=" * (-len(token) % 4)).decode().rpartition(";")[2]
    except ValueError:
        identifier = ""
    operation = world.store.get(operations.SHELF, identifier)
    if operation is None:
        raise Refused(404, "NotFound", f"The operation {token} was not found.")
    if operation["status"] == "InProgress":
        return Answer(202, None if monitor else {"status": "InProgress"}, _headers(operation, request))
    error = {"error": operation["error"]} if operation["status"] == "Failed" else {}
    if not monitor:
        return Answer(200, {"status": operation["status"], **error})
    if error:
        return Answer(409, error)
    document = world.resource(operation["resource"])
    return Answer(200, shown(world, document, request) if document and operation["method"] == "PUT" else None)


def _headers(operation: Document, request: Request) -> dict[str, str]:
    token = base64.b64encode(f"{PREFIX};{operation['word']};{operation['id']}".encode()).decode()
    root = f"{request.base}{operation['group']}/providers/Microsoft.Network/privateDnsOperation"
    return {
        "Azure-AsyncOperation": f"{root}Statuses/{token}?api-version={request.version}",
        "Location": f"{root}Results/{token}?api-version={request.version}",
        "Retry-After": str(operation["pause"]),
    }
