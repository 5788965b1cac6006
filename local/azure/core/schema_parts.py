"""The parts of which the schemas of request bodies are made."""

from typing import Any

ANY = object()


class Only:
    """A property that is accepted only with these values: others would change what Azure does."""

    def __init__(self, *values: Any) -> None:
        self.values = values


NOTHING = Only()
TAGGED: dict[str, Any] = {"id": ANY, "name": ANY, "type": ANY, "etag": ANY, "location": ANY, "tags": ANY}
READ_ONLY: dict[str, Any] = {"provisioningState": ANY, "resourceGuid": ANY}
PART: dict[str, Any] = {"id": ANY, "name": ANY, "type": ANY, "etag": ANY}
