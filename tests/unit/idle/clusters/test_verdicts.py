"""Verdicts on clusters: neither more work nor missing or stale evidence ever make one idle."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse import serialization
from dormouse.clock import HOUR, MINUTE
from dormouse.idle.alarms import alarm
from dormouse.idle.clusters.ml_cluster import ComputeCluster
from dormouse.idle.clusters.node_counts import NodeCounts
from dormouse.idle.decision import Decision, NextAction, decide
from dormouse.idle.evidence import STALE, Evaluation, NodeEvidence, TimeSeries
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.recheck import has_begun, recheck
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.sources.compute_clusters import with_free_since
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.targets import is_target_key, lock_of, target_ids, target_key
from dormouse.idle.tracking import ActionReason, Hold, Lease, LeaseAction, PendingWarning, TrackedMachine
from dormouse.idle.verdict import VerdictKind, evaluate
from dormouse.lifecycle import State
from dormouse.resources.plan import Resource
from tests.unit.builders import IDENTIFIER, LONG_AGO, NOW, SUBSCRIPTION, case, machine
from tests.unit.builders import warned as warned_before

WORKSPACE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ml1/providers/Microsoft.MachineLearningServices/workspaces/work"
)
CLUSTER = f"{WORKSPACE}/computes/gpus"
WINDOW = 30
# A Friday, 08:00 UTC: outside these hours.
NIGHTS = "mon-fri 20:00-23:00 UTC"


def cluster(**fields: Any) -> ComputeCluster:
    known = {
        "workspace": WORKSPACE,
        "name": "work/gpus",
        "subscription": SUBSCRIPTION,
        "region": "westeurope",
        "size": "Standard_NC4as_T4_v3",
        "state": State.RUNNING,
        "created": LONG_AGO,
        "environment": "ml1",
        "counts": NodeCounts(held=2, wanted=2, idle=2),
        "least": 2,
        "most": 4,
        "idle_time": "PT10M",
    }
    return ComputeCluster(CLUSTER, **{**known, **fields})


def unused(**changes: Any) -> NodeEvidence:
    known: dict[str, Any] = {"active": TimeSeries((0.0,) * WINDOW), "end": NOW - 3 * MINUTE, "numbers": {"nodes": 2.0}}
    return NodeEvidence(**{**known, **changes})


def tracked(**fields: Any) -> TrackedMachine:
    known = {"id": CLUSTER, "first_seen": LONG_AGO, "state": State.RUNNING, "state_since": LONG_AGO, "free_since": LONG_AGO}
    return TrackedMachine(**{**known, **fields})


def warned(reason: ActionReason = ActionReason.IDLE) -> PendingWarning:
    """A warning whose lead has just passed."""
    return warned_before(reason, given_at=NOW - 1000, delivered_at=NOW - 1000, stop_at=NOW - 60)


def evaluation(**fields: Any) -> Evaluation:
    return case(**{"machine": cluster(), "tracked": tracked(), "nodes": unused(), **fields})


def judged(one: Evaluation) -> tuple[VerdictKind, Decision]:
    verdict = evaluate(one)
    return verdict.kind, decide(one, verdict)


def test_a_cluster_that_holds_unused_nodes_is_idle_and_warned() -> None:
    kind, decision = judged(evaluation())
    assert (kind, decision.action, decision.reason) == (VerdictKind.IDLE, NextAction.WARN, ActionReason.IDLE)
    assert "scaled to zero nodes at" in decision.then


def test_after_its_warning_it_is_scaled_to_zero() -> None:
    assert judged(evaluation(tracked=tracked(warning=warned())))[1].action is NextAction.STOP


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unread": ("its runs could not be read (HTTP 500)",)}, "its runs could not be read (HTTP 500)"),
        ({"problem": "Azure Monitor in westeurope is overloaded (HTTP 529)"}, "overloaded"),
        ({"end": NOW - STALE - 1}, "no data about its nodes for more than 10 minutes"),
        ({"end": 0.0}, "no data about its nodes"),
        ({"active": TimeSeries((0.0,) * (WINDOW - 1))}, "for 1 of 30 minutes"),
        ({"active": TimeSeries((None,) + (0.0,) * (WINDOW - 1))}, "for 1 of 30 minutes"),
        ({"active": TimeSeries()}, "for 30 of 30 minutes"),
    ],
)
def test_missing_or_stale_evidence_is_unknown_and_stops_nothing(changes: dict[str, Any], words: str) -> None:
    one = evaluation(nodes=unused(**changes), tracked=tracked(warning=warned()))
    verdict = evaluate(one)
    assert verdict.kind is VerdictKind.UNKNOWN
    assert words in verdict.reason
    assert decide(one, verdict).action is NextAction.NOTHING


def test_without_any_evidence_nothing_is_known() -> None:
    assert judged(evaluation(nodes=NodeEvidence()))[0] is VerdictKind.UNKNOWN


@pytest.mark.parametrize("since", [0.0, NOW - 2 * MINUTE])
def test_metrics_must_reach_the_moment_since_which_it_is_free(since: float) -> None:
    kind, decision = judged(evaluation(tracked=tracked(free_since=since, warning=warned())))
    assert (kind, decision.action) == (VerdictKind.UNKNOWN, NextAction.NOTHING)


@pytest.mark.parametrize(("changes", "since"), [({}, NOW), ({"work": ("a run",)}, 0.0), ({"unread": ("its runs",)}, 0.0)])
def test_a_cluster_is_free_from_the_first_sweep_that_sees_no_work(changes: dict[str, Any], since: float) -> None:
    before = evaluation(nodes=unused(**changes), tracked=tracked(free_since=0.0))
    assert with_free_since(before).tracked.free_since == since
    later = evaluation(nodes=unused(**changes), tracked=tracked(free_since=NOW - HOUR))
    assert with_free_since(later).tracked.free_since == (NOW - HOUR if since else 0.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"work": ("its run train is Queued",)},
        {"work": ("1 of its nodes is running",), "unread": ("its runs were not asked for",)},
        {"active": TimeSeries((0.0,) * (WINDOW - 1) + (1.0,))},
        {"active": TimeSeries((1.0,) + (0.0,) * (WINDOW - 1))},
    ],
)
@pytest.mark.parametrize("lease", [None, Lease(NOW - 1, LeaseAction.STOP, "ann")])
@pytest.mark.parametrize("schedule", [None, read_schedule(NIGHTS)])
def test_work_keeps_a_cluster_whatever_the_reason_of_a_stop(changes: dict[str, Any], lease: Any, schedule: Any) -> None:
    reason = ActionReason.LEASE if lease else ActionReason.SCHEDULE if schedule else ActionReason.IDLE
    known = tracked(lease=lease, warning=warned(reason), schedule_since=LONG_AGO)
    kind, decision = judged(evaluation(nodes=unused(**changes), tracked=known, schedule=schedule))
    assert kind is VerdictKind.BUSY
    assert decision.action in (NextAction.NOTHING, NextAction.WITHDRAW)


def test_the_end_of_a_lease_and_of_scheduled_hours_give_back_unused_nodes() -> None:
    leased = tracked(lease=Lease(NOW - 1, LeaseAction.STOP, "ann"), warning=warned(ActionReason.LEASE))
    assert judged(evaluation(tracked=leased))[1].action is NextAction.STOP
    scheduled = tracked(warning=warned(ActionReason.SCHEDULE))
    assert judged(evaluation(tracked=scheduled, schedule=read_schedule(NIGHTS)))[1].action is NextAction.STOP


def test_no_schedule_starts_a_cluster() -> None:
    asleep = cluster(state=State.STOPPED, counts=NodeCounts(), least=0)
    known = tracked(state=State.STOPPED, state_since=LONG_AGO)
    for hours in ("mon-fri 07:00-20:00 UTC", NIGHTS):
        kind, decision = judged(evaluation(machine=asleep, tracked=known, schedule=read_schedule(hours)))
        assert (kind, decision.action, decision.then) == (VerdictKind.STOPPED, NextAction.NOTHING, "")


def test_scheduled_hours_and_holds_keep_the_nodes() -> None:
    assert judged(evaluation(schedule=read_schedule("mon-fri 07:00-20:00 UTC")))[0] is VerdictKind.SCHEDULED_ON
    hold = Hold("bob", "", NOW, NOW + HOUR)
    kind, decision = judged(evaluation(hold=hold, tracked=tracked(hold=hold, warning=warned())))
    assert (kind, decision.action) == (VerdictKind.HELD, NextAction.WITHDRAW)


@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPED])
def test_a_run_that_cannot_begin_is_blocked_and_stops_nothing(state: State) -> None:
    evidence = unused(blocked="Its run x has waited since then, because there is no quota.", work=("its run x is Queued",))
    one = evaluation(machine=cluster(state=state), nodes=evidence, tracked=tracked(warning=warned()))
    kind, decision = judged(one)
    assert (kind, decision.action) == (VerdictKind.BLOCKED, NextAction.WITHDRAW)
    assert evaluate(one).reason == evidence.blocked


def test_new_nodes_are_left_alone_for_a_while() -> None:
    assert judged(evaluation(tracked=tracked(state_since=NOW - 60)))[0] is VerdictKind.YOUNG


@given(
    st.lists(st.none() | st.floats(0, 5), min_size=WINDOW, max_size=WINDOW),
    st.booleans(),
    st.booleans(),
    st.floats(0, 2 * STALE),
    st.floats(0, STALE),
)
def test_only_a_whole_window_without_work_is_idle(
    values: list[float | None], works: bool, unread: bool, lag: float, free: float
) -> None:
    evidence = unused(
        active=TimeSeries(tuple(values)),
        work=("a run",) if works else (),
        unread=("its runs",) if unread else (),
        end=NOW - lag,
    )
    one = evaluation(nodes=evidence, tracked=tracked(free_since=NOW - free))
    quiet = all(value is not None and value < 1 for value in values)
    assert (evaluate(one).kind is VerdictKind.IDLE) is (quiet and not works and not unread and lag <= min(STALE, free))


def planned(**fields: Any) -> PlannedAction:
    return PlannedAction(NextAction.STOP, ActionReason.IDLE, "ml1", cluster(**fields), "", "", NOW, NOW - 10)


def test_the_recheck_sees_a_run_that_was_queued_meantime() -> None:
    ready = evaluation(tracked=tracked(warning=warned()))
    assert recheck(planned(), ready) == ""
    queued = replace(ready, nodes=unused(work=("its run x is Queued",)))
    assert recheck(planned(), queued) == "In use: its run x is Queued."
    unread = replace(ready, nodes=unused(unread=("its runs could not be read",)))
    assert "its runs could not be read" in recheck(planned(), unread)


@pytest.mark.parametrize("state", [State.STOPPING, State.STOPPED])
def test_nodes_that_leave_show_that_the_action_has_begun(state: State) -> None:
    assert has_begun(planned(), evaluation(machine=cluster(state=state)))


@pytest.mark.parametrize("target", [cluster(), machine()])
def test_history_keeps_the_kind_of_a_target(target: Any) -> None:
    plan = replace(planned(), machine=target)
    assert serialization.decode(PlannedAction, serialization.encode(plan)) == plan


def test_clusters_have_keys_and_locks_of_their_own() -> None:
    assert target_key(CLUSTER) == f"{SUBSCRIPTION}:rg-ml1:work:gpus"
    assert (is_target_key(target_key(CLUSTER)), is_target_key(target_key(IDENTIFIER))) == (True, True)
    assert not is_target_key("a:b")
    assert not is_target_key("s:g:../x:gpus")
    assert lock_of(cluster(), SUBSCRIPTION) == "ml1"
    resources = [
        Resource("c", "ml_cluster", CLUSTER),
        Resource("w", "ml_workspace", WORKSPACE),
        Resource("v", "v", IDENTIFIER),
    ]
    assert target_ids(resources) == (CLUSTER, IDENTIFIER)


def test_the_policy_of_a_cluster_may_only_tell() -> None:
    policy = IdlePolicy.model_validate({"action": "notify"})
    assert judged(evaluation(policy=policy, tracked=tracked(warning=warned())))[1].action is NextAction.NOTHING


def test_a_lease_ends_only_if_it_is_known_that_nothing_works() -> None:
    leased = tracked(lease=Lease(NOW - 1, LeaseAction.STOP, "ann"), warning=warned(ActionReason.LEASE))
    decision = judged(evaluation(nodes=unused(unread=("its runs could not be read",)), tracked=leased))[1]
    assert (decision.action, decision.blocked) == (NextAction.NOTHING, "its runs could not be read")


@pytest.mark.parametrize(("minutes", "told"), [(29, False), (31, True)])
def test_people_are_told_of_a_blocked_run_after_half_an_hour(minutes: int, told: bool) -> None:
    known = tracked(verdict="blocked", verdict_since=NOW - minutes * MINUTE)
    one = evaluation(nodes=unused(blocked="Its run x has waited."), tracked=known)
    verdict = evaluate(one)
    assert alarm(one, verdict, decide(one, verdict)) == ("Its run x has waited." if told else "")
