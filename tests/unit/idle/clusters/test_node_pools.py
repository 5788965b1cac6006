"""GPU pools: neither more work nor anything unread or unseen ever makes one idle, and work brings a pool back."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse import serialization
from dormouse.clock import HOUR, MINUTE
from dormouse.idle.clusters.gpu_work import LONGEST_GAP, RunnerWork, SeenInCluster, waiting_work, with_seen, with_watch
from dormouse.idle.clusters.ml_cluster import ComputeCluster, absent_cluster
from dormouse.idle.clusters.node_pool import NodePool, absent_pool, pool_in, pool_key
from dormouse.idle.decision import Decision, NextAction, decide
from dormouse.idle.evidence import STALE, Evaluation, NodeEvidence
from dormouse.idle.guard import unknowns
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.schedules.schedule import read_schedule
from dormouse.idle.sweep import PlannedAction
from dormouse.idle.targets import is_target_key, lock_of, target_ids, target_key
from dormouse.idle.tracking import ActionReason, Hold, IdleShutdown, Lease, LeaseAction, TrackedMachine
from dormouse.idle.verdict import VerdictKind, evaluate
from dormouse.lifecycle import State
from dormouse.resources.kubernetes.workloads import ClusterNode, GpuPod, QueueDepth
from dormouse.resources.plan import Resource
from tests.unit.builders import LONG_AGO, NOW, SUBSCRIPTION, case, machine
from tests.unit.builders import warned as warned_before

CLUSTER = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-rc1/providers/Microsoft.ContainerService/managedClusters/aks-rc1"
POOL = f"{CLUSTER}/agentPools/gpu"
WINDOW = 30
WITH_QUEUE, WITHOUT = RunnerWork("runners", has_queue=True), RunnerWork("runners", has_queue=False)
EMPTY, FULL, TAKEN = QueueDepth(0, 0, NOW), QueueDepth(2, 0, NOW), QueueDepth(0, 1, NOW)
NODES = (ClusterNode("n-gpu", "gpu", ready=True, gpus=1), ClusterNode("n-other", "gpu2", ready=True, gpus=1))
RUNNER = GpuPod("runners", "runner-1", "Running", 1, "n-gpu", LONG_AGO, is_runner=True)
WAITING_RUNNER = replace(RUNNER, phase="Pending", node="")
OTHER = GpuPod("theirs", "train", "Pending", 1, "", LONG_AGO)
# A Friday, 08:00 UTC: outside these hours.
NIGHTS = "mon-fri 20:00-23:00 UTC"


def pool(**fields: Any) -> NodePool:
    known = {"environment": "rc1", "count": 1, "most": 2, "scales": True, "size": "Standard_NC4as_T4_v3"}
    return replace(absent_pool(POOL, "westeurope", State.RUNNING), **{**known, **fields})


FORCED = pool(state=State.STOPPED, count=0, scales=False, forced=True)
SHUTDOWN = IdleShutdown(NOW - HOUR, 0.5, "USD")


def tracked(**fields: Any) -> TrackedMachine:
    known = {
        "id": POOL,
        "first_seen": LONG_AGO,
        "state": State.RUNNING,
        "state_since": LONG_AGO,
        "free_since": NOW - WINDOW * MINUTE,
        "watched_at": NOW,
    }
    return TrackedMachine(**{**known, **fields})


def warned(reason: ActionReason = ActionReason.IDLE) -> Any:
    """A warning whose lead has just passed."""
    return warned_before(reason, given_at=NOW - 1000, delivered_at=NOW - 1000, stop_at=NOW - 60)


def seen(*pods: GpuPod, depth: QueueDepth | None = EMPTY, runners: RunnerWork = WITH_QUEUE, **fields: Any) -> Evaluation:
    """The evaluation of a pool in whose cluster these pods are."""
    known = case(**{"machine": pool(), "tracked": tracked(), **fields})
    assert isinstance(known.machine, NodePool)
    return with_seen(known, known.machine, SeenInCluster(pods, NODES, depth), runners)


def judged(one: Evaluation) -> tuple[VerdictKind, Decision]:
    verdict = evaluate(one)
    return verdict.kind, decide(one, verdict)


@pytest.mark.parametrize(
    ("pods", "depth", "runners", "kind", "words"),
    [
        (
            (),
            EMPTY,
            WITH_QUEUE,
            VerdictKind.IDLE,
            "it holds 1 node, and no sweep saw work on a GPU, and its queue was empty.",
        ),
        ((), None, WITHOUT, VerdictKind.IDLE, "and no sweep saw work on a GPU."),
        ((RUNNER,), EMPTY, WITH_QUEUE, VerdictKind.IDLE, "its queue was empty"),
        ((WAITING_RUNNER,), EMPTY, WITH_QUEUE, VerdictKind.IDLE, "its queue was empty"),
        ((RUNNER,), None, WITHOUT, VerdictKind.BUSY, "the pod runners/runner-1, which takes GPUs, is Running"),
        ((WAITING_RUNNER,), None, WITHOUT, VerdictKind.BUSY, "is Pending"),
        ((RUNNER,), FULL, WITH_QUEUE, VerdictKind.BUSY, "its queue has 2 messages that wait and 0 that are being worked on"),
        ((RUNNER,), TAKEN, WITH_QUEUE, VerdictKind.BUSY, "0 messages that wait and 1 that are being worked on"),
        ((), FULL, WITH_QUEUE, VerdictKind.BUSY, "its queue has 2 messages"),
        ((RUNNER, OTHER), EMPTY, WITH_QUEUE, VerdictKind.BUSY, "the pod theirs/train, which takes GPUs, is Pending"),
        ((replace(OTHER, phase="Unknown", node="n-gpu"),), EMPTY, WITH_QUEUE, VerdictKind.BUSY, "is Unknown"),
        ((replace(OTHER, node="n-gone"),), EMPTY, WITH_QUEUE, VerdictKind.BUSY, "theirs/train"),
        ((replace(OTHER, node="n-other"),), EMPTY, WITH_QUEUE, VerdictKind.IDLE, "it holds 1 node"),
        ((replace(RUNNER, namespace="theirs"),), EMPTY, WITH_QUEUE, VerdictKind.BUSY, "theirs/runner-1"),
        ((RUNNER,), None, WITH_QUEUE, VerdictKind.UNKNOWN, "the depth of its queue is not known"),
    ],
)
def test_pods_and_messages_are_work_and_runners_with_an_empty_queue_are_not(
    pods: tuple[GpuPod, ...], depth: QueueDepth | None, runners: RunnerWork, kind: VerdictKind, words: str
) -> None:
    verdict = evaluate(seen(*pods, depth=depth, runners=runners))
    assert verdict.kind is kind
    assert words in verdict.reason


def test_an_idle_pool_is_warned_and_after_its_lead_scaled_to_zero() -> None:
    kind, decision = judged(seen(RUNNER))
    assert (kind, decision.action, decision.reason) == (VerdictKind.IDLE, NextAction.WARN, ActionReason.IDLE)
    assert "scaled to zero nodes at" in decision.then
    assert judged(seen(RUNNER, tracked=tracked(warning=warned())))[1].action is NextAction.STOP


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"free_since": 0.0}, "without work for 0 of 30 minutes only"),
        ({"free_since": NOW - WINDOW * MINUTE + 1}, "for 29 of 30 minutes only"),
    ],
)
def test_sweeps_must_have_watched_it_for_the_whole_window(fields: dict[str, Any], words: str) -> None:
    one = seen(RUNNER, tracked=tracked(warning=warned(), **fields))
    verdict = evaluate(one)
    assert verdict.kind is VerdictKind.UNKNOWN
    assert words in verdict.reason
    assert decide(one, verdict).action is NextAction.NOTHING


def test_work_that_a_sweep_saw_within_the_window_is_use() -> None:
    at = NOW - WINDOW * MINUTE
    kept = evaluate(seen(RUNNER, tracked=tracked(worked_at=at + MINUTE)))
    assert (kept.kind, "a sweep saw work on it 29 minutes ago" in kept.reason) == (VerdictKind.BUSY, True), kept.reason
    assert evaluate(seen(RUNNER, tracked=tracked(worked_at=at))).kind is VerdictKind.IDLE


@pytest.mark.parametrize(
    "evidence",
    [
        NodeEvidence(),
        NodeEvidence(end=NOW - STALE - 1),
        NodeEvidence(end=NOW, unread=("its cluster could not be asked (HTTP 500)",)),
    ],
)
def test_missing_stale_or_unread_evidence_is_unknown_and_stops_nothing(evidence: NodeEvidence) -> None:
    one = replace(seen(tracked=tracked(warning=warned())), nodes=evidence)
    kind, decision = judged(one)
    assert (kind, decision.action) == (VerdictKind.UNKNOWN, NextAction.NOTHING)
    assert unknowns(one, ActionReason.LEASE) == unknowns(one, ActionReason.IDLE) != []


@pytest.mark.parametrize(
    ("before", "evidence", "after"),
    [
        ((0.0, 0.0, 0.0), NodeEvidence(end=NOW), (NOW, NOW, 0.0)),
        ((NOW - HOUR, NOW - 300, 0.0), NodeEvidence(end=NOW), (NOW - HOUR, NOW, 0.0)),
        ((NOW - HOUR, NOW - LONGEST_GAP, 0.0), NodeEvidence(end=NOW), (NOW - HOUR, NOW, 0.0)),
        ((NOW - HOUR, NOW - LONGEST_GAP - 1, 0.0), NodeEvidence(end=NOW), (NOW, NOW, 0.0)),
        ((NOW - HOUR, NOW - 300, 0.0), NodeEvidence(end=NOW, work=("x",)), (0.0, NOW, NOW)),
        ((NOW - HOUR, NOW - 300, 0.0), NodeEvidence(end=NOW, unread=("x",)), (NOW - HOUR, NOW - 300, 0.0)),
        ((NOW - HOUR, NOW - 300, 0.0), NodeEvidence(end=NOW, unread=("x",), work=("y",)), (0.0, NOW, NOW)),
        ((NOW - HOUR, NOW - 300, 0.0), NodeEvidence(), (NOW - HOUR, NOW - 300, 0.0)),
    ],
)
def test_a_pool_remembers_since_when_sweeps_see_it_without_work(
    before: tuple[float, float, float], evidence: NodeEvidence, after: tuple[float, float, float]
) -> None:
    free, watched, worked = before
    one = case(machine=pool(), tracked=tracked(free_since=free, watched_at=watched, worked_at=worked), nodes=evidence)
    known = with_watch(one).tracked
    assert (known.free_since, known.watched_at, known.worked_at) == after


@given(
    work=st.lists(st.sampled_from((RUNNER, OTHER, replace(OTHER, node="n-gpu"))), max_size=3),
    depth=st.sampled_from((None, EMPTY, FULL, TAKEN)),
    extra=st.sampled_from((OTHER, replace(OTHER, phase="Running", node="n-gpu"))),
)
def test_more_work_and_less_knowledge_never_make_it_idle(
    work: list[GpuPod], depth: QueueDepth | None, extra: GpuPod
) -> None:
    assert evaluate(seen(*work, extra, depth=depth)).kind is VerdictKind.BUSY
    if evaluate(seen(*work, depth=depth)).kind is not VerdictKind.IDLE:
        assert evaluate(seen(*work, depth=None)).kind is not VerdictKind.IDLE


@pytest.mark.parametrize(
    ("pods", "depth", "wakes"),
    [
        ((WAITING_RUNNER,), EMPTY, False),
        ((WAITING_RUNNER,), FULL, True),
        ((), FULL, True),
        ((WAITING_RUNNER, OTHER), EMPTY, True),
        ((OTHER,), None, True),
        ((WAITING_RUNNER,), None, False),
    ],
)
def test_a_message_or_another_pod_wakes_a_pool_that_a_sweep_has_forced_to_zero(
    pods: tuple[GpuPod, ...], depth: QueueDepth | None, wakes: bool
) -> None:
    memory = tracked(state=State.STOPPED, shutdown=SHUTDOWN)
    one = seen(*pods, depth=depth, machine=FORCED, tracked=memory, schedule=read_schedule(NIGHTS), wakes_for_jobs=True)
    one = replace(one, job=waiting_work(one, FORCED))
    kind, decision = judged(one)
    assert kind is VerdictKind.STOPPED
    expected = (NextAction.START, ActionReason.JOBS) if wakes else (NextAction.NOTHING, None)
    assert (decision.action, decision.reason) == expected, "also outside its hours"


@pytest.mark.parametrize(
    ("shown", "shutdown"),
    [(FORCED, None), (replace(FORCED, scales=True, forced=False), SHUTDOWN), (replace(FORCED, forced=False), SHUTDOWN)],
)
def test_no_sweep_brings_back_what_none_has_forced_to_zero(shown: NodePool, shutdown: IdleShutdown | None) -> None:
    one = seen(OTHER, machine=shown, tracked=tracked(state=State.STOPPED, shutdown=shutdown))
    assert waiting_work(one, shown) is None


@pytest.mark.parametrize(("blind", "told"), [(HOUR - 1, False), (HOUR, True)])
def test_someone_is_told_if_work_cannot_be_seen_for_an_hour(blind: float, told: bool) -> None:
    memory = tracked(state=State.STOPPED, shutdown=replace(SHUTDOWN, since=NOW - 2 * HOUR), watched_at=NOW - blind)
    one = seen(WAITING_RUNNER, depth=None, machine=FORCED, tracked=memory)
    found = waiting_work(one, FORCED)
    assert (found is not None) is told
    if found is not None:
        assert not found.wakes
        assert "has not been known for 60 minutes" in found.text, found.text


def test_holds_leases_and_schedules_keep_it_as_they_keep_a_cluster() -> None:
    held = seen(hold=Hold("ann", "", NOW - 60, NOW + HOUR), tracked=tracked(warning=warned()))
    assert judged(held)[1].action is not NextAction.STOP
    on = seen(schedule=read_schedule("mon-fri 07:00-19:00 UTC"), tracked=tracked(warning=warned()))
    assert evaluate(on).kind is VerdictKind.SCHEDULED_ON
    ended = Lease(NOW - 60, LeaseAction.STOP, "ann", NOW - HOUR)
    memory = tracked(lease=ended, warning=warned(ActionReason.LEASE))
    assert judged(seen(OTHER, tracked=memory))[1].action is NextAction.WITHDRAW, "its end waits for work"
    assert judged(seen(RUNNER, tracked=memory))[1].action is NextAction.STOP


def profile(**fields: Any) -> dict[str, Any]:
    known = {"name": "gpu", "vmSize": "Standard_NC4as_T4_v3", "count": 1, "enableAutoScaling": True, "maxCount": 2}
    return {**known, "provisioningState": "Succeeded", "powerState": {"code": "Running"}, **fields}


def shown(code: str = "Running", provisioning: str = "Succeeded", **fields: Any) -> dict[str, Any]:
    properties = {"provisioningState": provisioning, "powerState": {"code": code}, "agentPoolProfiles": [profile(**fields)]}
    return {"location": "West Europe", "properties": properties}


OFF: dict[str, Any] = {"count": 0, "enableAutoScaling": False, "maxCount": None}


@pytest.mark.parametrize(
    ("view", "state", "scales", "forced", "confirmed"),
    [
        (shown(), State.RUNNING, True, False, State.RUNNING),
        (shown(count=0), State.STOPPED, True, False, State.RUNNING),
        (shown(**OFF), State.STOPPED, False, True, State.STOPPED),
        (shown(**OFF, provisioningState="Scaling"), State.STOPPED, False, True, State.STOPPED),
        (shown(**OFF, provisioningState="Failed"), State.UNKNOWN, False, False, State.UNKNOWN),
        (shown(enableAutoScaling=False), State.RUNNING, False, False, State.RUNNING),
        (shown(provisioningState="Failed"), State.RUNNING, True, False, State.RUNNING),
        (shown(provisioningState="Deleting"), State.DELETING, True, False, State.DELETING),
        (shown(count=0, powerState={"code": "Stopped"}), State.STOPPED, False, False, State.STOPPED),
        (shown("Stopped", count=0), State.STOPPED, False, False, State.STOPPED),
        (shown("Stopped", **OFF), State.STOPPED, False, False, State.STOPPED),
        (shown("Running", "Stopping"), State.STOPPING, False, False, State.STOPPING),
        (shown("Stopped", "Starting", **OFF), State.STARTING, False, False, State.STARTING),
        (shown(name="gpu2"), State.ABSENT, False, False, State.ABSENT),
    ],
)
def test_states_of_a_pool_and_of_its_cluster(
    view: dict[str, Any], state: State, scales: bool, forced: bool, confirmed: State
) -> None:
    found = pool_in(view, POOL)
    assert (found.state, found.scales, found.forced, found.confirmed_state) == (state, scales, forced, confirmed)


def test_a_pool_has_the_place_and_the_tags_of_its_cluster() -> None:
    found = pool_in({**shown(), "tags": {"Dormouse-Keep": "on"}}, POOL)
    assert (found.region, found.tags, found.name) == ("westeurope", {"dormouse-keep": "on"}, "aks-rc1/gpu")
    assert evaluate(case(machine=found, tracked=tracked())).kind is VerdictKind.UNMANAGED
    with pytest.raises(KeyError):
        pool_in({"location": "westeurope", "properties": {"agentPoolProfiles": [{"name": "gpu"}]}}, POOL)


def test_keys_of_pools_are_no_keys_of_others() -> None:
    key = pool_key(POOL)
    assert key == f"{SUBSCRIPTION}:rg-rc1:aks-rc1:agentpools:gpu" == target_key(POOL)
    assert is_target_key(key)
    assert not is_target_key(key.replace("agentpools", "nodepools"))
    assert target_ids([Resource("gpu-pool", "node_pool", POOL), Resource("cluster", "managed_cluster", CLUSTER)]) == (POOL,)
    assert lock_of(pool(), SUBSCRIPTION) == "rc1"
    with pytest.raises(ValueError, match="is not the resource ID of a node pool"):
        pool_key(CLUSTER)


def test_plans_of_every_kind_of_target_are_read_from_histories() -> None:
    ml = replace(absent_cluster(f"{CLUSTER.partition('/providers')[0]}/x/ws/computes/c", "westeurope"), size="s")
    for one in (pool(), ml, machine()):
        plan = PlannedAction(NextAction.STOP, ActionReason.IDLE, "rc1", one, "", "", NOW, NOW)
        read = serialization.decode(PlannedAction, serialization.encode(plan))
        assert read == plan
        assert type(read.machine) is type(one)
    assert isinstance(ml, ComputeCluster)


def test_a_policy_that_only_notifies_scales_nothing() -> None:
    policy = IdlePolicy.model_validate({"action": "notify"})
    assert judged(seen(RUNNER, policy=policy, tracked=tracked(warning=warned())))[1].action is NextAction.NOTHING
