"""The end of a long sleep: an environment is deleted only after all of it slept for so long, and its owner was reached."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.clock import DAY, HOUR, MINUTE
from dormouse.environments.operations import DeleteRequest
from dormouse.idle.clusters.ml_cluster import absent_cluster
from dormouse.idle.decision import Decision, NextAction, decide
from dormouse.idle.evidence import Evaluation
from dormouse.idle.guard import unknowns
from dormouse.idle.planning import Evaluated, plan_actions
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.recheck import recheck
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.stages.forget import first_lead, is_dormant
from dormouse.idle.stages.losses import losses_of, snapshots_before
from dormouse.idle.stages.record import with_planned, with_sleep_record
from dormouse.idle.stages.sleep import EnvironmentSleep, SleepRecord, Stages, stages_in
from dormouse.idle.sweep import ActionClaim, LeaseEnd, PlannedAction
from dormouse.idle.tracking import ActionReason, Eviction, Hold, Lease, LeaseAction, PendingWarning, TrackedMachine
from dormouse.idle.verdict import evaluate
from dormouse.lifecycle import State
from dormouse.resources.plan import KEPT
from tests.unit.builders import NOW, SUBSCRIPTION, environment_record, machine, remembered
from tests.unit.builders import case as case_of
from tests.unit.idle.clusters.test_node_pools import FORCED, pool

AFTER = 30 * 1440  # minutes
SLEPT = NOW - AFTER * MINUTE
STAGES = Stages(forget_after=AFTER, leads=True)
ASLEEP = machine(state=State.STOPPED, environment="ml1")
COMPUTE = "/subscriptions/s/resourceGroups/g/providers/x/workspaces/w/computes/c"
LOST = "Lost with it: its disks (os-ml1) and its passwords in the key vault."


def slept(since: float = SLEPT, **fields: Any) -> TrackedMachine:
    known = {"state": State.STOPPED, "state_since": since, "sleep": SleepRecord(dormant_since=since)}
    return remembered(**{**known, **fields})


def warned(**fields: Any) -> PendingWarning:
    """The last warning, given and delivered a day ago, for now."""
    known = {"id": "w", "reason": ActionReason.FORGET_AFTER, "text": "", "given_at": NOW - DAY, "stop_at": NOW}
    return PendingWarning(**{**known, "delivered_at": NOW - DAY, **fields})


def sleeps(**fields: Any) -> Evaluation:
    known = {"machine": ASLEEP, "tracked": slept(), "stages": STAGES, "sleep": EnvironmentSleep(losses=LOST)}
    return case_of(**{**known, **fields})


def decided(one: Evaluation) -> Decision:
    return decide(one, evaluate(one))


DUE = slept(warning=warned())


def before(days: float, **fields: Any) -> Decision:
    """The decision so many days before the deletion."""
    return decided(sleeps(tracked=slept(SLEPT + days * DAY, **fields)))


def test_it_says_when_and_warns_a_week_and_a_day_before_and_deletes_when_the_last_warning_is_a_day_old() -> None:
    early = before(7.1)
    assert (early.action, early.at) == (NextAction.NOTHING, NOW + 7.1 * DAY)
    assert early.then.startswith("If no one starts or holds it, the environment ml1 is deleted at ")
    first = before(7)
    assert (first.action, first.at, first.due) == (NextAction.WARN, NOW + 6 * DAY, NOW + 7 * DAY)
    assert "It will be deleted with everything in the environment ml1 at " in first.then
    assert first.then.endswith(f"unless it is started or held. {LOST}")
    told = warned(given_at=NOW - DAY, stop_at=NOW + 3 * DAY)
    waits = before(4, warning=told)
    assert (waits.action, waits.at, waits.reason) == (NextAction.NOTHING, NOW + 4 * DAY, ActionReason.FORGET_AFTER)
    assert "the last one follows at" in waits.then
    last = before(1, warning=replace(told, given_at=NOW - 6 * DAY, delivered_at=NOW - 6 * DAY, stop_at=NOW))
    assert (last.action, last.at) == (NextAction.WARN, NOW + DAY)
    assert last.then.endswith(LOST)
    assert before(0.5, warning=warned(given_at=NOW - DAY / 2, delivered_at=NOW - DAY / 2, stop_at=NOW + DAY / 2)).action is (
        NextAction.NOTHING
    )
    assert decided(sleeps(tracked=DUE)).action is NextAction.DELETE


def test_a_first_warning_never_stands_for_the_last_one() -> None:
    only_first = warned(given_at=NOW - 7 * DAY, delivered_at=NOW - 7 * DAY, stop_at=NOW - DAY)
    late = decided(sleeps(tracked=slept(warning=only_first)))
    assert (late.action, late.at) == (NextAction.WARN, NOW + DAY)


def test_without_delivery_nothing_is_deleted_whatever_the_policy_says_and_it_says_why() -> None:
    for asked in ({}, {"undeliverable": "proceed"}, {"lead": 0}, {"lead": 0, "undeliverable": "proceed"}):
        policy = IdlePolicy.model_validate(asked)
        silent = warned(delivered_at=0.0, undelivered="no webhook is configured")
        again = decided(sleeps(tracked=slept(warning=silent), policy=policy))
        assert (again.action, again.at) == (NextAction.WARN, NOW + DAY)
        assert "was not delivered (no webhook is configured)" in again.then
        assert decided(sleeps(policy=policy)).action is NextAction.WARN
    early = before(4, warning=warned(stop_at=NOW + 3 * DAY, delivered_at=0.0, undelivered="HTTP 500"))
    assert (early.action, early.at) == (NextAction.WARN, NOW + 3 * DAY)
    assert early.then.startswith("The warning was not delivered (HTTP 500); without it, nothing is deleted.")


@pytest.mark.parametrize(("minutes", "days"), [(AFTER, 7), (2 * 1440, 1), (6 * 1440, 3), (365 * 1440, 7)])
def test_the_first_warning_comes_a_week_before_or_halfway(minutes: int, days: float) -> None:
    assert first_lead(sleeps(stages=Stages(forget_after=minutes, leads=True))) == days * DAY


@pytest.mark.parametrize(
    "fields",
    [
        {"tracked": replace(DUE, sleep=SleepRecord(dormant_since=NOW - HOUR))},
        {"tracked": replace(DUE, sleep=SleepRecord())},
        {"tracked": replace(DUE, sleep=DUE.sleep.asked(NOW - HOUR))},
        {"sleep": EnvironmentSleep(since=NOW - HOUR)},
        {"sleep": EnvironmentSleep(why_not="vm-2 runs")},
        {"sleep": None},
        {"tracked": replace(DUE, lease=Lease(NOW + HOUR, LeaseAction.STOP, "ann"))},
        {"hold": Hold("ann", "", NOW - 60, NOW + HOUR)},
        {"machine": replace(ASLEEP, tags={"dormouse-keep": "on"})},
        {"stages": Stages(forget_after=AFTER)},
        {"stages": Stages(leads=True)},
        {"schedule": read_schedule("mon-fri 09:00-19:00 UTC")},
        {"restarts_evicted": True, "tracked": replace(DUE, state_since=SLEPT, eviction=Eviction(SLEPT, SLEPT))},
    ],
)
def test_who_asks_for_it_and_what_is_not_asleep_keeps_it_and_ends_the_warning(fields: dict[str, Any]) -> None:
    assert decided(sleeps(**{"tracked": DUE, **fields})).action in (NextAction.WITHDRAW, NextAction.START)


def test_one_that_was_evicted_and_is_not_started_again_sleeps_like_any_other() -> None:
    evicted = replace(DUE, eviction=Eviction(SLEPT, SLEPT))
    assert decided(sleeps(tracked=evicted)).action is NextAction.DELETE


def test_idle_shutdown_that_is_off_changes_nothing_because_the_spec_asks_for_the_deletion() -> None:
    assert decided(sleeps(tracked=DUE, policy=IdlePolicy(enabled=False))).action is NextAction.DELETE


@pytest.mark.parametrize("fields", [{"sleep": EnvironmentSleep(unread=("x could not be read",))}, {"fault": "bad tag"}])
def test_what_is_not_known_never_deletes(fields: dict[str, Any]) -> None:
    decision = decided(sleeps(**{"tracked": DUE, **fields}))
    assert decision.action is NextAction.NOTHING
    assert decision.blocked, "and the warning stays"
    assert decided(sleeps(tracked=DUE, unreadable="x")).action is NextAction.NOTHING
    assert unknowns(sleeps(sleep=None), ActionReason.FORGET_AFTER)


@given(asleep=st.floats(0, 2), asked=st.floats(0, 2), delivered=st.floats(0, 2), reached=st.booleans(), unread=st.booleans())
def test_it_is_never_deleted_too_early(asleep: float, asked: float, delivered: float, reached: bool, unread: bool) -> None:
    period = AFTER * MINUTE
    warning = warned(given_at=NOW - delivered * DAY, delivered_at=NOW - delivered * DAY if reached else 0.0)
    memory = slept(NOW - asleep * period, warning=warning)
    memory = replace(memory, sleep=memory.sleep.asked(NOW - asked * period))
    rest = EnvironmentSleep(unread=("x",) if unread else ())
    if decided(sleeps(tracked=memory, sleep=rest)).action is NextAction.DELETE:
        assert min(asleep, asked) * period >= period - 1
        assert reached
        assert delivered >= 1 - 1e-9
        assert not unread


def test_a_cluster_is_dormant_when_all_of_it_is_stopped() -> None:
    stopped = replace(FORCED, forced=False)
    for target, expected in (
        (stopped, True),
        (FORCED, False),
        (replace(stopped, scales=True), False),
        (pool(), False),
        (ASLEEP, True),
        (machine(), False),
        (machine(state=State.STOPPED_BILLED), False),
        (machine(state=State.ABSENT), False),
        (replace(absent_cluster(COMPUTE, "westeurope"), state=State.STOPPED), False),
    ):
        assert is_dormant(sleeps(machine=target)) is expected


def test_the_time_counts_from_the_first_sweep_that_saw_it_asleep() -> None:
    new = sleeps(tracked=slept(sleep=SleepRecord()))
    assert decided(new).at == NOW + AFTER * MINUTE
    assert with_sleep_record(new).tracked.sleep.dormant_since == NOW
    assert with_sleep_record(sleeps()).tracked.sleep.dormant_since == SLEPT
    assert with_sleep_record(sleeps(machine=machine())).tracked.sleep.dormant_since == 0.0
    assert with_sleep_record(sleeps(stages=Stages(), machine=machine())).tracked == slept()
    assert with_sleep_record(sleeps(unreadable="x", machine=machine())).tracked == slept()


PLAN = PlannedAction(NextAction.DELETE, ActionReason.FORGET_AFTER, "ml1", ASLEEP, "", "", NOW, NOW - 10)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, ""),
        ({"machine": replace(ASLEEP, state=State.RUNNING)}, "It is running now."),
        ({"machine": replace(ASLEEP, state=State.STARTING)}, "It is starting now."),
        ({"hold": Hold("ann", "", NOW - 60, NOW + HOUR)}, "It is now on hold by ann."),
        ({"sleep": EnvironmentSleep(since=NOW - 60)}, "The action is not due now."),
        ({"sleep": EnvironmentSleep(unread=("x could not be read",))}, "It is left unchanged, because x could not be read."),
        ({"tracked": slept(warning=warned(delivered_at=0.0))}, "Its users must be warned first."),
    ],
)
def test_right_before_the_deletion_everything_counts_again(fields: dict[str, Any], why: str) -> None:
    found = recheck(PLAN, sleeps(**{"tracked": DUE, **fields}))
    assert why in found
    assert bool(found) is bool(why)


def test_what_is_planned_is_the_deletion_even_while_a_warning_is_due() -> None:
    for days in (20, 7, 4):
        one = sleeps(tracked=slept(SLEPT + days * DAY))
        shown = with_planned(one, decided(one)).sleep.planned
        assert shown is not None
        assert (shown.then, shown.at) == ("delete", NOW + days * DAY)
    kept = sleeps(sleep=EnvironmentSleep(why_not="other environments depend on it: ml2"))
    shown = with_planned(kept, decided(kept)).sleep.planned
    assert shown is not None
    assert (shown.at, shown.text) == (0.0, "Its environment is not deleted while other environments depend on it: ml2.")


def test_disks_and_passwords_that_go_and_disks_that_stay_are_named() -> None:
    resources = environment_record().resources
    text = losses_of(resources, None)
    assert text.startswith("Lost with it: its disks (")
    assert text.endswith("and its passwords in the key vault.")
    disk = next(one for one in resources if one.kind == "disk")
    kept = replace(disk, name="data-0", id=f"{disk.id}-data", settings=dict(KEPT))
    assert losses_of([*resources, kept], None).endswith(f"Kept, and billed on: {kept.id.rpartition('/')[2]}.")
    assert losses_of([], None) == "Everything in it is lost."


def test_snapshots_are_those_of_a_deletion_by_command_and_the_same_when_tried_again() -> None:
    record, place = environment_record(), {"subscription": SUBSCRIPTION, "deployment": "d"}
    assert snapshots_before(record, sleeps(), **place) is None
    wants = sleeps(stages=replace(STAGES, snapshots=True))
    found = snapshots_before(record, wants, **place)
    assert found is not None
    assert found == snapshots_before(record, replace(wants, now=NOW + 60), **place)
    assert [one.disk.kind for one in found.requests] == ["disk"]
    assert "Snapshots of the disks are taken first" in losses_of(record.resources, found)
    assert snapshots_before(replace(record, resources=()), wants, **place) is None
    due = sleeps(tracked=DUE, sleep=EnvironmentSleep(snapshots=found))
    (plan,) = plan_actions([Evaluated(due, evaluate(due), decided(due), "")], {}, SUBSCRIPTION)
    assert (plan.action, plan.reason, plan.snapshots) == (NextAction.DELETE, ActionReason.FORGET_AFTER, found)
    claim = ActionClaim("ml1-delete-1", replace(plan, lock="ml1"), "sweep-1", 0.0)
    assert LeaseEnd(claim).teardown == DeleteRequest("ml1-delete-1", "ml1", snapshots=found)


def test_stored_specs_ask_in_minutes() -> None:
    assert stages_in({"forget_after": AFTER, "forget": "snapshot"}) == Stages(forget_after=AFTER, snapshots=True)
    assert stages_in({"forget_after": "30d", "forget": "delete"}) == Stages()
