"""Clusters in sweeps: what Azure is asked about them, and what is done to one right before it is scaled to zero."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.monitor.querymetrics.aio import MetricsClient

from activities.idle.clusters import read_clusters, with_node_evidence
from activities.idle.confirm import confirm_states
from activities.idle.execute import begin_claims
from activities.machines import read_machine
from dormouse.clock import HOUR, MINUTE
from dormouse.cloud.clients import Cloud
from dormouse.cloud.deployments import Deployments
from dormouse.environments.answers import Answer, Done
from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.clusters.ml_cluster import ComputeCluster, cluster_in
from dormouse.idle.decision import NextAction
from dormouse.idle.responsibility import Neighbours
from dormouse.idle.sweep import ActionClaim, ActionStarted, ClaimBatch, PlannedAction
from dormouse.idle.tracking import ActionReason
from dormouse.lifecycle import State
from dormouse.records.environments import Lock, Records
from dormouse.records.machines import MachineRecords
from dormouse.resources.plan import Resource
from tests.unit.azure import Azure, Token
from tests.unit.builders import NOW, case, environment_record
from tests.unit.idle.clusters.test_ml_runs import compute, job
from tests.unit.idle.clusters.test_verdicts import CLUSTER, WINDOW, WORKSPACE, tracked, warned
from tests.unit.twins import SETTINGS, HttpAnswer, MemoryTables, stopped_clock

OPERATION = "ml1-stop-01M8J8WFS2VXEX4MSYZ4DDW3F4"
DEDICATED = {"vmPriority": "Dedicated", "errors": None}
QUEUED = {"value": [job(status="Queued", displayName="late")]}
NO_RUNS: dict[str, Any] = {"value": []}


class Monitor(MetricsClient):
    """Azure Monitor with so many active nodes in every minute of the window up to three minutes ago, or an error."""

    def __init__(self, active: float | None) -> None:
        self.active, self.asked = active, 0

    async def send_request(self, request: Any, **_: Any) -> Any:
        self.asked += 1
        if self.active is None:
            return HttpAnswer(529, "")
        minutes = [NOW - (3 + ago) * MINUTE for ago in range(WINDOW + 5)]
        data = [{"timeStamp": datetime.fromtimestamp(at, UTC).isoformat(), "maximum": self.active} for at in minutes]
        named = {"name": {"value": "clustername"}, "value": "gpus"}
        metric = {"timeseries": [{"metadatavalues": [named], "data": data}]}
        return HttpAnswer(200, {"values": [{"resourceid": WORKSPACE, "value": [metric]}]})


class Alone(Deployments):
    """No other deployment of the control plane."""

    async def neighbours(self) -> Neighbours:
        return Neighbours()


class Place(Cloud):
    """A cloud with one workspace with one cluster; records the requests that change something."""

    def __init__(self, azure: Azure, active: float | None = 0.0) -> None:
        super().__init__(SETTINGS, stopped_clock(NOW))
        self.transport, self.credential, self.tables = azure, Token(), MemoryTables()
        self.azure, self.monitor, self.deployments = azure, Monitor(active), Alone(self)
        self.begun: list[Any] = []

    def metrics(self, region: str) -> MetricsClient:
        return self.monitor

    async def begin(self, begin: Any, *request: Any, **options: Any) -> Answer:
        self.begun.append((begin.__name__, *request))
        return Done()


def azure(jobs: Any = None, answers: Any = None, **inner: Any) -> Azure:
    shows = {f"{WORKSPACE}/computes": {"value": [compute(**DEDICATED, **inner)]}, f"{WORKSPACE}/jobs": jobs or NO_RUNS}
    shows[f"{WORKSPACE}/computes"]["value"][0]["tags"] = {}
    return Azure(shows, answers)


def record(*names: str) -> EnvironmentRecord:
    resources = tuple(Resource(name, "ml_cluster", f"{WORKSPACE}/computes/{name}") for name in names or ("gpus",))
    return replace(environment_record("ml1"), resources=resources, spec="{}")


def shown(**inner: Any) -> ComputeCluster:
    found = cluster_in(azure(**inner).shows[f"{WORKSPACE}/computes".lower()]["value"][0])
    assert found is not None
    return replace(found, environment="ml1")


def carried_out(place: Place) -> ActionStarted:
    """The result of a planned scaling to zero."""
    plan = PlannedAction(NextAction.STOP, ActionReason.IDLE, "ml1", shown(), "", "", NOW, NOW - 10, window=WINDOW)
    claim = ActionClaim(OPERATION, plan, "sweep-1", NOW)

    async def begin() -> list[ActionStarted]:
        records, memory = Records(place.tables), tracked(warning=warned())
        await records.remember_environment(record())
        await records.take_lock("ml1", Lock(OPERATION, NOW))
        await MachineRecords(place.tables).change_tracked(shown().key, lambda _: memory)
        return await begin_claims(ClaimBatch((claim,)), place)

    (begun,) = asyncio.run(begin())
    return begun


def test_an_idle_cluster_keeps_no_least_number_of_nodes() -> None:
    place = Place(azure())
    begun = carried_out(place)
    assert begun.begun == Done(), begun.why
    settings = {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT2M"}
    assert place.begun == [("begin_update_by_id", CLUSTER, {"properties": {"properties": {"scaleSettings": settings}}})]


def test_what_is_set_already_is_not_set_again() -> None:
    place = Place(azure(scaleSettings={"maxNodeCount": 4, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT120S"}))
    assert (carried_out(place).begun, place.begun) == (Done(), [])


@pytest.mark.parametrize("idle_time", ["PT10M", "", "never"])
def test_a_long_or_unreadable_idle_time_is_set(idle_time: str) -> None:
    place = Place(azure(scaleSettings={"maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": idle_time}))
    assert (carried_out(place).begun, len(place.begun)) == (Done(), 1)


FAILING: dict[str, Any] = {f"GET {WORKSPACE}/jobs": (500, {"error": {"code": "InternalServerError", "message": "x"}}, {})}
BUSY_NODES = {f"{name}NodeCount": 0 for name in ("idle", "preparing", "unusable", "leaving", "preempted")} | {
    "runningNodeCount": 2
}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (lambda: Place(azure(QUEUED)), "its run late is Queued"),
        (lambda: Place(azure(nodeStateCounts=BUSY_NODES)), "2 of its nodes are running"),
        (lambda: Place(azure(answers=FAILING)), "its runs could not be read"),
        (lambda: Place(azure({"value": [{"name": "x"}]})), "its runs could not be read"),
        (lambda: Place(azure(), active=None), "is overloaded"),
        (lambda: Place(azure(), active=1.0), "active nodes"),
        (lambda: Place(Azure({})), "The machine no longer exists."),
    ],
)
def test_what_is_seen_right_before_it_prevents_it(place: Any, words: str) -> None:
    there = place()
    begun = carried_out(there)
    assert (begun.begun, words in begun.why, there.begun) == (None, True, []), begun


def evidence(place: Place, *, verdict: str = "", now: float = NOW + HOUR / 2) -> Any:
    one = case(machine=shown(), tracked=tracked(verdict=verdict), now=now)
    there = asyncio.run(read_clusters([record()], place))
    (seen,) = asyncio.run(with_node_evidence([replace(one, machine=there.found[0])], place))
    return seen.nodes


def test_a_cluster_without_nodes_costs_one_request() -> None:
    states = dict.fromkeys(BUSY_NODES, 0)
    place = Place(azure(currentNodeCount=0, targetNodeCount=0, nodeStateCounts=states))
    evidence(place)
    assert (len(place.azure.asked), place.monitor.asked) == (1, 0)
    evidence(place, verdict="blocked")
    assert place.azure.asked[2:] == [f"GET {WORKSPACE}/jobs"]
    evidence(place, now=NOW // HOUR * HOUR)
    assert len(place.azure.asked) == 5, "once an hour"


def test_runs_are_asked_for_only_if_nothing_works() -> None:
    working = Place(azure(nodeStateCounts=BUSY_NODES))
    assert evidence(working).unread == ("its runs were not asked for",)
    assert (len(working.azure.asked), working.monitor.asked) == (1, 1)
    idle = Place(azure())
    assert (evidence(idle).unread, len(idle.azure.asked)) == ((), 2)


def test_clusters_of_one_workspace_are_read_together_and_absent_ones_are_known() -> None:
    place = Place(azure())
    found = asyncio.run(read_clusters([record("gpus", "gone")], place)).found
    assert [(one.name, one.state, one.environment) for one in found] == [
        ("work/gpus", State.RUNNING, "ml1"),
        ("work/gone", State.ABSENT, "ml1"),
    ]
    assert len(place.azure.asked) == 1


@pytest.mark.parametrize("status", [403, 500])
def test_clusters_that_cannot_be_read_are_unknown_and_not_absent(status: int) -> None:
    answers: dict[str, Any] = {
        f"GET {WORKSPACE}/computes": (status, {"error": {"code": "AuthorizationFailed", "message": "no"}}, {})
    }
    read = asyncio.run(read_clusters([record()], Place(Azure({}, answers))))
    assert [one.state for one in read.found] == [State.UNKNOWN]
    assert read.problems[WORKSPACE.lower()].startswith("The clusters of the workspace work could not be read (")


def test_a_workspace_that_is_gone_has_no_clusters() -> None:
    assert [one.state for one in asyncio.run(read_clusters([record()], Place(Azure({})))).found] == [State.ABSENT]


def test_too_many_runs_are_not_read_to_the_end() -> None:
    jobs = {"value": [job(status="Completed")] * 2001}
    (unread,) = evidence(Place(azure(jobs))).unread
    assert "more than 2000 jobs" in unread


def test_states_of_clusters_are_confirmed_by_their_nodes() -> None:
    place = Place(azure())
    gone = f"{WORKSPACE}/computes/gone"
    assert asyncio.run(confirm_states([CLUSTER, gone], place)) == {CLUSTER.lower(): State.RUNNING}
    assert asyncio.run(read_machine(CLUSTER, place)).state is State.RUNNING
    assert asyncio.run(read_machine(gone, place)).state is State.ABSENT
    failing = Place(Azure({}, {f"GET {WORKSPACE}/computes": (500, {}, {})}))
    assert asyncio.run(confirm_states([CLUSTER], failing)) == {}
