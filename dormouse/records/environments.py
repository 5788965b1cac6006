"""The records: environments asked for, operations done, and the locks that keep operations apart."""

import json
from dataclasses import dataclass, field, replace

from dormouse import serialization
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.ids import CROCKFORD, first_ulid, ulid_of
from dormouse.records.documents import Documents, read_document, read_each
from dormouse.records.table import Row, Table, TableService

ENVIRONMENTS, OPERATIONS, LOCKS = "environments", "operations", "locks"
NEWEST_FIRST = str.maketrans(CROCKFORD, CROCKFORD[::-1])


@dataclass(frozen=True, slots=True)
class Lock:
    """Who holds an environment since when (seconds since 1970); `etag` tells whether that has changed.

    `carrier` is the orchestration that does the operation, where that is not one of its own.
    """

    operation: str
    taken_at: float
    etag: str = field(default="", compare=False)
    instance_id: str = ""

    @property
    def orchestration(self) -> str:
        """The orchestration whose end is the end of the lock."""
        return self.instance_id or self.operation


@dataclass(frozen=True, slots=True)
class UnreadableOperation:
    """An operation of which only this can be told: its id, its environment, and why the rest cannot be read."""

    id: str
    environment: str
    reason: str


class Records:
    """Everything the control plane remembers, over one table service."""

    def __init__(self, service: TableService) -> None:
        """Use the tables of this service, which are created when first missed."""
        self._environments = Table(service, ENVIRONMENTS)
        self._operations = Table(service, OPERATIONS)
        self._locks = Table(service, LOCKS)

    async def environment(self, name: str) -> EnvironmentRecord | None:
        """What was asked for under this name, or None."""
        row = await self._environments.read(ENVIRONMENTS, name)
        return _environment_in(row) if row else None

    async def environments(self, *, limit: int, after: str = "") -> tuple[Documents[EnvironmentRecord], str]:
        """A page of environments by name, and where the next page begins."""
        page = await self._environments.page(ENVIRONMENTS, limit=limit, after=after)
        return read_each(ENVIRONMENTS, page.rows, _environment_in), page.after

    async def environments_between(self, first: str, last: str) -> Documents[EnvironmentRecord]:
        """What was asked for under the names from one to another, by name."""
        rows = await self._environments.range(ENVIRONMENTS, first, last)
        return read_each(ENVIRONMENTS, rows, _environment_in)

    async def remember_environment(self, record: EnvironmentRecord) -> None:
        """Write what was asked for; writing the same twice is harmless."""
        await self._environments.write(ENVIRONMENTS, record.name, serialization.text_of(record))

    async def forget_environment(self, name: str) -> None:
        """Forget what was asked for under this name."""
        await self._environments.delete(ENVIRONMENTS, name)

    async def operation(self, identifier: str) -> OperationRecord | None:
        """The trail of one operation, or None."""
        try:
            key = ulid_of(identifier).translate(NEWEST_FIRST)
        except ValueError:
            return None
        row = await self._operations.read(OPERATIONS, key)
        record = _operation_in(row) if row else None
        return record if record and record.id == identifier else None

    async def operations(
        self, *, limit: int, after: str = "", environment: str = "", since: float = 0.0
    ) -> tuple[list[OperationRecord | UnreadableOperation], str]:
        """A page of operations, newest first, of one environment or all, accepted since a moment (seconds since 1970)."""
        until = first_ulid(int(since * 1000)).translate(NEWEST_FIRST) if since > 0 else ""
        columns = {"Environment": environment} if environment else {}
        page = await self._operations.page(OPERATIONS, limit=limit, after=after, until=until, **columns)
        found = read_each(OPERATIONS, page.rows, _operation_in)
        return [found.readable.get(row.key) or unreadable_operation(row, found) for row in page.rows], page.after

    async def remember_operation(self, record: OperationRecord) -> None:
        """Write an operation's trail; writing the same twice is harmless."""
        key = ulid_of(record.id).translate(NEWEST_FIRST)
        await self._operations.write(OPERATIONS, key, serialization.text_of(record), Environment=record.environment)

    async def forget_operations_before(self, moment: float, *, limit: int = 1000) -> int:
        """Forget the trails of operations from before a moment (seconds since 1970), up to a limit; how many those were."""
        border = first_ulid(int(moment * 1000)).translate(NEWEST_FIRST)
        old = await self._operations.keys(OPERATIONS, after=border, limit=limit)
        await self._operations.delete_all(OPERATIONS, old)
        return len(old)

    async def lock(self, environment: str) -> Lock | None:
        """Who holds the environment, or None."""
        row = await self._locks.read(LOCKS, environment)
        if row is None:
            return None
        return replace(_lock_in(row), etag=row.etag)

    async def locks(self) -> dict[str, Lock]:
        """Who holds environments, by environment; locks that cannot be read are left out, and stay."""
        held: dict[str, Lock] = {}
        after = ""
        while True:
            page = await self._locks.page(LOCKS, limit=1000, after=after)
            held |= read_each(LOCKS, page.rows, _lock_in).readable
            if not (after := page.after):
                return held

    async def take_lock(self, environment: str, lock: Lock) -> bool:
        """Take the environment if nobody holds it, and say whether that worked."""
        return await self._locks.insert(LOCKS, environment, serialization.text_of(lock))

    async def take_over_lock(self, environment: str, stale: Lock, lock: Lock) -> bool:
        """Take the environment from a holder that is gone, unless somebody else was faster."""
        return await self._locks.replace(LOCKS, environment, serialization.text_of(lock), stale.etag)

    async def release_lock(self, environment: str, operation: str) -> None:
        """Give the environment back, if this operation holds it."""
        held = await self.lock(environment)
        if held and held.operation == operation:
            await self._locks.delete(LOCKS, environment, held.etag)


def _environment_in(row: Row) -> EnvironmentRecord:
    return read_document(ENVIRONMENTS, EnvironmentRecord, row)


def _operation_in(row: Row) -> OperationRecord:
    return read_document(OPERATIONS, OperationRecord, row)


def _lock_in(row: Row) -> Lock:
    return read_document(LOCKS, Lock, row)


def unreadable_operation(row: Row, found: Documents[OperationRecord]) -> UnreadableOperation:
    """What can still be told of an operation whose row cannot be read."""
    try:
        content = json.loads(row.document)
    except ValueError:
        content = None
    told = content if isinstance(content, dict) else {}
    environment = row.columns.get("Environment", "")
    return UnreadableOperation(str(told.get("id", row.key)), environment, str(found.unreadable[row.key]))
