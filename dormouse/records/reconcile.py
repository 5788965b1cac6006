"""Records of reconciliation: its findings, its last pass, and the resources of environments that have no record any more."""

from collections.abc import Iterable, Mapping

from dormouse import serialization
from dormouse.ids import ulid_of
from dormouse.reconcile.findings import Finding
from dormouse.reconcile.passes import FormerEnvironment, PassHead
from dormouse.records.documents import Documents, read_document, read_each
from dormouse.records.table import Row, Table, TableService
from dormouse.records.transactions import RowChange

TABLE = "reconcile"
FINDINGS, FORMER, HEAD = "findings", "former", "head"
# After every key that begins with a name and a colon.
LAST = "~"


class ReconcileRecords:
    """The records of reconciliation in one table service."""

    def __init__(self, service: TableService) -> None:
        """Use the table of this service, which is created on first use."""
        self._table = Table(service, TABLE)

    async def findings(self) -> Documents[Finding]:
        """The findings of the last pass, by key; what this release cannot read is listed as such."""
        rows: list[Row] = []
        after = ""
        while True:
            page = await self._table.page(FINDINGS, limit=1000, after=after)
            rows += page.rows
            if not (after := page.after):
                return read_each(TABLE, rows, _finding_in)

    async def finding(self, key: str) -> Finding | None:
        """One finding, or None."""
        row = await self._table.read(FINDINGS, key)
        return _finding_in(row) if row else None

    async def write_findings(self, findings: Mapping[str, Finding]) -> None:
        """Write findings by key; safe to repeat."""
        await self._table.write_all(FINDINGS, [RowChange(key, serialization.text_of(one)) for key, one in findings.items()])

    async def forget_findings(self, keys: Iterable[str]) -> None:
        """Delete findings that are over."""
        await self._table.delete_all(FINDINGS, keys)

    async def head(self) -> PassHead | None:
        """The last pass, or None before the first one."""
        row = await self._table.read(HEAD, HEAD)
        return read_document(TABLE, PassHead, row) if row else None

    async def write_head(self, head: PassHead) -> None:
        """Write what the last pass was."""
        await self._table.write(HEAD, HEAD, serialization.text_of(head))

    async def remember_former(self, former: FormerEnvironment) -> None:
        """Keep the resources of an environment whose record is about to be deleted; safe to repeat."""
        key = f"{former.name}:{ulid_of(former.operation)}"
        await self._table.write(FORMER, key, serialization.text_of(former))

    async def former(self, name: str) -> Documents[FormerEnvironment]:
        """The environments that had this name, oldest first; what this release cannot read is listed as such."""
        rows = await self._table.range(FORMER, f"{name}:", f"{name}:{LAST}")
        return read_each(TABLE, rows, _former_in)

    async def all_former(self) -> list[FormerEnvironment]:
        """Every environment that has ended and is remembered; those that this release cannot read are left out."""
        found: list[FormerEnvironment] = []
        after = ""
        while True:
            page = await self._table.page(FORMER, limit=1000, after=after)
            found += read_each(TABLE, page.rows, _former_in).readable.values()
            if not (after := page.after):
                return found

    async def forget_former_before(self, moment: float) -> int:
        """Delete the environments that ended before a time (seconds since 1970); returns their number."""
        written = await self._table.keys(FORMER)
        old = [key for key, at in written.items() if at < moment]
        await self._table.delete_all(FORMER, old)
        return len(old)


def _finding_in(row: Row) -> Finding:
    return read_document(TABLE, Finding, row)


def _former_in(row: Row) -> FormerEnvironment:
    return read_document(TABLE, FormerEnvironment, row)
