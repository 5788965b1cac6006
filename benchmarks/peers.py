"""Side by side: Cloud Custodian, unmodified, and two sweeps of ours stop the idle machines of the same simulated estate."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.figures import Figure, Room
from benchmarks.fleet import GPU, NO_GPU, QUIET, QUIET_HOST, TRAINING, wait_for_agents
from benchmarks.sweep import slow, swept
from dormouse.idle.decision import BILLED_DELAY
from local.azure.core.world import SUBSCRIPTION, TENANT
from local.azure.server import MANAGEMENT, METRICS
from local.sandbox import Ground, temporary_ground
from tests.conformance.tools.proxy import LocalhostProxy

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-custodian" / "bin" / "python"
STARTER = ROOT / "tests" / "conformance" / "tools" / "run_custodian.py"
SIZES = (100, 500)
GROUP, SPEED, PATIENCE = "peers", 1.0, 1800
# A machine that was shut down from inside is deallocated only after two sweeps have seen it, so far apart; with some room.
BETWEEN_SWEEPS = BILLED_DELAY + 30.0
# Acts in the first sweep, as a policy of Custodian does: no lead, and no grace, which begins when a machine is first seen.
POLICY = {"dormouse-idle": "lead=0m, grace=0m, window=60m"}
QUIET_ALL: dict[str, Any] = {"host": QUIET_HOST, "inside": QUIET, "agent": True}
BUSY_CPU: dict[str, Any] = {"size": NO_GPU, "host": QUIET_HOST | {"cpu_percent": "60..90"}}
# A hundredth of the estate each; `stops` says which are to end deallocated.
KINDS: Mapping[str, tuple[int, bool, dict[str, Any]]] = {
    "idle": (20, True, QUIET_ALL),
    "idle-without-gpu": (10, True, QUIET_ALL | {"size": NO_GPU}),
    "stopped-billed": (5, True, {"power": "stopped", "host": QUIET_HOST}),
    "busy": (25, False, BUSY_CPU),
    "training": (20, False, {"host": QUIET_HOST, "inside": TRAINING, "agent": True}),
    "held": (10, False, QUIET_ALL | {"awake": [{"by": "bob", "reason": "a demo", "for": "4h"}]}),
    "just-started": (5, False, QUIET_ALL | {"started": "5m"}),
    "metrics-missing": (5, False, {}),
}
HELD_TAG = "hold"
RUNNING, STOPPED = (
    {"type": "instance-view", "key": "statuses[].code", "op": "in", "value_type": "swap", "value": f"PowerState/{state}"}
    for state in ("running", "stopped")
)


def _low(metric: str, threshold: float) -> dict[str, Any]:
    """A metric that was low for an hour on average.

    With `maximum`, Custodian 0.9.53 ends the whole policy with an error at the first machine whose minutes have no values.
    """
    low = {"aggregation": "average", "op": "lt", "threshold": threshold, "timeframe": 1, "interval": "PT1M"}
    return {"type": "metric", "metric": metric, **low}


# https://cloudcustodian.io/docs/azure/resources/vm.html and https://cloudcustodian.io/docs/azure/filters.html
WATCHED: dict[str, Any] = {"tag:dormouse-idle": "present"}
POLICIES: list[dict[str, Any]] = [
    {
        "name": "stop-idle",
        "filters": [
            WATCHED,
            {f"tag:{HELD_TAG}": "absent"},
            RUNNING,
            _low("Percentage CPU", 5),
            _low("Network In Total", 1_000_000),
        ],
    },
    {"name": "deallocate-stopped", "filters": [WATCHED, STOPPED]},
]


@dataclass(frozen=True, slots=True)
class Ran:
    """Runs over an estate: the seconds of each, the requests of all, and which kinds were treated wrongly, with how many."""

    seconds: tuple[float, ...]
    calls: int
    missed: Mapping[str, int]
    wrong: Mapping[str, int]

    @property
    def text(self) -> str:
        """The run in a cell of the table."""
        faults = [f"{count} {kind} stopped" for kind, count in self.wrong.items()]
        faults += [f"{count} {kind} left on" for kind, count in self.missed.items()]
        seconds = " and ".join(f"{seconds:.0f} s" for seconds in self.seconds)
        return f"{seconds}, {self.calls} calls; " + (", ".join(faults) or "the right machines are deallocated")


def measure() -> Room:
    """Both over 100 and 500 machines, each on an estate of its own; every request to Azure takes 0.3 s."""
    if not PYTHON.exists():
        raise RuntimeError("Cloud Custodian is not installed; run `make bench PEERS=1`.")
    figures, numbers = [], {}
    for machines in SIZES:
        for name, act in (("dormouse", _sweep), ("Cloud Custodian", _custodian)):
            ran = _run(machines, act)
            figures.append(Figure(f"{name}, {machines} machines", ran.text))
            numbers[f"{name} {machines}"] = {
                "seconds": [round(seconds, 1) for seconds in ran.seconds],
                "calls": ran.calls,
                "missed": dict(ran.missed),
                "wrongly_stopped": dict(ran.wrong),
            }
    return Room("peers", numbers, tuple(figures))


def estate(machines: int) -> dict[str, Any]:
    """The estate in the format of docs/estates.md."""
    groups = []
    for kind, (share, _, content) in KINDS.items():
        tags = POLICY | ({HELD_TAG: "a long run"} if kind == "held" else {})
        groups.append(
            {"id": f"{GROUP}/{kind}", "repeat": machines * share // 100, "size": GPU, "created": "30d", "tags": tags}
            | content
        )
    return {"machines": groups}


def _run(machines: int, act: Callable[[Ground, httpx.Client], tuple[float, ...]]) -> Ran:
    with temporary_ground(speed=SPEED, timers=False) as ground, ground.simulation() as azure:
        azure.post("/estate", json=estate(machines), timeout=120).raise_for_status()
        azure.put("/permissions", json={"actions": ["*"]}).raise_for_status()
        wait_for_agents(azure)
        with slow(azure):
            azure.delete("/calls").raise_for_status()
            seconds = act(ground, azure)
            calls = azure.get("/calls").json()
        missed: dict[str, int] = {}
        wrong: dict[str, int] = {}
        for kind, (_, stops, _) in KINDS.items():
            ended = [_power(azure, identifier) in ("deallocated", "deallocating") for identifier in _ids(kind, machines)]
            if (off := ended.count(not stops)) and off:
                (missed if stops else wrong)[kind] = off
        return Ran(seconds, calls.get(MANAGEMENT, 0) + calls.get(METRICS, 0), missed, wrong)


def _ids(kind: str, machines: int) -> list[str]:
    above = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Compute/virtualMachines"
    return [f"{above}/{kind}-{number:04}" for number in range(1, machines * KINDS[kind][0] // 100 + 1)]


def _power(azure: httpx.Client, identifier: str) -> str:
    return str(azure.get("/machines/inside", params={"id": identifier}).json()["power"])


def _sweep(ground: Ground, azure: httpx.Client) -> tuple[float, ...]:
    """Two sweeps, each to its end: every stop is confirmed. The second deallocates what was shut down from inside."""
    with ground.client() as client:
        first, _ = swept(client, dry_run=False, patience=PATIENCE)
        time.sleep(max(BETWEEN_SWEEPS - first, 0.0))
        second, _ = swept(client, dry_run=False, patience=PATIENCE)
    return first, second


def _custodian(ground: Ground, azure: httpx.Client) -> tuple[float, ...]:
    """One run of the policies; Custodian begins stops and does not wait for them."""
    begun = time.perf_counter()
    who = {"name": "custodian", "audience": "https://management.azure.com", "expires_in": 864_000}
    token = azure.post("/people/token", json=who).raise_for_status().json()["access_token"]
    policies = [{**policy, "resource": "azure.vm", "actions": ["stop"]} for policy in POLICIES]
    with tempfile.TemporaryDirectory() as folder, LocalhostProxy() as proxy:
        file = Path(folder, "policies.json")
        file.write_text(json.dumps({"policies": policies}))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "REQUESTS_CA_BUNDLE": str(ground.home / "azure" / "ca.pem"),
            "HTTPS_PROXY": proxy.url,
            "HTTP_PROXY": proxy.url,
            "AZURE_ACCESS_TOKEN": token,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        }
        endpoint = f"https://management.localhost:{ground.azure_port}/"
        command = [str(PYTHON), str(STARTER), endpoint, "run", "-s", folder, "--cache-period", "0", str(file)]
        ended = subprocess.run(  # noqa: S603 - the program that `make` has installed
            command, env=environment, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    if ended.returncode or "Error" in ended.stderr:
        raise RuntimeError(f"Cloud Custodian failed: {ended.stderr[-2000:]}")
    return (time.perf_counter() - begun,)
