"""The simulated Azure without a network and with a clock that is set by hand, so that a thousand recordings take seconds."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from local.azure.core import operations
from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.providers.network import CREATION, Creation
from local.azure.server import MANAGEMENT, VAULT, Place, SimulatedAzure
from local.azure.services import metrics
from local.azure.services.authorization import assignments
from local.azure.services.tokens import Issuer
from local.clock import Clock

PORT = 443
VERBS = ("PUT", "POST", "DELETE", "UPDATE")
SHELVES = (
    *("resources", "deleted vaults", "taken names", "secrets", "deleted secrets", "principals"),
    "subnet changes",
)


class HandSetClock(Clock):
    """A clock that advances only when told to."""

    def __init__(self) -> None:
        super().__init__(origin=1_790_000_000.0)
        self.now_at = self.origin

    def seconds(self) -> float:
        return self.now_at


class Azure:
    """The requests that a client of the simulated Azure can send, and control of its time."""

    def __init__(self, home: Path) -> None:
        place = Place(home, PORT, speed=1.0, seed=1, state=":memory:", identity_secret="secret")
        self.simulation = SimulatedAzure(place)
        self.world = self.simulation.world
        self.clock = HandSetClock()
        self.create_cards(Creation.AT_ONCE)
        self.world.clock = self.clock
        assignments.permit(self.world, ["*"])  # an administrator's requests were recorded
        # What is recorded while an operation runs is asked while it runs here.
        for name in self.world.durations:
            if name.partition(" ")[0] in VERBS:
                self.world.durations[name] = {"p10": 60.0, "p50": 60.0, "p90": 60.0}
        self._issuer = Issuer(self.world.store, f"https://login.localhost:{PORT}", "somebody", self.world.seconds)
        self._tokens: dict[str, tuple[str, int]] = {}

    def ask(
        self,
        host: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        bare, _, query = path.partition("?")
        bearer = {"Authorization": f"Bearer {self._token(AUDIENCES.get(host, metrics.AUDIENCE))}"} if token else {}
        request = Request(
            method=method,
            path=bare,
            query=dict(parse_qsl(query)),
            headers={**bearer, **(headers or {})},
            body=b"" if body is None else json.dumps(body).encode(),
            base=f"https://{host}:{PORT}",
            url=f"https://{host}:{PORT}{path}",
            issuer=self._issuer,
        )
        self.pass_time(1)
        said = self.simulation.answered(host, request)
        written = isinstance(said.body, bytes) and host == MANAGEMENT
        return replace(said, body=json.loads(said.content)) if written else said

    def _token(self, audience: str) -> str:
        token, expires = self._tokens.get(audience, ("", 0))
        if expires < self.world.seconds():
            token, expires = self._tokens[audience] = self._issuer.token(audience)
        return token

    def manage(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return self.ask(MANAGEMENT, method, path, body, headers=headers)

    def pass_time(self, seconds: float) -> None:
        self.clock.now_at += seconds
        operations.settle(self.world)

    def return_to(self, seconds: float) -> None:
        """Set the time, which tokens and throttling buckets of another time do not survive."""
        if seconds != self.clock.now_at:
            self.clock.now_at = seconds
            self._tokens.clear()
            self.world.throttle.buckets.clear()

    def finish(self) -> None:
        """Let all running operations end and all throttling buckets refill."""
        while self.world.running:
            self.pass_time(600)
        self.pass_time(600)

    def create_cards(self, how: Creation) -> None:
        """Let new network interfaces be created this way from now on."""
        self.world.store.put("facts", CREATION, {"created": how})

    def close(self) -> None:
        self.world.store.close()

    def forget_everything(self) -> None:
        """Start with an empty state for the next recording, at the same time."""
        self.world.faults.clear()
        self.create_cards(Creation.AT_ONCE)
        for shelf in SHELVES:
            for key, _ in self.world.store.items(shelf):
                self.world.store.delete(shelf, key)
        self.world.index_everything()


METRICS = f"westeurope{metrics.SUFFIX}"
# Of any other service: that of the metrics of a region.
AUDIENCES = {MANAGEMENT: "https://management.azure.com", VAULT: f"https://vault.localhost:{PORT}"}
