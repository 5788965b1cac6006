"""A month later, expired data are gone from the task hub and the tables, and nothing else is missing."""

from collections.abc import Iterator

import httpx
import pytest

from dormouse.clock import DAY
from dormouse.resources.compute.machines import key_of
from local.leaps import leap
from local.plain_http import NO_TLS
from local.sandbox import Ground, temporary_ground
from tests.fleet import CPU_SIZE, FleetSide, machine
from tests.support import AzureSide, ControlPlane, until


@pytest.fixture
def old_ground() -> Iterator[Ground]:
    with temporary_ground(speed=120.0, timers=False, agents=False) as running:
        yield running


def retained(ground: Ground) -> None:
    """Run the retention timer once."""
    master = {"x-functions-key": ground.keys["master"]}
    fired = httpx.post(
        f"http://127.0.0.1:{ground.port}/admin/functions/retention_timer", json={}, headers=master, verify=NO_TLS
    )
    assert fired.status_code == httpx.codes.ACCEPTED, fired.text


def instances(ground: Ground) -> set[str]:
    """The IDs of all instances in the task hub."""
    key = {"x-functions-key": ground.keys["master"]}
    where = f"http://127.0.0.1:{ground.port}/runtime/webhooks/durabletask/instances"
    return {item["instanceId"] for item in httpx.get(where, headers=key, params={"top": 500}).raise_for_status().json()}


def test_after_a_month_only_current_data_is_left(old_ground: Ground) -> None:
    ground = old_ground
    with ground.client() as client, ground.simulation() as simulation:
        plane, azure, fleet = ControlPlane(client), AzureSide(simulation), FleetSide(client, simulation)
        fleet.load(alive=machine(size=CPU_SIZE, agent=False), gone=machine(size=CPU_SIZE, agent=False))
        operation = plane.up("ml1")["id"]
        first = fleet.sweep()["id"]
        simulation.post("/resources/vanish", json={"id": fleet.id("gone")}).raise_for_status()
        until(lambda: fleet.sweep() is not None and "gone" not in fleet.lines(), "it is still shown")
        azure.write_row("machines", key_of(fleet.id("gone")), "cannot be read, and is gone all the same")
        retained(ground)
        until(lambda: any(row["PartitionKey"] == "missed" for row in azure.rows("machines")), "nothing is missed")
        before = plane.operation(operation)
        assert {first, operation} <= instances(ground)

    leap(ground, 31 * DAY)
    with ground.client() as client, ground.simulation() as simulation:
        plane, azure, fleet = ControlPlane(client), AzureSide(simulation), FleetSide(client, simulation, fleet.group)
        second = fleet.sweep()["id"]
        retained(ground)
        until(lambda: first not in instances(ground), "its history is still there")
        until(lambda: not any(row["PartitionKey"] == "missed" for row in azure.rows("machines")), "rows are still there")
        assert {name for name in instances(ground) if not name.startswith(second)} == set()
        kept = {row["RowKey"] for row in azure.rows("machines")}
        assert key_of(fleet.id("alive")) in kept
        assert key_of(fleet.id("gone")) not in kept
        assert plane.operation(operation) == before, "an operation is answered from its record"
        assert client.get(f"/sweeps/{first}").status_code == httpx.codes.NOT_FOUND
        assert plane.get("ml1")["state"] == "running"
        fleet.names = []
