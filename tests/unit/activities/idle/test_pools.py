"""GPU pools in sweeps: what Azure and clusters are asked about them, and what is done to one after the recheck."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from activities.idle.confirm import confirm_states
from activities.idle.execute import begin_claims
from activities.idle.pools import change_pool, read_pools, with_pool_evidence
from activities.machines import read_machine
from dormouse.clock import HOUR, rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.cloud.deployments import Deployments
from dormouse.cloud.kubernetes.api import KubernetesApi
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.environments.answers import Answer, Done, Refused
from dormouse.environments.operations import EnvironmentRecord
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.errors import CloudUnavailable
from dormouse.idle.clusters.node_pool import NodePool
from dormouse.idle.decision import NextAction
from dormouse.idle.evidence import Evaluation
from dormouse.idle.responsibility import Neighbours
from dormouse.idle.stages.sleep import Stages
from dormouse.idle.sweep import ActionClaim, ActionStarted, ClaimBatch, PlannedAction
from dormouse.idle.tracking import ActionReason, TrackedMachine
from dormouse.lifecycle import State
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords
from dormouse.resources.plan import Resource
from tests.unit.azure import Azure, Token
from tests.unit.builders import NOW, case, environment_record
from tests.unit.idle.clusters.test_node_pools import (
    CLUSTER,
    FORCED,
    OFF,
    POOL,
    SHUTDOWN,
    WINDOW,
    pool,
    profile,
    shown,
    tracked,
    warned,
)
from tests.unit.resources.kubernetes.test_workloads import node, pod
from tests.unit.twins import SETTINGS, MemoryTables, stopped_clock

OPERATION = "rc1-stop-01M8J8WFS2VXEX4MSYZ4DDW3F4"
RUNNER_LABELS = {"app.kubernetes.io/name": "runner", "app.kubernetes.io/managed-by": "dormouse"}
FAILS = (500, {"error": {"code": "InternalServerError", "message": "x"}}, dict[str, str]())
WATCH = {"metadata": {"name": "queue-watch-1"}, "status": {"phase": "Running"}}


class Api(KubernetesApi):
    """An API server with these pods, one GPU node, and a watch that saw the queue a moment ago; or one that fails."""

    def __init__(self, *pods: Mapping[str, Any], queue: str = "ready=0 unacknowledged=0", fails: Any = None) -> None:
        super().__init__(Cloud(SETTINGS, stopped_clock(NOW)), "https://cluster", "")
        self.pods, self.queue, self.fails, self.asked = list(pods), queue, fails, 0

    async def items(self, path: str, **query: str) -> Any:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        if query:
            return [WATCH]
        return self.pods if path.endswith("/pods") else [node("n1")]

    async def log(self, namespace: str, pod: str, lines: int, container: str = "") -> str:
        if not self.queue:
            raise CloudUnavailable("The API server did not answer.")
        return f"{rfc3339(NOW - 30)} queue {self.queue}\n"


class Alone(Deployments):
    """No other deployment of the control plane."""

    async def neighbours(self) -> Neighbours:
        return Neighbours()


class Place(Cloud):
    """A cloud with one cluster with one GPU pool; records the requests that change something."""

    def __init__(self, view: Any, answers: Any = None, api: Api | None = None, **inner: Any) -> None:
        super().__init__(SETTINGS, stopped_clock(NOW))
        shows = {CLUSTER: view, POOL: {"properties": {**profile(**inner), "minCount": 0, "nodeImageVersion": "x"}}}
        self.azure = Azure({path: body for path, body in shows.items() if body is not None}, answers)
        self.transport, self.credential, self.tables = self.azure, Token(), MemoryTables()
        self.deployments = Alone(self)
        self.begun: list[Any] = []
        self.api = api

    async def begin(self, begin: Any, *request: Any, **options: Any) -> Answer:
        self.begun.append((begin.__name__, *request))
        return Done()

    async def cluster_api(self, cluster: str) -> KubernetesApi:
        assert self.api is not None
        return self.api


@pytest.fixture
def api() -> Api:
    return Api()


def runner(phase: str = "Running") -> dict[str, Any]:
    shows = pod("runner-1", phase)
    return {**shows, "metadata": {**shows["metadata"], "labels": RUNNER_LABELS}}


def record(*, queue: bool = True, private: bool = False) -> EnvironmentRecord:
    settings = {"most": "2", "namespace": "runners", **({"private": "true"} if private else {})}
    resources = [Resource("gpu-pool", "node_pool", POOL, settings=settings)]
    resources += [Resource("queue-watch", "kubernetes_object", f"{CLUSTER}/apis/x", needs=("gpu-pool",))] if queue else []
    return replace(environment_record("rc1"), resources=tuple(resources), spec="{}")


def evidence(api: Api, one: Evaluation, *, queue: bool = True) -> Evaluation:
    (found,) = asyncio.run(with_pool_evidence([one], {"rc1": record(queue=queue)}, Place(shown(), api=api)))
    return found


def test_each_cluster_is_read_once_and_one_that_cannot_be_is_unknown() -> None:
    place = Place(shown(**OFF))
    read = asyncio.run(read_pools([record(), record()], place))
    assert [(one.environment, one.most, one.forced) for one in read.found] == [("rc1", 2, True)] * 2
    assert place.azure.asked == [f"GET {CLUSTER}"]
    blind = asyncio.run(read_pools([record()], Place(None, {f"GET {CLUSTER}": FAILS})))
    assert [one.state for one in blind.found] == [State.UNKNOWN]
    assert "The cluster aks-rc1 could not be read" in blind.problems[CLUSTER.lower()]
    strange = asyncio.run(read_pools([record()], Place({"properties": {}})))
    assert [one.state for one in strange.found] == [State.UNKNOWN]
    assert [one.state for one in asyncio.run(read_pools([record()], Place(None))).found] == [State.ABSENT]


def test_pools_of_private_clusters_are_not_watched() -> None:
    place = Place(shown())
    assert asyncio.run(read_pools([record(private=True)], place)).found == ()
    assert place.azure.asked == []


@pytest.mark.parametrize(
    ("shows", "memory", "asks"),
    [
        (pool(), tracked(), True),
        (pool(state=State.STOPPED, count=0), tracked(), False),
        (pool(state=State.STOPPED, count=0), tracked(shutdown=SHUTDOWN), False),
        (FORCED, tracked(), False),
        (FORCED, tracked(shutdown=SHUTDOWN), True),
        (pool(state=State.UNKNOWN), tracked(), False),
        (replace(FORCED, forced=False), tracked(shutdown=SHUTDOWN), False),
    ],
)
def test_a_cluster_is_asked_only_if_its_pool_has_nodes_or_may_have_to_wake(
    api: Api, shows: NodePool, memory: TrackedMachine, asks: bool
) -> None:
    found = evidence(api, case(machine=shows, tracked=memory))
    assert bool(api.asked) is asks
    assert bool(found.nodes.end) is asks


def test_a_cluster_whose_stop_is_counted_to_is_asked_too_and_others_pods_are_seen(api: Api) -> None:
    api.pods = [{"metadata": {"name": "web", "namespace": "theirs"}, "status": {"phase": "Running"}}]
    empty = pool(state=State.STOPPED, count=0)
    counts = case(machine=empty, tracked=tracked(), stages=Stages(stop_after=60, leads=True))
    assert evidence(api, counts).nodes.others == ("the pod theirs/web runs in its cluster, or has just ended",)
    assert evidence(api, replace(counts, stages=Stages(leads=True))).nodes.end == 0.0


@pytest.mark.parametrize(
    "fails", [CloudUnavailable("no"), ReadRefused(Refusal(RefusalReason.FORBIDDEN, "no")), KeyError("x"), OSError("x")]
)
def test_what_a_cluster_does_not_say_is_unread(api: Api, fails: Exception) -> None:
    api.fails = fails
    nodes = evidence(api, case(machine=pool(), tracked=tracked())).nodes
    assert (nodes.work, len(nodes.unread)) == ((), 1)
    assert nodes.unread[0].startswith("its cluster could not be asked (")


def test_a_queue_that_cannot_be_read_hides_no_pod(api: Api) -> None:
    api.pods, api.queue = [runner(), {**pod("train"), "metadata": {"name": "train", "namespace": "theirs"}}], ""
    nodes = evidence(api, case(machine=pool(), tracked=tracked())).nodes
    assert nodes.work == ("the pod theirs/train, which takes GPUs, is Running",)
    assert "the depth of its queue is not known" in nodes.unread[0]


def test_without_a_queue_a_runner_is_work(api: Api) -> None:
    api.pods, api.queue = [runner()], ""
    nodes = evidence(api, case(machine=pool(), tracked=tracked()), queue=False).nodes
    assert (nodes.work, nodes.unread) == (("the pod runners/runner-1, which takes GPUs, is Running",), ())


def carried_out(place: Place, action: NextAction = NextAction.STOP, memory: TrackedMachine | None = None) -> ActionStarted:
    """The result of a planned change of the pool."""
    reason = ActionReason.IDLE if action is NextAction.STOP else ActionReason.JOBS
    before = pool() if action is NextAction.STOP else FORCED
    plan = PlannedAction(action, reason, "rc1", before, "", "", NOW, NOW - 10, window=WINDOW)
    claim = ActionClaim(OPERATION, plan, "sweep-1", NOW)

    async def begin() -> list[ActionStarted]:
        records = Records(place.tables)
        await records.remember_environment(record())
        await records.take_lock("rc1", Lock(OPERATION, NOW))
        known = memory or tracked(warning=warned())
        await MachineRecords(place.tables).change_tracked(before.key, lambda _: known)
        return await begin_claims(ClaimBatch((claim,)), place)

    (begun,) = asyncio.run(begin())
    return begun


ASLEEP = tracked(state=State.STOPPED, shutdown=replace(SHUTDOWN, since=NOW - HOUR))


def test_an_idle_pool_is_scaled_to_zero_without_the_autoscaler(api: Api) -> None:
    api.pods, place = [runner()], Place(shown(), api=api)
    begun = carried_out(place)
    assert begun.begun == Done(), begun.why
    ((name, identifier, body),) = place.begun
    assert (name, identifier) == ("begin_create_or_update_by_id", POOL)
    sent = body["properties"]
    assert (sent["enableAutoScaling"], sent["count"], sent["vmSize"]) == (False, 0, "Standard_NC4as_T4_v3")
    assert {"minCount", "maxCount", "nodeImageVersion", "provisioningState"} & set(sent) == set()


@pytest.mark.parametrize(
    ("queue", "view", "words"),
    [
        ("ready=1 unacknowledged=0", shown(), "In use: its queue has 1 messages that wait"),
        ("ready=none unacknowledged=none", shown(), "the depth of its queue is not known"),
        ("ready=0 unacknowledged=0", shown(count=0), "It is stopped now."),
        ("ready=0 unacknowledged=0", None, "The machine no longer exists."),
    ],
)
def test_right_before_the_stop_everything_is_read_again(api: Api, queue: str, view: Any, words: str) -> None:
    api.pods, api.queue, place = [runner()], queue, Place(view, api=api)
    begun = carried_out(place)
    assert (begun.begun, place.begun) == (None, [])
    assert words in begun.why


def test_a_pool_wakes_with_the_limits_of_the_spec(api: Api) -> None:
    api.pods, api.queue, place = [runner("Pending")], "ready=1 unacknowledged=0", Place(shown(**OFF), **OFF, api=api)
    begun = carried_out(place, NextAction.START, ASLEEP)
    assert begun.begun == Done(), begun.why
    sent = place.begun[0][2]["properties"]
    assert (sent["enableAutoScaling"], sent["minCount"], sent["maxCount"]) == (True, 0, 2)


def test_a_pool_that_the_autoscaler_has_again_is_awake(api: Api) -> None:
    place = Place(shown(count=0), api=api)
    assert (carried_out(place, NextAction.START, ASLEEP).begun, place.begun) == (Done(), [])


def test_a_pool_does_not_wake_for_a_message_that_is_gone(api: Api) -> None:
    api.pods, place = [runner("Pending")], Place(shown(**OFF), **OFF, api=api)
    begun = carried_out(place, NextAction.START, ASLEEP)
    assert (begun.begun, place.begun) == (None, []), begun


def test_what_is_so_already_is_not_sent_again_and_a_refused_read_is_said() -> None:
    awake, asleep = Place(shown()), Place(shown(**OFF), **OFF)
    assert asyncio.run(change_pool(FORCED, NextAction.START, awake)) == Done()
    assert asyncio.run(change_pool(pool(), NextAction.STOP, asleep)) == Done()
    assert [*awake.begun, *asleep.begun] == []
    forbidden = (403, {"error": {"code": "AuthorizationFailed", "message": "no"}}, dict[str, str]())
    gone = (404, {"error": {"code": "NotFound", "message": "no"}}, dict[str, str]())
    for answer in (forbidden, gone):
        place = Place(shown(), {f"GET {POOL}": answer})
        assert isinstance(asyncio.run(change_pool(pool(), NextAction.STOP, place)), Refused)


def test_asleep_is_what_is_forced_to_zero_and_awake_what_the_autoscaler_has() -> None:
    for view, state in ((shown(), State.RUNNING), (shown(count=0), State.RUNNING), (shown(**OFF), State.STOPPED)):
        assert asyncio.run(confirm_states([POOL], Place(view))) == {POOL.lower(): state}
        assert asyncio.run(read_machine(POOL, Place(view))).state is state
    assert asyncio.run(confirm_states([POOL], Place(None, {f"GET {CLUSTER}": FAILS}))) == {}
    assert asyncio.run(read_machine(POOL, Place(None))).state is State.ABSENT
