"""The second part of the demo: three machines that Dormouse did not create, one of which is idle."""

import time
from pathlib import Path
from typing import Any

import httpx
import yaml
from rich.console import Console
from rich.table import Table

from local.sandbox import ROOT, Ground

ESTATE = ROOT / "examples" / "estate.yaml"
STYLES = {"busy": "green", "idle": "yellow", "unknown": "magenta", "stopped": "dim"}


class IdleError(Exception):
    """A step of the second part failed."""


class IdleDemo:
    """A dry run with its reasons, a warning, and one stopped machine; the others keep running."""

    def __init__(self, client: httpx.Client, ground: Ground, console: Console, deadline: float) -> None:
        """Prepare with a deadline (monotonic seconds)."""
        self._client, self._ground, self._console, self._deadline = client, ground, console, deadline

    def run(self, estate: Path = ESTATE) -> None:
        """Run it; raises IdleError if a step fails."""
        content = yaml.safe_load(estate.read_text())
        with self._ground.simulation() as simulation:
            simulation.post("/estate", json={"machines": content["machines"]}).raise_for_status()
            self._until(lambda: simulation.get("/agents").json()["pending"] == 0, "the agents have reported")
            self._evaluate()
            idle = self._warn(simulation)
            self._stop(idle)
            self._verify(simulation, idle)

    def _evaluate(self) -> None:
        self._sweep(dry_run=True)
        lines = self._lines()
        self._console.print(_table("POST /sweeps (dry run: nothing is changed)", lines))
        verdicts = sorted(line["verdict"] for line in lines)
        if verdicts != ["busy", "idle", "unknown"]:
            raise IdleError(f"one machine should be busy, one idle, one unknown, but the verdicts are {verdicts}")

    def _warn(self, simulation: httpx.Client) -> dict[str, Any]:
        self._sweep()
        (idle,) = [line for line in self._lines() if line["next_action"] == "warn"]
        self._console.print(
            f"\nA sweep, as the timer starts it every five minutes: [bold]{idle['name']}[/] {idle['next_action_text']}"
        )
        seen = {"id": idle["id"]}
        # Its agent asks once a minute, which may be longer than the lead of a demo.
        self._until(
            lambda: simulation.get("/machines/inside", params=seen).json()["warnings"], "the warning is shown on the machine"
        )
        return idle

    def _stop(self, idle: dict[str, Any]) -> None:
        def asleep() -> bool:
            self._sweep()
            (line,) = [line for line in self._lines() if line["id"] == idle["id"]]
            return bool(line["verdict"] == "stopped")

        self._until(asleep, f"{idle['name']} is stopped")

    def _verify(self, simulation: httpx.Client, idle: dict[str, Any]) -> None:
        """Print the notifications, and check with Azure that only the idle machine was stopped."""
        seen = {line["id"]: simulation.get("/machines/inside", params={"id": line["id"]}).json() for line in self._lines()}
        for warning in seen[idle["id"]]["warnings"]:
            self._console.print(f"Shown on the machine: {warning['text']}", style="dim", highlight=False)
        for message in simulation.get("/messages").json()["value"]:
            sent = message["body"]
            self._console.print(f"By webhook ({sent['event']}): {sent['text']}", style="dim", highlight=False)
        self._console.print(_table("\nGET /machines, afterwards", self._lines()))
        (asleep,) = [line for line in self._lines() if line["id"] == idle["id"]]
        self._console.print(
            f"{asleep['name']} is stopped: {asleep['price_per_hour_amount']} {asleep['currency']} per hour saved."
        )
        power = {identifier.rsplit("/", 1)[-1]: inside["power"] for identifier, inside in seen.items()}
        self._console.print(f"The simulated Azure agrees: {power}.", highlight=False)
        awake = [name for name, state in power.items() if state == "running"]
        if power[idle["name"]] != "deallocated" or len(awake) != len(power) - 1:
            raise IdleError(f"only {idle['name']} should be stopped, but Azure shows {power}")

    def _sweep(self, **asked: Any) -> None:
        accepted = self._client.post("/sweeps", json=asked)
        if accepted.status_code != httpx.codes.ACCEPTED:
            raise IdleError(f"a sweep returned {accepted.status_code}: {accepted.text}")
        path = accepted.headers["Location"]
        self._until(lambda: self._json(path)["state"] != "running", "the sweep has ended")

    def _lines(self) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = self._json("/machines")["value"]
        return lines

    def _json(self, path: str) -> dict[str, Any]:
        content: dict[str, Any] = self._client.get(path).raise_for_status().json()
        return content

    def _until(self, holds: Any, what: str) -> None:
        while not holds():
            if time.monotonic() > self._deadline:
                raise IdleError(f"timed out: {what}")
            time.sleep(0.1)


def _table(title: str, lines: list[dict[str, Any]]) -> Table:
    table = Table("machine", "verdict", "why", "next action", title=title)
    for line in lines:
        table.add_row(
            line["name"], line["verdict"], line["reason"], line["next_action_text"] or "", style=STYLES.get(line["verdict"])
        )
    return table
