"""Existing machines for tests: loaded into the simulated Azure, swept and inspected."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from dormouse.clock import parse_moment
from tests.support import SUBSCRIPTION, until

GPU_SIZE, CPU_SIZE = "Standard_NC24ads_A100_v4", "Standard_D4s_v5"
# Acts soon: five quiet minutes are enough, and a warning precedes the stop by one minute.
SOON = "window=5m, grace=0m, lead=1m"
QUIET_OUTSIDE: dict[str, Any] = {
    "cpu_percent": 1,
    "network_in_bytes_per_second": 300,
    "network_out_bytes_per_second": 200,
    "disk_read_bytes_per_second": 10,
    "disk_write_bytes_per_second": 2000,
}
QUIET_INSIDE: dict[str, Any] = {
    "gpu_percent": 0,
    "gpu_memory_percent": 0,
    "gpu_watts": 60,
    "gpu_processes": 0,
    "gpu_kernel_processes": 0,
    "cpu_percent": 1,
    "cpu_cores": 0.05,
    "disk_bytes_per_second": 2000,
    "network_bytes_per_second": 500,
    "logins": 0,
    "connections": 0,
    "sessions_opaque": 0,
    "terminals_active": 0,
    "terminal_jobs": 0,
    "batch_jobs": 0,
    "kernels": 0,
    "kernels_busy": 0,
    "kernels_active": 0,
    "kernel_connections": 0,
    "containers": 0,
    "jobs": 0,
}
_groups = itertools.count(1)


def warm_up(control_plane: httpx.Client) -> None:
    """Create the Azure clients: the first use of each takes a second, which is minutes in accelerated time."""
    nowhere = f"{SUBSCRIPTION}/resourceGroups/none/providers/Microsoft.Compute/virtualMachines/none"
    control_plane.post("/machines/adopt?dry_run=true", json={"machine": nowhere})
    sweep_ended(control_plane, control_plane.post("/sweeps", json={"dry_run": True}))


def caught_up(simulation: httpx.Client) -> None:
    """Whether every agent has reported its backlog."""
    until(lambda: simulation.get("/agents").raise_for_status().json()["pending"] == 0, "agents have not caught up")


def sweep_ended(control_plane: httpx.Client, accepted: httpx.Response) -> dict[str, Any]:
    """An accepted sweep, after its end."""
    assert accepted.status_code == httpx.codes.ACCEPTED, accepted.text
    path = accepted.headers["Location"]
    seen: dict[str, Any] = {}

    def ended() -> bool:
        seen.update(control_plane.get(path).raise_for_status().json())
        return bool(seen["state"] != "running")

    until(ended, "the sweep has not ended")
    assert seen["state"] == "ended", seen
    return seen


def until_moment(control_plane: httpx.Client, moment: float) -> None:
    """Wait for a moment of simulated time (in seconds since 1970) without sweeping, which would cost the computer more."""
    until(lambda: parse_moment(control_plane.get("/health").json()["time"]) > moment, "time does not pass")


def lines_of_the_report(control_plane: httpx.Client) -> Iterator[dict[str, Any]]:
    """The last sweep's line of every machine, page by page."""
    path: str | None = "/machines?limit=200"
    while path:
        content = control_plane.get(path.removeprefix("/api")).raise_for_status().json()
        yield from content["value"]
        path = content["next"]


def machine(*, idle: str | None = SOON, agent: bool = True, size: str = GPU_SIZE, **more: Any) -> dict[str, Any]:
    """A quiet machine, unless `inside` or `host` say otherwise."""
    inside, host = {**QUIET_INSIDE, **more.pop("inside", {})}, {**QUIET_OUTSIDE, **more.pop("host", {})}
    if size == CPU_SIZE:
        inside = {name: value for name, value in inside.items() if not name.startswith("gpu_")}
    tags = {**({"dormouse-idle": idle} if idle is not None else {}), **more.pop("tags", {})}
    return {"size": size, "agent": agent, "tags": tags, "host": host, "inside": inside, **more}


@dataclass(slots=True)
class FleetSide:
    """A resource group of machines of its own, and the control plane that sweeps it."""

    control_plane: httpx.Client
    simulation: httpx.Client
    group: str = field(default_factory=lambda: f"fleet{next(_groups)}")
    names: list[str] = field(default_factory=list)

    def load(self, **machines: dict[str, Any]) -> None:
        """Create the machines, and wait until their agents have reported their backlog."""
        content = [{"id": f"{self.group}/{name}", **content} for name, content in machines.items()]
        self.simulation.post("/estate", json={"machines": content}).raise_for_status()
        self.names += machines
        caught_up(self.simulation)

    def id(self, name: str) -> str:
        return f"{SUBSCRIPTION}/resourceGroups/{self.group}/providers/Microsoft.Compute/virtualMachines/{name}"

    def sweep(self, **asked: Any) -> dict[str, Any]:
        """Run a sweep to its end."""
        return sweep_ended(self.control_plane, self.control_plane.post("/sweeps", json=asked))

    def lines(self) -> dict[str, dict[str, Any]]:
        """The last sweep's lines of our machines, by name."""
        lines = lines_of_the_report(self.control_plane)
        return {line["name"]: line for line in lines if f"/{self.group}/" in line["id"].lower()}

    def verdicts(self) -> dict[str, str]:
        """The verdicts of a dry-run sweep."""
        self.sweep(dry_run=True)
        return {name: line["verdict"] for name, line in self.lines().items()}

    def power(self, name: str) -> str:
        """The power state in Azure."""
        return str(self._inside(name)["power"])

    def hibernated(self, name: str) -> bool:
        """Whether the machine is hibernated."""
        return bool(self._inside(name)["hibernated"])

    def _inside(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = self.simulation.get("/machines/inside", params={"id": self.id(name)}).json()
        return content

    def signals(self, name: str, **signals: Any) -> None:
        """Change the signals inside a machine from now on."""
        self.simulation.put("/signals", json={"id": self.id(name), "inside": signals}).raise_for_status()

    def warnings(self, name: str) -> list[dict[str, Any]]:
        """The warnings that were shown on the machine."""
        shown: list[dict[str, Any]] = self._inside(name)["warnings"]
        return shown

    def notices(self, name: str) -> list[dict[str, Any]]:
        """The webhook notifications about a machine."""
        told = self.simulation.get("/messages").json()["value"]
        return [item["body"] for item in told if (item["body"]["machine"] or "").lower() == self.id(name).lower()]

    def operations(self, name: str) -> list[dict[str, Any]]:
        """The operation history of a machine, newest first."""
        query = {"environment": f"{self.group}:{name}"}
        trail: list[dict[str, Any]] = self.control_plane.get("/operations", params=query).json()["value"]
        return trail

    def spoil(self, **fault: Any) -> None:
        self.simulation.post("/faults", json=fault).raise_for_status()

    def gone(self) -> None:
        """Delete the machines outside Dormouse, and clear all faults."""
        self.simulation.delete("/faults").raise_for_status()
        for name in self.names:
            self.simulation.post("/resources/vanish", json={"id": self.id(name)}).raise_for_status()


def side(control_plane: httpx.Client, simulation: httpx.Client) -> Iterator[FleetSide]:
    """A group of machines that is deleted afterwards."""
    fleet = FleetSide(control_plane, simulation)
    yield fleet
    fleet.gone()
