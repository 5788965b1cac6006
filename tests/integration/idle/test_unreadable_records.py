"""Rows that this release cannot read affect only themselves, are named, and are kept for the release that can read them."""

import json
from typing import Any

import pytest

from dormouse.resources.compute.machines import key_of
from tests.fleet import FleetSide, machine
from tests.support import AzureSide, ControlPlane

BROKEN = ("not JSON at all", "", "[]", '{"id": 7}')


class Rows:
    """The records of the machines of one test."""

    def __init__(self, fleet: FleetSide) -> None:
        self._fleet, self.azure = fleet, AzureSide(fleet.simulation)

    def of(self, table: str, name: str) -> dict[str, Any]:
        key = key_of(self._fleet.id(name))
        return next(row for row in self.azure.rows(table) if row["RowKey"] == key)

    def document(self, table: str, name: str) -> str:
        return str(self.of(table, name)["properties"]["Document"][1])

    def write(self, table: str, name: str, document: str) -> None:
        self.azure.write_row(table, key_of(self._fleet.id(name)), document)

    def change(self, table: str, name: str, **fields: Any) -> str:
        """Store some fields of a row as another release would have; returns the row's content."""
        document = json.dumps({**json.loads(self.document(table, name)), **fields})
        self.write(table, name, document)
        return document


@pytest.fixture
def rows(fleet: FleetSide) -> Rows:
    return Rows(fleet)


@pytest.mark.parametrize("document", [*BROKEN, '{"state": "evicted"}'])
def test_an_unreadable_machine_record_affects_only_its_machine(fleet: FleetSide, rows: Rows, document: str) -> None:
    fleet.load(mine=machine(), other=machine())
    fleet.sweep()
    before = json.loads(rows.document("machines", "mine"))
    written = json.dumps({**before, **json.loads(document)}) if document.startswith('{"state') else document
    rows.write("machines", "mine", written)
    swept = fleet.sweep()
    lines = fleet.lines()
    assert (lines["mine"]["verdict"], lines["mine"]["next_action"], lines["other"]["verdict"]) == (
        "unknown",
        None,
        "idle",
    )
    assert "cannot read row" in lines["mine"]["reason"]
    assert [problem for problem in swept["summary"]["problems"] if key_of(fleet.id("mine")) in problem]
    assert rows.document("machines", "mine") == written, "it is left for the release that can read it"
    asked = {"machine": fleet.id("mine"), "for": "1h"}
    held = fleet.control_plane.post("/machines/hold", json=asked)
    assert (held.status_code, held.json()["title"]) == (503, "A record cannot be read")
    rows.write("machines", "mine", json.dumps(before))
    fleet.sweep()
    assert fleet.lines()["mine"]["verdict"] == "idle", "after the rollback is undone, everything is as before"


def test_a_schedule_does_not_stop_a_machine_with_an_unreadable_record(fleet: FleetSide, rows: Rows) -> None:
    off = {"dormouse-schedule": "Mon-Sun 00:00-00:01 UTC"}
    fleet.load(mine=machine(idle="window=5m, grace=0m, lead=0m", tags=off))
    fleet.sweep(dry_run=True)
    rows.write("machines", "mine", '{"hold": {"until": "a word of tomorrow"}}')
    for _ in range(3):
        fleet.sweep()
    assert fleet.power("mine") == "running"
    assert fleet.operations("mine") == []


@pytest.mark.parametrize("spoilt", [{"minutes": "AAAA"}, {"minutes": "%%%"}, {"record": {"gpu": 1}}, {"first": None}])
def test_an_unreadable_heartbeat_record_affects_only_its_machine(
    fleet: FleetSide, rows: Rows, spoilt: dict[str, Any]
) -> None:
    fleet.load(mine=machine(), other=machine())
    fleet.simulation.post("/machines/agent", json={"id": fleet.id("mine"), "agent": False}).raise_for_status()
    rows.change("heartbeats", "mine", **spoilt)
    fleet.sweep()
    lines = fleet.lines()
    assert (lines["mine"]["verdict"], lines["mine"]["next_action"], lines["other"]["verdict"]) == ("unknown", None, "idle")
    assert "heartbeats" in lines["mine"]["reason"]


@pytest.mark.parametrize("verb", ["levitate", 7, None])
def test_an_operation_of_a_newer_release_is_shown_as_unknown(fleet: FleetSide, rows: Rows, verb: Any) -> None:
    fleet.load(mine=machine(idle="window=5m, grace=0m, lead=0m"))
    for _ in range(3):
        fleet.sweep()
    (operation,) = fleet.operations("mine")
    key = next(row for row in rows.azure.rows("operations") if operation["id"] in str(row))
    document = json.dumps({**json.loads(key["properties"]["Document"][1]), "verb": verb})
    rows.azure.write_row("operations", key["RowKey"], document, Environment=operation["environment"])
    (listed,) = fleet.operations("mine")
    assert (listed["id"], listed["outcome"], listed["verb"]) == (operation["id"], "unknown", "unknown")
    assert "cannot read row" in listed["reason"]
    alone = fleet.control_plane.get(f"/operations/{operation['id']}")
    assert (alone.status_code, alone.json()["outcome"]) == (200, "unknown")


@pytest.mark.parametrize("document", BROKEN)
def test_an_unreadable_environment_does_not_hide_the_others(
    control_plane: ControlPlane, azure: AzureSide, document: str
) -> None:
    azure.write_row("environments", "broken", document)
    try:
        content = control_plane.client.get("/environments").raise_for_status().json()
        assert "broken" in content["problems"][0]
        alone = control_plane.client.get("/environments/broken")
        assert (alone.status_code, alone.json()["title"]) == (503, "A record cannot be read")
    finally:
        azure.lose_row("environments", "broken")
