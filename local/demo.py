"""`python -m local.demo`: the whole story of a workstation, told through the control plane's HTTP interface alone.

The simulated Azure itself is asked only for what the control plane cannot know or should not be believed: how long things
really took, and that nothing is left.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

from local.demo_idle import IdleError, SecondAct
from local.makespan import makespan
from local.sandbox import ROOT, Ground, GroundError, temporary_ground

NAME = "ml1"
EXAMPLE = ROOT / "examples" / "workstation.json"
PATIENCE = 110.0
BAR = 30
STYLES = {"done": "green", "unchanged": "dim", "running": "yellow", "refused": "red", "waiting": "dim"}

console = Console()


class DemoError(Exception):
    """The story does not go as it should."""


def main() -> int:
    """Tell the story; 0 if all went well, else 1 and the reason."""
    parser = argparse.ArgumentParser(prog="local.demo", description=__doc__)
    parser.add_argument("--speed", type=float, default=10.0, help="simulated seconds in a real second")
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same durations")
    parser.add_argument("--spec", type=Path, default=EXAMPLE, help="the file that says what to build")
    given = parser.parse_args()
    begun = time.monotonic()
    try:
        with temporary_ground(speed=given.speed, seed=given.seed, timers=False) as ground, ground.client() as client:
            console.print(f"[bold]Dormouse[/] on a simulated Azure, {given.speed:g} times as fast as the real one.\n")
            Story(client, json.loads(given.spec.read_text()), time.monotonic() + PATIENCE, ground).tell()
            _audit(ground)
            console.print("\n[bold]Second act[/]: three machines that were there before, one of them used by nobody.\n")
            SecondAct(client, ground, console, time.monotonic() + PATIENCE).tell()
    except (DemoError, IdleError, GroundError, httpx.HTTPError, OSError, ValueError) as error:
        console.print(f"[red bold]The demo failed:[/] {error}", highlight=False)
        return 1
    console.print(f"\nAll of it took {time.monotonic() - begun:.0f} real seconds.")
    return 0


class Story:
    """Plan, provision, look, stop, start, delete, and the proof that nothing is left."""

    def __init__(self, client: httpx.Client, spec: dict[str, Any], deadline: float, ground: Ground) -> None:
        """Prepare to tell the story with one spec until a deadline (monotonic seconds)."""
        self._client, self._spec, self._deadline, self._ground = client, spec, deadline, ground
        self._steps: list[dict[str, Any]] = []
        self._path = f"/environments/{NAME}"

    def tell(self) -> None:
        """Tell it; raises DemoError where it goes wrong."""
        self._plan()
        provisioned = self._operation("provision", self._client.put(self._path, json=self._spec))
        _print_makespan(provisioned, self._steps, self._ground)
        _print_findings(provisioned)
        self._look("running")
        self._operation("stop", self._client.post(f"{self._path}/stop"))
        self._look("stopped")
        self._operation("start", self._client.post(f"{self._path}/start"))
        self._look("running")
        deleted = self._operation("delete", self._client.delete(self._path))
        self._prove_nothing_is_left(deleted)

    def _plan(self) -> None:
        plan = _json(self._client.put(self._path, params={"dry_run": "true"}, json=self._spec))
        table = Table(
            "step", "kind", "needs", "would", title=f"Plan of {NAME} in {plan['region']} (dry run: nothing is done)"
        )
        for step in plan["resources"]:
            table.add_row(step["name"], step["kind"], ", ".join(step["needs"]), step["action"])
        console.print(table)
        self._steps = plan["resources"]
        price = plan["price_per_hour"]
        if price is None:
            raise DemoError("the dry run has no price")
        console.print(f"Price: {price['amount']} {price['currency']} an hour: {plan['price_covers']}.")
        refusals = [refusal["detail"] for refusal in plan["refusals"]]
        console.print(f"Preflight: {'; '.join(refusals) or 'size offered, quota left, names free'}.\n")

    def _operation(self, verb: str, answer: httpx.Response) -> dict[str, Any]:
        location = answer.headers.get("Operation-Location")
        if answer.status_code != httpx.codes.ACCEPTED or not location:
            raise DemoError(f"{verb} was answered with {answer.status_code}: {answer.text}")
        with Live(console=console, refresh_per_second=8) as live:
            while True:
                operation = _json(self._client.get(location))
                live.update(_board(verb, operation))
                if operation["outcome"] is not None:
                    break
                if time.monotonic() > self._deadline:
                    raise DemoError(f"{verb} has not ended in time")
                time.sleep(0.15)
        console.print(f"\n{operation['reason']}\n", highlight=False)
        if operation["outcome"] != "succeeded":
            raise DemoError(f"{verb} ended as {operation['outcome']}: {operation['reason']}")
        return operation

    def _look(self, wanted: str) -> None:
        seen = _json(self._client.get(self._path))
        billed = "billed" if seen["billed"] else "not billed"
        connect = next((each["command"] for each in seen["endpoints"] if each["kind"] == "ssh"), "no way in")
        console.print(f"GET {self._path}: [bold]{seen['state']}[/], {billed}, {seen['size']}, {connect}\n", highlight=False)
        if seen["state"] != wanted:
            raise DemoError(f"{NAME} should be {wanted}, and is {seen['state']}")

    def _prove_nothing_is_left(self, deleted: dict[str, Any]) -> None:
        gone = self._client.get(self._path).status_code == httpx.codes.NOT_FOUND
        listed = [item["name"] for item in _json(self._client.get("/environments"))["value"]]
        verified = any(step["name"] == "verify" and step["state"] == "done" for step in deleted["steps"])
        if not gone or listed or deleted["leftovers"] or not verified:
            raise DemoError(f"something is left: listed {listed}, leftovers {deleted['leftovers']}")
        console.print(f"GET {self._path}: 404. Nothing listed, no leftovers, verified by Resource Graph and by GET.")


def _audit(ground: Ground) -> None:
    """Ask the simulated Azure itself, for a control plane that errs would err about itself too."""
    with ground.simulation() as simulation:
        resources = [item["id"] for item in _json(simulation.get("/resources"))["value"]]
        secrets = _json(simulation.get("/secrets"))["value"]
        calls = _json(simulation.get("/calls"))
    if resources or secrets:
        raise DemoError(f"the simulated Azure still holds {resources + secrets}")
    count = sum(number for name, number in calls.items() if name != "simulation.localhost")
    console.print(f"The simulated Azure agrees: no resources, no secrets. It has answered {count} calls.")


def _board(verb: str, operation: dict[str, Any]) -> Table:
    table = Table(title=f"{verb} {operation['environment']}: {operation['outcome'] or 'running'} (simulated seconds)")
    for column in ("step", "state"):
        table.add_column(column)
    table.add_column("seconds", justify="right")
    table.add_column("", min_width=BAR)
    total = max((step["ended_seconds"] or step["began_seconds"] or 0.0 for step in operation["steps"]), default=0.0) or 1.0
    for step in operation["steps"]:
        style = STYLES.get(step["state"], "")
        seconds = f"{step['duration_seconds']:.1f}" if step["duration_seconds"] is not None else ""
        table.add_row(step["name"], step["state"], seconds, _bar(step, total), style=style)
    return table


def _bar(step: dict[str, Any], total: float) -> str:
    if step["began_seconds"] is None:
        return ""
    first = min(int(step["began_seconds"] / total * BAR), BAR - 1)
    last = BAR if step["ended_seconds"] is None else max(int(step["ended_seconds"] / total * BAR), first + 1)
    return " " * first + "━" * (last - first)


def _print_makespan(operation: dict[str, Any], planned: list[dict[str, Any]], ground: Ground) -> None:
    """The makespan beside the chain of steps that Azure itself, and the machine, could not have done faster."""
    with ground.simulation() as simulation:
        found = makespan(operation, planned, _json(simulation.get("/operations"))["value"])
    console.print(
        f"Makespan {found.took:.0f} s beside a critical path of {found.path:.0f} s by Azure's own durations "
        f"(ratio {found.ratio:.2f}); one after the other the steps would have taken {found.work:.0f} s.",
        highlight=False,
    )


def _print_findings(operation: dict[str, Any]) -> None:
    table = Table("check", "result", "what the machine says", title="Asked inside the machine")
    for finding in operation["health_checks"]:
        table.add_row(finding["name"], finding["result"], finding["detail"] or "")
    console.print(table)


def _json(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise DemoError(
            f"{answer.request.method} {answer.request.url} was answered with {answer.status_code}: {answer.text}"
        )
    content: dict[str, Any] = answer.json()
    return content


if __name__ == "__main__":
    sys.exit(main())
