"""A small control plane that agents report to: it keeps their heartbeats and sends configurable responses."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web

from local.sandbox import free_port


@dataclass
class ControlPlane:
    """The received heartbeats, newest last, and the responses to send."""

    url: str
    heartbeats: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    warning: dict[str, Any] | None = None
    hold: dict[str, Any] | None = None

    async def take(self, request: web.Request) -> web.Response:
        kind, _, token = request.headers["Authorization"].partition(" ")
        assert (kind, request.content_type) == ("Bearer", "application/json")
        self.tokens.append(jwt.decode(token, options={"verify_signature": False}))
        self.heartbeats.append(await request.json())
        if self.status != 200:
            return web.json_response({"title": "no"}, status=self.status, content_type="application/problem+json")
        said = {"next_in_seconds": 60, "confirmed": True, "warning": self.warning, "hold": self.hold}
        return web.json_response(said)

    def sequences(self, boot: str = "") -> list[int]:
        """The sequence numbers of the reported minutes, in order of arrival."""
        return [
            minute["sequence"] for beat in self.heartbeats if not boot or beat["boot"] == boot for minute in beat["minutes"]
        ]


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[ControlPlane]:
    """A running control plane, stopped at the end."""
    port = free_port()
    plane = ControlPlane(f"http://127.0.0.1:{port}/api")
    app = web.Application(client_max_size=256 * 1024)
    app.router.add_post("/api/heartbeats", plane.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield plane
    finally:
        await runner.cleanup()
