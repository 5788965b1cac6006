"""Records of VMs: heartbeats of agents, the sweep's state of each VM, and the report of the last sweep."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from dormouse import serialization
from dormouse.clock import MINUTE
from dormouse.errors import ConcurrentChange, UnreadableRecord
from dormouse.idle.heartbeats.agent_record import KEPT_MINUTES, AgentRecord
from dormouse.idle.report import ReportHead, ReportPage
from dormouse.idle.tracking import TrackedMachine
from dormouse.records import timeseries_codec
from dormouse.records.documents import Documents, read, read_document, read_each
from dormouse.records.report_pages import (
    PAGE_DIGITS,
    REPORTS,
    ROWS,
    PackedPage,
    PageRead,
    columns_of,
    page_key,
    page_read_of,
)
from dormouse.records.table import LARGEST_PAGE, Row, Table, TableService
from dormouse.records.transactions import NEW, RowChange

HEARTBEATS, MACHINES = "heartbeats", "machines"
HEAD, MISSED = "head", "missed"
TRIES = 6
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredMachine:
    """The state of a VM, and the ETag that detects concurrent changes."""

    tracked: TrackedMachine
    etag: str


@dataclass(frozen=True, slots=True)
class StoredHeartbeat:
    """An agent record as it is stored: its minutes packed, and the index of the first one."""

    record: AgentRecord
    first: int
    minutes: str


class MachineRecords:
    """The records of VMs in one table service."""

    def __init__(self, service: TableService) -> None:
        """Use the tables of this service, which are created on first use."""
        self._heartbeats = Table(service, HEARTBEATS)
        self._machines = Table(service, MACHINES)
        self._reports = Table(service, REPORTS)

    async def heard(self, key: str) -> AgentRecord | None:
        """The record of a VM's agent, or None."""
        row = await self._heartbeats.read(HEARTBEATS, key)
        return agent_record_in(row) if row else None

    async def heard_between(self, first: str, last: str) -> dict[str, Row]:
        """The rows of agents between two keys, by key; parse one with `agent_record_in`."""
        return {row.key: row for row in await self._heartbeats.range(HEARTBEATS, first, last)}

    async def change_heard(self, key: str, change: Callable[[AgentRecord | None], AgentRecord], now: float) -> AgentRecord:
        """Change an agent record; raises ConcurrentChange, CloudUnavailable, and UnreadableRecord if data would be lost.

        An unreadable row is replaced once all its data are too old for any release.
        """
        return await _changed(
            self._heartbeats, HEARTBEATS, key, lambda row: change(_heard_of_late(row, now) if row else None), _document
        )

    async def forget_heard(self, key: str) -> None:
        """Delete the record of an agent."""
        await self._heartbeats.delete(HEARTBEATS, key)

    async def tracked(self, key: str) -> TrackedMachine | None:
        """The stored state of a VM, or None."""
        row = await self._machines.read(MACHINES, key)
        return _memory_in(row) if row else None

    async def tracked_with_etag(self, key: str) -> StoredMachine | None:
        """The stored state of a VM with its ETag, or None; raises UnreadableRecord."""
        row = await self._machines.read(MACHINES, key)
        return StoredMachine(_memory_in(row), row.etag) if row else None

    async def tracked_among(self, keys: Sequence[str]) -> Documents[StoredMachine]:
        """The stored states of these VMs, by key; rows in `unreadable` must be left unchanged."""
        found: Documents[StoredMachine] = Documents({})
        read = await asyncio.gather(*map(self.tracked_with_etag, keys), return_exceptions=True)
        for key, tracked in zip(keys, read, strict=True):
            if isinstance(tracked, UnreadableRecord):
                found.unreadable[key] = tracked
            elif isinstance(tracked, BaseException):
                raise tracked
            elif tracked is not None:
                found.readable[key] = tracked
        return found

    async def tracked_between(self, first: str, last: str) -> Documents[StoredMachine]:
        """The stored states of VMs between two keys, by key; rows in `unreadable` must be left unchanged."""
        rows = await self._machines.range(MACHINES, first, last)
        return read_each(MACHINES, rows, lambda row: StoredMachine(_memory_in(row), row.etag))

    async def write_tracked(self, changed: Mapping[str, tuple[TrackedMachine, str]]) -> set[str]:
        """Write VM states by key with the ETags they were read with; returns the keys of those modified concurrently."""
        written = await self._machines.write_all(
            MACHINES, [RowChange(key, serialization.text_of(memory), etag or NEW) for key, (memory, etag) in changed.items()]
        )
        return {key for key, done in zip(changed, written, strict=True) if not done}

    async def change_tracked(self, key: str, change: Callable[[TrackedMachine | None], TrackedMachine]) -> TrackedMachine:
        """Change the stored state of a VM; raises ConcurrentChange, UnreadableRecord, or CloudUnavailable."""
        return await _changed(
            self._machines, MACHINES, key, lambda row: change(_memory_in(row) if row else None), serialization.text_of
        )

    async def forget(self, key: str) -> None:
        """Delete all records of a VM."""
        await self.forget_heard(key)
        await self._machines.delete(MACHINES, key)

    async def tracked_keys(self) -> dict[str, float]:
        """The keys of all VMs with records, readable or not, and when these last changed."""
        memories, heard = await asyncio.gather(self._machines.keys(MACHINES), self._heartbeats.keys(HEARTBEATS))
        return {key: max(memories.get(key, 0.0), heard.get(key, 0.0)) for key in memories.keys() | heard.keys()}

    async def missed(self) -> dict[str, float]:
        """Since when sweeps have not seen the VMs that have records, by key."""
        return await self._machines.keys(MISSED)

    async def note_missed(self, keys: Iterable[str]) -> None:
        """Mark these VMs as no longer seen by sweeps."""
        await self._machines.write_all(MISSED, [RowChange(key, "{}") for key in keys])

    async def forget_missed(self, keys: Iterable[str]) -> None:
        """Remove the marks of VMs that are seen again or have no records left."""
        await self._machines.delete_all(MISSED, keys)

    async def forget_report_from(self, number: int) -> None:
        """Delete report pages from `number` on, left by earlier and longer reports."""
        keys = await self._reports.keys(REPORTS, first=page_key(number))
        await self._reports.delete_all(REPORTS, keys)

    async def write_report(self, page: ReportPage) -> None:
        """Write one page of a sweep's report over the page of the sweep before."""
        await self._reports.write(REPORTS, page_key(page.number), "{}", **columns_of(page))

    async def finish_report(self, head: ReportHead) -> None:
        """Write the head of a sweep's report, which makes its pages the current report."""
        await self._reports.write(REPORTS, HEAD, serialization.text_of(head))

    async def report_head(self) -> ReportHead | None:
        """The head of the last sweep's report, or None before the first sweep; raises UnreadableRecord."""
        row = await self._reports.read(REPORTS, HEAD)
        return read_document(REPORTS, ReportHead, row) if row else None

    async def report_page(self, number: int) -> PageRead:
        """One page of the last sweep's report."""
        return page_read_of(await self._reports.read(REPORTS, page_key(number)))

    async def packed_report_page(self, number: int) -> PackedPage | None:
        """One page of the last sweep's report, not yet unpacked; None if it was never written."""
        row = await self._reports.read(REPORTS, page_key(number))
        return PackedPage(row) if row else None

    async def report_size(self, pages: int | None) -> int:
        """How many machines the first pages of the report have, or all pages; from one query, without their content."""
        last = page_key(10**PAGE_DIGITS - 1 if pages is None else pages - 1)
        if pages == 0:
            return 0
        rows = await self._reports.page(REPORTS, limit=LARGEST_PAGE, first=page_key(0), until=last, select=(ROWS,))
        return sum(int(row.columns.get(ROWS, "0")) for row in rows.rows)


