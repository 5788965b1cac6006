"""The use case of reporters: what they say of the activity of machines is recorded, and keeps them awake until it ends."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from dormouse.access.roles import Caller, Channel, may_report_on
from dormouse.environments.operations import EnvironmentRecord
from dormouse.errors import ConcurrentChange, MachineNotFound, NotAllowed
from dormouse.idle.outside.reports import ActivityReport, with_report
from dormouse.idle.outside.requests import ActivityRequest
from dormouse.idle.targets import target_ids, target_key
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import State
from dormouse.records.documents import Documents
from dormouse.records.machines import MachineRecords, StoredMachine
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.views.activity import ActivityResult, ReportResult, Status
from dormouse.services.views.schema import moment
from dormouse.text.limits import first_of

READ_ONE_BY_ONE = 20
MOST_NAMED = 20
TRIES = 6


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports: a key that no other reporter has, a name for people, and the caller (None: it has signed its report)."""

    key: str
    name: str
    caller: Caller | None = None

    def may_report_on(self, owner_id: str) -> bool:
        """Whether it may report about something that has this owner."""
        return self.caller is None or may_report_on(self.caller, owner_id)


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one machine: until when it is busy (0.0: no longer), and why; `new`: an environment names it."""

    machine: str
    until: float
    reason: str
    new: bool


@dataclass(slots=True)
class Recording:
    """What came of writing down reports: results by key, unknown machines, and the keys of concurrent changes."""

    found: dict[str, ReportResult] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    conflicts: set[str] = field(default_factory=set)


Reports = dict[str, Said]


def reporter_of(caller: Caller) -> Reporter:
    """A caller of the API as a reporter; everyone who has the function key is the same one."""
    key = caller.object_id if caller.channel is Channel.TOKEN else caller.name
    return Reporter(f"{caller.channel}:{key}", caller.name, caller)


def signed_reporter(name: str) -> Reporter:
    """The reporter that a signed message names."""
    return Reporter(f"signed:{name}", name)


async def report_activity(
    asked: ActivityRequest, reporter: Reporter, at: float, context: Context, *, dry_run: bool
) -> ActivityResult:
    """Record what a reporter says at a moment; all that is known is recorded, and the rest is named.

    Raises NotAllowed if anything belongs to others, MachineNotFound if nothing is known, and ConcurrentChange, after which
    the same request may be sent again.
    """
    left, unknown = await _resolved(asked, reporter, context.dependencies)
    found: dict[str, ReportResult] = {}
    for _ in range(TRIES):
        recording = await _record(left, reporter, at, context.dependencies, dry_run=dry_run)
        found |= recording.found
        unknown += recording.unknown
        left = {key: left[key] for key in recording.conflicts}
        if not left:
            break
    else:
        raise ConcurrentChange(f"{len(left)} machines were modified concurrently; send the same reports again.")
    if not found:
        raise MachineNotFound(f"Nothing was recorded, because no sweep has seen {_named(unknown)}.")
    return ActivityResult(tuple(found[key] for key in sorted(found)), tuple(dict.fromkeys(unknown)))


async def _resolved(asked: ActivityRequest, reporter: Reporter, dependencies: Dependencies) -> tuple[Reports, list[str]]:
    """What was said of each machine, by its key, and the environments that are unknown or have no machine."""
    records = await _environments(asked, reporter, dependencies)
    owners = {key: record.owner_id for record in records.values() for key in map(target_key, target_ids(record.resources))}
    now, said, unknown = dependencies.now(), Reports(), list[str]()
    foreign = list[str]()
    for item in asked.reports:
        record = records.get(item.environment or "")
        owner = record.owner_id if record else owners.get(target_key(item.machine), "") if item.machine else ""
        if not reporter.may_report_on(owner):
            foreign.append(item.machine or str(item.environment))
            continue
        machines = [item.machine] if item.machine else target_ids(record.resources) if record else ()
        unknown += [] if machines else [str(item.environment)]
        for machine in machines:
            one, key = Said(machine, item.until(now), item.reason, new=item.machine is None), target_key(machine)
            known = said.get(key, one)  # of two statements about one machine, the one that keeps it awake for longer counts
            said[key] = replace(max(known, one, key=lambda each: each.until), new=known.new or one.new)
    if foreign:
        raise NotAllowed(f"Your role allows reports about your own environments only, and not about {_named(foreign)}.")
    return said, unknown


async def _environments(
    asked: ActivityRequest, reporter: Reporter, dependencies: Dependencies
) -> dict[str, EnvironmentRecord]:
    """The environments that reports are about, by name; all of them if ownership decides or many are named."""
    names = {item.environment for item in asked.reports if item.environment}
    if len(names) > READ_ONE_BY_ONE or not reporter.may_report_on(""):
        return {record.name: record for record in await dependencies.records.all_environments()}
    found = await asyncio.gather(*map(dependencies.records.environment, sorted(names)))
    return {record.name: record for record in found if record is not None}


async def _record(said: Reports, reporter: Reporter, at: float, dependencies: Dependencies, *, dry_run: bool) -> Recording:
    """Write down what was said, as far as no other change comes between."""
    stored, now = await _stored(said, dependencies.machines), dependencies.now()
    ends = now + dependencies.settings.longest_activity.total_seconds()
    recording = Recording()
    changed: dict[str, tuple[TrackedMachine, str]] = {}
    for key, one in said.items():
        if key in stored.unreadable:
            recording.found[key] = ReportResult(one.machine, "unreadable", None, shortened=False)
            continue
        known = stored.readable.get(key)
        if known is None and not one.new:
            recording.unknown.append(one.machine)
            continue
        tracked = known.tracked if known else TrackedMachine(one.machine, now, State.UNKNOWN, now)
        report = ActivityReport(reporter.key, reporter.name, min(one.until, ends), one.reason, at)
        after = replace(tracked, reports=with_report(tracked.reports, report, now))
        own = next((each for each in after.reports if each.reporter == reporter.key), report)
        news = own == report and report not in tracked.reports
        status: Status = ("recorded" if report.until else "withdrawn") if news else "unchanged"
        recording.found[key] = ReportResult(tracked.id, status, moment(own.until), shortened=one.until > ends)
        if news:
            changed[key] = (after, known.etag if known else "")
    if changed and not dry_run:
        recording.conflicts |= await dependencies.machines.write_tracked(changed)
    return recording


async def _stored(keys: Iterable[str], machines: MachineRecords) -> Documents[StoredMachine]:
    """The tracked states of some machines by key: read one by one, or as a range if there are many."""
    wanted = sorted(keys)
    if len(wanted) > READ_ONE_BY_ONE:
        return await machines.tracked_between(wanted[0], wanted[-1])
    return await machines.tracked_among(wanted)


def _named(names: Sequence[str]) -> str:
    return ", ".join(first_of(names, MOST_NAMED))
