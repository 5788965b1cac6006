"""A fleet of hazards on a running ground: loaded, swept, read, and watched from behind the scenes."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from local.clock import Clock
from local.ground import Ground, temporary_ground
from tests.hazards.corpus import Hazard
from tests.support import PATIENCE, SUBSCRIPTION

LIMIT = 200

Name = tuple[str, str]  # the hazard, and the short name of the machine


@dataclass(slots=True)
class Fleet:
    """The machines of some hazards, and both sides of the ground they stand on."""

    ground: Ground
    plane: httpx.Client
    azure: httpx.Client
    speed: float

    def load(self, hazards: Iterable[Hazard]) -> None:
        """Put the machines of hazards into Azure, all at once, and wait until their agents have told their past."""
        now = self.now()
        machines = [machine for hazard in hazards for machine in hazard.estate(now)["machines"]]
        self.azure.post("/estate", json={"machines": machines}).raise_for_status()
        self.caught_up()

    def caught_up(self) -> None:
        """Wait until every agent has told what it could."""
        self.wait(lambda: not self.behind(), "agents are behind")

    def behind(self) -> int:
        """How many agents have not told what they could."""
        return int(self.azure.get("/agents").raise_for_status().json()["pending"])

    def sweep(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Sweep, and answer the sweep as it ended."""
        said: list[httpx.Response] = []

        def begun() -> bool:
            said[:] = [self.plane.post("/sweeps", json={"dry_run": dry_run})]
            return said[0].status_code == httpx.codes.ACCEPTED

        self.wait(begun, "no sweep begins")
        path = str(said[0].json()["href"]).removeprefix("/api")
        self.wait(lambda: self._read(path)["state"] != "running", "the sweep does not end")
        ended: dict[str, Any] = self._read(path)
        assert ended["state"] == "ended", ended
        return ended

    def lines(self) -> dict[Name, dict[str, Any]]:
        """What the last sweep has found, page by page."""
        found: dict[Name, dict[str, Any]] = {}
        path: str | None = f"/machines?limit={LIMIT}"
        while path:
            content = self._read(path.removeprefix("/api"))
            found |= {name_of(line["id"]): line for line in content["value"]}
            path = content["next"]
        return found

    def touched(self) -> set[Name]:
        """The machines whose power Azure was asked to change."""
        content = self.azure.get("/operations").raise_for_status().json()
        return {name_of(item["resource"]) for item in content["value"] if item["effect"] == "power changed"}

    def messages(self) -> list[dict[str, Any]]:
        """What people were told."""
        return [message["body"] for message in self.azure.get("/messages").raise_for_status().json()["value"]]

    def change(self, name: Name, signals: dict[str, Any]) -> None:
        """Let the signals of a machine go on otherwise."""
        self.azure.put("/signals", json={"id": identifier_of(name), **signals}).raise_for_status()

    def now(self) -> float:
        """The present moment in the simulated world, in seconds since 1970."""
        command = self.ground.azure.command
        return Clock(self.speed, float(command[command.index("--origin") + 1])).seconds()

    def pass_minutes(self, minutes: float) -> None:
        """Let simulated time pass."""
        time.sleep(minutes * 60 / self.speed)

    def wait(self, true: Callable[[], bool], otherwise: str) -> None:
        """Ask until something is true."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, otherwise
            time.sleep(0.05)

    def _read(self, path: str) -> Any:
        return self.plane.get(path).raise_for_status().json()


@contextlib.contextmanager
def fleet_on_a_ground(*, speed: float, timers: bool) -> Iterator[Fleet]:
    """An empty fleet on a ground that is gone afterwards."""
    with (
        temporary_ground(speed=speed, timers=timers) as ground,
        ground.client() as plane,
        ground.simulation() as azure,
    ):
        yield Fleet(ground, plane, azure, speed)


def name_of(identifier: str) -> Name:
    """The hazard and the short name in the id of a machine."""
    parts = identifier.split("/")
    return parts[4], parts[8]


def identifier_of(name: Name) -> str:
    """The id of a machine."""
    return f"{SUBSCRIPTION}/resourceGroups/{name[0]}/providers/Microsoft.Compute/virtualMachines/{name[1]}"
