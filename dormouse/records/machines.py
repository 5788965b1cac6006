"""The fleet's records: what agents tell, what the sweep remembers of each machine, and what it last found."""

import asyncio
import base64
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from dormouse import serialization
from dormouse.clock import MINUTE
from dormouse.errors import CloudUnavailable, UnreadableRecord
from dormouse.idle.heartbeat import KEPT_MINUTES, AgentRecord
from dormouse.idle.report import ReportHead, ReportPage
from dormouse.idle.tracking import TrackedMachine
from dormouse.records import timeseries_codec
from dormouse.records.documents import Documents, read, read_document, read_each
from dormouse.records.table import Row, Table, TableService
from dormouse.records.transactions import NEW, Change, parts_of, text_in

HEARTBEATS, MACHINES, REPORTS = "heartbeats", "machines", "reports"
HEAD, PART, MISSED = "head", "Part", "missed"
TRIES = 6
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredMachine:
    """The memory of a machine, and the tag that tells whether it has changed since it was read."""

    tracked: TrackedMachine
    etag: str


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page of the report, or why it cannot be read; neither where it was never written."""

    content: ReportPage | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StoredHeartbeat:
    """What is known from an agent as it is written down: its minutes packed, and the place of the first of them."""

    record: AgentRecord
    first: int
    minutes: str


class MachineRecords:
    """Everything that is remembered of machines, over one table service."""

    def __init__(self, service: TableService) -> None:
        """Use the tables of this service, which are created when first missed."""
        self._heartbeats = Table(service, HEARTBEATS)
        self._machines = Table(service, MACHINES)
        self._reports = Table(service, REPORTS)

    async def heard(self, key: str) -> AgentRecord | None:
        """What the agent of a machine has told, or None."""
        row = await self._heartbeats.read(HEARTBEATS, key)
        return agent_record_in(row) if row else None

    async def heard_between(self, first: str, last: str) -> dict[str, Row]:
        """The rows of agents between two keys, by key; `agent_record_in` reads one and raises UnreadableRecord."""
        return {row.key: row for row in await self._heartbeats.range(HEARTBEATS, first, last)}

    async def change_heard(self, key: str, change: Callable[[AgentRecord | None], AgentRecord], now: float) -> AgentRecord:
        """Change what is known from an agent; raises CloudUnavailable, and UnreadableRecord where that would lose something.

        A row that cannot be read is replaced once everything in it is too old to matter to any release.
        """
        return await _changed(
            self._heartbeats, HEARTBEATS, key, lambda row: change(_heard_of_late(row, now) if row else None), _document
        )

    async def forget_heard(self, key: str) -> None:
        """Forget what an agent has told: there is none any more."""
        await self._heartbeats.delete(HEARTBEATS, key)

    async def tracked(self, key: str) -> TrackedMachine | None:
        """What is remembered of a machine, or None."""
        row = await self._machines.read(MACHINES, key)
        return _memory_in(row) if row else None

    async def tracked_with_etag(self, key: str) -> StoredMachine | None:
        """What is remembered of a machine and the tag of its row, or None; raises UnreadableRecord."""
        row = await self._machines.read(MACHINES, key)
        return StoredMachine(_memory_in(row), row.etag) if row else None

    async def tracked_between(self, first: str, last: str) -> Documents[StoredMachine]:
        """What is remembered of machines between two keys, by key; `unreadable` says which rows must be left as they are."""
        rows = await self._machines.range(MACHINES, first, last)
        return read_each(MACHINES, rows, lambda row: StoredMachine(_memory_in(row), row.etag))

    async def write_tracked(self, changed: Mapping[str, tuple[TrackedMachine, str]]) -> None:
        """Write memories by key, each with the tag it was read with; who was faster with one of them wins."""
        await self._machines.write_all(
            MACHINES, [Change(key, serialization.text_of(memory), etag or NEW) for key, (memory, etag) in changed.items()]
        )

    async def change_tracked(self, key: str, change: Callable[[TrackedMachine | None], TrackedMachine]) -> TrackedMachine:
        """Change what is remembered of a machine, on its newest state; raises CloudUnavailable and UnreadableRecord."""
        return await _changed(
            self._machines, MACHINES, key, lambda row: change(_memory_in(row) if row else None), serialization.text_of
        )

    async def forget(self, key: str) -> None:
        """Forget everything about a machine that is gone."""
        await self.forget_heard(key)
        await self._machines.delete(MACHINES, key)

    async def tracked_keys(self) -> dict[str, float]:
        """The keys of all machines of which anything is remembered, and when that last changed; unreadable rows too."""
        memories, heard = await asyncio.gather(self._machines.keys(MACHINES), self._heartbeats.keys(HEARTBEATS))
        return {key: max(memories.get(key, 0.0), heard.get(key, 0.0)) for key in memories.keys() | heard.keys()}

    async def missed(self) -> dict[str, float]:
        """Since when sweeps have not seen machines that are remembered, by key."""
        return await self._machines.keys(MISSED)

    async def note_missed(self, keys: Iterable[str]) -> None:
        """Note that sweeps do not see these machines any more."""
        await self._machines.write_all(MISSED, [Change(key, "{}") for key in keys])

    async def forget_missed(self, keys: Iterable[str]) -> None:
        """Forget that these machines were missed: they are seen again, or nothing is left of them."""
        await self._machines.delete_all(MISSED, keys)

    async def forget_report_from(self, number: int) -> None:
        """Forget the pages of earlier reports that had more pages."""
        keys = await self._reports.keys(REPORTS, first=_page_key(number))
        await self._reports.delete_all(REPORTS, keys)

    async def write_report(self, page: ReportPage) -> None:
        """Write one page of what a sweep has found, in the place of the page of the sweep before."""
        parts = parts_of(PART, _packed(serialization.text_of(page)))
        await self._reports.write(REPORTS, _page_key(page.number), "{}", **parts)

    async def finish_report(self, head: ReportHead) -> None:
        """Write what a sweep has found as a whole: now its pages are the report."""
        await self._reports.write(REPORTS, HEAD, serialization.text_of(head))

    async def report_head(self) -> ReportHead | None:
        """What the last sweep has found as a whole, or None before the first one; raises UnreadableRecord."""
        row = await self._reports.read(REPORTS, HEAD)
        return read_document(REPORTS, ReportHead, row) if row else None

    async def report_page(self, number: int) -> PageRead:
        """One page of what the last sweep has found."""
        row = await self._reports.read(REPORTS, _page_key(number))
        try:
            return PageRead(read(REPORTS, row, _page_in) if row else None)
        except UnreadableRecord as error:
            return PageRead(problem=str(error))


async def _changed(
    table: Table, partition: str, key: str, change: Callable[[Row | None], T], document_of: Callable[[T], str]
) -> T:
    for _ in range(TRIES):
        row = await table.read(partition, key)
        changed = change(row)
        document = document_of(changed)
        if await (table.replace(partition, key, document, row.etag) if row else table.insert(partition, key, document)):
            return changed
    raise CloudUnavailable("The machine's record changes too fast; try again.")


def _memory_in(row: Row) -> TrackedMachine:
    return read_document(MACHINES, TrackedMachine, row)


def _page_in(row: Row) -> ReportPage:
    return serialization.read_text(ReportPage, _text(text_in(PART, row.columns)))


def _page_key(number: int) -> str:
    return f"page-{number:05}"


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _text(packed: str) -> str:
    return zlib.decompress(base64.b64decode(packed)).decode()


def _document(record: AgentRecord) -> str:
    first, text = timeseries_codec.packed(record.minutes, len(record.names))
    return serialization.text_of(StoredHeartbeat(replace(record, minutes={}), first, text))


def agent_record_in(row: Row, since: int = 0) -> AgentRecord:
    """What an agent has told, of the minutes from a place on: a thousand whole records would fill the memory.

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
