"""A fleet of hazards on a running ground: loaded, swept, read, and watched from behind the scenes."""

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from local.clock import Clock
from local.sandbox import Ground, temporary_ground
from tests.fleet import caught_up, lines_of_the_report, sweep_ended, warm_up
from tests.hazards.corpus import Hazard
from tests.support import SUBSCRIPTION, until

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
        caught_up(self.azure)

    def behind(self) -> int:
        """How many agents have not told what they could."""
        return int(self.azure.get("/agents").raise_for_status().json()["pending"])

    def sweep(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Sweep, and answer the sweep as it ended."""
        said: list[httpx.Response] = []

        def begun() -> bool:
            said[:] = [self.plane.post("/sweeps", json={"dry_run": dry_run})]
            return said[0].status_code == httpx.codes.ACCEPTED

        until(begun, "no sweep begins")
        return sweep_ended(self.plane, said[0])

    def lines(self) -> dict[Name, dict[str, Any]]:
        """What the last sweep has found."""
        return {name_of(line["id"]): line for line in lines_of_the_report(self.plane)}

    def touched(self) -> set[Name]:
        """The machines whose power Azure was asked to change."""
        content = self.azure.get("/operations").raise_for_status().json()
        return {name_of(item["resource"]) for item in content["value"] if item["effect"] == "power changed"}

    def was_too_slow(self, group: str) -> bool:
        """Whether a decision about a machine was too old to be carried out: a second of this computer is minutes there."""
        trail = self.plane.get("/operations?limit=20").raise_for_status().json()["value"]
        ours = [operation for operation in trail if operation["environment"].startswith(f"{group}:")]
        return any("the next sweep evaluates the machine again" in (operation["reason"] or "") for operation in ours)

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


@contextlib.contextmanager
def fleet_on_a_ground(*, speed: float, timers: bool) -> Iterator[Fleet]:
    """An empty fleet on a ground that is gone afterwards."""
    with (
        temporary_ground(speed=speed, timers=timers) as ground,
        ground.client() as plane,
        ground.simulation() as azure,
    ):
        warm_up(plane)
        yield Fleet(ground, plane, azure, speed)


def name_of(identifier: str) -> Name:
    """The hazard and the short name in the id of a machine."""
    parts = identifier.split("/")
    return parts[4], parts[8]


def identifier_of(name: Name) -> str:
    """The id of a machine."""
    return f"{SUBSCRIPTION}/resourceGroups/{name[0]}/providers/Microsoft.Compute/virtualMachines/{name[1]}"
