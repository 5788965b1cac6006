"""A container that a machine runs by itself: what the check of it says."""

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from local.azure.core.store import Document
from local.azure.providers.kinds import MACHINE
from local.azure.services.key_vault import SECRETS
from local.azure.vms.pipelines import may_read_from

if TYPE_CHECKING:
    from local.azure.core.world import World

CONFIGURATION = "/etc/dormouse/container.json"
QUEUE, DEPTHS = "queue", "depths of queues"


def configuration_in(files: dict[str, str]) -> dict[str, Any] | None:
    """The container that a machine's custom data wants, or None."""
    try:
        found = json.loads(files.get(CONFIGURATION, "null"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def peers(world: "World") -> dict[str, str]:
    """What queues answer to requests for their overview, by the address and port at which they do.

    https://www.rabbitmq.com/docs/http-api-reference
    """
    from local.azure.vms.guest import Guest

    found = {}
    for machine in world.resources(MACHINE):
        wanted = (machine.get("_guest") or {}).get("container_unit")
        if wanted and wanted["name"] == QUEUE and Guest(world, machine).container().startswith("passed "):
            address = urlsplit(wanted["url"]).netloc
            depth = world.store.get(DEPTHS, address) or {"ready": 0, "unacknowledged": 0}
            totals = {"messages_ready": depth["ready"], "messages_unacknowledged": depth["unacknowledged"]}
            body = json.dumps({"queue_totals": totals, "node": "rabbit@queue"}, separators=(",", ":"))
            found[address] = f"HTTP/1.0 200 OK\r\n\r\n{body}"
    return found


def said(world: "World", machine: Document, *, installed: bool) -> str:
    """What the check of a container says: it runs where Docker and its disk are, and where its secrets can be read."""
    wanted = (machine.get("_guest") or {}).get("container_unit")
    if not wanted:
        return "the container is not installed"
    readable = all(_may_read(world, machine, url) for url in wanted.get("secrets", {}).values())
    if not installed or not readable:
        return f"waiting {wanted['name']} does not answer at {wanted['url']} yet"
    return f"passed {wanted['name']} answers at {wanted['url']} (HTTP 200)"


def _may_read(world: "World", machine: Document, url: str) -> bool:
    name = str(url).rpartition("/")[2]
    return world.store.get(SECRETS, name) is not None and may_read_from(world, machine, url) <= world.seconds()
