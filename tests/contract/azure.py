"""The simulated Azure without a wire and with a clock that is set by hand, so that a thousand recordings take seconds."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.server import MANAGEMENT, VAULT, Place, SimulatedAzure
from local.azure.services import metrics
from local.azure.services.tokens import Issuer
from local.clock import Clock

PORT = 443


class HandSetClock(Clock):
    """Time passes when it is told to."""

    def __init__(self) -> None:
        super().__init__(origin=1_790_000_000.0)
        self.now_at = self.origin

    def seconds(self) -> float:
        return self.now_at


class Azure:
    """What a client of the simulated Azure can do, and time with it."""

    def __init__(self, home: Path) -> None:
        place = Place(home, PORT, speed=1.0, seed=1, state=":memory:", identity_secret="secret")
        self.simulation = SimulatedAzure(place)
        self.world = self.simulation.world
        self.clock = HandSetClock()
        self.world.clock = self.clock
        self._issuer = Issuer(self.world.store, f"https://login.localhost:{PORT}", "somebody", self.world.seconds)
        self._tokens: dict[str, tuple[str, int]] = {}

    def ask(self, host: str, method: str, path: str, body: Any = None, *, token: bool = True) -> Answer:
        bare, _, query = path.partition("?")
        headers = {"Authorization": f"Bearer {self._token(AUDIENCES[host])}"} if token else {}
        request = Request(
            method=method,
            path=bare,
            query=dict(parse_qsl(query)),
            headers=headers,
            body=b"" if body is None else json.dumps(body).encode(),
            base=f"https://{host}:{PORT}",
            url=f"https://{host}:{PORT}{path}",
            issuer=self._issuer,
        )
        self.pass_time(1)
        return self.simulation.answered(host, request)

    def _token(self, audience: str) -> str:
        token, expires = self._tokens.get(audience, ("", 0))
        if expires < self.world.seconds():
            token, expires = self._tokens[audience] = self._issuer.token(audience)
        return token

    def manage(self, method: str, path: str, body: Any = None) -> Answer:
        return self.ask(MANAGEMENT, method, path, body)

    def pass_time(self, seconds: float) -> None:
        self.clock.now_at += seconds
        operations.settle(self.world)

    def finish(self) -> None:
        """Let everything come to its end that has begun, and every bucket fill up."""
        while self.world.running:
            self.pass_time(600)
        self.pass_time(600)

    def close(self) -> None:
        self.world.store.close()

    def forget_everything(self) -> None:
        """A new world for the next recording, in the same time."""
        for shelf in ("resources", "deleted vaults", "taken names", "secrets", "deleted secrets", "principals"):
            for key, _ in self.world.store.items(shelf):
                self.world.store.delete(shelf, key)
        self.world.index_everything()


METRICS = f"westeurope{metrics.SUFFIX}"
AUDIENCES = {
    MANAGEMENT: "https://management.azure.com",
    VAULT: f"https://vault.localhost:{PORT}",
    METRICS: metrics.AUDIENCE,
}
