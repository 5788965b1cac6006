"""Decisions and alarms word for word: what a sweep does about a machine, when, and what users read about it."""

from dataclasses import replace
from typing import Any

import pytest

from dormouse.clock import MINUTE
from dormouse.idle.alarms import alarm
from dormouse.idle.decision import Decision, NextAction, decide
from dormouse.idle.evidence import Evaluation
from dormouse.idle.policy import Action, IdlePolicy
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.tracking import ActionReason, Hold, Lease, LeaseAction
from dormouse.idle.verdict import Verdict, VerdictKind
from dormouse.lifecycle import State
from tests.unit.builders import LONG_AGO, NOW, case, decided, decision_on, machine, quiet, remembered, warned, with_value

DAY_TEXT = "2027-01-15"
HOURS_OVER = read_schedule("fri 06:00-07:55 UTC")
IN_HOURS = read_schedule("fri 07:30-18:00 UTC")
ALWAYS_ON = read_schedule("mon-sun 00:00-24:00 UTC")
OFF_AT_0755 = NOW - 5 * MINUTE
SILENT = quiet(host_problem="Azure Monitor does not answer", heard_at=NOW - 660)
MISSING = "Azure Monitor does not answer; its agent last reported 11 minutes ago"
UNHEARD = "its agent last reported 11 minutes ago, so a hold set on the machine would not be noticed"
JUST_WARNED = warned(given_at=NOW - 60, stop_at=NOW + 840, delivered_at=NOW - 60)
UNDELIVERED = warned(given_at=NOW - 60, stop_at=NOW + 840, delivered_at=0.0)


def leased(minutes: float, then: LeaseAction = LeaseAction.STOP, state: State = State.RUNNING, **fields: Any) -> Evaluation:
    """A machine of an environment whose lease ends in so many minutes."""
    tracked = remembered(lease=Lease(NOW + minutes * MINUTE, then, "alice"), warning=fields.pop("warning", None))
    lab = machine(environment="lab", state=state)
    return case(machine=lab, tracked=tracked, **{"policy": IdlePolicy(enabled=False), **fields})


def resting(state: State = State.STOPPED, **fields: Any) -> Evaluation:
    """A machine that has been shut down for an hour."""
    tracked = remembered(state=state, state_since=NOW - 3600, **fields.pop("tracked", {}))
    return case(machine=machine(state=state, **fields.pop("about", {})), tracked=tracked, **fields)


def scheduled(text: str, **fields: Any) -> Evaluation:
    """A machine that is stopped and started by its schedule only."""
    return case(schedule=read_schedule(text), policy=IdlePolicy(enabled=False), **fields)


