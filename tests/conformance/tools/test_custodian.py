"""Cloud Custodian stops the machines that its policies name, and no others: by tag, and by Azure Monitor's metrics."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.azure.core.world import TENANT
from local.sandbox import Ground
from tests.support import ROOT, SUBSCRIPTION, eventually

PYTHON = os.environ.get("CUSTODIAN_PYTHON", str(ROOT / ".venv-custodian" / "bin" / "python"))
STOP = {"resource": "azure.vm", "actions": ["stop"]}
RUNNING = {
    "type": "instance-view",
    "key": "statuses[].code",
    "op": "in",
    "value_type": "swap",
    "value": "PowerState/running",
}


def stop_where(environment: dict[str, str], ground: Ground, folder: Path, *filters: Any) -> None:
    """Run a policy that stops the machines for which all filters hold."""
    policy = folder / "policy.json"
    policy.write_text(json.dumps({"policies": [{"name": "stop", **STOP, "filters": list(filters)}]}))
    with ground.simulation() as simulation:
        who = {"name": "custodian", "audience": "https://management.azure.com", "expires_in": 864_000}
        token = simulation.post("/people/token", json=who).raise_for_status().json()["access_token"]
    given = {
        **environment,
        "AZURE_ACCESS_TOKEN": token,
        "AZURE_TENANT_ID": TENANT,
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION.rpartition("/")[2],
    }
    program = Path(__file__).parent / "run_custodian.py"
    command = [
        PYTHON,
        str(program),
        f"https://management.localhost:{ground.azure_port}/",
        "run",
        "-s",
        str(folder),
        str(policy),
    ]
    ended = subprocess.run(command, env=given, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "Error" not in ended.stderr, ended.stderr


@pytest.fixture
def simulation(estate_ground: Ground) -> Iterator[httpx.Client]:
    with estate_ground.simulation() as client:
        yield client


def power(simulation: httpx.Client) -> dict[str, str]:
    places = {"quiet": "research", "busy": "research", "desk": "office", "spare": "office"}
    base = f"{SUBSCRIPTION}/resourceGroups/{{}}/providers/Microsoft.Compute/virtualMachines/{{}}"
    asked = {name: {"id": base.format(group, name)} for name, group in places.items()}
    return {name: simulation.get("/machines/inside", params=query).json()["power"] for name, query in asked.items()}


def test_a_policy_stops_the_running_machines_with_a_tag(
    environment: dict[str, str], estate_ground: Ground, simulation: httpx.Client, tmp_path: Path
) -> None:
    before = power(simulation)
    stop_where(environment, estate_ground, tmp_path, {"tag:stop": "please"}, RUNNING)
    assert eventually(lambda: power(simulation) == {**before, "desk": "deallocated"})


def test_a_policy_stops_idle_machines_by_their_metrics(
    environment: dict[str, str], estate_ground: Ground, simulation: httpx.Client, tmp_path: Path
) -> None:
    idle = {
        "type": "metric",
        "metric": "Percentage CPU",
        "aggregation": "average",
        "op": "lt",
        "threshold": 5,
        "timeframe": 24,
    }
    before = power(simulation)
    assert before["quiet"] == "running"
    stop_where(environment, estate_ground, tmp_path, RUNNING, idle)
    assert eventually(lambda: power(simulation)["quiet"] == "deallocated")
    assert power(simulation)["busy"] == "running"
