"""Spot VMs are evicted: the sweep sees it, tells it once, and starts the machine again if its spec says so."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet import CPU_SIZE, FleetSide, machine
from tests.support import WORKSTATION, AzureSide, ControlPlane, until

SIZE, REGION = WORKSTATION["size"], WORKSTATION["region"]
# Idle shutdown is off for these machines while they run.
RUNNING = "unmanaged"
SPOT = {**WORKSTATION, "priority": "spot", "idle": {"enabled": False}}


@pytest.fixture
def plane(fleet: FleetSide) -> ControlPlane:
    return ControlPlane(fleet.control_plane)


@pytest.fixture
def azure(fleet: FleetSide) -> Iterator[AzureSide]:
    there = AzureSide(fleet.simulation)
    yield there
    there.refill()


def evict(fleet: FleetSide, identifier: str, **more: Any) -> None:
    fleet.simulation.post("/machines/evict", json={"id": identifier, **more}).raise_for_status()


def vm_of(azure: AzureSide, name: str) -> str:
    (vm,) = azure.of_type(name, "Microsoft.Compute/virtualMachines")
    return str(vm["id"])


def line_of(fleet: FleetSide, identifier: str) -> dict[str, Any]:
    """The line of a machine in the last report."""
    path: str | None = "/machines?limit=200"
    while path:
        page = fleet.control_plane.get(path.removeprefix("/api")).raise_for_status().json()
        found = [line for line in page["value"] if line["id"].lower() == identifier.lower()]
        if found:
            return dict(found[0])
        path = page["next"]
    raise AssertionError(f"{identifier} is in no line")


def sweep_until(fleet: FleetSide, identifier: str, verdict: str) -> dict[str, Any]:
    """Sweep until a machine has this verdict, and return its line: Resource Graph shows changes a little late."""

    def judged() -> bool:
        fleet.sweep()
        return bool(line_of(fleet, identifier)["verdict"] == verdict)

    until(judged, f"{identifier} is never {verdict}")
    return line_of(fleet, identifier)


def notices(fleet: FleetSide, identifier: str, event: str) -> list[str]:
    told = fleet.simulation.get("/messages").json()["value"]
    bodies = [item["body"] for item in told if (item["body"]["machine"] or "").lower() == identifier.lower()]
    return [str(body["text"]) for body in bodies if body["event"] == event]


def trail(fleet: FleetSide, name: str, verb: str) -> list[dict[str, Any]]:
    listed = fleet.control_plane.get("/operations", params={"environment": name}).json()["value"]
    return [operation for operation in listed if operation["verb"] == verb]


def test_an_eviction_is_told_once_and_the_machine_stays_stopped(
    fleet: FleetSide, plane: ControlPlane, azure: AzureSide
) -> None:
    plane.up("evictee", SPOT)
    vm = vm_of(azure, "evictee")
    sweep_until(fleet, vm, RUNNING)
    evict(fleet, vm)

    def seen_in_a_dry_run() -> bool:
        fleet.sweep(dry_run=True)
        return bool(line_of(fleet, vm)["verdict"] == "evicted")

    until(seen_in_a_dry_run, "no dry run sees it")
    assert notices(fleet, vm, "evicted") == [], "a dry run sends no notification"
    for _ in range(3):
        line = sweep_until(fleet, vm, "evicted")
    assert (line["verdict"], line["state"], line["next_action"]) == ("evicted", "stopped", None)
    assert line["reason"].startswith("Evicted by Azure at ")
    assert "its spec does not have on_eviction=restart" in line["next_action_text"]
    (told,) = notices(fleet, vm, "evicted")
    assert told.startswith("Evicted by Azure at ")
    assert plane.get("evictee")["verdict"] == "evicted"
    assert trail(fleet, "evictee", "start") == []

    plane.follow(plane.post("evictee", "start"))
    sweep_until(fleet, vm, RUNNING)
    plane.follow(plane.post("evictee", "stop"))
    sweep_until(fleet, vm, "stopped")
    fleet.sweep()
    assert line_of(fleet, vm)["verdict"] == "stopped", "what Dormouse stopped is not evicted"
    assert len(notices(fleet, vm, "evicted")) == 1
    plane.down("evictee")


def test_an_evicted_machine_is_started_again_by_its_policy(fleet: FleetSide, plane: ControlPlane, azure: AzureSide) -> None:
    plane.up("phoenix", {**SPOT, "on_eviction": "restart"})
    vm = vm_of(azure, "phoenix")
    sweep_until(fleet, vm, RUNNING)
    evict(fleet, vm)
    sweep_until(fleet, vm, "evicted")
    assert plane.get("phoenix")["state"] == "running"
    (operation,) = trail(fleet, "phoenix", "start")
    assert (operation["outcome"], operation["requested_by"]) == ("succeeded", "sweep (eviction)")
    assert operation["reason"] == (
        "Azure evicted it, and its spec has on_eviction=restart. Azure confirms that it is running."
    )
    assert [len(notices(fleet, vm, event)) for event in ("evicted", "started")] == [1, 1]

    # The second eviction within hours is answered later, and not at all after a command to stop.
    sweep_until(fleet, vm, RUNNING)
    starts = len(trail(fleet, "phoenix", "start"))
    evict(fleet, vm)
    line = sweep_until(fleet, vm, "evicted")
    assert (line["measurements"], line["next_action"]) == ({"evictions": 2.0}, None)
    assert line["next_action_text"].startswith("It will be started again at ")
    assert plane.post("phoenix", "stop").status_code == 200, "it is stopped already"
    fleet.sweep()
    assert "someone has stopped it since" in line_of(fleet, vm)["next_action_text"]
    assert len(trail(fleet, "phoenix", "start")) == starts
    plane.down("phoenix")


@pytest.mark.parametrize("code", ["SkuNotAvailable", "AllocationFailed"])
def test_a_refused_restart_says_so_and_is_not_repeated_at_once(
    fleet: FleetSide, plane: ControlPlane, azure: AzureSide, code: str
) -> None:
    name = f"stuck-{code.lower()}"[:20]
    plane.up(name, {**SPOT, "on_eviction": "restart"})
    vm = vm_of(azure, name)
    sweep_until(fleet, vm, RUNNING)
    azure.exhaust(REGION, SIZE, code=code)
    evict(fleet, vm)
    sweep_until(fleet, vm, "evicted")
    (operation,) = trail(fleet, name, "start")
    assert operation["outcome"] == "failed"
    assert [refusal["reason"] for refusal in operation["refusals"]] == ["no_capacity"]
    (told,) = notices(fleet, vm, "start not confirmed")
    assert "capacity" in told.lower()
    line = sweep_until(fleet, vm, "evicted")
    assert line["next_action"] is None
    assert line["next_action_text"].startswith("The last attempt failed; it is repeated at ")
    assert len(trail(fleet, name, "start")) == 1
    azure.refill()
    plane.down(name)


def test_what_is_not_known_is_no_eviction(fleet: FleetSide) -> None:
    fleet.load(
        silent=machine(size=CPU_SIZE, priority="Spot", idle="window=6h"),
        portal=machine(size=CPU_SIZE, priority="Spot", idle="window=6h"),
        unread=machine(size=CPU_SIZE, priority="Spot", idle="window=6h"),
        deleted=machine(size=CPU_SIZE, priority="Spot", idle="window=6h"),
    )
    fleet.sweep()
    # What Azure does to a machine with the eviction policy Delete.
    fleet.simulation.post("/resources/vanish", json={"id": fleet.id("deleted")}).raise_for_status()
    evict(fleet, fleet.id("silent"), annotated=False)
    evict(fleet, fleet.id("portal"))
    fleet.simulation.post("/machines/start", json={"id": fleet.id("portal")}).raise_for_status()
    evict(fleet, fleet.id("unread"))
    fleet.spoil(path="/providers/Microsoft.ResourceGraph/resources", body="healthresources", status=403, code="Forbidden")
    sweep_until(fleet, fleet.id("unread"), "stopped")
    sweep_until(fleet, fleet.id("silent"), "stopped")
    problems = fleet.sweep()["summary"]["problems"]
    assert any("it is not known whether stopped Spot VMs were evicted" in problem for problem in problems)
    assert fleet.lines()["unread"]["verdict"] == "stopped"
    assert fleet.lines()["portal"]["state"] == "running"
    fleet.simulation.delete("/faults").raise_for_status()
    sweep_until(fleet, fleet.id("unread"), "evicted")
    assert {name: line["verdict"] == "evicted" for name, line in fleet.lines().items()} == {
        "silent": False,
        "portal": False,
        "unread": True,
    }
    assert "its spec does not have on_eviction=restart" in fleet.lines()["unread"]["next_action_text"]
    told = {name: len(notices(fleet, fleet.id(name), "evicted")) for name in ("unread", "deleted")}
    assert told == {"unread": 1, "deleted": 0}, "it is gone without a word, as the documentation says"
