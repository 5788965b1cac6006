"""How long provisioning takes compared with its critical path: one of every blueprint, and twenty workstations at once."""

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx

from benchmarks.figures import Figure, Room, at_most
from local.demo_preparation import prepare
from local.makespan import makespan
from local.sandbox import ROOT, temporary_ground

SPEED = 10.0
MANY = 20
PATIENCE = 240.0  # real seconds
EXAMPLES = ROOT / "examples"
EXAMPLE = EXAMPLES / "workstation.json"
# Each after what it depends on.
OTHERS = ("data-science", "build-agent", "ml-shared", "ml-workspace", "runner-cluster")
REGION, QUOTAS = "polandcentral", ("cores", "StandardNVADSA10v5Family")
# Makespan over critical path, the additional simulated seconds allowed, and the allowed growth for many environments.
RATIO, SECONDS, GROWTH = 1.10, 10.0, 1.10


def measure() -> Room:
    """Makespans and critical paths of one environment and of many, in simulated seconds."""
    with temporary_ground(speed=SPEED, timers=False) as ground, ground.client() as client, ground.simulation() as azure:
        for name in QUOTAS:
            azure.put("/limits", json={"region": REGION, "name": name, "limit": 10_000}).raise_for_status()
        _put(client, "warm", json.loads(EXAMPLE.read_text()), dry_run=True)  # creates clients and tokens
        one = _provisioned(client, azure, ["alone"])
        azure.delete("/buckets").raise_for_status()
        many = _provisioned(client, azure, [f"many-{number}" for number in range(1, MANY + 1)])
        refused = azure.get("/buckets").json()["refused"]
    others = _others()
    ratios = {"1": one.ratio, str(MANY): many.ratio, **{name: wave.ratio for name, wave in others.items()}}
    each = [_figure(f"makespan of 1 {name}", wave) for name, wave in others.items()]
    return Room("provision", {"makespan_ratio": ratios}, (*_figures(one, many, refused), *each))


def _others() -> dict[str, "Wave"]:
    """One environment of every other blueprint, one after the other, from its example."""
    with temporary_ground(speed=SPEED, timers=False) as ground, ground.client() as client, ground.simulation() as azure:
        found = {}
        for name in OTHERS:
            spec = json.loads((EXAMPLES / f"{name}.json").read_text())
            prepare(azure, spec)
            found[name] = _provisioned(client, azure, [name.replace("-shared", "shared")], spec)
        return found


class Wave:
    """Concurrent environments: from the first acceptance to the last end, and the longest critical path."""

    def __init__(self, operations: Sequence[Mapping[str, Any]], paths: Sequence[float]) -> None:
        first = min(datetime.fromisoformat(operation["accepted_at"]) for operation in operations)
        last = max(datetime.fromisoformat(operation["ended_at"]) for operation in operations)
        self.took, self.path = (last - first).total_seconds(), max(paths)

    @property
    def ratio(self) -> float:
        """The makespan divided by the critical path."""
        return round(self.took / self.path, 4)


def _figures(one: Wave, many: Wave, refused: int) -> list[Figure]:
    figures = []
    for count, wave in (1, one), (MANY, many):
        figures.append(_figure(f"makespan of {count}", wave))
    growth = many.ratio / one.ratio
    figures.append(Figure(f"growth of the ratio from 1 to {MANY}", f"{growth - 1:+.1%}", "< 10 %", kept=growth < GROWTH))
    figures.append(at_most("requests refused because a bucket was empty", refused, 0))
    return figures


def _figure(name: str, wave: Wave) -> Figure:
    words = f"{wave.took:.0f} s, {wave.ratio:.3f} of {wave.path:.0f} s"
    promise = f"≤ {RATIO:.2f} of the critical path + {SECONDS:g} s"
    return Figure(name, words, promise, kept=wave.took <= RATIO * wave.path + SECONDS)


def _provisioned(client: httpx.Client, azure: httpx.Client, names: list[str], like: dict[str, Any] | None = None) -> Wave:
    spec = like or json.loads(EXAMPLE.read_text())
    plans = {name: _put(client, name, spec, dry_run=True).json()["resources"] for name in names}
    with ThreadPoolExecutor(len(names)) as threads:
        answers = list(threads.map(lambda name: _put(client, name, spec), names))
    operations = [_ended(client, answer.headers["Operation-Location"]) for answer in answers]
    azures = azure.get("/operations").json()["value"]
    paths = [makespan(operation, plans[operation["environment"]], azures).path for operation in operations]
    return Wave(operations, paths)


def _put(client: httpx.Client, name: str, spec: dict[str, Any], *, dry_run: bool = False) -> httpx.Response:
    answer = client.put(f"/environments/{name}", params={"dry_run": "true"} if dry_run else {}, json=spec)
    answer.raise_for_status()
    return answer


def _ended(client: httpx.Client, path: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while True:
        operation: dict[str, Any] = client.get(path).json()
        if operation["outcome"] == "succeeded":
            return operation
        if operation["outcome"] is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{operation['id']} is {operation['outcome']}: {operation['reason']}")
        time.sleep(0.5)