DECISIONS: dict[str, tuple[Evaluation, Decision]] = {
    "idle": (
        case(),
        Decision(
            NextAction.WARN,
            f"It will be deallocated at {DAY_TEXT} 08:15 UTC unless it is used or held.",
            NOW + 900,
            ActionReason.IDLE,
            due=NOW,
        ),
    ),
    "idle, without a lead": (
        case(policy=IdlePolicy(lead=0)),
        Decision(NextAction.STOP, "It is being deallocated now.", NOW, ActionReason.IDLE, due=NOW),
    ),
    "idle, warned a minute ago": (
        case(tracked=remembered(warning=JUST_WARNED)),
        Decision(
            NextAction.NOTHING,
            f"A warning was sent. It will be deallocated at {DAY_TEXT} 08:14 UTC unless it is used or held.",
            NOW + 840,
            ActionReason.IDLE,
            due=NOW,
        ),
    ),
    "idle, its lead is over but not the announced time": (
        case(tracked=remembered(warning=warned(stop_at=NOW + 120))),
        Decision(
            NextAction.NOTHING,
            f"A warning was sent. It will be deallocated at {DAY_TEXT} 08:02 UTC unless it is used or held.",
            NOW + 120,
            ActionReason.IDLE,
            due=NOW,
        ),
    ),
    "idle, the warning was refused by a webhook": (
        case(tracked=remembered(warning=replace(UNDELIVERED, undelivered="HTTP 503"))),
        Decision(
            NextAction.WARN,
            "Not deallocated yet, because the warning was not delivered (HTTP 503). It is sent again now.",
            NOW + 900,
            ActionReason.IDLE,
            due=NOW,
        ),
    ),
    "idle, the warning was not delivered": (
        case(tracked=remembered(warning=UNDELIVERED)),
        Decision(
            NextAction.WARN,
            "Not deallocated yet, because the warning was not delivered (no webhook and no terminal has accepted it). "
            "It is sent again now.",
            NOW + 900,
            ActionReason.IDLE,
            due=NOW,
        ),
    ),
    "idle, undelivered warnings do not matter": (
        case(tracked=remembered(warning=replace(UNDELIVERED, stop_at=NOW)), policy=IdlePolicy(undeliverable="proceed")),
        Decision(
            NextAction.NOTHING,
            f"A warning was sent. It will be deallocated at {DAY_TEXT} 08:14 UTC unless it is used or held.",
            NOW + 840,
            ActionReason.IDLE,
            due=NOW,
        ),
    ),
    "idle, only notified": (
        case(policy=IdlePolicy(action=Action.NOTIFY)),
        Decision(NextAction.WARN, "Not stopped: its policy has action=notify.", 0.0, ActionReason.IDLE),
    ),
    "idle, first seen ten minutes ago": (
        case(tracked=remembered(first_seen=NOW - 600)),
        Decision(NextAction.NOTHING, f"First seen recently; not stopped before {DAY_TEXT} 08:20 UTC.", NOW + 1200),
    ),
    "idle, refused before": (
        case(tracked=remembered(retry_at=NOW + 60), policy=IdlePolicy(lead=0)),
        Decision(
            NextAction.NOTHING,
            f"The last attempt failed; it is repeated at {DAY_TEXT} 08:01 UTC.",
            NOW + 60,
            ActionReason.IDLE,
            due=NOW,
        ),
    ),
    "unknown, warned before": (
        case(tracked=remembered(warning=JUST_WARNED), evidence=SILENT),
        Decision(
            NextAction.NOTHING,
            "A warning was sent; it is not stopped while data about its use is missing.",
            0.0,
            ActionReason.IDLE,
            MISSING,
            NOW + 840,
        ),
    ),
    "in use, warned before": (
        case(tracked=remembered(warning=JUST_WARNED), evidence=with_value(quiet(), "inside", "gpu_percent", 29, 90.0)),
        Decision(NextAction.WITHDRAW, "The warning is withdrawn.", 0.0, ActionReason.IDLE),
    ),
    "on hold": (
        case(hold=Hold("bob", "", NOW, NOW + 60)),
        Decision(NextAction.NOTHING, f"Not stopped or started before its hold ends at {DAY_TEXT} 08:01 UTC.", NOW + 60),
    ),
    "on hold, not watched": (
        case(hold=Hold("bob", "", NOW, NOW + 60), policy=IdlePolicy(enabled=False), schedule=HOURS_OVER),
        Decision(NextAction.NOTHING, f"Not stopped or started before its hold ends at {DAY_TEXT} 08:01 UTC.", NOW + 60),
    ),
    "on hold, warned before": (
        case(hold=Hold("bob", "", NOW, NOW + 60), tracked=remembered(warning=JUST_WARNED)),
        Decision(
            NextAction.WITHDRAW,
            f"The warning is withdrawn. Not stopped or started before its hold ends at {DAY_TEXT} 08:01 UTC.",
            NOW + 60,
            ActionReason.IDLE,
        ),
    ),
    "a hold that ends now": (
        scheduled("fri 06:00-07:55 UTC", hold=Hold("bob", "", LONG_AGO, NOW)),
        Decision(
            NextAction.WARN,
            f"It will be stopped at {DAY_TEXT} 08:15 UTC by its schedule unless it is held.",
            NOW + 900,
            ActionReason.SCHEDULE,
            due=OFF_AT_0755,
        ),
    ),
    "a lease that ends in ten minutes": (
        leased(10),
        Decision(
            NextAction.WARN,
            f"It will be stopped at {DAY_TEXT} 08:15 UTC because its lease ends unless the lease is extended or it is held.",
            NOW + 900,
            ActionReason.LEASE,
            due=NOW + 600,
        ),
    ),
    "a lease that ends in more than a lead": (leased(16), Decision(NextAction.NOTHING)),
    "a lease that ends, warned of idleness": (
        leased(-1, warning=warned(stop_at=NOW)),
        Decision(
            NextAction.WARN,
            f"It will be stopped at {DAY_TEXT} 08:15 UTC because its lease ends unless the lease is extended or it is held.",
            NOW + 900,
            ActionReason.LEASE,
            due=NOW - 60,
        ),
    ),
    "a lease that deletes": (
        leased(0, LeaseAction.DELETE, State.STOPPED, policy=IdlePolicy(lead=0)),
        Decision(NextAction.DELETE, "It is being deleted now because its lease ends.", NOW, ActionReason.LEASE, due=NOW),
    ),
    "a lease that stops a machine that is shut down from inside": (
        leased(0, state=State.STOPPED_BILLED, policy=IdlePolicy(lead=0)),
        Decision(NextAction.STOP, "It is being stopped now because its lease ends.", NOW, ActionReason.LEASE, due=NOW),
    ),
    "a lease that stops a stopped machine": (leased(0, state=State.STOPPED), Decision(NextAction.NOTHING)),
    "a lease that stops a machine that is starting": (leased(0, state=State.STARTING), Decision(NextAction.NOTHING)),
    "a lease that waits for its agent": (
        leased(0, policy=IdlePolicy(lead=0), evidence=SILENT),
        Decision(
            NextAction.NOTHING,
            f"Not stopped or deleted at the end of its lease, because {UNHEARD}.",
            0.0,
            ActionReason.LEASE,
            UNHEARD,
            NOW,
        ),
    ),
    "hours that end in ten minutes": (
        scheduled("fri 06:00-08:10 UTC"),
        Decision(
            NextAction.WARN,
            f"It will be stopped at {DAY_TEXT} 08:15 UTC by its schedule unless it is held.",
            NOW + 900,
            ActionReason.SCHEDULE,
            due=NOW + 600,
        ),
    ),
    "hours that end in more than a lead": (scheduled("fri 06:00-08:16 UTC"), Decision(NextAction.NOTHING)),
    "hours that never end": (scheduled("mon-sun 00:00-24:00 UTC"), Decision(NextAction.NOTHING)),
    "started after hours": (
        scheduled("fri 06:00-07:55, fri 08:10-18:00 UTC", tracked=remembered(state_since=NOW - 60)),
        Decision(NextAction.NOTHING),
    ),
    "first seen after hours": (
        scheduled("fri 06:00-07:55 UTC", tracked=remembered(first_seen=NOW - 60)),
        Decision(NextAction.NOTHING),
    ),
    "its schedule has changed after hours": (
        scheduled("fri 06:00-07:55 UTC", tracked=remembered(schedule_since=NOW - 60)),
        Decision(NextAction.NOTHING),
    ),
    "running within its hours": (scheduled("fri 07:30-18:00 UTC"), Decision(NextAction.NOTHING)),
    "in use after hours": (
        scheduled("fri 06:00-07:55 UTC", evidence=with_value(quiet(), "inside", "gpu_percent", 29, 90.0)),
        Decision(
            NextAction.NOTHING,
            f"Its scheduled hours ended at {DAY_TEXT} 07:55 UTC; it is stopped when it is no longer in use.",
        ),
    ),
    "not known to be quiet after hours": (
        scheduled("fri 06:00-07:55 UTC", evidence=SILENT),
        Decision(
            NextAction.NOTHING,
            f"Not stopped or started by its schedule, because {MISSING}.",
            0.0,
            ActionReason.SCHEDULE,
            MISSING,
            OFF_AT_0755,
        ),
    ),
    "stopped within its hours": (
        resting(schedule=IN_HOURS),
        Decision(NextAction.START, "Its schedule starts it now.", NOW, ActionReason.SCHEDULE, due=NOW - 1800),
    ),
    "stopped within its hours, with an invalid tag": (
        resting(schedule=IN_HOURS, fault="x"),
        Decision(
            NextAction.NOTHING,
            "Not stopped or started by its schedule, because its configuration is invalid: x.",
            0.0,
            ActionReason.SCHEDULE,
            "its configuration is invalid: x",
            NOW - 1800,
        ),
    ),
    "shut down from inside within its hours": (
        resting(State.STOPPED_BILLED, schedule=IN_HOURS),
        Decision(NextAction.START, "Its schedule starts it now.", NOW, ActionReason.SCHEDULE, due=NOW - 1800),
    ),
    "shut down from inside within its hours, warned before": (
        resting(State.STOPPED_BILLED, schedule=IN_HOURS, tracked={"warning": JUST_WARNED}),
        Decision(NextAction.WITHDRAW, "The warning is withdrawn. Its schedule starts it now.", NOW, ActionReason.IDLE),
    ),
    "stopped before its hours": (
        resting(schedule=read_schedule("fri 09:00-18:00 UTC")),
        Decision(NextAction.NOTHING, f"Its schedule starts it at {DAY_TEXT} 09:00 UTC.", NOW + 3600, ActionReason.SCHEDULE),
    ),
    "stopped although its hours never end": (resting(schedule=ALWAYS_ON), Decision(NextAction.NOTHING)),
    "shut down from inside an hour ago": (
        resting(State.STOPPED_BILLED, tracked={}),
        Decision(NextAction.STOP, f"It will be deallocated at {DAY_TEXT} 08:00 UTC.", NOW, ActionReason.BILLED, due=NOW),
    ),
    "shut down from inside, only notified": (
        resting(State.STOPPED_BILLED, policy=IdlePolicy(action=Action.NOTIFY)),
        Decision(NextAction.NOTHING, "Not deallocated automatically: start or delete it.", 0.0, ActionReason.BILLED),
    ),
    "shut down from inside, with an ephemeral disk": (
        resting(State.STOPPED_BILLED, about={"ephemeral_disk": True}),
        Decision(NextAction.NOTHING, "Not deallocated automatically: start or delete it.", 0.0, ActionReason.BILLED),
    ),
}


