"""A target for webhooks: every posted message is accepted and kept for tests."""

import json
from typing import Any

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, not_simulated
from local.azure.core.world import World


def answer(world: World, request: Request) -> Answer:
    """Accept one message."""
    if request.method != "POST":
        raise not_simulated(f"{request.method} of a webhook")
    headers = {name.lower(): value for name, value in request.headers.items()}
    world.messages.append({"path": request.path, "headers": headers, "body": _body(request.body), "at": world.text()})
    return Answer(200)


def _body(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
