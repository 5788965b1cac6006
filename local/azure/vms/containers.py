"""A container that a machine runs by itself: what the check of it says."""

import json
from typing import TYPE_CHECKING, Any

from local.azure.core.store import Document
from local.azure.services.key_vault import SECRETS
from local.azure.vms.pipelines import may_read_from

if TYPE_CHECKING:
    from local.azure.core.world import World

CONFIGURATION = "/etc/dormouse/container.json"


def configuration_in(files: dict[str, str]) -> dict[str, Any] | None:
    """The container that a machine's custom data wants, or None."""
    try:
        found = json.loads(files.get(CONFIGURATION, "null"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


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
