"""Records of environments and operations, and the locks that allow one operation per environment."""

from dataclasses import dataclass, field, replace

from dormouse import serialization
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.errors import UnreadableRecord
from dormouse.ids import first_ulid, ulid_of
from dormouse.records.documents import Documents, read_document, read_each
from dormouse.records.operation_lists import OperationLists
from dormouse.records.operation_rows import (
    ENVIRONMENT,
    NEWEST_FIRST,
    OPERATIONS,
    UnreadableOperation,
    columns_of,
    operation_in,
    unreadable_operation,
)
from dormouse.records.table import Row, Table, TableService
from dormouse.resources.registry import KINDS

ENVIRONMENTS, LOCKS = "environments", "locks"
DEPENDS_ON = "DependsOn"


@dataclass(frozen=True, slots=True)
class Lock:
    """The operation that holds a lock, since `taken_at` (seconds since 1970); `etag` detects concurrent changes.

    `instance_id` is the orchestration that runs the operation, if its ID differs.
    """

    operation: str
    taken_at: float
    etag: str = field(default="", compare=False)
    instance_id: str = ""

    @property
    def orchestration(self) -> str:
        """The orchestration during which the lock is valid."""
        return self.instance_id or self.operation


class Records:
    """The records of environments, operations and locks in one table service."""

    def __init__(self, service: TableService) -> None:
        """Use the tables of this service, which are created on first use."""
        self._environments = Table(service, ENVIRONMENTS)
        self._operations = Table(service, OPERATIONS)
        self._locks = Table(service, LOCKS)
        self.operation_lists = OperationLists(self._operations)

    async def environment(self, name: str) -> EnvironmentRecord | None:
        """The record of an environment, or None."""
        row = await self._environments.read(ENVIRONMENTS, name)
        return _environment_in(row) if row else None

    async def environments(self, *, limit: int, after: str = "") -> tuple[Documents[EnvironmentRecord], str]:
        """A page of environment records by name, and the start of the next page."""
        page = await self._environments.page(ENVIRONMENTS, limit=limit, after=after)
        return read_each(ENVIRONMENTS, page.rows, _environment_in), page.after

    async def all_environments(self) -> list[EnvironmentRecord]:
        """The records of all environments that this release can read."""
        return [*(await self.all_environment_documents()).readable.values()]

    async def all_environment_documents(self) -> Documents[EnvironmentRecord]:
        """The records of all environments by name, and the errors of those that this release cannot read."""
        found: Documents[EnvironmentRecord] = Documents({})
        after = ""
        while True:
            page, after = await self.environments(limit=1000, after=after)
            found.readable.update(page.readable)
            found.unreadable.update(page.unreadable)
            if not after:
                return found

    async def environment_names(self) -> list[str]:
        """The names of all environments, readable or not; 1,000 in a request."""
        return [*await self._environments.keys(ENVIRONMENTS)]

    async def environments_between(self, first: str, last: str) -> Documents[EnvironmentRecord]:
        """The environment records from one name to another, inclusive."""
        rows = await self._environments.range(ENVIRONMENTS, first, last)
        return read_each(ENVIRONMENTS, rows, _environment_in)

    async def dependents(self, name: str) -> list[str]:
        """The names of the environments that depend on this one, even of those whose records this release cannot read."""
        found: list[str] = []
        after = ""
        while True:
            page = await self._environments.page(ENVIRONMENTS, limit=1000, after=after)
            found += [row.key for row in page.rows if name in row.columns.get(DEPENDS_ON, "").split(",")]
            if not (after := page.after):
                return found

    async def remember_environment(self, record: EnvironmentRecord) -> None:
        """Write the record of an environment; safe to repeat."""
        columns = {DEPENDS_ON: ",".join(record.depends_on)} if record.depends_on else {}
        await self._environments.write(ENVIRONMENTS, record.name, serialization.text_of(record), **columns)

    async def forget_environment(self, name: str) -> None:
        """Delete the record of an environment."""
        await self._environments.delete(ENVIRONMENTS, name)

    async def operation(self, identifier: str) -> OperationRecord | None:
        """The record of one operation, or None."""
        try:
            key = ulid_of(identifier).translate(NEWEST_FIRST)
        except ValueError:
            return None
        row = await self._operations.read(OPERATIONS, key)
        record = operation_in(row) if row else None
        return record if record and record.id == identifier else None

    async def operations(
        self, *, limit: int, after: str = "", environment: str = "", since: float = 0.0
    ) -> tuple[list[OperationRecord | UnreadableOperation], str]:
        """A page of operations, newest first, of one environment or all, accepted since a time (seconds since 1970)."""
        until = first_ulid(int(since * 1000)).translate(NEWEST_FIRST) if since > 0 else ""
        columns = {ENVIRONMENT: environment} if environment else {}
        page = await self._operations.page(OPERATIONS, limit=limit, after=after, until=until, **columns)
        found = read_each(OPERATIONS, page.rows, operation_in)
        return [found.readable.get(row.key) or unreadable_operation(row, found) for row in page.rows], page.after

    async def remember_operation(self, record: OperationRecord) -> None:
        """Write the record of an operation; safe to repeat."""
        key = ulid_of(record.id).translate(NEWEST_FIRST)
        await self._operations.write(OPERATIONS, key, serialization.text_of(record), **columns_of(record))

    async def forget_operations_before(self, moment: float, *, limit: int = 1000) -> int:
        """Delete up to `limit` operation records from before a time (seconds since 1970); returns their number."""
        border = first_ulid(int(moment * 1000)).translate(NEWEST_FIRST)
        old = await self._operations.keys(OPERATIONS, after=border, limit=limit)
        await self._operations.delete_all(OPERATIONS, old)
        return len(old)

    async def lock(self, environment: str) -> Lock | None:
        """The lock of an environment, or None."""
        row = await self._locks.read(LOCKS, environment)
        if row is None:
            return None
        return replace(_lock_in(row), etag=row.etag)

    async def locks(self) -> dict[str, Lock]:
        """All locks by environment; unreadable ones are omitted and stay in place."""
        held: dict[str, Lock] = {}
        after = ""
        while True:
            page = await self._locks.page(LOCKS, limit=1000, after=after)
            held |= read_each(LOCKS, page.rows, _lock_in).readable
            if not (after := page.after):
                return held

    async def take_lock(self, environment: str, lock: Lock) -> bool:
        """Take the lock of an environment; returns False if it is held."""
        return await self._locks.insert(LOCKS, environment, serialization.text_of(lock))

    async def take_over_lock(self, environment: str, stale: Lock, lock: Lock) -> bool:
        """Take over a stale lock; returns False if another request was faster."""
        return await self._locks.replace(LOCKS, environment, serialization.text_of(lock), stale.etag)

    async def release_lock(self, environment: str, operation: str) -> None:
        """Release the lock of an environment if this operation holds it."""
        held = await self.lock(environment)
        if held and held.operation == operation:
            await self._locks.delete(LOCKS, environment, held.etag)


def _environment_in(row: Row) -> EnvironmentRecord:
    record = read_document(ENVIRONMENTS, EnvironmentRecord, row)
    unknown = sorted({resource.kind for resource in record.resources} - KINDS.keys())
    if unknown:  # what it does not know, this release could neither check nor delete
        raise UnreadableRecord(ENVIRONMENTS, row.key, f"unknown kinds of resource: {', '.join(unknown)}")
    return record


def _lock_in(row: Row) -> Lock:
    return read_document(LOCKS, Lock, row)