async def _changed(
    table: Table, partition: str, key: str, change: Callable[[Row | None], T], document_of: Callable[[T], str]
) -> T:
    for _ in range(TRIES):
        row = await table.read(partition, key)
        changed = change(row)
        document = document_of(changed)
        if await (table.replace(partition, key, document, row.etag) if row else table.insert(partition, key, document)):
            return changed
    raise ConcurrentChange(f"The record of machine {key} was modified concurrently {TRIES} times; retry.")


def _memory_in(row: Row) -> TrackedMachine:
    return read_document(MACHINES, TrackedMachine, row)


def _document(record: AgentRecord) -> str:
    first, text = timeseries_codec.packed(record.minutes, len(record.names))
    return serialization.text_of(StoredHeartbeat(replace(record, minutes={}), first, text))


def agent_record_in(row: Row, since: int = 0) -> AgentRecord:
    """The agent record in a row, with only its minutes since `since`, to limit the memory of a thousand records.

    Raises UnreadableRecord.
    """

    def heard(row: Row) -> AgentRecord:
        known = serialization.read_text(StoredHeartbeat, row.document)
        return replace(
            known.record, minutes=timeseries_codec.unpacked(known.first, known.minutes, len(known.record.names), since)
        )

    return read(HEARTBEATS, row, heard)


def _heard_of_late(row: Row, now: float) -> AgentRecord | None:
    try:
        return agent_record_in(row)
    except UnreadableRecord:
        if now - row.written_at < KEPT_MINUTES * MINUTE:
            raise
        return None
