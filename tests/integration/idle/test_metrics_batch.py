"""A machine that Azure Monitor cannot answer for is named, and the others of its batch are evaluated."""

import pytest

from tests.fleet import CPU_SIZE, SOON, FleetSide, machine

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
    for gone in ("m0", "m5", "m11", "m2"):  # before each of four sweeps one machine is deleted
        fleet.simulation.post("/resources/vanish", json={"id": fleet.id(gone)}).raise_for_status()
        fleet.sweep(dry_run=True)
        lines = fleet.lines()
        assert {line["verdict"] for name, line in lines.items() if name != gone} == {"idle"}
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
