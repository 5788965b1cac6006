"""The simulated Azure, served over HTTPS within the test's own process."""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from local.azure.core.world import World
from local.azure.server import IDENTITY, MANAGEMENT, SIMULATION, Place, SimulatedAzure
from local.sandbox import free_port

SECRET = "a secret header"


class Localhost(AbstractResolver):
    """Resolves every name to this computer, as RFC 6761 has it for those below .localhost."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@dataclass
class Served:
    """The simulated Azure as a test uses it."""

    world: World
    port: int
    session: aiohttp.ClientSession

    async def ask(self, name: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        content = None if body is None else json.dumps(body)
        url = f"https://{name}:{self.port}{path}"
        async with self.session.request(method, url, data=content, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def simulate(self, method: str, path: str, body: Any = None) -> Any:
        status, said = await self.ask(SIMULATION, method, path, body)
        assert status < 300, said
        return said

    async def token(self, resource: str) -> str:
        path = f"/msi/token?resource={resource}"
        _, said = await self.ask(IDENTITY, "GET", path, **{"X-IDENTITY-HEADER": SECRET})
        return str(said["access_token"])

    async def manage(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        token = await self.token("https://management.azure.com")
        return await self.ask(MANAGEMENT, method, path, body, Authorization=f"Bearer {token}")


@contextlib.asynccontextmanager
async def served(home: Path, **place: Any) -> AsyncIterator[Served]:
    """A running simulation, stopped at the end."""
    given = {"speed": 1.0, "seed": 1, "state": ":memory:", "identity_secret": SECRET, **place}
    simulation = SimulatedAzure(Place(home, free_port(), **given))
    started = asyncio.Event()
    running = asyncio.create_task(simulation.serve(started.set))
    try:
        waiting = asyncio.create_task(started.wait())
        await asyncio.wait([waiting, running], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        trust = ssl.create_default_context(cafile=str(home / "ca.pem"))
        connector = aiohttp.TCPConnector(resolver=Localhost(), ssl=trust)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Served(simulation.world, simulation.port, session)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
