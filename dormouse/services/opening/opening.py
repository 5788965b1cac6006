"""The way into an environment: what its open link, scripts and the CLI ask, and the start that they send."""

from contextlib import suppress
from dataclasses import replace

from activities.resources.environments import EnvironmentObservation, has_power
from dormouse.access.roles import Caller, Channel, Permission, require_own, require_permission
from dormouse.clock import DAY, moment_text
from dormouse.environments.opening import Phase, SeenBoot, health_of, last_power_change, phase_of, usual_seconds
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import CommandNotPossible, NotAllowed, OperationNotFound
from dormouse.ids import verb_of
from dormouse.lifecycle import State, Verb, require
from dormouse.services import operation_log
from dormouse.services.context import Context
from dormouse.services.costs.environment_costs import Memory, memories_of, spent_today
from dormouse.services.environments import known_environment, set_power
from dormouse.services.idle.keeping import pool_sleeps
from dormouse.services.locks import running_operation
from dormouse.services.operations import Started
from dormouse.services.views.environments import EnvironmentView, environment_view_of
from dormouse.services.views.opening import ObstacleView, OpeningView, WayInView
from dormouse.services.views.operations import OperationView
from dormouse.services.views.previews import PowerPreview

# What is older tells little about the next start, and reading it takes long where there are many environments.
LAST_OPERATIONS, LOOKS_BACK = 10, 30 * DAY
TEXTS = {
    Phase.ASLEEP: "{name} is asleep; its computing is not billed.",
    Phase.STARTING: "{name} is being started.",
    Phase.READY: "{name} is ready: it runs, and every health check has passed.",
    Phase.UNCHECKED: "{name} runs, but was not started here, so nothing has checked it since it booted.",
    Phase.UNHEALTHY: "{name} runs and is billed, but its last health checks failed.",
    Phase.BUSY: "{name} is busy. It can be started when that has ended.",
    Phase.UNAVAILABLE: "{name} cannot be used: it is {state}.",
}
ASLEEP_TEXTS = {
    State.STOPPED_BILLED: "{name} was shut down from inside and does not run, but its computing is still billed.",
    State.PARTIAL: "A part of {name} is stopped; what runs is billed.",
}
LEASE_OVER = "Its lease ended at {at}. Extend it, or a sweep will {then} the environment again after a warning."
OVER_BUDGET = "{why} If you start it, it is stopped again after some hours in which it is not held, when it is not in use."
NOT_BUILT = "Its last build did not succeed; apply its spec again if something is missing."
BEING_DELETED = "{name} is being deleted."


async def show_opening(name: str, context: Context) -> OpeningView:
    """How far an environment is on the way to being used, as Azure shows it now; raises EnvironmentNotFound."""
    client, dependencies = context.client, context.dependencies
    record = await known_environment(name, dependencies)
    seen = await dependencies.environments.observe(record)
    busy = await running_operation(client, dependencies.records, name, dependencies.now())
    since = dependencies.now() - LOOKS_BACK
    known, _ = await dependencies.records.operations(limit=LAST_OPERATIONS, environment=name, since=since)
    memory = (await memories_of([record], dependencies))[name]
    view = await environment_view_of(record, seen, busy, dependencies, memory)
    last = last_power_change(known)
    health = health_of(record, last, _boots(memory))
    running = verb_of(busy) if busy else None
    phase = phase_of(seen.state, running, health)
    wakes = phase is Phase.ASLEEP or (not busy and await pool_sleeps(record, dependencies))
    hindered = wakes or phase in (Phase.BUSY, Phase.UNAVAILABLE)
    obstacle = _obstacle(record, seen, busy, context.caller) if hindered else None
    spent, hours = spent_today(name, memory)
    return OpeningView(
        name=name,
        blueprint=record.blueprint,
        owner=record.owner,
        phase=phase,
        text=_text(name, phase, view, running),
        state=view.state,
        may_start=wakes and obstacle is None,
        obstacle=obstacle,
        warnings=start_warnings(record, memory, dependencies.now()) if wakes else (),
        price_per_hour=view.price_per_hour,
        price_asleep_per_hour=view.price_asleep_per_hour,
        spent_today=spent,
        hours_today=hours,
        usual_seconds=usual_seconds(known),
        operation=await _operation(busy, last, context),
        ways_in=tuple(WayInView.of(one, ready=phase is Phase.READY) for one in view.endpoints),
        hold=view.hold,
        lease=view.lease,
        next=view.next,
        problem=view.problem,
        observed_at=str(view.observed_at),
    )


async def open_environment(name: str, context: Context, *, dry_run: bool) -> Started | OpeningView | PowerPreview:
    """Start an environment for someone who came by its open link; the trail says so. One that runs is shown as it is.

    Raises what a start raises: EnvironmentNotFound, NotAllowed, EnvironmentBusy or CommandNotPossible.
    """
    came = replace(context, caller=replace(context.caller, channel=Channel.LINK))
    begun = await set_power(name, Verb.START, came, dry_run=dry_run)
    return await show_opening(name, context) if isinstance(begun, EnvironmentView) else begun


def _boots(memory: Memory) -> list[SeenBoot]:
    """Since when its machines run, as sweeps have seen it."""
    return [SeenBoot(one.state_since, one.first_seen) for one in memory.machines if one.state is State.RUNNING]


def _text(name: str, phase: Phase, view: EnvironmentView, running: Verb | None) -> str:
    if running is Verb.DELETE:
        return BEING_DELETED.format(name=name)
    words = ASLEEP_TEXTS.get(view.state, TEXTS[phase]) if phase is Phase.ASLEEP else TEXTS[phase]
    return words.format(name=name, state=view.state.replace("_", " "))


def _obstacle(record: EnvironmentRecord, seen: EnvironmentObservation, busy: str, caller: Caller) -> ObstacleView | None:
    """What prevents a start, in the order in which a start would find it."""
    try:
        require_permission(caller, Permission.OWN)
        require_own(caller, record.owner_id)
    except NotAllowed as error:
        return ObstacleView("role", str(error))
    if busy:
        return ObstacleView("busy", f"Operation {busy} is running on {record.name}; wait until it has ended.")
    powered = has_power(record.resources)
    try:
        require(seen.state, Verb.START, subject=record.name, has_power=powered)
    except CommandNotPossible as error:
        return ObstacleView("state" if powered else "no_power", str(error))
    return None


def start_warnings(record: EnvironmentRecord, memory: Memory, now: float) -> tuple[str, ...]:
    """What to know before an environment is started, in sentences."""
    lease = memory.first.lease if memory.first else None
    over = lease is not None and lease.until <= now
    ended = LEASE_OVER.format(at=moment_text(lease.until), then=lease.then) if lease and over else ""
    spent = OVER_BUDGET.format(why=memory.overspent.text) if memory.overspent else ""
    return tuple(filter(None, (ended, spent, "" if record.ready else NOT_BUILT)))


async def _operation(busy: str, last: OperationRecord | None, context: Context) -> OperationView | None:
    """The running operation, or the last power change if it did not succeed."""
    if busy:
        with suppress(OperationNotFound):  # its lock is written before its record
            return await operation_log.show(busy, context)
        return None
    if last is None or last.outcome is None or last.outcome.status is OutcomeStatus.SUCCEEDED:
        return None
    return await operation_log.show(last.id, context)
