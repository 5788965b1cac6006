"""Backup and restore: what a file must be, what fits where, and how machines are protected from what was lost."""

import asyncio
import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dormouse.clock import HOUR, rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.idle.tracking import Hold, Lease, LeaseAction, TrackedMachine
from dormouse.lifecycle import Verb
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords
from dormouse.records.prices import PriceRecords
from dormouse.resources.compute.machines import key_of, machine_id
from dormouse.resources.plan import Resource
from dormouse.resources.sizes.price_rows import Price
from recovery.__main__ import main
from recovery.backup import TABLES, backup
from recovery.files import FORMAT, BackupError, BackupHead, BackupRow, read, write
from recovery.restore import Restored, restore
from tests.unit.builders import IDENTIFIER, NOW, remembered, warned
from tests.unit.twins import SETTINGS, MemoryTables, stopped_clock

HEAD = BackupHead(SETTINGS.deployment_id, SETTINGS.azure_subscription_id, rfc3339(NOW - 7 * HOUR))
ROW = BackupRow("environments", "environments", "ml1", {"Document": "{}"})
OTHER_MACHINE = machine_id(SETTINGS.azure_subscription_id, "rg-dormouse-lab", "vm-lab-2")
ULID = "01M8J8WFS2VXEX4MSYZ4DDW3F"


class Place(Cloud):
    """A deployment whose tables are in memory."""

    def __init__(self, tables: MemoryTables, **settings: Any) -> None:
        super().__init__(replace(SETTINGS, **settings), stopped_clock(NOW))
        self.tables: MemoryTables = tables


def lab(**changes: Any) -> EnvironmentRecord:
    resources = tuple(Resource(name, "virtual_machine", one) for name, one in (("vm", IDENTIFIER), ("vm2", OTHER_MACHINE)))
    known = EnvironmentRecord("lab", "workstation", "ana", "westeurope", "{}", "o", "then", resources=resources)
    return replace(known, **changes)


def operation(number: int, environment: str = "lab", outcome: Outcome | None = None, **more: Any) -> OperationRecord:
    identifier, accepted = f"{environment}-stop-{ULID}{number}", rfc3339(NOW - 8 * HOUR + number)
    return OperationRecord(identifier, environment, Verb.STOP, "ana", accepted, outcome=outcome, **more)


def filled(machines: Iterable[TrackedMachine] = (), operations: Iterable[OperationRecord] = ()) -> MemoryTables:
    async def fill(tables: MemoryTables) -> None:
        records = Records(tables)
        await records.remember_environment(lab(depends_on=("base",), spec=json.dumps({"long": "x" * 40_000})))
        for one in operations:
            await records.remember_operation(one)
        await MachineRecords(tables).write_tracked({key_of(machine.id): (machine, "") for machine in machines})
        await PriceRecords(tables).keep("westeurope", "Standard_D4s_v5", Price(0.2, "USD", "", "2026-01-01"), NOW)

    tables = MemoryTables()
    asyncio.run(fill(tables))
    return tables


def restored(tables: MemoryTables, path: Path, into: MemoryTables, **settings: Any) -> Restored:
    asyncio.run(backup(Place(tables), path))
    return asyncio.run(restore(Place(into, **settings), read(path), 24.0))


def tracked(tables: MemoryTables, identifier: str = IDENTIFIER) -> TrackedMachine:
    found = asyncio.run(MachineRecords(tables).tracked(key_of(identifier)))
    assert found is not None
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.jsonl"


def test_a_file_has_every_row_and_only_its_owner_may_read_it(path: Path) -> None:
    rows = (ROW, replace(ROW, key="zürich", columns={"Document": "line\u2028separator"}))
    assert write(path, HEAD, rows) == 2
    saved = read(path)
    assert (saved.head, saved.rows) == (HEAD, rows)
    assert path.stat().st_mode & 0o077 == 0


def test_a_backup_that_fails_leaves_the_one_before(path: Path) -> None:
    write(path, HEAD, [ROW])
    before = path.read_text()

    def rows() -> Iterable[BackupRow]:
        yield ROW
        raise BackupError("the connection was lost")

    with pytest.raises(BackupError):
        write(path, HEAD, rows())
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: "".join(text.splitlines(keepends=True)[:-1]), "is incomplete or was changed"),
        (lambda text: "".join(text.splitlines(keepends=True)[:-2]), "is incomplete or was changed"),
        (lambda text: text.replace('"ml1"', '"ml2"'), "is incomplete or was changed"),
        (lambda text: text[:-9], "is incomplete or was changed"),
        (lambda _: "", "is not a backup file"),
        (lambda _: "hello\nworld\n", "is incomplete or was changed"),
    ],
)
def test_a_file_that_is_not_whole_is_not_restored(path: Path, change: Any, complaint: str) -> None:
    write(path, HEAD, [ROW])
    path.write_text(change(path.read_text()))
    with pytest.raises(BackupError, match=complaint):
        read(path)


def test_a_file_that_does_not_exist_or_is_of_another_format_is_named(path: Path) -> None:
    with pytest.raises(BackupError, match="is not a backup file"):
        read(path)
    head = json.dumps({"format": FORMAT + 1}) + "\n"
    foot = {"rows": 0, "sha256": hashlib.sha256(head.encode()).hexdigest()}
    path.write_text(f"{head}{json.dumps(foot)}\n")
    with pytest.raises(BackupError, match="another release"):
        read(path)


