"""Clusters and runs of Azure ML in Azure's responses: what counts as work, and why a run waits."""

from typing import Any

import pytest

from dormouse.clock import MINUTE
from dormouse.idle.clusters.ml_cluster import absent_cluster, cluster_in, cluster_key, cluster_name
from dormouse.idle.clusters.ml_runs import Run, run_in, waiting_on, why_blocked, work_on
from dormouse.idle.clusters.node_counts import NodeCounts
from dormouse.lifecycle import State
from tests.unit.builders import IDENTIFIER, NOW, SUBSCRIPTION
from tests.unit.idle.clusters.test_verdicts import CLUSTER, WORKSPACE, cluster

LOW_ROW = {
    "id": f"/subscriptions/{SUBSCRIPTION}/usages",
    "type": "Microsoft.MachineLearningServices/lowPriorityCores/usages",
    "limit": 0,
    "name": {"value": "Total Cluster LowPriority Regional vCPUs"},
}


def compute(**inner: Any) -> dict[str, Any]:
    """A compute as recorded in 2022, with the nodes of a cluster that holds two."""
    states = dict.fromkeys(("running", "idle", "preparing", "unusable", "leaving", "preempted"), 0)
    known = {
        "vmSize": "STANDARD_NC4AS_T4_V3",
        "vmPriority": "LowPriority",
        "scaleSettings": {"maxNodeCount": 4, "minNodeCount": 2, "nodeIdleTimeBeforeScaleDown": "PT2M"},
        "currentNodeCount": 2,
        "targetNodeCount": 2,
        "nodeStateCounts": {f"{name}NodeCount": count for name, count in {**states, "idle": 2}.items()},
        "errors": [{"error": {"code": "ClusterCoreQuotaReached"}}],
    }
    outer = {
        "computeType": "AmlCompute",
        "createdOn": "2022-08-31T08:19:39.0074366+00:00",
        "computeLocation": "East US",
        "provisioningState": "Succeeded",
        "properties": {**known, **inner},
    }
    return {"id": CLUSTER, "tags": {"Dormouse-Idle": "off"}, "location": "eastus", "properties": outer}


def run(**fields: Any) -> Run:
    return Run(**{"name": "x", "status": "Queued", "cluster": CLUSTER.lower(), "submitted": NOW - 7200, **fields})


def test_a_cluster_is_read_from_the_list_of_its_workspace() -> None:
    seen = cluster_in(compute())
    assert seen is not None
    assert (seen.name, seen.region, seen.state, seen.low_priority) == ("work/gpus", "eastus", State.RUNNING, True)
    assert (seen.least, seen.most, seen.idle_time, seen.errors) == (2, 4, "PT2M", ("ClusterCoreQuotaReached",))
    assert (seen.tags, seen.counts.held, seen.workspace) == ({"dormouse-idle": "off"}, 2, WORKSPACE)
    assert seen.created == pytest.approx(1661933979.007)


def test_other_computes_are_no_clusters() -> None:
    instance = {"id": CLUSTER, "properties": {"computeType": "ComputeInstance"}}
    assert cluster_in(instance) is None


@pytest.mark.parametrize("lost", ["currentNodeCount", "targetNodeCount", "nodeStateCounts", "scaleSettings"])
def test_a_cluster_without_its_counts_cannot_be_read(lost: str) -> None:
    item = compute()
    del item["properties"]["properties"][lost]
    with pytest.raises(KeyError):
        cluster_in(item)


@pytest.mark.parametrize(
    ("counts", "provisioning", "state"),
    [
        (NodeCounts(), "Succeeded", State.STOPPED),
        (NodeCounts(wanted=1), "Succeeded", State.STARTING),
        (NodeCounts(held=2, idle=1, leaving=1), "Updating", State.RUNNING),
        (NodeCounts(held=1, leaving=1), "Succeeded", State.STOPPING),
        (NodeCounts(held=1, idle=1), "Failed", State.RUNNING),
        (NodeCounts(held=1), "Deleting", State.DELETING),
        (NodeCounts(), "Creating", State.CREATING),
    ],
)
def test_the_state_of_a_cluster_follows_from_its_nodes(counts: NodeCounts, provisioning: str, state: State) -> None:
    assert counts.state(provisioning) is state


