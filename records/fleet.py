"""The fleet's records: what agents tell, what the sweep remembers of each machine, and what it last found."""

import base64
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import wire
from environments.errors import CloudUnavailable
from environments.heartbeats import AgentRecord
from environments.memory import MachineMemory
from environments.reports import ReportHead, ReportPage
from records import minutes
from records.table import Row, Table, TableService
from records.transactions import NEW, Change

HEARTBEATS, MACHINES, REPORTS = "heartbeats", "machines", "reports"
HEAD = "head"
# A property holds 32,767 characters. https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
LONGEST_TEXT = 30_000
TRIES = 6
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Remembered:
    """The memory of a machine, and the tag that tells whether it has changed since it was read."""

    memory: MachineMemory
    etag: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known from an agent as it is written down: its minutes packed, and the place of the first of them."""

    record: AgentRecord
    first: int
    minutes: str


class FleetRecords:
    """Everything that is remembered of machines, over one table service."""

    def __init__(self, service: TableService) -> None:
        """Use the tables of this service, which are created when first missed."""
        self._heartbeats = Table(service, HEARTBEATS)
        self._machines = Table(service, MACHINES)
        self._reports = Table(service, REPORTS)

    async def heard(self, key: str) -> AgentRecord | None:
        """What the agent of a machine has told, or None."""
        row = await self._heartbeats.read(HEARTBEATS, key)
        return heard_in(row) if row else None

    async def heard_between(self, first: str, last: str) -> dict[str, Row]:
        """What the agents of machines between two keys have told, by key, to be read by `heard_in` one by one."""
        return {row.key: row for row in await self._heartbeats.range(HEARTBEATS, first, last)}

    async def change_heard(self, key: str, change: Callable[[AgentRecord | None], AgentRecord]) -> AgentRecord:
        """Change what is known from an agent, again if somebody else changes it meanwhile; raises CloudUnavailable."""
        return await _changed(
            self._heartbeats, HEARTBEATS, key, lambda row: change(heard_in(row) if row else None), _document
        )

    async def forget_heard(self, key: str) -> None:
        """Forget what an agent has told: there is none any more."""
        await self._heartbeats.delete(HEARTBEATS, key)

    async def memory(self, key: str) -> MachineMemory | None:
        """What is remembered of a machine, or None."""
        row = await self._machines.read(MACHINES, key)
        return _memory_in(row) if row else None

    async def remembered(self, key: str) -> Remembered | None:
        """What is remembered of a machine and the tag of its row, or None."""
        row = await self._machines.read(MACHINES, key)
        return Remembered(_memory_in(row), row.etag) if row else None

    async def memories_between(self, first: str, last: str) -> dict[str, Remembered]:
        """What is remembered of machines between two keys, by key."""
        rows = await self._machines.range(MACHINES, first, last)
        return {row.key: Remembered(_memory_in(row), row.etag) for row in rows}

    async def write_memories(self, changed: Mapping[str, tuple[MachineMemory, str]]) -> None:
        """Write memories by key, each with the tag it was read with; who was faster with one of them wins."""
        await self._machines.write_all(
            MACHINES, [Change(key, wire.text_of(memory), etag or NEW) for key, (memory, etag) in changed.items()]
        )

    async def change_memory(self, key: str, change: Callable[[MachineMemory | None], MachineMemory]) -> MachineMemory:
        """Change what is remembered of a machine, again if somebody else changes it meanwhile; raises CloudUnavailable."""
        return await _changed(
            self._machines, MACHINES, key, lambda row: change(_memory_in(row) if row else None), wire.text_of
        )

    async def forget(self, key: str) -> None:
        """Forget everything about a machine that is gone."""
        await self.forget_heard(key)
        await self._machines.delete(MACHINES, key)

    async def write_report(self, page: ReportPage) -> None:
        """Write one page of what a sweep has found, in the place of the page of the sweep before."""
        text = _packed(wire.text_of(page))
        parts = {
            f"Part{number:03}": text[begin : begin + LONGEST_TEXT]
            for number, begin in enumerate(range(0, len(text), LONGEST_TEXT))
        }
        await self._reports.write(REPORTS, _page_key(page.number), "{}", **parts)

    async def finish_report(self, head: ReportHead) -> None:
        """Write what a sweep has found as a whole: now its pages are the report."""
        await self._reports.write(REPORTS, HEAD, wire.text_of(head))

    async def report_head(self) -> ReportHead | None:
        """What the last sweep has found as a whole, or None before the first one."""
        row = await self._reports.read(REPORTS, HEAD)
        return wire.read_text(ReportHead, row.document) if row else None

    async def report_page(self, number: int) -> ReportPage | None:
        """One page of what the last sweep has found, or None."""
        row = await self._reports.read(REPORTS, _page_key(number))
        if row is None:
            return None
        text = "".join(row.columns[name] for name in sorted(row.columns) if name.startswith("Part"))
        return wire.read_text(ReportPage, _text(text))


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


def _memory_in(row: Row) -> MachineMemory:
    return wire.read_text(MachineMemory, row.document)


def _page_key(number: int) -> str:
    return f"page-{number:05}"


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _text(packed: str) -> str:
    return zlib.decompress(base64.b64decode(packed)).decode()


def _document(record: AgentRecord) -> str:
    first, text = minutes.packed(record.minutes, len(record.names))
    return wire.text_of(Heard(replace(record, minutes={}), first, text))


def heard_in(row: Row, since: int = 0) -> AgentRecord:
    """What an agent has told, of the minutes from a place on: a thousand whole records would fill the memory."""
    heard = wire.read_text(Heard, row.document)
    return replace(heard.record, minutes=minutes.unpacked(heard.first, heard.minutes, len(heard.record.names), since))