@pytest.mark.parametrize("situation", DECISIONS)
def test_every_decision_says_what_happens_when_and_why(situation: str) -> None:
    seen, decision = DECISIONS[situation]
    assert decision_on(seen) == decision


@pytest.mark.parametrize(
    ("seen", "kind", "words"),
    [
        (case(evidence=SILENT), VerdictKind.IDLE, f"Not stopped for idleness, because {MISSING}."),
        (
            resting(State.STOPPED_BILLED, fault="x"),
            VerdictKind.STOPPED_BILLED,
            "Not deallocated after its shutdown from inside, because its configuration is invalid: x.",
        ),
    ],
)
def test_a_verdict_that_the_data_does_not_support_stops_nothing(seen: Evaluation, kind: VerdictKind, words: str) -> None:
    decision = decide(seen, Verdict(kind, "of an earlier evaluation"))
    assert (decision.action, decision.then) == (NextAction.NOTHING, words)


def test_a_machine_that_was_shut_down_from_inside_is_deallocated_after_ten_minutes() -> None:
    memory = remembered(state=State.STOPPED_BILLED, state_since=NOW - 599)
    waiting = decision_on(case(machine=machine(state=State.STOPPED_BILLED), tracked=memory))
    text = f"It will be deallocated at {DAY_TEXT} 08:00 UTC."
    assert waiting == Decision(NextAction.NOTHING, text, NOW + 1, ActionReason.BILLED, due=NOW + 1)


