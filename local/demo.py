"""`python -m local.demo`: the life of an environment, shown through the control plane's HTTP API alone.

The simulated Azure itself is queried only for what the control plane cannot know or should not vouch for: how long its
operations really took, and that nothing is left.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

from local.azure.providers.vaults import OWN_GROUP
from local.demo_idle import IdleDemo, IdleError
from local.demo_preparation import prepare
from local.makespan import makespan
from local.processes import GroundError
from local.sandbox import ROOT, Ground, temporary_ground

NAME = "ml1"
EXAMPLES = ROOT / "examples"
PATIENCE = 110.0
BAR = 30
STYLES = {"done": "green", "unchanged": "dim", "running": "yellow", "refused": "red", "waiting": "dim"}

console = Console()


class DemoError(Exception):
    """A step of the demo failed."""


def main() -> int:
    """Run the demo; returns 0 if every step succeeded, else 1 after printing the reason."""
    parser = argparse.ArgumentParser(prog="local.demo", description=__doc__)
    parser.add_argument("--speed", type=float, default=10.0, help="simulated seconds per real second")
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same durations")
    known = sorted(path.stem for path in EXAMPLES.glob("*.json"))
    parser.add_argument("--blueprint", choices=known, help="build the example of this blueprint, without part 2")
    parser.add_argument("--spec", type=Path, help="file with the spec to build")
    given = parser.parse_args()
    path = given.spec or EXAMPLES / f"{given.blueprint or 'workstation'}.json"
    begun = time.monotonic()
    try:
        with temporary_ground(speed=given.speed, seed=given.seed, timers=False) as ground, ground.client() as client:
            console.print(f"[bold]Dormouse[/] on a simulated Azure, {given.speed:g} times as fast as the real one.\n")
            spec = json.loads(path.read_text())
            with ground.simulation() as simulation:
                stored = prepare(simulation, spec)
            _with_parent(Demo(client, spec, time.monotonic() + PATIENCE, ground), spec)
            _audit(ground, stored)
            if given.blueprint:
                return 0
            console.print("\n[bold]Part 2[/]: three machines that Dormouse did not create; one of them is idle.\n")
            IdleDemo(client, ground, console, time.monotonic() + PATIENCE).run()
    except (DemoError, IdleError, GroundError, httpx.HTTPError, OSError, ValueError) as error:
        console.print(f"[red bold]The demo failed:[/] {error}", highlight=False)
        return 1
    console.print(f"\nThe demo took {time.monotonic() - begun:.0f} real seconds.")
    return 0


def _with_parent(demo: "Demo", spec: dict[str, Any]) -> None:
    """Run a demo; what its environment depends on is built before, and deleted after it."""
    parent = str(spec.get("shared", ""))
    if parent:
        demo.build(parent, json.loads((EXAMPLES / "ml-shared.json").read_text()))
    demo.run()
    if parent:
        demo.delete(parent)


class Demo:
    """Plan, provision, inspect, stop, start, delete, and check that nothing is left."""

    def __init__(self, client: httpx.Client, spec: dict[str, Any], deadline: float, ground: Ground) -> None:
        """Prepare the demo with one spec and a deadline (monotonic seconds)."""
        self._client, self._spec, self._deadline, self._ground = client, spec, deadline, ground
        self._steps: list[dict[str, Any]] = []
        self._others: list[str] = []
        self._path = f"/environments/{NAME}"

    def run(self) -> None:
        """Run it; raises DemoError if a step fails."""
        self._plan()
        provisioned = self._operation("provision", self._client.put(self._path, json=self._spec))
        _print_makespan(provisioned, self._steps, self._ground)
        if provisioned["health_checks"]:
            _print_findings(provisioned)
        if self._has_power():
            self._check_state("running")
            self._operation("stop", self._client.post(f"{self._path}/stop"))
            self._check_state("stopped")
            self._operation("start", self._client.post(f"{self._path}/start"))
            self._check_state("running")
        else:
            self._check_state("ready")
            self._apply_again()
        deleted = self._operation("delete", self._client.delete(self._path))
        self._verify_nothing_is_left(deleted)

    def build(self, name: str, spec: dict[str, Any]) -> None:
        """Build another environment."""
        self._operation("provision", self._client.put(f"/environments/{name}", json=spec))
        self._others.append(name)

    def delete(self, name: str) -> None:
        """Delete another environment."""
        self._operation("delete", self._client.delete(f"/environments/{name}"))

    def _plan(self) -> None:
        plan = _json(self._client.put(self._path, params={"dry_run": "true"}, json=self._spec))
        table = Table(
            "step", "kind", "needs", "would", title=f"Plan of {NAME} in {plan['region']} (dry run: nothing is changed)"
        )
        for step in plan["resources"]:
            table.add_row(step["name"], step["kind"], ", ".join(step["needs"]), step["action"])
        console.print(table)
        self._steps = plan["resources"]
        price, refusals = plan["price_per_hour"], [refusal["detail"] for refusal in plan["refusals"]]
        if refusals or (price is None and self._has_power()):
            raise DemoError(f"the dry run says: {' '.join(refusals) or 'the price is not known'}")
        if price is not None:
            console.print(f"Price: {price['amount']:.4g} {price['currency']} an hour: {plan['price_covers']}.")
        console.print("Preflight: size offered, quota left, names free, rights sufficient.\n")

    def _has_power(self) -> bool:
        """Whether the plan has something that can be stopped."""
        return any(step["kind"] == "virtual_machine" for step in self._steps)

    def _apply_again(self) -> None:
        """Apply the same spec once more, which must change nothing."""
        answer = self._client.put(self._path, json=self._spec)
        if answer.status_code != httpx.codes.OK:
            raise DemoError(f"applying the same spec again returned {answer.status_code}: {answer.text}")
        console.print(f"PUT {self._path} with the same spec: 200, nothing to change.\n")

    def _operation(self, verb: str, answer: httpx.Response) -> dict[str, Any]:
        location = answer.headers.get("Operation-Location")
        if answer.status_code != httpx.codes.ACCEPTED or not location:
            raise DemoError(f"{verb} returned {answer.status_code}: {answer.text}")
        with Live(console=console, refresh_per_second=8) as live:
            while True:
                operation = _json(self._client.get(location))
                live.update(_board(verb, operation))
                if operation["outcome"] is not None:
                    break
                if time.monotonic() > self._deadline:
                    raise DemoError(f"{verb} did not end in time")
                time.sleep(0.15)
        console.print(f"\n{operation['reason']}\n", highlight=False)
        if operation["outcome"] != "succeeded":
            raise DemoError(f"{verb} ended as {operation['outcome']}: {operation['reason']}")
        return operation

    def _check_state(self, wanted: str) -> None:
        seen = _json(self._client.get(self._path))
        billed = "billed" if seen["billed"] else "not billed"
        size = ", ".join(sorted(each["size"] for each in seen["resources"] if each["size"])) or "no machine"
        connect = ", ".join(each["command"] for each in seen["endpoints"] if each["command"]) or "no way in now"
        console.print(f"GET {self._path}: [bold]{seen['state']}[/], {billed}, {size}, {connect}\n", highlight=False)
        if seen["state"] != wanted:
            raise DemoError(f"{NAME} should be {wanted} but is {seen['state']}")

    def _verify_nothing_is_left(self, deleted: dict[str, Any]) -> None:
        gone = self._client.get(self._path).status_code == httpx.codes.NOT_FOUND
        every = [item["name"] for item in _json(self._client.get("/environments"))["value"]]
        listed = [name for name in every if name not in self._others]
        verified = any(step["name"] == "verify" and step["state"] == "done" for step in deleted["steps"])
        if not gone or listed or deleted["leftovers"] or not verified:
            raise DemoError(f"something is left: listed {listed}, leftovers {deleted['leftovers']}")
        console.print(f"GET {self._path}: 404. Nothing listed, no leftovers, verified by Resource Graph and by GET.")


def _audit(ground: Ground, stored: Sequence[str]) -> None:
    """Query the simulated Azure itself, because a faulty control plane could misreport its own result."""
    with ground.simulation() as simulation:
        known = [item["id"] for item in _json(simulation.get("/resources"))["value"]]
        resources = [identifier for identifier in known if OWN_GROUP not in identifier.split("/")]
        secrets = [name for name in _json(simulation.get("/secrets"))["value"] if name not in stored]
        calls = _json(simulation.get("/calls"))
    if resources or secrets:
        raise DemoError(f"the simulated Azure still has {resources + secrets}")
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
    """Print the makespan beside the critical path, which depends only on Azure and the machine."""
    with ground.simulation() as simulation:
        found = makespan(operation, planned, _json(simulation.get("/operations"))["value"])
    console.print(
        f"Makespan {found.took:.0f} s, critical path {found.path:.0f} s by Azure's own durations "
        f"(ratio {found.ratio:.2f}); in sequence the steps would have taken {found.work:.0f} s.",
        highlight=False,
    )


def _print_findings(operation: dict[str, Any]) -> None:
    table = Table("check", "result", "details", title="Health checks")
    for finding in operation["health_checks"]:
        table.add_row(finding["name"], finding["result"], finding["detail"] or "")
    console.print(table)


def _json(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise DemoError(f"{answer.request.method} {answer.request.url} returned {answer.status_code}: {answer.text}")
    content: dict[str, Any] = answer.json()
    return content


if __name__ == "__main__":
    sys.exit(main())
