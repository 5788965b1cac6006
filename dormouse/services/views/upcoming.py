"""What happens next to machines, and when: the next check, stop or start, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

from dormouse.clock import MINUTE
from dormouse.idle.budgets.overspent import Overspent
from dormouse.idle.decision import NextAction
from dormouse.idle.power.history import month_of
from dormouse.idle.report import ReportRow
from dormouse.idle.schedules.schedule import next_transition, read_schedule
from dormouse.idle.stages.sleep import PlannedStage
from dormouse.idle.tracking import Hold, Lease, LeaseAction
from dormouse.lifecycle import AWAKE, SHUT_DOWN, State
from dormouse.services.views.schema import ONE, Moment, moment, schema
from dormouse.settings import Settings
from dormouse.text.doc import doc

SWEEPS_EVERY = 5 * MINUTE
CHECKED = "Stopped only if it was idle for the whole window, and after a warning."
What: TypeAlias = Literal["check", "warn", "stop", "start", "delete", "hold_ends"]

WHAT: dict[NextAction, What] = {
    NextAction.WARN: "warn",
    NextAction.STOP: "stop",
    NextAction.START: "start",
    NextAction.DELETE: "delete",
}


@schema("UpcomingStep")
@dataclass(frozen=True, slots=True)
class UpcomingStep:
    """Something that happens to a machine: a check of the evidence, a warning, a stop, a start, a deletion, a hold's end."""

    what: Annotated[What, doc("What happens.", "stop")]
    at: Annotated[Moment | None, doc("When; null for at the next sweep.", ONE)]
    because: Annotated[str, doc("Why, in a sentence.", "Its schedule ends.")]


NEXT = doc("What happens to it next, soonest first; empty if nothing is planned.", [])


def next_steps(
    state: State,
    hold: Hold | None,
    lease: Lease | None,
    schedule: str,
    now: float,
    settings: Settings,
    *,
    planned: PlannedStage | None = None,
    overspent: Overspent | None = None,
) -> tuple[UpcomingStep, ...]:
    """What holds, leases, the schedule and a later stage of sleep will do, soonest first.

    A schedule that cannot be read says nothing, and starts nothing in a month whose budget is used up (`overspent`).
    `planned` is as the last sweep saw it; a hold made since prevents it.
    """
    found: list[tuple[float, UpcomingStep]] = []
    if hold and hold.until > now:
        words = f"The hold of {hold.by} ends; it is stopped only if it is idle then."
        found.append((hold.until, UpcomingStep("hold_ends", moment(hold.until), words)))
    elif planned and planned.at:
        soon = UpcomingStep(_stage(planned), moment(planned.at) if planned.at > now else None, planned.text)
        found.append((planned.at, soon))
    if lease and lease.until > now and (state in AWAKE or lease.then == "delete"):
        words = f"The lease of {lease.by} ends, unless it is extended."
        found.append((lease.until, UpcomingStep(lease.then.value, moment(lease.until), words)))
    found += [one for one in _scheduled(state, schedule, now, settings) if not _waits(one, overspent, now)]
    return tuple(step for _, step in sorted(found, key=lambda pair: pair[0]))


def next_steps_of(row: ReportRow, now: float, settings: Settings) -> tuple[UpcomingStep, ...]:
    """What happens to a machine of the report, soonest first."""
    held = row.hold
    steps = next_steps(row.state, held, row.lease, row.schedule, now, settings, planned=row.planned, overspent=row.overspent)
    if (row.planned and row.planned.at) or (held and held.until > now):
        return steps
    planned = _decided(row, now)
    later = [step for step in steps if not planned or step.what != planned.what]
    return tuple(sorted([*([planned] if planned else []), *later], key=lambda step: step.at or ""))


def _decided(row: ReportRow, now: float) -> UpcomingStep | None:
    """What the sweep has decided; for a machine that runs, at least the next look at it."""
    text, at = row.next_action_text, moment(row.next_action_at) if row.next_action_at > now else None
    match row.next_action:
        case NextAction.WARN | NextAction.STOP | NextAction.START | NextAction.DELETE:
            warned = row.next_action is NextAction.WARN and bool(at)
            return UpcomingStep(_announced(row) if warned else WHAT[row.next_action], at, text)
        case _ if at and row.state in AWAKE and text.startswith("A warning was sent"):
            return UpcomingStep(_announced(row), at, text)
        case _ if row.next_action_at and row.state is State.STOPPED_BILLED:
            return UpcomingStep("stop", at, text)
        case _ if at and row.state in SHUT_DOWN:
            return None if row.schedule else UpcomingStep("check", at, text)
    if row.state not in AWAKE:
        return None
    return UpcomingStep("check", at or moment(now + SWEEPS_EVERY - now % SWEEPS_EVERY), text or CHECKED)


def _announced(row: ReportRow) -> What:
    """What a warning announces: the deletion by a lease that ends before, or a stop."""
    lease = row.lease
    return "delete" if lease and lease.then is LeaseAction.DELETE and lease.until <= row.next_action_at else "stop"


def _stage(planned: PlannedStage) -> What:
    return "delete" if planned.then == "delete" else "stop"


def _waits(step: tuple[float, UpcomingStep], overspent: Overspent | None, now: float) -> bool:
    """Whether a step is a start for which another month must begin."""
    return overspent is not None and step[1].what == "start" and month_of(step[0]) == month_of(now)


def _scheduled(state: State, schedule: str, now: float, settings: Settings) -> list[tuple[float, UpcomingStep]]:
    """The next change by the schedule that this state waits for."""
    if not schedule:
        return []
    try:
        coming = next_transition(read_schedule(schedule, settings.holidays), datetime.fromtimestamp(now, UTC))
    except ValueError:
        return []
    if coming is None or (state not in AWAKE and not coming.on) or (state in AWAKE and coming.on):
        return []
    at, words = coming.at.timestamp(), f"Its schedule: {schedule}."
    return [(at, UpcomingStep("start" if coming.on else "stop", moment(at), words))]