def test_restored_rows_are_the_same_in_every_partition(path: Path) -> None:
    tables, into = filled([remembered()], [operation(1, outcome=Outcome(OutcomeStatus.SUCCEEDED, "done"))]), MemoryTables()
    done = restored(tables, path, into)
    for table in set(TABLES) - {"machines"}:
        before, after = tables.get_table_client(table).rows, into.get_table_client(table).rows
        assert {key: dict(row) for key, row in after.items()} == {key: dict(row) for key, row in before.items()}, table
    assert (done.kept, done.unfinished) == (0, ())
    assert into.keys("prices")
    again = asyncio.run(restore(Place(into), read(path), 24.0))
    assert again.kept == done.written - len(into.keys("machines"))


def test_machines_are_held_and_their_leases_end_no_earlier(path: Path) -> None:
    lease = Lease(NOW - HOUR, LeaseAction.DELETE, "ana", NOW - 9 * HOUR)
    into = MemoryTables()
    restored(filled([remembered(lease=lease, warning=warned(), verdict="idle", verdict_since=NOW - HOUR)]), path, into)
    machine = tracked(into)
    assert machine.hold is not None
    assert (machine.hold.by, machine.hold.until) == ("restore", NOW + 24 * HOUR)
    assert machine.lease == replace(lease, until=NOW + 24 * HOUR)
    assert (machine.warning, machine.verdict, machine.verdict_since) == (None, "", 0.0)
    later = Lease(NOW + 99 * HOUR, LeaseAction.STOP, "ana")
    longer = Hold("ana", "a long run", NOW, NOW + 48 * HOUR)
    into = MemoryTables()
    restored(filled([remembered(lease=later, hold=longer)]), path, into)
    assert (tracked(into).lease, tracked(into).hold) == (later, longer)


def test_machines_of_environments_without_a_row_are_held_too(path: Path) -> None:
    into = MemoryTables()
    restored(filled(), path, into)
    for identifier in (IDENTIFIER, OTHER_MACHINE):
        assert tracked(into, identifier).hold is not None


def test_the_row_of_a_sweep_since_the_loss_is_replaced_because_it_knows_less(path: Path) -> None:
    lease = Lease(NOW + 99 * HOUR, LeaseAction.STOP, "ana")
    tables = filled([remembered(lease=lease)])
    tables.put("machines", "gone", "{}", partition="missed")
    into = MemoryTables()
    asyncio.run(MachineRecords(into).change_tracked(key_of(IDENTIFIER), lambda _: remembered()))
    restored(tables, path, into)
    assert tracked(into).lease == lease
    assert "gone" not in into.keys("machines")


def test_an_operation_without_an_outcome_gets_its_lock_back_unless_another_has_it(path: Path) -> None:
    done = Outcome(OutcomeStatus.SUCCEEDED, "done")
    running = (operation(1), operation(2, instance_id="sweep-1"), operation(3, "base", done), operation(4, "taken"))
    into = MemoryTables()
    theirs = Lock("another", NOW)
    asyncio.run(Records(into).take_lock("taken", theirs))
    result = restored(filled(operations=running), path, into)
    assert result.unfinished == (running[1].id, running[3].id)
    locks = asyncio.run(Records(into).locks())
    assert locks == {"lab": Lock(running[1].id, NOW - 8 * HOUR + 2, instance_id="sweep-1"), "taken": theirs}


@pytest.mark.parametrize(
    "settings", [{"deployment_id": "staging"}, {"azure_subscription_id": "0d0e5e00-0000-4000-8000-000000000009"}]
)
def test_a_backup_fits_only_its_own_deployment(path: Path, settings: dict[str, str]) -> None:
    into = MemoryTables()
    with pytest.raises(BackupError, match=f"of the deployment main in the subscription {SETTINGS.azure_subscription_id}"):
        restored(filled(), path, into, **settings)
    assert not any(into.keys(table) for table in TABLES)


def test_environments_are_never_overwritten(path: Path) -> None:
    into = filled()
    asyncio.run(Records(into).remember_environment(lab(owner="bob")))
    asyncio.run(Records(into).remember_environment(lab(name="zoo")))
    with pytest.raises(BackupError, match=r"that are not in the backup, or differ: lab, zoo\. Restore into"):
        restored(filled([remembered()]), path, into)
    assert into.keys("machines") == set()


@pytest.mark.parametrize("table", ["machines", "environments", "operations"])
def test_a_row_that_this_release_cannot_read_is_a_reason_to_restore_nothing(path: Path, table: str) -> None:
    tables, into = filled(), MemoryTables()
    tables.put(table, "odd", json.dumps({"of": "another release"}))
    with pytest.raises(BackupError, match="Restore with the release that wrote the backup"):
        restored(tables, path, into)
    assert not any(into.keys(table) for table in TABLES)


def test_environments_are_written_last(path: Path) -> None:
    into = MemoryTables()
    restored(filled([remembered()], [operation(1)]), path, into)
    when = {
        table: max(int(str(row.metadata["etag"])) for row in into.get_table_client(table).rows.values())
        for table in (*TABLES, "locks")
        if into.keys(table)
    }
    assert max(when, key=lambda table: when[table]) == "environments"


def test_denied_access_names_the_role(path: Path) -> None:
    tables = filled()
    tables.closed = True
    with pytest.raises(BackupError, match="HTTP 403; the caller needs the role Storage Table Data Reader"):
        asyncio.run(backup(Place(tables), path))
    tables.closed, tables.away = False, True
    with pytest.raises(BackupError, match="Azure Table Storage did not answer"):
        asyncio.run(backup(Place(tables), path))
    assert not path.exists()


def test_missing_settings_are_named(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("RECORDS_TABLES_URL", raising=False)
    assert main(["backup", str(path)]) == 1
    assert "RECORDS_TABLES_URL: is not set" in capsys.readouterr().err
