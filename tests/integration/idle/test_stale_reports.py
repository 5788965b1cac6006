"""What a sweep could not see is shown as last seen, with its time, and never as empty."""

import csv
import io
import json
from collections.abc import Iterator

import pytest

from local.sandbox import temporary_ground
from tests.fleet import CPU_SIZE, FleetSide, machine
from tests.support import AzureSide, until


def gone(fleet: FleetSide, name: str) -> None:
    fleet.simulation.post("/resources/vanish", json={"id": fleet.id(name)}).raise_for_status()


def as_csv(fleet: FleetSide) -> list[dict[str, str]]:
    text = fleet.control_plane.get("/machines/idle-report", params={"format": "csv"}).raise_for_status().text
    return list(csv.DictReader(io.StringIO(text)))


def test_lines_of_a_page_that_was_not_swept_are_marked_as_stale(fleet: FleetSide) -> None:
    fleet.load(a=machine(size=CPU_SIZE), b=machine(size=CPU_SIZE))
    first = fleet.sweep()["id"]
    judged = {line["as_of"] for line in fleet.lines().values()}
    assert not any(line["stale"] for line in fleet.lines().values())
    gone(fleet, "b")
    fleet.spoil(path="tables", body="page-00000", status=503, code="ServerBusy")
    fleet.spoil(path="reports(PartitionKey='reports',RowKey='page-00000')", method="PATCH", status=503, code="ServerBusy")
    fleet.spoil(path="reports(PartitionKey='reports',RowKey='page-00000')", method="PUT", status=503, code="ServerBusy")
    second = fleet.sweep()
    assert any("could not be evaluated" in problem for problem in second["summary"]["problems"])
    report = fleet.control_plane.get("/machines/idle-report").json()
    assert (report["sweep"], report["complete"]) == (second["id"], False)
    assert report["sweep"] != first
    assert any("the last sweep did not see them" in problem for problem in report["problems"])
    lines = fleet.lines()
    assert {name: (line["stale"], line["as_of"] in judged) for name, line in lines.items()} == {
        "a": (True, True),
        "b": (True, True),
    }
    assert all(line["as_of"] < report["as_of"] for line in lines.values())
    content = fleet.control_plane.get("/machines", params={"verdict": "idle"}).json()
    assert content["problems"]
    rows = as_csv(fleet)
    assert {row["stale"] for row in rows if row["id"]} == {"True"}
    assert [row["reason"] for row in rows if not row["id"]] == report["problems"]
    fleet.simulation.delete("/faults").raise_for_status()
    fleet.sweep()
    report = fleet.control_plane.get("/machines/idle-report").json()
    assert (report["complete"], report["problems"]) == (True, [])


@pytest.mark.parametrize("fault", [{"status": 403, "code": "AuthorizationFailed"}, {"status": 503, "code": "Busy"}])
def test_a_sweep_without_inventory_shows_the_previous_report(fleet: FleetSide, fault: dict[str, object]) -> None:
    fleet.load(there=machine(size=CPU_SIZE))
    fleet.sweep()
    fleet.spoil(path="Microsoft.ResourceGraph", **fault)
    fleet.sweep()
    report = fleet.control_plane.get("/machines/idle-report").json()
    assert (report["complete"], report["summary"]["machines"]) == (False, 0)
    assert any("cannot list the machines" in problem for problem in report["problems"])
    assert fleet.lines()["there"]["stale"]
    assert fleet.control_plane.get("/machines").json()["problems"] == report["problems"]


@pytest.fixture
def alone() -> Iterator[FleetSide]:
    """A sandbox without other machines."""
    with (
        temporary_ground(speed=120.0, timers=False, agents=False) as running,
        running.client() as control_plane,
        running.simulation() as simulation,
    ):
        yield FleetSide(control_plane, simulation)


