"""Evictions of Spot VMs: what counts as one, what the verdict says, and when the machine is started again."""

from dataclasses import replace
from typing import Any

import pytest

from dormouse.clock import DAY, HOUR, MINUTE
from dormouse.environments.operations import OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.idle.decision import NextAction
from dormouse.idle.eviction import (
    FIRST_PAUSE,
    INDEX_LAG,
    STEADY,
    is_news,
    is_of_last_run,
    may_be_evicted,
    restarts_at,
    stopped_by_us,
    with_eviction,
)
from dormouse.idle.evidence import Evaluation
from dormouse.idle.power.observation import with_observation
from dormouse.idle.recheck import recheck
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.tracking import (
    ActionReason,
    Eviction,
    Hold,
    IdleShutdown,
    Lease,
    LeaseAction,
    TrackedMachine,
    with_failure,
    with_settled_eviction,
    with_shutdown,
)
from dormouse.idle.verdict import VerdictKind, evaluate
from dormouse.lifecycle import State, Verb
from tests.unit.builders import LONG_AGO, NOW, case, decided, machine, planned, remembered

SPOT = machine(state=State.STOPPED, spot=True)
AT = NOW - MINUTE


def evicted(**fields: Any) -> TrackedMachine:
    """What is tracked of a machine whose eviction this sweep has seen."""
    eviction = Eviction(AT, NOW, **{name: fields.pop(name) for name in ("count", "settled") if name in fields})
    return remembered(**{"state": State.STOPPED, "state_since": NOW, "eviction": eviction, **fields})


def stopped_spot(tracked: TrackedMachine | None = None, **fields: Any) -> Evaluation:
    known = remembered(state=State.STOPPED, state_since=NOW, ran_since=LONG_AGO)
    return case(**{"machine": SPOT, "tracked": tracked or known, "restarts_evicted": True, **fields})


def operation(verb: Verb, status: OutcomeStatus | None) -> OperationRecord:
    outcome = Outcome(status, "") if status else None
    return OperationRecord("o", "ml1", verb, "ann", "2026-05-01T12:00:00+00:00", outcome=outcome)


def test_azure_is_asked_only_about_stopped_spot_vms() -> None:
    assert may_be_evicted(stopped_spot())
    for state in State:
        if state is not State.STOPPED:
            assert not may_be_evicted(stopped_spot(machine=replace(SPOT, state=state)))
    assert not may_be_evicted(stopped_spot(machine=replace(SPOT, spot=False)))


@pytest.mark.parametrize(
    "fields",
    [
        {"tracked": with_shutdown(remembered(), IdleShutdown(NOW, 1.0, "USD"))},
        {"tracked": evicted()},
        {"unreadable": "It cannot be read"},
        {"machine": replace(SPOT, managed_by_others=True)},
        {"machine": replace(SPOT, tags={"dormouse-keep": "yes"})},
    ],
)
def test_azure_is_not_asked_about_what_is_known_or_left_alone(fields: dict[str, Any]) -> None:
    assert not may_be_evicted(stopped_spot(**fields))


def test_an_eviction_before_the_last_run_is_not_the_one_that_ended_it() -> None:
    seen = stopped_spot(remembered(state=State.STOPPED, state_since=NOW, ran_since=NOW - HOUR))
    assert is_of_last_run(NOW - MINUTE, seen)
    assert is_of_last_run(NOW - HOUR - INDEX_LAG, seen), "Resource Graph may have shown it as running for a while"
    assert not is_of_last_run(NOW - HOUR - INDEX_LAG - 1, seen)
    young = replace(seen, machine=replace(SPOT, created=NOW - 2 * MINUTE), tracked=remembered())
    assert not is_of_last_run(NOW - 3 * MINUTE, young), "it is about an earlier machine with this name"


DONE, CANCELLED, REFUSED = OutcomeStatus.SUCCEEDED, OutcomeStatus.CANCELLED, OutcomeStatus.REFUSED


@pytest.mark.parametrize(
    ("newest_first", "ours"),
    [
        ([], False),
        ([(Verb.STOP, DONE)], True),
        ([(Verb.STOP, OutcomeStatus.FAILED)], True),
        ([(Verb.STOP, CANCELLED)], False),
        ([(Verb.STOP, REFUSED)], False),
        ([(Verb.START, DONE), (Verb.STOP, DONE)], False),
        ([(Verb.RESIZE, DONE), (Verb.PROVISION, DONE), (Verb.STOP, DONE)], True),
        ([(Verb.RESTART, None)], False),
        ([(Verb.START, None), (Verb.STOP, DONE)], True),
        ([(Verb.START, REFUSED), (Verb.STOP, DONE)], True),
    ],
)
def test_a_machine_that_dormouse_stopped_is_not_evicted(
    newest_first: list[tuple[Verb, OutcomeStatus | None]], ours: bool
) -> None:
    assert stopped_by_us([operation(verb, status) for verb, status in newest_first]) is ours


