"""When Azure has no capacity for a start of a sweep: the other sizes of the spec are tried, as by the command."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from local.sandbox import Ground, temporary_ground
from tests.fleet import CPU_SIZE, FleetSide, machine, side, sweep_ended, until_moment, warm_up
from tests.support import WORKSTATION, AzureSide, ControlPlane, until

# A decision is valid for five minutes: at this speed they are long enough for what a sweep does.
SPEED = 120.0
# Minutes until scheduled hours begin: a sweep must see the schedule before.
LEAD = 20
REGION, SIZE, LARGER = "polandcentral", WORKSTATION["size"], "Standard_NV12ads_A10_v5"
MACHINE = "Microsoft.Compute/virtualMachines"
FALLBACK = {"sizes": [LARGER], "resize_at_start": True}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A slower ground of these tests' own."""
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        with running.client() as client:
            warm_up(client)
        yield running


@pytest.fixture
def azure(azure: AzureSide) -> Iterator[AzureSide]:
    yield azure
    azure.refill()


@pytest.fixture
def fleet(ground: Ground) -> Iterator[FleetSide]:
    with ground.client() as client, ground.simulation() as simulation:
        yield from side(client, simulation)


def sweep(control_plane: ControlPlane, *, dry_run: bool = False) -> dict[str, Any]:
    return sweep_ended(control_plane.client, control_plane.client.post("/sweeps", json={"dry_run": dry_run}))


def starts(control_plane: ControlPlane, name: str) -> list[dict[str, Any]]:
    """The starts of an environment, without those of which the recheck came too late."""
    trail = control_plane.client.get("/operations", params={"environment": name}).raise_for_status().json()["value"]
    return [operation for operation in trail if operation["verb"] == "start" and operation["outcome"] != "cancelled"]


def start_swept(control_plane: ControlPlane, name: str) -> dict[str, Any]:
    """Sweep until a start of this environment has begun, and wait for its end."""

    def begun() -> bool:
        sweep(control_plane)
        return bool(starts(control_plane, name))

    until(begun, "nothing was started")
    (operation,) = starts(control_plane, name)
    return control_plane.wait(operation["id"])


def hours_from(moment: datetime, begin: int) -> str:
    """On-hours every day from some minutes after a time, for ten hours."""
    first, last = (f"{moment + timedelta(minutes=minutes):%H:%M}" for minutes in (begin, begin + 600))
    return f"mon-sun {first}-{last} UTC"


def asleep_until_its_hours(control_plane: ControlPlane, name: str, **fields: Any) -> dict[str, Any]:
    """Build an environment, stop it, and wait until its scheduled hours begin; returns its spec."""
    spec = {**WORKSTATION, "region": REGION, "idle": {"enabled": False}, **fields}
    control_plane.up(name, spec)
    assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"
    sweep(control_plane, dry_run=True)
    now = datetime.fromisoformat(control_plane.client.get("/machines/idle-report").json()["as_of"])
    spec = {**spec, "schedule": hours_from(now, LEAD)}
    control_plane.follow(control_plane.put(name, spec))
    sweep(control_plane)
    assert starts(control_plane, name) == []
    until_moment(control_plane.client, (now + timedelta(minutes=LEAD)).timestamp())
    return spec


def sizes_of(azure: AzureSide, name: str) -> list[str]:
    return [one["properties"]["hardwareProfile"]["vmSize"] for one in azure.of_type(name, MACHINE)]


def notices(azure: AzureSide, name: str) -> list[tuple[str, str]]:
    (vm,) = azure.of_type(name, MACHINE)
    told = [item["body"] for item in azure.client.get("/messages").json()["value"]]
    return [(body["event"], body["text"]) for body in told if (body["machine"] or "").lower() == vm["id"].lower()]


