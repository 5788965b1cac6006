"""The list of machines: narrowed and sorted over the whole report, of which only the rows on the page are decoded."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from dormouse import serialization
from dormouse.clock import rfc3339
from dormouse.errors import UnreadableRecord
from dormouse.idle.report import ReportRow
from dormouse.records.report_pages import PackedPage
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.idle.report import ReportReader, machine_views, open_report, some_rows
from dormouse.services.lists.selection import Chosen, Entry, Selection, Value, page_of
from dormouse.services.views.machines import IdleReport

TEXTS = ("name", "environment", "owner", "blueprint", "region", "size", "state", "verdict")
NUMBERS = ("since", "next_action_at", "hours_asleep", "saved_amount")
SORTS = (*TEXTS, *NUMBERS)
SEARCHED = ("name", "id", "environment", "owner", "size")
ALL = Selection()
AT_ONCE = 8  # pages that are read side by side

Place: TypeAlias = tuple[int, int]  # page and row


async def list_machines(
    report: ReportReader, dependencies: Dependencies, *, limit: int, after: str, selection: Selection = ALL
) -> Chosen[ReportRow]:
    """Some machines of the report, by resource ID unless asked otherwise; raises InvalidRequest for a strange cursor.

    With a filter or an order every page is read, one row of a table for 1,000 machines, and stays packed in memory.
    """
    if not selection.narrows and not selection.sort:
        rows, following = await some_rows(report, dependencies, limit=limit, after=after)
        pages_shown = None if report.head.blind else report.head.pages
        return Chosen(rows, following, await dependencies.machines.report_size(pages_shown))
    pages = await _pages(report, dependencies)
    entries = (entry for number, page in pages.items() for entry in _entries(number, page, selection, report))
    chosen = page_of(entries, selection.sort, limit=limit, after=after)
    return Chosen(_decoded(chosen.items, pages, report), chosen.after, chosen.total)


def is_chosen(row: ReportRow, selection: Selection) -> bool:
    """Whether a row passes the filters and the search."""
    return selection.allows(lambda column: str(getattr(row, column)), (str(getattr(row, name)) for name in SEARCHED))


async def show_report(limit: int, after: str, context: Context, selection: Selection = ALL) -> tuple[IdleReport, str]:
    """What the last sweep found, with at most `limit` of the machines asked for, and the cursor of the next ones."""
    report = await open_report(context.dependencies)
    chosen = await list_machines(report, context.dependencies, limit=limit, after=after, selection=selection)
    head, machines = report.head, machine_views(chosen.items, context)
    problems = report.all_problems
    view = IdleReport(
        head.sweep or None,
        head.dry_run,
        report.as_of,
        report.complete,
        problems,
        head.summary,
        machines,
        None,
        chosen.total,
    )
    return view, chosen.after


async def _pages(report: ReportReader, dependencies: Dependencies) -> dict[int, PackedPage]:
    """Every page of the report, packed; after a sweep that failed, all that an earlier one has written."""
    found: dict[int, PackedPage] = {}
    begin, pages = 0, report.head.pages
    while begin < pages or report.head.blind:
        last = begin + AT_ONCE if report.head.blind else min(begin + AT_ONCE, pages)
        read = await asyncio.gather(*(dependencies.machines.packed_report_page(number) for number in range(begin, last)))
        found |= {begin + place: page for place, page in enumerate(read) if page is not None}
        if report.head.blind and None in read:
            break
        begin = last
    return found


def _entries(number: int, page: PackedPage, selection: Selection, report: ReportReader) -> Iterator[Entry[Place]]:
    try:
        content = page.content()
    except UnreadableRecord as error:
        report.note_missing_page(number, str(error))
        return
    rows: list[dict[str, Any]] = content["rows"]
    report.note_old_page(number, content["sweep"], content["judged_at"], len(rows))
    for place, row in enumerate(rows):
        if selection.allows(row.get, (row.get(name) for name in SEARCHED)):
            yield Entry(_value(row, selection.column), row["id"], (number, place))


def _value(row: Mapping[str, Any], column: str) -> Value:
    """What a row is sorted by; None where it has nothing of it, which rows write as "" or 0.0."""
    value: Value = row.get(column) if column else row["id"]
    return None if column in ("since", "next_action_at") and not value else value if value != "" else None


def _decoded(places: Iterable[Place], pages: Mapping[int, PackedPage], report: ReportReader) -> list[ReportRow]:
    contents: dict[int, dict[str, Any]] = {}
    rows = []
    for number, place in places:
        if number not in contents:
            contents[number] = pages[number].content()
        content = contents[number]
        row = serialization.decode(ReportRow, content["rows"][place])
        old = report.is_old(content["sweep"], content["judged_at"])
        rows.append(replace(row, as_of=rfc3339(content["judged_at"]), stale=old))
    return rows