def test_an_eviction_lasts_until_the_machine_runs_again() -> None:
    running = remembered()
    stopped = with_observation(running, SPOT, "", NOW)
    assert (stopped.evicted, stopped.ran_since) == (None, LONG_AGO)
    known = with_eviction(stopped, AT, NOW)
    assert known.evicted == Eviction(AT, NOW)
    later = with_observation(known, SPOT, "", NOW + HOUR)
    assert later.evicted == known.evicted
    again = with_observation(later, replace(SPOT, state=State.RUNNING), "", NOW + 2 * HOUR)
    assert again.evicted is None
    by_hand = with_observation(again, SPOT, "", NOW + 3 * HOUR)
    assert (by_hand.evicted, by_hand.ran_since) == (None, NOW + 2 * HOUR), "the next stop is another one"
    slept = with_shutdown(again, IdleShutdown(NOW + 3 * HOUR, 1.0, "USD"))
    assert slept.evicted is None


def test_evictions_one_after_another_are_counted_and_delay_the_next_start() -> None:
    tracked, moments = remembered(state=State.STOPPED, state_since=LONG_AGO), []
    for number in range(4):
        tracked = with_eviction(tracked, AT + number * HOUR, NOW + number * HOUR)
        assert tracked.eviction is not None
        moments.append(restarts_at(tracked.eviction) - tracked.eviction.seen_at)
    assert moments == [0.0, FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert restarts_at(Eviction(AT, NOW, count=40)) == NOW + DAY
    steady = with_eviction(tracked, AT + 3 * HOUR + STEADY, NOW + 3 * HOUR + STEADY)
    assert steady.eviction is not None
    assert steady.eviction.count == 1


def test_the_verdict_names_the_eviction_and_the_sweep_that_sees_it_tells_it() -> None:
    seen = stopped_spot(evicted())
    verdict = evaluate(seen)
    assert verdict.kind is VerdictKind.EVICTED
    assert verdict.reason.startswith("Evicted by Azure at 2027-01-15 07:59 UTC: Azure needed the capacity, or ")
    assert is_news(seen)
    assert not is_news(stopped_spot(evicted(), now=NOW + 300))
    assert not is_news(stopped_spot())
    assert evaluate(stopped_spot()).kind is VerdictKind.STOPPED


def test_an_evicted_machine_is_started_again_if_its_spec_says_so() -> None:
    seen = stopped_spot(evicted())
    _, decision = decided(seen)
    assert (decision.action, decision.reason, decision.at) == (NextAction.START, ActionReason.EVICTION, NOW)
    assert recheck(planned(seen), seen) == ""


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"restarts_evicted": False}, "its spec does not have on_eviction=restart"),
        ({"tracked": evicted(settled=True)}, "someone has stopped it since"),
        ({"schedule": read_schedule("fri 18:00-19:00 UTC")}, "Its schedule starts it at 2027-01-15 18:00 UTC."),
        ({"schedule": read_schedule("off at 08:00 UTC")}, "Not started again outside of its scheduled hours."),
        ({"hold": Hold("ann", "", NOW, NOW + HOUR)}, "before its hold ends"),
        ({"tracked": evicted(count=2)}, "It will be started again at 2027-01-15 08:30 UTC."),
        ({"tracked": with_failure(evicted(), NOW)}, "The last attempt failed; it is repeated at 2027-01-15 08:30 UTC."),
        ({"fault": "x"}, "Not started again after its eviction, because its configuration is invalid: x."),
        ({"unreadable": "The record cannot be read"}, ""),
        ({"machine": replace(SPOT, tags={"dormouse-keep": "yes"})}, ""),
    ],
)
def test_what_keeps_an_evicted_machine_stopped(fields: dict[str, Any], says: str) -> None:
    seen = stopped_spot(**{"tracked": evicted(), **fields})
    _, decision = decided(seen)
    assert decision.action is NextAction.NOTHING
    assert says in decision.then


@pytest.mark.parametrize("hours", ["fri 07:00-19:00 UTC", "off at 07:00 UTC"])
def test_within_its_scheduled_hours_an_evicted_machine_is_started_again(hours: str) -> None:
    _, decision = decided(stopped_spot(evicted(), schedule=read_schedule(hours)))
    assert (decision.action, decision.reason) == (NextAction.START, ActionReason.EVICTION)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"tracked": remembered(state=State.STOPPED, state_since=NOW)}, "Deallocated"),
        ({"tracked": evicted(settled=True)}, "Someone has stopped it since it was evicted."),
        ({"restarts_evicted": False}, "Its spec no longer has on_eviction=restart."),
        ({"hold": Hold("ann", "", NOW, NOW + HOUR)}, "It is now on hold by ann."),
        ({"schedule": read_schedule("fri 18:00-19:00 UTC")}, "Its schedule"),
    ],
)
def test_the_recheck_finds_what_has_changed_since_the_decision(fields: dict[str, Any], says: str) -> None:
    assert says in recheck(planned(stopped_spot(evicted())), stopped_spot(**{"tracked": evicted(), **fields}))


def test_a_lease_that_ends_after_an_eviction_keeps_the_machine_stopped() -> None:
    leased = evicted(lease=Lease(NOW + HOUR, LeaseAction.STOP, "ann"))
    over = with_observation(leased, SPOT, "", NOW + 2 * HOUR)
    assert over.lease is None
    assert over.evicted is not None
    assert over.evicted.settled
    assert with_settled_eviction(remembered()) == remembered()
