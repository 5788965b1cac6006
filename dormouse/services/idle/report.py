"""The report of the last sweep; missing or outdated parts are reported, never shown as empty."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace

from dormouse.clock import HOUR, moment_text, rfc3339
from dormouse.errors import InvalidRequest
from dormouse.idle.report import ReportHead, ReportPage, ReportRow, SweepSummary
from dormouse.resources.compute.machines import ROWS_PER_PAGE
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.views.machines import MachineView
from dormouse.services.views.rights import may_with_machine
from dormouse.services.views.schema import moment
from dormouse.services.views.upcoming import next_steps_of
from dormouse.text.limits import MOST_PROBLEMS, first_of

# Sweeps come every five minutes.
LATE = HOUR
NONE_YET = "No sweep has ended yet."


LONGEST_NUMBER = 9


@dataclass(slots=True)
class ReportReader:
    """One reading of the report: its head, and what was found wrong with it so far."""

    head: ReportHead
    problems: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether the report is that of a sweep that saw everything, as far as it has been read."""
        return bool(self.head.sweep) and not self.head.blind and not self.problems

    @property
    def as_of(self) -> str | None:
        """When the sweep ended, as RFC 3339 text; None before the first one."""
        return moment(self.head.ended_at)

    @property
    def all_problems(self) -> tuple[str, ...]:
        """What the report does not show, or shows as an earlier sweep saw it."""
        seen = self.head.summary.problems if self.head.blind or not self.head.sweep else ()
        return first_of((*self.problems, *seen), MOST_PROBLEMS)

    def is_old(self, sweep: str, judged_at: float) -> bool:
        """Whether a page is from before the last sweep; pages of one that is under way are newer than the report."""
        return sweep != self.head.sweep and judged_at < self.head.began_at

    def note_missing_page(self, number: int, why: str) -> None:
        """Remember that a page cannot be read."""
        self.problems.append(f"Machines of page {number} are missing here. {why}.")

    def note_old_page(self, number: int, sweep: str, judged_at: float, machines: int) -> None:
        """Remember that the last sweep did not see a page, if it is so."""
        if machines and self.is_old(sweep, judged_at):
            seen = f"{machines} machines of page {number} are shown as they were at {moment_text(judged_at)}"
            self.problems.append(f"{seen}: the last sweep did not see them. Some of them may be gone.")


async def open_report(dependencies: Dependencies) -> ReportReader:
    """Begin to read the report; raises UnreadableRecord if its head cannot be read."""
    head = await dependencies.machines.report_head()
    if head is None:
        return ReportReader(ReportHead("", False, 0.0, 0.0, 0, SweepSummary(problems=(NONE_YET,))))
    late = dependencies.now() - head.ended_at > LATE
    return ReportReader(
        head, [f"The last sweep ended at {moment_text(head.ended_at)}; since then none has."] if late else []
    )


def machine_views(rows: Iterable[ReportRow], context: Context) -> tuple[MachineView, ...]:
    """Rows of the report as this caller sees them."""
    now, settings = context.dependencies.now(), context.dependencies.settings
    return tuple(
        MachineView.of(row, next_steps_of(row, now, settings), may_with_machine(context.caller, adopted=not row.environment))
        for row in rows
    )


async def some_rows(
    report: ReportReader, dependencies: Dependencies, *, limit: int, after: str
) -> tuple[tuple[ReportRow, ...], str]:
    """At most `limit` rows after a cursor, in the order of their IDs, and the cursor of the next ones.

    Raises InvalidRequest for a strange cursor.
    """
    begin = int(after) if after.isascii() and after.isdigit() and len(after) <= LONGEST_NUMBER else 0
    if after and not begin:
        raise InvalidRequest("The cursor does not come from this list.")
    found: list[ReportRow] = []
    async for number, row in rows_of(report, dependencies, begin):
        if len(found) == limit:
            return tuple(found), str(number)
        found.append(row)
    return tuple(found), ""


async def rows_of(report: ReportReader, dependencies: Dependencies, begin: int = 0) -> AsyncIterator[tuple[int, ReportRow]]:
    """Every line from a number on, with its number; each line says as of when it is.

    Lines of a page that the last sweep did not see are as an earlier one saw them. After a sweep that failed, all pages are
    read that an earlier one has written.
    """
    number = begin // ROWS_PER_PAGE
    while number < report.head.pages or report.head.blind:
        page = await dependencies.machines.report_page(number)
        if page.problem:
            report.note_missing_page(number, page.problem)
        if page.content is None and number >= report.head.pages:
            return
        for place, line in enumerate(_lines(page.content, report)):
            if number * ROWS_PER_PAGE + place >= begin:
                yield number * ROWS_PER_PAGE + place, line
        number += 1


def _lines(page: ReportPage | None, report: ReportReader) -> list[ReportRow]:
    if page is None:
        return []
    report.note_old_page(page.number, page.sweep, page.judged_at, len(page.rows))
    old = report.is_old(page.sweep, page.judged_at)
    return [replace(line, as_of=rfc3339(page.judged_at), stale=old) for line in page.rows]
