"""The overview: one answer for everything that is seen at a glance, from the records and without a call of Azure."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dormouse.clock import rfc3339
from dormouse.errors import UnreadableRecord
from dormouse.idle.holds import made_inside
from dormouse.idle.report import ReportRow
from dormouse.idle.targets import target_ids, target_key
from dormouse.idle.tracking import Hold, TrackedMachine
from dormouse.lifecycle import AWAKE
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.idle.report import ReportReader, open_report, rows_of
from dormouse.services.lists.selection import Selection, page_of
from dormouse.services.locks import running_operations
from dormouse.services.overview.rows import Item, Order, counted, entry_of, items_of, matching
from dormouse.services.views.environments import spec_of
from dormouse.services.views.machines import CurrentHold, CurrentLease, MachineView
from dormouse.services.views.operations import OperationView, recorded_operation, redacted_for, running_operation_view
from dormouse.services.views.overview import Overview, OverviewRow
from dormouse.services.views.rights import Me, may_with_environment, may_with_machine
from dormouse.services.views.schema import moment
from dormouse.services.views.upcoming import next_steps, next_steps_of
from dormouse.text.limits import MOST_PROBLEMS, first_of

MOST_RUNNING, MOST_RECENT = 10, 20
ALL = Selection()
NOT_JUDGED = "No sweep has judged it yet."
NO_MACHINES = "It has no machine that could be stopped."


@dataclass(frozen=True, slots=True)
class RunningOperations:
    """The running operations by environment, and the newest of them with their steps."""

    by_environment: dict[str, str]
    views: Sequence[OperationView] = field(default=())


async def show_overview(limit: int, after: str, context: Context, selection: Selection = ALL) -> tuple[Overview, str]:
    """A page of the overview, without the URL of the next one, and the cursor of that; raises InvalidRequest."""
    dependencies, caller = context.dependencies, context.caller
    report, running = await asyncio.gather(open_report(dependencies), _running(context))
    rows, records, recent = await asyncio.gather(
        _rows(report, dependencies), dependencies.records.all_environment_documents(), _recent(context)
    )
    found = matching(items_of(records.readable.values(), rows, running.by_environment), Selection(search=selection.search))
    wanted = matching(found, selection) if selection.filters else found
    order = Order(selection.column or Order.NAME)
    chosen = page_of((entry_of(item, order) for item in wanted), selection.sort or order, limit=limit, after=after)
    tracked = await _tracked(chosen.items, dependencies)
    head = report.head
    view = Overview(
        me=Me.of(caller),
        now=rfc3339(dependencies.now()),
        sweep=head.sweep or None,
        dry_run=head.dry_run,
        as_of=report.as_of,
        complete=report.complete,
        problems=first_of((*report.all_problems, *map(str, records.unreadable.values())), MOST_PROBLEMS),
        summary=head.summary,
        total=chosen.total,
        verdicts=counted(found),
        value=tuple(_row(item, tracked, context) for item in chosen.items),
        next=None,
        running=tuple(running.views),
        running_total=len(running.by_environment),
        recent=recent,
    )
    return view, chosen.after


async def _rows(report: ReportReader, dependencies: Dependencies) -> tuple[ReportRow, ...]:
    """All rows of the report, read once per sweep."""
    cache = dependencies.report
    if cache.head != report.head:
        before = len(report.problems)
        rows = tuple([row async for _, row in rows_of(report, dependencies)])
        cache.head, cache.rows, cache.problems = report.head, rows, tuple(report.problems[before:])
    else:
        report.problems += cache.problems
    return cache.rows


async def _running(context: Context) -> RunningOperations:
    """What runs, with the steps of the newest; one question to Durable for each of these."""
    client, dependencies = context.client, context.dependencies
    found = await running_operations(client, dependencies.records, dependencies.now())
    newest = sorted(found.values(), key=lambda identifier: identifier[-26:], reverse=True)[:MOST_RUNNING]
    known = await asyncio.gather(*(_operation(identifier, context) for identifier in newest))
    return RunningOperations(found, [view for view in known if view and view.outcome is None])


async def _operation(identifier: str, context: Context) -> OperationView | None:
    dependencies = context.dependencies
    try:
        record = await dependencies.records.operation(identifier)
    except UnreadableRecord:
        return None
    if record is None or record.outcome:
        return None
    view = await running_operation_view(record, context.client, dependencies.now())
    return await redacted_for(context.caller, view, dependencies)


async def _recent(context: Context) -> tuple[OperationView, ...]:
    dependencies = context.dependencies
    records, _ = await dependencies.records.operations(limit=MOST_RECENT)
    views = [replace(recorded_operation(record), steps=()) for record in records]
    return tuple([await redacted_for(context.caller, view, dependencies) for view in views])


async def _tracked(items: Sequence[Item], dependencies: Dependencies) -> dict[str, TrackedMachine]:
    """The present records of machines, for holds and leases made after the sweep.

    One query for all environments, and one for each other machine that is awake; what sleeps is as the sweep saw it.
    """
    keys = [key for item in items if item.record for key in _keys(item)]
    others = [key for item in items if not item.record and item.state in AWAKE for key in _keys(item)]
    found = (await dependencies.machines.tracked_among(others)).readable
    if keys:
        found = {**found, **(await dependencies.machines.tracked_between(min(keys), max(keys))).readable}
    return {key: found[key].tracked for key in (*keys, *others) if key in found}


def _keys(item: Item) -> list[str]:
    return [target_key(one) for one in (target_ids(item.record.resources) if item.record else (item.id,))]


def _hold(memory: TrackedMachine | None, seen: ReportRow | None, now: float) -> Hold | None:
    """The hold that lasts longest: of the one on record now, and of one made on the machine, which only sweeps see."""
    known = [memory.hold if memory else seen.hold if seen else None]
    known += [seen.hold] if seen and made_inside(seen.hold, seen.name) else []
    return max((hold for hold in known if hold and hold.until > now), key=lambda hold: hold.until, default=None)


def _row(item: Item, tracked: dict[str, TrackedMachine], context: Context) -> OverviewRow:
    now, settings, caller = context.dependencies.now(), context.dependencies.settings, context.caller
    record, first = item.record, item.leading
    keys = _keys(item)
    memories = [tracked[key] for key in keys if key in tracked]
    memory = memories[0] if memories else None
    planned = next((one.sleep.planned for one in memories if one.sleep.planned), first.planned if first else None)
    hold = _hold(memory, first, now)
    lease = memory.lease if memory else first.lease if first else None
    schedule = str(spec_of(record)[0].get("schedule") or "") if record else first.schedule if first else ""
    if first:
        steps = next_steps_of(replace(first, hold=hold, lease=lease, planned=planned), now, settings)
    else:
        steps = next_steps(item.state, hold, lease, schedule, now, settings, planned=planned)
    machine_may = may_with_machine(caller, adopted=record is None)
    return OverviewRow(
        id=item.id,
        name=item.name,
        environment=record.name if record else None,
        blueprint=record.blueprint if record else None,
        owner=record.owner if record else None,
        region=record.region if record else first.region if first else "",
        size=first.size if first else None,
        state=item.state,
        verdict=first.verdict if first else None,
        reason=first.reason if first else NOT_JUDGED if keys else NO_MACHINES,
        since=moment(first.since) if first else None,
        next=steps,
        hold=CurrentHold.of(hold),
        lease=CurrentLease.of(lease),
        schedule=schedule or None,
        operation=item.operation or None,
        may=may_with_environment(caller, record) if record else machine_may,
        machines=tuple(MachineView.of(row, next_steps_of(row, now, settings), machine_may) for row in item.rows),
        as_of=first.as_of or None if first else None,
    )
