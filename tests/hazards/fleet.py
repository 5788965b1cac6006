"""A fleet of hazards in a running sandbox: loaded, swept, inspected."""

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

LACKS_A_MINUTE = ("its agent reported no data for 1 of", "its agent has reported nothing about the last")
TOO_LATE = ("the next sweep evaluates the machine again", *LACKS_A_MINUTE)
Name = tuple[str, str]  # the hazard, and the short name of the machine


@dataclass(slots=True)
class Fleet:
    """The machines of some hazards, with the control plane and the simulated Azure."""

    ground: Ground
    plane: httpx.Client
    azure: httpx.Client
    speed: float

    def load(self, hazards: Iterable[Hazard]) -> None:
        """Load the machines of hazards, all at once, and wait until their agents have reported their backlog."""
        now = self.now()
        machines = [machine for hazard in hazards for machine in hazard.estate(now)["machines"]]
        self.azure.post("/estate", json={"machines": machines}).raise_for_status()
        caught_up(self.azure)

    def behind(self) -> int:
        """How many agents still have unreported minutes."""
        return int(self.azure.get("/agents").raise_for_status().json()["pending"])

    def sweep(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Run a sweep; returns it after its end."""
        said: list[httpx.Response] = []

        def begun() -> bool:
            said[:] = [self.plane.post("/sweeps", json={"dry_run": dry_run})]
            return said[0].status_code == httpx.codes.ACCEPTED

        until(begun, "no sweep begins")
        return sweep_ended(self.plane, said[0])

    def lines(self) -> dict[Name, dict[str, Any]]:
        """The lines of the last sweep."""
        return {name_of(line["id"]): line for line in lines_of_the_report(self.plane)}

    def touched(self) -> set[Name]:
        """The machines for which a power change was requested from Azure."""
        content = self.azure.get("/operations").raise_for_status().json()
        return {name_of(item["resource"]) for item in content["value"] if item["effect"] == "power changed"}

    def too_late(self, group: str) -> int:
        """How many stops were cancelled because this computer was slow: one of its seconds is minutes in the sandbox.

        The decision had expired, or the newest minute of the agent had not arrived.
        """
        trail = self.plane.get("/operations?limit=100").raise_for_status().json()["value"]
        ours = [operation for operation in trail if operation["environment"].startswith(f"{group}:")]
        return sum(any(words in (operation["reason"] or "") for words in TOO_LATE) for operation in ours)

    def lacks_a_minute(self, group: str) -> bool:
        """Whether the newest minute of an agent had not arrived when the last sweep judged its machine."""
        ours = [line for name, line in self.lines().items() if name[0] == group]
        said = [f"{line['reason']} {line['next_action_text'] or ''}" for line in ours]
        return any(words in text for words in LACKS_A_MINUTE for text in said)

    def messages(self) -> list[dict[str, Any]]:
        """The notifications that were sent."""
        return [message["body"] for message in self.azure.get("/messages").raise_for_status().json()["value"]]

    def change(self, name: Name, signals: dict[str, Any]) -> None:
        """Change the signals of a machine."""
        self.azure.put("/signals", json={"id": identifier_of(name), **signals}).raise_for_status()

    def now(self) -> float:
        """The present simulated time, in seconds since 1970."""
        command = self.ground.azure.command
        return Clock(self.speed, float(command[command.index("--origin") + 1])).seconds()

    def pass_minutes(self, minutes: float) -> None:
        """Wait for simulated minutes."""
        time.sleep(minutes * 60 / self.speed)


@contextlib.contextmanager
def fleet_on_a_ground(*, speed: float, timers: bool) -> Iterator[Fleet]:
    """An empty fleet in a sandbox that is deleted afterwards."""
    with (
        temporary_ground(speed=speed, timers=timers) as ground,
        ground.client() as plane,
        ground.simulation() as azure,
    ):
        warm_up(plane)
        yield Fleet(ground, plane, azure, speed)


def name_of(identifier: str) -> Name:
    """The hazard and the short name from a machine's ID."""
    parts = identifier.split("/")
    return parts[4], parts[8]


def identifier_of(name: Name) -> str:
    """The ID of a machine."""
    return f"{SUBSCRIPTION}/resourceGroups/{name[0]}/providers/Microsoft.Compute/virtualMachines/{name[1]}"