def test_an_empty_fleet_is_distinguished_from_one_that_may_not_be_read(alone: FleetSide) -> None:
    alone.load(one=machine(size=CPU_SIZE, agent=False), two=machine(size=CPU_SIZE, agent=False))
    alone.sweep()
    # Without read permission, Resource Graph returns no rows and no error; Azure Compute returns 403.
    alone.spoil(path="Microsoft.ResourceGraph", effect="hide")
    alone.spoil(path="virtualMachines", method="GET", status=403, code="AuthorizationFailed", message="no right")

    def problems() -> str:
        alone.sweep()
        return " ".join(alone.control_plane.get("/machines/idle-report").json()["problems"])

    assert "found no machines" in problems()
    assert all(line["stale"] for line in alone.lines().values())
    assert len(alone.lines()) == 2
    alone.simulation.delete("/faults").raise_for_status()
    alone.spoil(path="Microsoft.ResourceGraph", effect="hide")
    assert "found no machines" in problems(), "they are still there"
    alone.simulation.delete("/faults").raise_for_status()
    # They are counted, and then their page is empty: their rows are kept, and the machines are looked up.
    alone.sweep()
    alone.spoil(path="Microsoft.ResourceGraph", effect="hide", body="project id, name")
    assert "found no machines" in problems()
    assert len(alone.lines()) == 2
    alone.simulation.delete("/faults").raise_for_status()
    gone(alone, "one")
    gone(alone, "two")
    # The index of Resource Graph shows them for a while.
    until(lambda: problems() == "" and not alone.lines(), "the fleet is not empty")
    report = alone.control_plane.get("/machines/idle-report").json()
    assert (report["complete"], report["summary"]["machines"]) == (True, 0)


def test_an_unreadable_page_is_reported_as_missing(fleet: FleetSide) -> None:
    fleet.load(there=machine(size=CPU_SIZE))
    fleet.sweep()
    AzureSide(fleet.simulation).write_row("reports", "page-00000", json.dumps({}), Part="not a page at all")
    report = fleet.control_plane.get("/machines/idle-report").json()
    assert not report["complete"]
    assert any("Machines of page 0 are missing" in problem for problem in report["problems"])
    assert "Machines of page 0 are missing" in as_csv(fleet)[0]["reason"]
    fleet.sweep()
    assert fleet.control_plane.get("/machines/idle-report").json()["complete"]


@pytest.mark.parametrize("document", ["{}", "nonsense"])
def test_an_unreadable_report_head_does_not_prevent_sweeps(fleet: FleetSide, document: str) -> None:
    fleet.load(there=machine(size=CPU_SIZE))
    fleet.sweep()
    AzureSide(fleet.simulation).write_row("reports", "head", document)
    answer = fleet.control_plane.get("/machines")
    assert (answer.status_code, answer.json()["title"]) == (503, "A record cannot be read")
    fleet.sweep()
    assert fleet.lines()["there"]["verdict"] == "idle"


@pytest.fixture
def fresh() -> Iterator[FleetSide]:
    with (
        temporary_ground(speed=60.0, timers=False, agents=False) as ground,
        ground.client() as client,
        ground.simulation() as simulation,
    ):
        yield FleetSide(client, simulation)


def test_before_the_first_sweep_no_view_shows_an_empty_fleet(fresh: FleetSide) -> None:
    content = fresh.control_plane.get("/machines").json()
    assert (content["value"], content["problems"]) == ([], ["No sweep has ended yet."])
    report = fresh.control_plane.get("/machines/idle-report").json()
    assert (report["complete"], report["problems"]) == (False, ["No sweep has ended yet."])
    assert [row["reason"] for row in as_csv(fresh)] == ["No sweep has ended yet."]
    fresh.sweep()
    report = fresh.control_plane.get("/machines/idle-report").json()
    assert (report["complete"], report["value"]) == (True, []), "now it is known that there is none"
    until(lambda: fresh.control_plane.get("/machines").json()["problems"] == [], "something is wrong")
