"""The throughput of the embedded host, which limits local runs and tests."""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.figures import Figure, Room
from local.clock import moment
from local.host.durable.store import Store
from local.processes import Process
from local.sandbox import free_port

APP = Path(__file__).parent / "app"
CHAINS = 200
WIDE = 1000
PATIENCE = 120.0


def measure() -> Room:
    """Chains of five activities per second and their 95th percentile, and seconds for a fan-out of a thousand."""
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder), free_port()
        command = [sys.executable, "-m", "local.host", "--app", str(APP), "--home", str(home), "--port", str(port)]
        host = Process(command, {"PATH": os.environ["PATH"]}, home / "log")
        host.start()
        try:
            key = json.loads((home / "keys.json").read_text())["master"]
            figures = asyncio.run(_measured(f"http://127.0.0.1:{port}/runtime/webhooks/durabletask", key))
        finally:
            host.kill()
        numbers = {n: round(v, 3) for n, v in {**figures, "p95_seconds": _ninety_fifth(home / "host.sqlite")}.items()}
    return Room("host", numbers, tuple(Figure(name.replace("_", " "), f"{value:g}") for name, value in numbers.items()))


async def _measured(root: str, key: str) -> dict[str, float]:
    headers = {"x-functions-key": key}
    async with httpx.AsyncClient(base_url=root, headers=headers, timeout=PATIENCE, trust_env=False) as client:
        await _until_ended(client, "warm", [await _start(client, "chain", "warm")])
        begun = time.perf_counter()
        started = await asyncio.gather(*(_start(client, "chain", f"chain-{number}") for number in range(CHAINS)))
        await _until_ended(client, "chain-", started)
        chains = time.perf_counter() - begun
        begun = time.perf_counter()
        await _until_ended(client, "wide", [await _start(client, "fan_out", "wide", WIDE)])
        wide = time.perf_counter() - begun
    return {"orchestrations_per_second": CHAINS / chains, "fan_out_1000_seconds": wide}


async def _start(client: httpx.AsyncClient, name: str, identifier: str, given: int | None = None) -> str:
    answer = await client.post(f"/orchestrators/{name}/{identifier}", json=json.dumps(given))
    answer.raise_for_status()
    return identifier


async def _until_ended(client: httpx.AsyncClient, prefix: str, started: list[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    query = {"instanceIdPrefix": prefix, "runtimeStatus": "Pending,Running", "top": "1"}
    while (await client.get("/instances", params=query)).json():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(started)} orchestrations called {prefix} do not end")
        await asyncio.sleep(0.05)


def _ninety_fifth(memory: Path) -> float:
    store = Store(memory)
    instances = store.instances()
    store.close()
    failed = [f"{instance.id}: {instance.output}" for instance in instances if instance.status != "Completed"]
    if failed:
        raise RuntimeError(f"{len(failed)} orchestrations did not complete, for example {failed[0]}")
    took = [
        (moment(instance.updated) - moment(instance.created)).total_seconds()
        for instance in instances
        if instance.id.startswith("chain-")
    ]
    return statistics.quantiles(took, n=20)[-1]
