"""The second period of sleep: only a pool that slept through all of it, known to, stops its environment, after a warning."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.clock import HOUR, MINUTE
from dormouse.idle.decision import Decision, NextAction, decide
from dormouse.idle.evidence import Evaluation, NodeEvidence
from dormouse.idle.guard import unknowns
from dormouse.idle.holds import HoldRequest, LeaseRequest, with_hold, with_lease
from dormouse.idle.outside.answers import ServiceAnswer
from dormouse.idle.outside.reports import ActivityReport
from dormouse.idle.planning import Evaluated, plan_actions
from dormouse.idle.policy import Action, IdlePolicy
from dormouse.idle.power.observation import with_observation
from dormouse.idle.recheck import recheck
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.stages.leading import companions_of, leader_of, stages_of
from dormouse.idle.stages.record import with_planned, with_sleep_record
from dormouse.idle.stages.sleep import EnvironmentSleep, Stages, stages_in
from dormouse.idle.stages.stop import STOP_LEAD, with_use
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.tracking import ActionReason, Hold, Lease, LeaseAction, PendingWarning, TrackedMachine
from dormouse.idle.verdict import evaluate
from dormouse.lifecycle import State, Verb
from dormouse.resources.plan import Resource
from tests.unit.builders import NOW, SUBSCRIPTION, environment_record, machine, quiet, remembered
from tests.unit.builders import case as case_of
from tests.unit.idle.clusters.test_node_pools import FORCED, POOL, SHUTDOWN, pool, tracked

AFTER = 120  # minutes
SLEPT = NOW - AFTER * MINUTE
SEEN = NodeEvidence(end=NOW)
VM = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-rc1/providers/Microsoft.Compute/virtualMachines/vm-queue"
STAGES = Stages(AFTER, leads=True)


def asleep(**fields: Any) -> TrackedMachine:
    known = {"state": State.STOPPED, "state_since": SLEPT, "shutdown": SHUTDOWN, "free_since": SLEPT - HOUR}
    return tracked(**{**known, **fields})


def warned(**fields: Any) -> PendingWarning:
    """A warning whose lead has just passed."""
    given = NOW - STOP_LEAD
    known = {"id": "w", "reason": ActionReason.STOP_AFTER, "text": "", "given_at": given, "stop_at": NOW}
    return PendingWarning(**{**known, "delivered_at": given, **fields})


def sleeps(**fields: Any) -> Evaluation:
    known = {"machine": FORCED, "tracked": asleep(), "nodes": SEEN, "stages": STAGES, "sleep": EnvironmentSleep()}
    return case_of(**{**known, **fields})


def decided(one: Evaluation) -> Decision:
    return decide(one, evaluate(one))


DUE = asleep(warning=warned())


def test_first_it_says_when_then_it_warns_and_when_the_lead_is_over_everything_stops() -> None:
    early = decided(sleeps(tracked=asleep(state_since=NOW - HOUR)))
    assert (early.action, early.at) == (NextAction.NOTHING, NOW + HOUR)
    assert early.then.startswith("If it sleeps on, the whole environment rc1 is stopped at ")
    lead_begins = NOW - (AFTER * MINUTE - STOP_LEAD)
    warns = decided(sleeps(tracked=asleep(state_since=lead_begins)))
    assert (warns.action, warns.at, warns.reason) == (NextAction.WARN, NOW + STOP_LEAD, ActionReason.STOP_AFTER)
    assert "unless work comes or it is held. Nothing wakes a stopped cluster" in warns.then
    assert decided(sleeps(tracked=asleep(state_since=lead_begins + 1))).action is NextAction.NOTHING
    assert decided(sleeps(tracked=DUE)).action is NextAction.STOP_ENVIRONMENT
    short = warned(given_at=NOW - STOP_LEAD + 1, delivered_at=NOW - STOP_LEAD + 1)
    assert decided(sleeps(tracked=asleep(warning=short))).action is NextAction.NOTHING


@pytest.mark.parametrize(
    "since",
    [
        {"tracked": asleep(warning=warned(), state_since=SLEPT + 20 * MINUTE)},
        {"tracked": asleep(warning=warned(), free_since=SLEPT + 20 * MINUTE)},
        {"tracked": asleep(warning=warned(), free_since=0.0)},
        {"tracked": replace(DUE, sleep=DUE.sleep.asked(SLEPT + 20 * MINUTE))},
        {"sleep": EnvironmentSleep(since=SLEPT + 20 * MINUTE)},
    ],
    ids=["asleep later", "free later", "not seen free", "asked for", "the rest was asked for"],
)
def test_the_period_counts_from_the_last_thing_that_happened(since: dict[str, Any]) -> None:
    one = sleeps(**{"tracked": DUE, **since})
    assert decided(one).action is NextAction.WITHDRAW


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"nodes": replace(SEEN, others=("the pod theirs/web runs in its cluster",))}, "while the pod theirs/web runs"),
        ({"sleep": EnvironmentSleep(why_not="vm-queue is in use: 2 logins")}, "while vm-queue is in use: 2 logins"),
        ({"tracked": replace(DUE, lease=Lease(NOW + HOUR, LeaseAction.STOP, "ann"))}, "while it has a lease until"),
        ({"schedule": read_schedule("mon-fri 07:00-19:00 UTC")}, "while its scheduled hours last"),
        ({"hold": Hold("ann", "", NOW - 60, NOW + HOUR)}, "before its hold ends"),
        ({"machine": replace(FORCED, tags={"dormouse-keep": "on"})}, "withdrawn"),
        ({"policy": IdlePolicy(enabled=False)}, "withdrawn"),
        ({"policy": IdlePolicy(action=Action.NOTIFY)}, "withdrawn"),
        ({"stages": Stages()}, "withdrawn"),
        ({"stages": Stages(AFTER, leads=False)}, "withdrawn"),
        ({"sleep": None}, "withdrawn"),
        ({"machine": replace(FORCED, forced=False)}, "withdrawn"),
    ],
)
def test_what_keeps_the_environment_as_it_is_withdraws_the_warning(fields: dict[str, Any], words: str) -> None:
    decision = decided(sleeps(**{"tracked": DUE, **fields}))
    assert decision.action is NextAction.WITHDRAW
    assert words in decision.then


@pytest.mark.parametrize(
    "fields",
    [
        {"nodes": NodeEvidence()},
        {"nodes": NodeEvidence(end=NOW, unread=("the depth of its queue is not known",))},
        {"nodes": NodeEvidence(end=NOW - HOUR)},
        {"sleep": EnvironmentSleep(unread=("vm-queue could not be read (HTTP 500)",))},
        {"fault": "invalid schedule"},
        {"tracked": replace(DUE, free_since=NOW - 60)},
    ],
)
def test_what_is_not_known_never_stops_an_environment(fields: dict[str, Any]) -> None:
    one = sleeps(**{"tracked": DUE, **fields})
    assert decided(one).action is not NextAction.STOP_ENVIRONMENT
    if "tracked" not in fields:
        assert decided(one).action is NextAction.NOTHING, "and the warning stays"
        assert decided(one).blocked


def test_without_a_delivered_warning_nothing_is_stopped_whatever_the_policy_says() -> None:
    undelivered = warned(delivered_at=0.0, undelivered="HTTP 500")
    for asked in ({}, {"undeliverable": "proceed"}, {"lead": 0}, {"lead": 0, "undeliverable": "proceed"}):
        policy = IdlePolicy.model_validate(asked)
        again = decided(sleeps(tracked=asleep(warning=undelivered), policy=policy))
        assert (again.action, again.at) == (NextAction.WARN, NOW + STOP_LEAD)
        assert "was not delivered (HTTP 500)" in again.then
        assert decided(sleeps(policy=policy)).action is NextAction.WARN, "a lead of zero is no stop without a warning"


def test_work_wakes_the_pool_instead() -> None:
    one = sleeps(tracked=DUE, nodes=replace(SEEN, work=("its queue has 1 messages",)))
    assert decided(one).action is NextAction.WITHDRAW


def test_a_pool_that_the_autoscaler_has_emptied_sleeps_too() -> None:
    emptied = replace(FORCED, scales=True, forced=False)
    assert decided(sleeps(tracked=DUE, machine=emptied)).action is NextAction.STOP_ENVIRONMENT


@given(
    since=st.floats(0, 3 * AFTER * MINUTE),
    delivered=st.booleans(),
    unread=st.booleans(),
    asked=st.floats(0, 3 * AFTER * MINUTE),
)
def test_it_is_never_stopped_too_early_or_unknown(since: float, delivered: bool, unread: bool, asked: float) -> None:
    warning = warned(delivered_at=NOW - STOP_LEAD if delivered else 0.0)
    memory = asleep(state_since=NOW - since, free_since=NOW - since - HOUR, warning=warning)
    memory = replace(memory, sleep=memory.sleep.asked(NOW - asked))
    rest = EnvironmentSleep(unread=("x",) if unread else ())
    if decided(sleeps(tracked=memory, sleep=rest)).action is NextAction.STOP_ENVIRONMENT:
        assert min(since, asked) >= AFTER * MINUTE
        assert delivered
        assert not unread


def planned_stop() -> PlannedAction:
    return PlannedAction(NextAction.STOP_ENVIRONMENT, ActionReason.STOP_AFTER, "rc1", FORCED, "", "", NOW, NOW - 10)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, ""),
        ({"nodes": replace(SEEN, work=("its queue has 1 messages",))}, "There is work for it: its queue has 1 messages."),
        ({"hold": Hold("ann", "", NOW - 60, NOW + HOUR)}, "It is now on hold by ann."),
        ({"machine": pool()}, "It is running now."),
        ({"sleep": EnvironmentSleep(unread=("x could not be read",))}, "It is left unchanged, because x could not be read."),
        ({"sleep": EnvironmentSleep(why_not="vm-queue is in use")}, "while vm-queue is in use"),
        ({"sleep": EnvironmentSleep(since=NOW - 60)}, "The action is not due now."),
        ({"tracked": asleep(warning=warned(delivered_at=0.0))}, "Its users must be warned first."),
    ],
)
def test_right_before_the_stop_everything_counts_again(fields: dict[str, Any], why: str) -> None:
    found = recheck(planned_stop(), sleeps(**{"tracked": DUE, **fields}))
    assert why in found
    assert bool(found) is bool(why)


def test_the_plan_locks_the_environment_and_stops_it() -> None:
    one = sleeps(tracked=DUE)
    (plan,) = plan_actions([Evaluated(one, evaluate(one), decided(one), "")], {}, SUBSCRIPTION)
    assert (plan.action, plan.lock, plan.verb) == (NextAction.STOP_ENVIRONMENT, "rc1", Verb.STOP)
    assert plan.verdict_reason.startswith("Its GPU pool has slept")


def test_the_guard_wants_the_rest_of_the_environment() -> None:
    assert unknowns(sleeps(), ActionReason.STOP_AFTER) == []
    assert unknowns(sleeps(sleep=None), ActionReason.STOP_AFTER) == ["its environment was not looked at"]


@pytest.mark.parametrize(
    ("one", "used"),
    [
        (sleeps(nodes=replace(SEEN, others=("x",))), True),
        (sleeps(nodes=replace(SEEN, work=("x",))), True),
        (sleeps(), False),
        (sleeps(nodes=replace(SEEN, others=("x",)), stages=Stages()), False),
        (sleeps(nodes=replace(SEEN, others=("x",)), unreadable="x"), False),
        (case_of(machine=machine(), tracked=remembered(), evidence=quiet(), stages=Stages(AFTER)), False),
    ],
)
def test_use_is_remembered_where_a_spec_asks_for_later_stages(one: Evaluation, used: bool) -> None:
    assert with_use(one).tracked.sleep.asked_at == (NOW if used else 0.0)


def test_holds_and_leases_are_requests_from_their_beginning_to_their_end() -> None:
    known = asleep()
    held = with_hold(known, HoldRequest.model_validate({"for": "1h"}), "ann", NOW, 600)
    assert held.sleep.asked_at == NOW
    assert with_observation(held, FORCED, "", NOW + 2 * HOUR).sleep.asked_at == NOW + HOUR
    assert with_hold(held, HoldRequest.model_validate({"for": 0}), "ann", NOW + 60, 600).sleep.asked_at == NOW + 60
    leased = with_lease(known, LeaseRequest.model_validate({"for": "1h"}), "ann", NOW)
    assert leased.sleep.asked_at == NOW
    assert with_observation(leased, FORCED, "", NOW + 2 * HOUR).sleep.asked_at == NOW + HOUR
    assert with_lease(leased, LeaseRequest.model_validate({"for": 0}), "ann", NOW + 60).sleep.asked_at == NOW + 60


def test_what_is_planned_is_shown_and_ends_with_the_sleep() -> None:
    one = sleeps(tracked=DUE)
    shown = with_planned(one, decided(one)).sleep.planned
    assert shown is not None
    assert (shown.then, shown.at) == ("stop", NOW)
    stays = sleeps(sleep=EnvironmentSleep(why_not="vm-queue is in use"))
    kept = with_planned(stays, decided(stays)).sleep.planned
    assert kept is not None
    assert (kept.at, kept.text) == (0.0, "Its environment is not stopped while vm-queue is in use.")
    for fields in ({"machine": pool()}, {"hold": Hold("ann", "", NOW - 60, NOW + HOUR)}, {"stages": Stages()}):
        other = sleeps(**{"tracked": with_planned_tracked(one), **fields})
        assert with_planned(other, decided(other)).sleep.planned is None


def with_planned_tracked(one: Evaluation) -> TrackedMachine:
    return with_planned(one, decided(one))


def test_the_gpu_pool_of_the_present_spec_leads() -> None:
    vm, old = Resource("vm-queue", "virtual_machine", VM), Resource(f"{POOL}0", "node_pool", f"{POOL}0")
    present = Resource("gpu-pool", "node_pool", POOL)
    assert leader_of([vm, old, present]) == POOL
    assert leader_of([vm]) == VM
    assert leader_of([]) == ""
    assert [one.name for one in companions_of(FORCED, [vm, old, present])] == ["vm-queue", f"{POOL}0"]
    record = replace(environment_record("rc1"), resources=(vm, present))
    assert stages_of({"stop_after": AFTER}, FORCED, record) == STAGES
    assert stages_of({"stop_after": AFTER}, machine(id=VM), record) == Stages(AFTER, leads=False)
    assert stages_of({"stop_after": AFTER}, FORCED, None) == stages_of({}, FORCED, record) == Stages()
    assert [stages_in({"stop_after": value}).stop_after for value in (True, "2h", None, 5)] == [0, 0, 0, 5]


SAYS = ActivityReport("slurm", "slurm", NOW + HOUR, "", NOW - 60)


@pytest.mark.parametrize("stages", [STAGES, Stages(forget_after=AFTER), Stages(AFTER, leads=False)])
def test_what_is_reported_busy_while_it_sleeps_begins_the_time_again(stages: Stages) -> None:
    quiet_since = asleep().sleep.asked_at
    for known, asked_at in (((SAYS,), NOW), ((replace(SAYS, until=NOW - 1),), quiet_since), ((), quiet_since)):
        one = sleeps(tracked=asleep(reports=known), stages=stages)
        assert with_sleep_record(one).tracked.sleep.asked_at == asked_at
    unasked = sleeps(tracked=asleep(reports=(SAYS,)), stages=Stages())
    assert with_sleep_record(unasked).tracked.sleep.asked_at == quiet_since


def test_what_an_activity_service_says_of_it_while_it_sleeps_begins_the_time_again() -> None:
    one = sleeps(activity=ServiceAnswer("the activity service", until=NOW + HOUR))
    assert with_sleep_record(one).tracked.sleep.asked_at == NOW
    assert decided(with_sleep_record(replace(one, tracked=DUE))).action is NextAction.WITHDRAW


def test_with_forget_after_only_what_runs_is_not_written_down_as_used_at_every_sweep() -> None:
    vm = case_of(machine=machine(), tracked=remembered(reports=(SAYS,)), stages=Stages(forget_after=AFTER))
    assert with_use(vm) is vm
