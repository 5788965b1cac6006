"""Restore: the rows of a backup into the tables of a deployment, so that nothing is stopped because history is lost."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from dormouse import serialization
from dormouse.clock import HOUR, moment_text, parse_moment
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.errors import UnreadableRecord
from dormouse.idle.tracking import Hold, TrackedMachine
from dormouse.lifecycle import State
from dormouse.records.documents import read_document
from dormouse.records.environments import ENVIRONMENTS, LOCKS, Lock
from dormouse.records.machines import MACHINES
from dormouse.records.operation_rows import OPERATIONS
from dormouse.records.table import Row, Table
from dormouse.records.transactions import DOCUMENT, NEW, RowChange, text_in
from dormouse.resources.compute.machines import key_of, machine_ids
from recovery.backup import TABLES, rows_of
from recovery.files import Backup, BackupError, BackupRow

T = TypeVar("T")
HELD_BY = "restore"
ORDER = (*TABLES[:-1], LOCKS, ENVIRONMENTS)
OTHERS = "The backup is of the deployment {0.deployment} in the subscription {0.subscription}, not of this one."
IN_USE = (
    "The deployment has records of environments that are not in the backup, or differ: {names}. Restore into a deployment "
    "without environments."
)


@dataclass(frozen=True, slots=True)
class Restored:
    """How many rows were written and how many were kept, because they existed; and the operations whose end is unknown."""

    written: int
    kept: int
    unfinished: tuple[str, ...]


async def restore(cloud: Cloud, saved: Backup, keep_hours: float) -> Restored:
    """Write the rows of a backup that do not exist yet, and hold every machine for so many hours.

    Raises BackupError before anything is written if the backup does not fit; may be repeated if it was interrupted.
    """
    await _require_fitting(cloud, saved)
    now = cloud.now()
    by_partition: dict[tuple[str, str], list[RowChange]] = defaultdict(list)
    for table, partition, change in _changes(saved, now, now + keep_hours * HOUR):
        by_partition[table, partition].append(change)
    written = kept = 0
    for (table, partition), rows in sorted(by_partition.items(), key=lambda item: ORDER.index(item[0][0])):
        done = await Table(cloud.tables, table).write_all(partition, rows)
        written, kept = written + sum(done), kept + len(done) - sum(done)
    return Restored(written, kept, tuple(sorted(one.id for one in _unfinished(saved))))


async def _require_fitting(cloud: Cloud, saved: Backup) -> None:
    settings, head = cloud.settings, saved.head
    if (head.deployment, head.subscription.lower()) != (settings.deployment_id, settings.azure_subscription_id.lower()):
        raise BackupError(OTHERS.format(head))
    known = {row.key: row.columns for row in saved.rows if row.table == ENVIRONMENTS}
    different = [row.key async for row in rows_of(cloud, ENVIRONMENTS) if known.get(row.key) != row.columns]
    if different:
        raise BackupError(IN_USE.format(names=", ".join(sorted(different))))


def _changes(saved: Backup, now: float, until: float) -> Iterator[tuple[str, str, RowChange]]:
    """Every row to write, with its table and partition: machines are held, running operations get their locks back."""
    hold = Hold(HELD_BY, f"restored from the backup of {moment_text(parse_moment(saved.head.made_at))}", now, until)
    tracked: dict[str, TrackedMachine] = {}
    for row in saved.rows:
        if (row.table, row.partition) == (MACHINES, MACHINES):
            tracked[row.key] = _parsed(row, TrackedMachine)
        elif row.table != MACHINES:  # other partitions say which machines sweeps did not see any more
            yield row.table, row.partition, RowChange(row.key, text_in(DOCUMENT, row.columns), NEW, _others(row))
    for identifier in _machines_in(saved):
        tracked.setdefault(key_of(identifier), TrackedMachine(identifier, now, State.UNKNOWN, now))
    for key, machine in tracked.items():
        # Unconditionally: a sweep may have written a row since, which knows less.
        yield MACHINES, MACHINES, RowChange(key, serialization.text_of(held(machine, hold)))
    for operation in _unfinished(saved):
        lock = Lock(operation.id, parse_moment(operation.accepted_at), instance_id=operation.instance_id)
        yield LOCKS, LOCKS, RowChange(operation.environment, serialization.text_of(lock), NEW)


def held(tracked: TrackedMachine, hold: Hold) -> TrackedMachine:
    """The tracked state of a machine whose later holds and leases are unknown: held, and its lease ends no earlier.

    Warnings and verdicts are about a time that is over; the next sweeps give new ones.
    """
    longer = tracked.hold if tracked.hold and tracked.hold.until > hold.until else hold
    lease = replace(tracked.lease, until=max(tracked.lease.until, hold.until)) if tracked.lease else None
    return replace(tracked, hold=longer, lease=lease, warning=None, verdict="", verdict_since=0.0)


def _machines_in(saved: Backup) -> Iterator[str]:
    for row in saved.rows:
        if row.table == ENVIRONMENTS:
            yield from machine_ids(_parsed(row, EnvironmentRecord).resources)


def _unfinished(saved: Backup) -> Sequence[OperationRecord]:
    """The operations without an outcome, the newest of each environment only: it had the lock."""
    operations = (_parsed(row, OperationRecord) for row in saved.rows if row.table == OPERATIONS)
    running = sorted((one for one in operations if one.outcome is None), key=lambda one: one.accepted_at)
    return list({one.environment: one for one in running}.values())


def _parsed(row: BackupRow, kind: type[T]) -> T:
    try:
        return read_document(row.table, kind, Row(row.key, text_in(DOCUMENT, row.columns), ""))
    except UnreadableRecord as error:
        raise BackupError(f"{error} Restore with the release that wrote the backup.") from error


def _others(row: BackupRow) -> dict[str, str]:
    """The columns of a row that are no part of its document."""
    parts = {name for name in row.columns if name == DOCUMENT or name.removeprefix(DOCUMENT).isdigit()}
    return {name: value for name, value in row.columns.items() if name not in parts}