def test_ids_of_others_are_no_clusters() -> None:
    with pytest.raises(ValueError, match="not the resource ID of a compute cluster"):
        cluster_key(IDENTIFIER)
    assert cluster_name(CLUSTER) == "work/gpus"
    assert absent_cluster(CLUSTER, "westeurope").state is State.ABSENT


def job(**properties: Any) -> dict[str, Any]:
    known = {"displayName": "calm  run", "status": "Running", "computeId": CLUSTER, "jobType": "Command", **properties}
    return {"name": "j1", "properties": known, "systemData": {"createdAt": "2027-01-15T06:00:00.0000000Z"}}


def test_a_run_is_read_from_a_job() -> None:
    assert run_in(job()) == Run("calm run", "Running", CLUSTER.lower(), NOW - 7200, "Command")
    assert len(run_in(job(displayName="x" * 300)).name) <= 60
    with pytest.raises(KeyError):
        run_in({"name": "j1", "properties": {"jobType": "Command"}, "systemData": {}})


@pytest.mark.parametrize(
    "status", ["NotStarted", "Queued", "Preparing", "Running", "Finalizing", "Paused", "Unknown", "Something new"]
)
def test_only_an_ended_run_is_no_work(status: str) -> None:
    assert work_on(cluster(), [run(status=status)], 30, NOW) == (f"its run x is {status}",)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Canceled"])
def test_a_run_that_was_submitted_in_the_window_is_use(status: str) -> None:
    assert work_on(cluster(), [run(status=status)], 30, NOW) == ()
    lately = work_on(cluster(), [run(status=status, submitted=NOW - 5 * MINUTE)], 30, NOW)
    assert lately == ("its run x was submitted 5 minutes ago",)


@pytest.mark.parametrize(
    ("fields", "concerns"),
    [
        ({"cluster": f"{WORKSPACE}/computes/other".lower()}, False),
        ({"cluster": "", "kind": "Command"}, False),
        ({"cluster": "", "kind": "Pipeline"}, True),
        ({"cluster": "", "kind": "Sweep"}, True),
    ],
)
def test_a_run_without_a_cluster_counts_unless_it_is_serverless(fields: dict[str, Any], concerns: bool) -> None:
    assert bool(work_on(cluster(), [run(**fields)], 30, NOW)) is concerns


def test_the_run_that_waits_longest_is_named_if_none_runs() -> None:
    first, second = run(name="first", submitted=NOW - 9000), run(name="second")
    assert waiting_on(cluster(), [second, first]) == first
    assert waiting_on(cluster(), [first, run(status="Running")]) is None
    assert waiting_on(cluster(), [run(status="Completed")]) is None


def test_a_quota_of_zero_is_the_reason() -> None:
    low = cluster(low_priority=True)
    assert "'Total Cluster LowPriority Regional vCPUs' in westeurope is 0" in why_blocked(low, run(), [LOW_ROW])
    assert why_blocked(cluster(), run(), [LOW_ROW]) == ""
    assert why_blocked(low, run(), [{**LOW_ROW, "limit": 4}]) == ""


def test_the_row_of_the_cluster_itself_counts() -> None:
    own = {"id": f"{CLUSTER}/usages/Standard_NC_Family", "type": "x", "limit": 0, "name": {"value": "Standard NC Family"}}
    assert "'Standard NC Family'" in why_blocked(cluster(), run(), [own])
    other = {**own, "id": f"{WORKSPACE}/computes/gpus2/usages/Standard_NC_Family"}
    assert why_blocked(cluster(), run(), [other]) == ""
    assert why_blocked(cluster(), run(), [{**own, "limit": -1}]) == ""


def test_what_the_cluster_reports_is_a_reason_too() -> None:
    assert "ClusterCoreQuotaReached" in why_blocked(cluster(errors=("ClusterCoreQuotaReached",)), run(), [])
    assert why_blocked(cluster(errors=("Other",)), run(), []) == ""
