"""Changes of tags alone, which network resources make at once, with an operation that has ended already (recorded)."""

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.common import Body, canonical, shown

AT_ONCE = 0.3


def only_tags_change(before: Body, body: Body) -> bool:
    """Whether a body asks for what there is, apart from tags and from what it leaves out."""
    return canonical(str(body["location"])) == canonical(str(before["location"])) and _within(
        body.get("properties") or {}, before["properties"]
    )


def with_other_tags(world: World, existing: Document, body: Body, request: Request) -> Answer:
    """An existing resource with the tags of a body."""
    untagged = {name: value for name, value in existing.items() if name != "tags"}
    tags = {"tags": body["tags"]} if body.get("tags") is not None else {}
    same = existing.get("tags") == body.get("tags")
    etag = existing["etag"] if same else f'W/"{world.fresh_guid("etag", existing["id"])}"'
    document = world.keep({**untagged, **tags, "etag": etag})
    operation = operations.begin(
        world,
        "network resource ready",
        document["id"],
        AT_ONCE,
        request=("PUT", document["id"]),
        provider="Microsoft.Network",
        pause=10,
    )
    where = operations.addresses(operation, request, document["location"])["Azure-AsyncOperation"]
    return Answer(200, shown(world, document, request), {"Azure-AsyncOperation": where})


def _within(asked: object, known: object) -> bool:
    """Whether everything that is asked for is known, whatever else is."""
    if isinstance(asked, dict) and isinstance(known, dict):
        return all(_within(value, known.get(name)) for name, value in asked.items() if name != "provisioningState")
    if isinstance(asked, list) and isinstance(known, list):
        return len(asked) == len(known) and all(_within(one, other) for one, other in zip(asked, known, strict=True))
    if isinstance(asked, str) and isinstance(known, str):
        return asked.lower() == known.lower()
    return asked == known or asked in (None, "", [])
