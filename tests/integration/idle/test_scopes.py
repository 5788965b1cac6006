"""One sweep over several subscriptions: one query for all of them, and only what is in scope and may be read."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.azure.core.world import OTHER_SUBSCRIPTIONS
from local.sandbox import temporary_ground
from tests.fleet import CPU_SIZE, FleetSide, caught_up, lines_of_the_report, machine, side, sweep_ended
from tests.support import SUBSCRIPTION, until

SPEED = 60.0
SECOND, THIRD = (f"/subscriptions/{one}" for one in OTHER_SUBSCRIPTIONS)
SCOPES = f"{SUBSCRIPTION}/resourceGroups/ours, {SECOND}, {THIRD}/resourceGroups/Research"
AT_ONCE = "window=5m, grace=0m, lead=0m"
QUIET: dict[str, Any] = machine(idle=AT_ONCE, agent=False, size=CPU_SIZE)
WORKS: dict[str, Any] = machine(idle=AT_ONCE, inside={"gpu_percent": 90.0})
TRAINS: dict[str, Any] = machine(idle=AT_ONCE)


def identifier(scope: str, name: str) -> str:
    return f"{scope}/providers/Microsoft.Compute/virtualMachines/{name}"


PLACES = {
    identifier(f"{SUBSCRIPTION}/resourceGroups/ours", "first"): TRAINS,
    identifier(f"{SECOND}/resourceGroups/a", "second"): TRAINS,
    identifier(f"{SECOND}/resourceGroups/b", "quiet"): QUIET,
    identifier(f"{SECOND}/resourceGroups/b", "works"): WORKS,
    identifier(f"{THIRD}/resourceGroups/research", "third"): QUIET,
    identifier(f"{THIRD}/resourceGroups/Others", "beside"): {**QUIET, "tags": {}},
}


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetSide]:
    with (
        temporary_ground(speed=SPEED, timers=False, settings={"IDLE_SCOPES": SCOPES}) as ground,
        ground.client() as client,
        ground.simulation() as simulation,
    ):
        estate = [{"id": one, **content} for one, content in PLACES.items()]
        simulation.post("/estate", json={"machines": estate}).raise_for_status()
        caught_up(simulation)
        yield from side(client, simulation)


def assign(fleet: FleetSide, readable: tuple[str, ...] = (), swept: tuple[str, ...] = ()) -> None:
    """The roles of a deployment in its own subscription, and in others what reading and sweeping need."""
    roles = [{"role": name} for name in ("reader", "sweep", "adopt", "provision", "share")]
    roles += [{"role": "reader", "scope": scope} for scope in readable] + [
        {"role": "sweep", "scope": scope} for scope in swept
    ]
    fleet.simulation.put("/permissions", json={"assignments": roles}).raise_for_status()


def sweep(fleet: FleetSide, *, dry_run: bool) -> dict[str, str]:
    """The verdicts of a sweep, by name."""
    sweep_ended(fleet.control_plane, fleet.control_plane.post("/sweeps", json={"dry_run": dry_run}))
    return {line["name"]: line["verdict"] for line in lines_of_the_report(fleet.control_plane)}


def queries(fleet: FleetSide) -> int:
    """How many requests to Resource Manager a dry run takes."""
    fleet.simulation.delete("/calls")
    sweep(fleet, dry_run=True)
    return int(fleet.simulation.get("/calls").json()["management.localhost"])


def test_one_sweep_covers_several_subscriptions(fleet: FleetSide) -> None:
    assign(fleet)
    assert sweep(fleet, dry_run=True) == {"first": "idle"}, "what must not be read is not there"
    few = queries(fleet)

    assign(fleet, (SECOND, THIRD), (SECOND, f"{THIRD}/resourceGroups/research"))
    expected = {"first": "idle", "second": "idle", "quiet": "idle", "works": "busy", "third": "idle"}
    # For a minute, it is not known whether other deployments watch these subscriptions.
    until(lambda: sweep(fleet, dry_run=True) == expected, "not every subscription is seen")
    # Every ten minutes, custom roles are read as well.
    assert min(queries(fleet) for _ in range(3)) <= few, "one query of Resource Graph covers all subscriptions"

    sweep(fleet, dry_run=False)
    stopped = {name: "deallocated" for name, verdict in expected.items() if verdict == "idle"}
    powers = {one: fleet.simulation.get("/machines/inside", params={"id": one}).json()["power"] for one in PLACES}
    found = {one.rpartition("/")[2]: power for one, power in powers.items()}
    assert found == {**stopped, "works": "running", "beside": "running"}
    trail = fleet.control_plane.get("/operations").raise_for_status().json()["value"]
    assert [one["outcome"] for one in trail] == ["succeeded"] * len(stopped)