@pytest.mark.parametrize("code", ["SkuNotAvailable", "AllocationFailed"], ids=["at once", "late"])
def test_a_start_by_schedule_without_capacity_resizes_the_machine_as_its_spec_allows(
    control_plane: ControlPlane, azure: AzureSide, name: str, code: str
) -> None:
    spec = asleep_until_its_hours(control_plane, name, fallback=FALLBACK)
    azure.exhaust(REGION, SIZE, code=code)
    operation = start_swept(control_plane, name)
    assert (operation["outcome"], operation["requested_by"]) == ("succeeded", "sweep (schedule)"), operation["reason"]
    words = f"Azure had no capacity for {SIZE} in {REGION} ({code}). It was resized to {LARGER} instead."
    assert operation["reason"] == f"Its schedule requires it. Azure confirms that it is running. {words}"
    assert [(each["size"], each["code"]) for each in operation["attempts"]] == [(SIZE, code)]
    shown = {step["name"]: step["state"] for step in operation["steps"]}
    assert shown == {"start vm": "refused", "resize vm(2)": "done", "start vm(2)": "done", "verify": "done"}
    assert sizes_of(azure, name) == [LARGER]
    seen = control_plane.get(name)
    assert (seen["state"], seen["placement"]["size"], seen["spec"]["size"]) == ("running", LARGER, SIZE)
    assert control_plane.put(name, spec).status_code == 200, "the same file changes nothing"
    assert azure.locks(name) == []
    assert [event for event, _ in notices(azure, name)].count("started") == 1
    sweep(control_plane)
    assert len(starts(control_plane, name)) == 1


def test_a_start_by_schedule_that_has_no_capacity_in_any_size_fails_once_and_the_machine_keeps_its_size(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    asleep_until_its_hours(control_plane, name, fallback=FALLBACK)
    for size in (SIZE, LARGER):
        azure.exhaust(REGION, size)
    operation = start_swept(control_plane, name)
    assert (operation["outcome"], [each["size"] for each in operation["attempts"]]) == ("failed", [SIZE, LARGER])
    assert operation["reason"].endswith("It has the size that it had before.")
    assert (sizes_of(azure, name), control_plane.get(name)["state"]) == ([SIZE], "stopped")
    assert azure.locks(name) == []
    assert "start not confirmed" in [event for event, _ in notices(azure, name)]
    sweep(control_plane)
    assert len(starts(control_plane, name)) == 1, "the next sweep pauses after a failure"


def test_a_start_by_schedule_whose_spec_allows_no_other_size_fails_as_it_is(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    asleep_until_its_hours(control_plane, name, fallback={"sizes": [LARGER]})
    azure.exhaust(REGION, SIZE, code="SkuNotAvailable")
    operation = start_swept(control_plane, name)
    assert (operation["outcome"], operation["attempts"], operation["steps"]) == ("failed", [], [])
    assert sizes_of(azure, name) == [SIZE]


def test_an_adopted_machine_without_capacity_keeps_its_size(fleet: FleetSide, azure: AzureSide) -> None:
    fleet.sweep(dry_run=True)
    now = datetime.fromisoformat(fleet.control_plane.get("/machines/idle-report").json()["as_of"])
    tags = {"dormouse-schedule": hours_from(now, LEAD)}
    fleet.load(adopted=machine(idle="off", size=CPU_SIZE, power="deallocated", tags=tags))
    fleet.sweep()
    assert fleet.operations("adopted") == []
    until_moment(fleet.control_plane, (now + timedelta(minutes=LEAD)).timestamp())
    azure.exhaust("westeurope", CPU_SIZE, code="SkuNotAvailable")

    def refused() -> bool:
        fleet.sweep()
        return bool(fleet.operations("adopted"))

    until(refused, "nothing was started")
    (operation,) = fleet.operations("adopted")
    assert (operation["outcome"], operation["attempts"], operation["steps"]) == ("failed", [], [])
    assert [refusal["reason"] for refusal in operation["refusals"]] == ["no_capacity"]
