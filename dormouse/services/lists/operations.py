"""The list of operations: narrowed and sorted over the newest ten thousand, without reading their documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from dormouse.environments.operations import OperationRecord
from dormouse.records.operation_lists import OperationSummary
from dormouse.records.operation_rows import UnreadableOperation
from dormouse.services.context import Context
from dormouse.services.lists.selection import Entry, Selection, Value, page_of
from dormouse.services.views.operations import OperationView, recorded_operation, redacted_for

ACCEPTED_AT, RUNNING = "accepted_at", "running"
SORTS = (ACCEPTED_AT, "environment", "verb", "requested_by", "outcome")
ALL = Selection()
NEWEST_FIRST = f"-{ACCEPTED_AT}"
MOST_COUNTED = 10_000
MORE = "Only the newest {most:,} operations were looked at; narrow the list with `environment` or `since`."


@dataclass(frozen=True, slots=True)
class OperationPage:
    """Some operations, where the next ones begin ("" at the end), how many there are in all, and what was not looked at.

    The number is None if there are more than are counted.
    """

    views: Sequence[OperationView]
    after: str
    total: int | None
    problems: Sequence[str] = ()


async def list_operations(
    limit: int, after: str, context: Context, *, environment: str = "", since: float = 0.0, selection: Selection = ALL
) -> OperationPage:
    """Some operations, newest first unless asked otherwise, of one environment or all, accepted since a moment.

    `since` is in seconds since 1970. Raises InvalidRequest for a strange cursor, CloudUnavailable.
    """
    known = context.dependencies.records
    if not selection.narrows and selection.sort in ("", NEWEST_FIRST):
        records, following = await known.operations(limit=limit, after=after, environment=environment, since=since)
        counted = await known.operation_lists.count(environment=environment, since=since, limit=MOST_COUNTED)
        return OperationPage(await _views(records, context), following, counted)
    every, complete = await known.operation_lists.summaries(environment=environment, since=since, limit=MOST_COUNTED)
    entries = (
        Entry(_value(one, selection.column or ACCEPTED_AT), one.ulid, one.key)
        for one in every
        if selection.allows(partial(_value, one), _searched(one))
    )
    chosen = page_of(entries, selection.sort or NEWEST_FIRST, limit=limit, after=after)
    records, following = await known.operation_lists.at(chosen.items), chosen.after
    total = chosen.total if complete else None
    problems = () if complete else (MORE.format(most=MOST_COUNTED),)
    return OperationPage(await _views(records, context), following, total, problems)


async def _views(records: Sequence[OperationRecord | UnreadableOperation], context: Context) -> list[OperationView]:
    return [await redacted_for(context.caller, recorded_operation(one), context.dependencies) for one in records]


def _searched(one: OperationSummary) -> tuple[str, ...]:
    return (one.environment, one.verb, one.requested_by, f"{one.environment}-{one.verb}-{one.ulid}")


def _value(one: OperationSummary, column: str) -> Value:
    if column == ACCEPTED_AT:
        return one.ulid
    if column == "outcome":
        return one.outcome or RUNNING
    return str(getattr(one, column)) or None
