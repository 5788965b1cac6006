"""The records of a deployment are backed up, lost and restored: what they say can be acted on, and nothing is stopped."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dormouse.clock import HOUR, parse_moment
from local.sandbox import Ground, temporary_ground
from recovery.backup import TABLES
from tests.fleet import FleetSide, lines_of_the_report, machine
from tests.support import ROOT, SUBSCRIPTION, AzureSide, ControlPlane, until

SPEED = 120.0
LOSABLE = (*TABLES, "locks", "reports", "receipts")
# The names of the simulated Azure are those of this computer.
AS_A_PROGRAM = (
    "import sys; from local.hostnames import resolve_localhost_names; from recovery.__main__ import main; "
    "resolve_localhost_names(); sys.exit(main(sys.argv[1:]))"
)
UNRECORDED = "of which this deployment has no record"


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with temporary_ground(speed=SPEED, timers=False) as running:
        yield running


def recovery(ground: Ground, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program as a person does, with the settings of the app."""
    command = [sys.executable, "-c", AS_A_PROGRAM, *map(str, arguments)]
    environment = ground.host.environment
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def lose_everything(ground: Ground, azure: AzureSide) -> None:
    """Delete every row, and start a control plane that has no history."""
    ground.host.kill()
    for table in LOSABLE:
        for key in {row["RowKey"] for row in azure.rows(table)}:
            azure.lose_row(table, key)
    fresh = ground.home / "fresh"
    fresh.mkdir()
    (fresh / "keys.json").write_text(json.dumps(ground.keys))
    ground.host.command[ground.host.command.index("--home") + 1] = str(fresh)
    ground.host.start()


def tracked(azure: AzureSide, name: str) -> dict[str, Any]:
    """The tracked state of the machine whose key ends with this name."""
    (row,) = [row for row in azure.rows("machines") if row["RowKey"].endswith(f":{name}")]
    state: dict[str, Any] = json.loads(row["properties"]["Document"][1])
    return state


def test_records_survive_the_loss_of_every_table_and_history(ground: Ground, azure: AzureSide, tmp_path: Path) -> None:
    saved = tmp_path / "records.jsonl"
    with ground.client() as client:
        control_plane, fleet = ControlPlane(client), FleetSide(client, azure.client)
        control_plane.up("ml1")
        client.post("/environments/ml1/extend", json={"for": "1h", "then": "delete"}).raise_for_status()
        fleet.load(quiet=machine(tags={"dormouse-deployment": "main"}))

        def warned() -> bool:
            fleet.sweep()
            return bool(tracked(azure, "quiet")["warning"])

        until(warned, "the idle machine was never warned")
        azure.hold_up("PUT", "/virtualMachines/vm-ml2", times=1000)
        lost = control_plane.put("ml2").json()["operation"]
        control_plane.until_step(lost, "group", "done")
        done = recovery(ground, "backup", saved)
        assert (done.returncode, done.stderr) == (0, "")
        assert saved.stat().st_mode & 0o077 == 0
        before = {table: len(azure.rows(table)) for table in TABLES}
    lose_everything(ground, azure)
    azure.behave()
    with ground.client() as client:
        control_plane, fleet = ControlPlane(client), FleetSide(client, azure.client, fleet.group, fleet.names)
        unrecorded(ground, control_plane, fleet)
        for _ in range(2):  # an interrupted restore is repeated
            restored = recovery(ground, "restore", saved)
            assert (restored.returncode, restored.stderr) == (0, "")
            assert f"{lost} was running when the backup was made" in restored.stdout
        assert recovery(ground, "check").stdout == "The records and Azure agree.\n"
        assert [table for table in TABLES if len(azure.rows(table)) < before[table]] == []
        assert all(before[table] for table in ("environments", "operations", "machines", "heartbeats"))
        in_flight(control_plane, azure, lost)
        nothing_is_stopped(ground, control_plane, fleet, azure)
        for verb, state in (("stop", "deallocated"), ("start", "running")):
            assert control_plane.follow(control_plane.post("ml1", verb))["outcome"] == "succeeded", state
        for name in ("ml1", "ml2"):
            ended = control_plane.down(name)
            assert (ended["outcome"], azure.resources(name), azure.secrets(name)) == ("succeeded", [], []), ended["reason"]
        fleet.gone()


def unrecorded(ground: Ground, control_plane: ControlPlane, fleet: FleetSide) -> None:
    """Without records, what the control plane built is foreign to it: named, not stopped, not changed, not deleted."""
    assert control_plane.every_environment() == []
    fleet.sweep()
    lines = {line["name"]: line for line in lines_of_the_report(control_plane.client)}
    assert (lines["vm-ml1"]["verdict"], UNRECORDED in lines["vm-ml1"]["reason"]) == ("unknown", True)
    assert control_plane.put("ml1").status_code == 409
    assert control_plane.delete("ml1").status_code == 404
    checked = recovery(ground, "check")
    assert checked.returncode == 3
    for name in ("ml1", "ml2"):
        group = f"{SUBSCRIPTION}/resourceGroups/rg-dormouse-{name}"
        assert f"No record names {group}, whose tags name this deployment." in checked.stdout


def in_flight(control_plane: ControlPlane, azure: AzureSide, lost: str) -> None:
    """The operation whose orchestration is gone is lost, and its environment is free after the next sweep."""
    assert [row["RowKey"] for row in azure.rows("locks") if row["RowKey"] == "ml2"] == ["ml2"]
    FleetSide(control_plane.client, azure.client).sweep()
    assert control_plane.operation(lost)["outcome"] == "lost"
    assert azure.locks("ml2") == []
    names = {one["name"]: one["state"] for one in control_plane.every_environment()}
    assert names.keys() == {"ml1", "ml2"}
    assert names["ml1"] == "running"
    where = control_plane.client.get("/environments/ml1/password").raise_for_status().json()
    assert where["secret_uri"].rsplit("/", 1)[-1] in azure.secrets("ml1")


def nothing_is_stopped(ground: Ground, control_plane: ControlPlane, fleet: FleetSide, azure: AzureSide) -> None:
    """Machines are held, a lease ends no earlier than the hold, and a warning of before is no reason to stop."""
    now = ground.clock.seconds()
    shown = control_plane.get("ml1")
    assert shown["hold"]["by"] == "restore"
    assert shown["hold"]["reason"].startswith("restored from the backup of ")
    assert parse_moment(shown["lease"]["until"]) > now + 20 * HOUR
    fleet.sweep()
    assert fleet.power("quiet") == "running"
    assert fleet.lines()["quiet"]["verdict"] == "held"
    assert tracked(azure, "quiet")["warning"] is None
    client = control_plane.client
    client.post("/machines/hold", json={"machine": fleet.id("quiet"), "for": "0"}).raise_for_status()
    until(lambda: warned_again(fleet, azure), "the idle machine was not warned again")
    assert fleet.power("quiet") == "running"


def warned_again(fleet: FleetSide, azure: AzureSide) -> bool:
    fleet.sweep()
    return bool(tracked(azure, "quiet")["warning"]) or fleet.power("quiet") != "running"