def test_actions_are_the_words_of_the_api() -> None:
    assert set(NextAction) == {"nothing", "warn", "withdraw", "stop", "start", "delete", "stop_environment"}
    assert Decision(NextAction.NOTHING) == Decision(NextAction.NOTHING, "", 0.0, None, "", 0.0)


def alarm_of(seen: Evaluation) -> str:
    return alarm(seen, *decided(seen))


def test_an_invalid_configuration_is_reported_at_once_and_then_once_a_day() -> None:
    text = "It is neither stopped nor started while its configuration is invalid: x."
    for alarmed_at, reported in ((0.0, True), (NOW - 86399, False), (NOW - 86400, True), (NOW, True)):
        seen = case(fault="x", tracked=remembered(alarmed_at=alarmed_at))
        assert alarm_of(seen) == (text if reported else "")


def test_a_blocked_action_is_reported_after_half_an_hour_with_the_reason() -> None:
    blocked = f"Not stopped or started by its schedule, because {MISSING}."
    late = scheduled("fri 06:00-07:29 UTC", evidence=SILENT)
    assert alarm_of(late) == f"An action that was due at {DAY_TEXT} 07:29 UTC is blocked. {blocked}"
    assert alarm_of(scheduled("fri 06:00-07:30 UTC", evidence=SILENT)) == ""


# Four windows of 30 minutes, and a lead of 15 minutes.
TOO_LONG = (4 * 30 + 15) * MINUTE + 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"warning": replace(UNDELIVERED, undelivered="HTTP 503")},
            "The warning was not delivered: HTTP 503.",
        ),
        (
            {"warning": JUST_WARNED},
            f"A warning was sent. It will be deallocated at {DAY_TEXT} 08:14 UTC unless it is used or held.",
        ),
        ({}, f"It will be deallocated at {DAY_TEXT} 08:15 UTC unless it is used or held."),
    ],
)
def test_a_machine_that_is_idle_for_too_long_is_reported_with_the_reason(fields: dict[str, Any], why: str) -> None:
    known = remembered(verdict="idle", verdict_since=NOW - TOO_LONG, **fields)
    assert alarm_of(case(tracked=known)) == f"Idle since {DAY_TEXT} 05:44 UTC, but still running. {why}"
    assert alarm_of(case(tracked=replace(known, verdict_since=NOW - TOO_LONG + 1))) == ""
    assert alarm_of(case(tracked=replace(known, verdict="busy"))) == "", "it has been idle since this sweep"


def test_a_machine_about_which_nothing_is_known_for_a_day_is_reported() -> None:
    known = remembered(verdict="unknown", verdict_since=NOW - 86401)
    since = "It has not been known since 2027-01-14 07:59 UTC whether it is in use."
    assert alarm_of(case(tracked=known, evidence=SILENT)) == f"{since} Kept running, because {MISSING}."
    assert alarm_of(case(tracked=replace(known, verdict_since=NOW - 86400), evidence=SILENT)) == ""
    assert alarm_of(case(tracked=replace(known, verdict="idle"), evidence=SILENT)) == ""
    in_use = with_value(quiet(), "inside", "gpu_percent", 29, 90.0)
    assert alarm_of(case(tracked=replace(known, verdict="busy"), evidence=in_use)) == ""
