"""Pages of the report of a sweep, as they are stored: packed, a few hundred bytes for each machine."""

import base64
import json
import zlib
from dataclasses import dataclass
from typing import Any

from dormouse import serialization
from dormouse.errors import UnreadableRecord
from dormouse.idle.report import ReportPage
from dormouse.records.documents import read
from dormouse.records.table import Row
from dormouse.records.transactions import parts_of, text_in

REPORTS, PART, ROWS = "reports", "Part", "Rows"
PAGE_DIGITS = 5


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page of the report, or why it is unreadable; neither if it was never written."""

    content: ReportPage | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PackedPage:
    """A page of the report as it is stored: a few hundred bytes for each machine."""

    row: Row

    def content(self) -> dict[str, Any]:
        """The page as plain JSON values, in the shape of `ReportPage`; raises UnreadableRecord."""
        return read(REPORTS, self.row, _plain_page_in)


def page_read_of(row: Row | None) -> PageRead:
    """A page from its row; None if it was never written."""
    try:
        return PageRead(read(REPORTS, row, _page_in) if row else None)
    except UnreadableRecord as error:
        return PageRead(problem=str(error))


def columns_of(page: ReportPage) -> dict[str, str]:
    """The columns of the row that stores a page."""
    packed = base64.b64encode(zlib.compress(serialization.text_of(page).encode())).decode()
    return {**parts_of(PART, packed), ROWS: str(len(page.rows))}


def page_key(number: int) -> str:
    """The key of the row that stores a page."""
    return f"page-{number:0{PAGE_DIGITS}}"


def _page_in(row: Row) -> ReportPage:
    return serialization.read_text(ReportPage, _text(text_in(PART, row.columns)))


def _plain_page_in(row: Row) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(_text(text_in(PART, row.columns)))
    return {"sweep": str(content["sweep"]), "judged_at": float(content["judged_at"]), "rows": list(content["rows"])}


def _text(packed: str) -> str:
    return zlib.decompress(base64.b64decode(packed)).decode()
