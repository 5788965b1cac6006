"""A machine that Azure Monitor cannot answer for is named, and the others of its batch are evaluated."""

import pytest

from tests.fleet import CPU_SIZE, SOON, FleetSide, machine
from tests.support import until

NAMES = [f"m{number}" for number in range(12)]


def loaded(fleet: FleetSide) -> None:
    fleet.load(**{name: machine(idle=f"{SOON}, agent=optional", size=CPU_SIZE, agent=False) for name in NAMES})


def of_batch(fleet: FleetSide, name: str, **fault: object) -> None:
    fleet.spoil(path="metrics:getBatch", body=f'{fleet.group}/providers/microsoft.compute/virtualmachines/{name}"', **fault)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 400, "code": "BadRequest"},
        {"status": 404, "code": "ResourceNotFound"},
        {"status": 404, "code": "ResourceNotFound", "message": "The Resource '{id}' was not found."},
        {
            "status": 403,
            "code": "AuthorizationFailed",
            "message": "No action 'metrics/read' over scope '{id}' or it is invalid.",
        },
    ],
)
def test_one_rejected_machine_does_not_affect_the_others_of_its_batch(fleet: FleetSide, fault: dict[str, object]) -> None:
    loaded(fleet)
    named = {**fault, **({"message": str(fault["message"]).format(id=fleet.id("m3"))} if "message" in fault else {})}
    of_batch(fleet, "m3", **named)
    swept = fleet.sweep(dry_run=True)
    lines = fleet.lines()
    assert {name: line["verdict"] for name, line in lines.items()} == {**dict.fromkeys(NAMES, "idle"), "m3": "unknown"}
    assert f"rejected the query for m3 (HTTP {fault['status']}" in lines["m3"]["reason"]
    assert [problem for problem in swept["summary"]["problems"] if "for m3 " in problem]


def test_only_the_deleted_machine_is_unknown_while_the_inventory_still_lists_it(fleet: FleetSide) -> None:
    loaded(fleet)
    deleted = ("m0", "m5", "m11", "m2")
    for number, gone in enumerate(deleted, 1):  # before each of four sweeps one machine is deleted
        fleet.simulation.post("/resources/vanish", json={"id": fleet.id(gone)}).raise_for_status()
        fleet.sweep(dry_run=True)
        lines = fleet.lines()
        # Resource Graph is some seconds behind, so that those of the sweeps before may still be listed.
        assert {line["verdict"] for name, line in lines.items() if name not in deleted[:number]} == {"idle"}
        assert gone not in lines or gone in lines[gone]["reason"]


def test_a_machine_missing_from_the_response_is_named(fleet: FleetSide) -> None:
    loaded(fleet)
    fleet.simulation.put("/metrics/without", json={"id": fleet.id("m3")}).raise_for_status()
    fleet.sweep(dry_run=True)
    lines = fleet.lines()
    assert {name for name, line in lines.items() if line["verdict"] != "idle"} == {"m3"}
    assert "returned no data for m3" in lines["m3"]["reason"]


@pytest.mark.parametrize("status", [403, 529])
def test_an_error_about_all_machines_is_not_retried_per_machine(fleet: FleetSide, status: int) -> None:
    loaded(fleet)
    fleet.spoil(path="metrics:getBatch", status=status, code="AuthorizationFailed")
    fleet.sweep(dry_run=True)
    assert {line["verdict"] for line in fleet.lines().values()} == {"unknown"}
    (fault,) = fleet.simulation.get("/faults").json()["value"]
    assert fault["spoilt"] <= (1 if status == 403 else 6), "the SDK itself asks again when it is throttled"


def asked_about(fleet: FleetSide, name: str) -> int:
    """How many queries of the next sweep are about this machine."""
    of_batch(fleet, name, effect="slow", seconds=0.01)
    try:
        fleet.sweep(dry_run=True)
        (fault,) = fleet.simulation.get("/faults").json()["value"]
        return int(fault["spoilt"])
    finally:
        fleet.simulation.delete("/faults").raise_for_status()


def test_azure_monitor_is_not_asked_about_machines_that_it_could_not_say_more_about(fleet: FleetSide) -> None:
    fleet.load(
        training=machine(idle="window=15m", inside={"gpu_percent": 95, "cpu_percent": 30}, host={"cpu_percent": 12}),
        quiet=machine(),
        bare=machine(size=CPU_SIZE, agent=False, host={"cpu_percent": 60}),
        hours=machine(inside={"gpu_percent": 95}, tags={"dormouse-schedule": "mon-sun 00:00-23:59 UTC"}),
        off=machine(idle="off"),
    )
    verdicts = {"training": "busy", "quiet": "idle", "bare": "busy", "hours": "scheduled_on", "off": "unmanaged"}
    assert fleet.verdicts() == verdicts
    known = fleet.lines()["training"]["measurements"]
    assert (known["gpu_percent"], known["cpu_percent"]) == (95, 30), "what its agent measured"
    asked = {name: asked_about(fleet, name) for name in fleet.names}
    assert asked == {"training": 0, "quiet": 1, "bare": 1, "hours": 1, "off": 0}

    fleet.signals("training", gpu_percent=0, cpu_percent=1)
    until(lambda: asked_about(fleet, "training") == 1, "it is never asked about although it rests")
