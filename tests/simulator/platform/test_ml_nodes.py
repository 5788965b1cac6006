"""Clusters of a workspace over time: nodes come for runs, leave after the idle time, and follow the quota."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.providers.compute.catalogue import LIMITS
from local.azure.providers.kinds import ACCOUNT, KEY_VAULT
from local.azure.providers.ml import quotas, runs
from local.azure.providers.ml.nodes import GROWTH, LEAVING, NO_QUOTA, seconds_of
from local.azure.services.metric_queries import LAG_MINUTES
from tests.contract.azure import METRICS, Azure
from tests.contract.preparation import Preparation
from tests.simulator.platform.test_machine_learning import DEPENDENCIES, GROUP, VERSION, WORKSPACE

T4, FAMILY = "Standard_NC4as_T4_v3", "Standard NCASv3_T4 Family Cluster Dedicated vCPUs"
USAGES = f"/subscriptions/{GROUP.split('/')[2]}/providers/Microsoft.MachineLearningServices/locations/westeurope/usages"


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """One workspace for all tests; each makes a cluster of its own."""
    azure = Azure(Path(tmp_path_factory.mktemp("ml")))
    prepare = Preparation(azure)
    prepare.make(f"{GROUP}/providers/{ACCOUNT}/labstorage")
    prepare.make(f"{GROUP}/providers/{KEY_VAULT}/lab-vault")
    body = {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": DEPENDENCIES}
    assert azure.manage("PUT", f"{WORKSPACE}?{VERSION}", body).status == 202
    azure.finish()
    yield azure
    azure.close()


def control(azure: Azure, path: str, body: dict[str, Any]) -> Answer:
    request = Request("POST", path, {}, {}, json.dumps(body).encode(), "", "", azure._issuer)
    return runs.HANDLERS["POST", path](azure.world, request)


def cluster(azure: Azure, name: str, **scale: Any) -> str:
    settings = {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT10M", **scale}
    inner = {"vmSize": T4, "scaleSettings": settings}
    body = {"properties": {"computeType": "AmlCompute", "properties": inner}}
    said = azure.manage("PUT", f"{WORKSPACE}/computes/{name}?{VERSION}", body)
    assert said.status == 201, said.body
    azure.pass_time(60)
    return f"{WORKSPACE}/computes/{name}"


def inside(azure: Azure, compute: str) -> dict[str, Any]:
    seen: dict[str, Any] = azure.manage("GET", f"{compute}?{VERSION}").body["properties"]["properties"]
    return seen


def counts(azure: Azure, compute: str) -> dict[str, int]:
    shown = inside(azure, compute)["nodeStateCounts"]
    return {name.removesuffix("NodeCount"): count for name, count in shown.items() if count}


def run(azure: Azure, compute: str, **more: Any) -> str:
    said: str = control(azure, "ml/runs", {"compute": compute, **more}).body["id"]
    return said


def status(azure: Azure, identifier: str) -> str:
    said: str = azure.manage("GET", f"{identifier}?{VERSION}").body["properties"]["status"]
    return said


def active(azure: Azure, name: str, minutes: int) -> list[float | None]:
    """The most active nodes of a cluster in each of the last minutes."""
    now = azure.world.seconds()
    query = {
        "metricnamespace": "microsoft.machinelearningservices/workspaces",
        "metricnames": "Active Nodes",
        "aggregation": "maximum",
        "interval": "PT1M",
        "filter": "ClusterName eq '*'",
        "top": "100",
        "starttime": azure.world.zulu(now - minutes * 60)[:19] + "Z",
        "endtime": azure.world.zulu(now)[:19] + "Z",
        "api-version": "2024-02-01",
    }
    path = f"/subscriptions/{GROUP.split('/')[2]}/metrics:getBatch?" + urlencode(query)
    body = {"resourceids": [WORKSPACE]}
    answer = azure.ask(METRICS, "POST", path, body).content
    (metric,) = json.loads(answer)["values"][0]["value"]
    series = {one["metadatavalues"][0]["value"]: one["data"] for one in metric["timeseries"]}
    return [point.get("maximum") for point in series[name]]


def test_nodes_come_for_runs_and_leave_after_the_idle_time(azure: Azure) -> None:
    gpus = cluster(azure, "gpus")
    first, second = run(azure, gpus, seconds=900, nodes=2), run(azure, gpus, seconds=60)
    assert (status(azure, first), counts(azure, gpus)) == ("Queued", {"preparing": 3})
    assert inside(azure, gpus)["allocationState"] == "Resizing"
    azure.pass_time(GROWTH)
    assert (status(azure, first), status(azure, second), counts(azure, gpus)) == ("Running", "Running", {"running": 3})
    nodes = azure.manage("POST", f"{gpus}/listNodes?{VERSION}").body["nodes"]
    assert sorted(node["runId"] for node in nodes) == sorted(one.rpartition("/")[2] for one in (first, first, second))
    azure.pass_time(120)
    assert (status(azure, second), counts(azure, gpus)) == ("Completed", {"running": 2, "idle": 1})
    azure.pass_time(900)
    assert counts(azure, gpus) == {"idle": 2}
    azure.pass_time(600 + LEAVING)
    assert (counts(azure, gpus), inside(azure, gpus)["currentNodeCount"]) == ({}, 0)


def test_a_cluster_holds_its_minimum_until_it_is_patched(azure: Azure) -> None:
    held = cluster(azure, "held", minNodeCount=2)
    azure.pass_time(3600)
    assert counts(azure, held) == {"idle": 2}
    scale = {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT2M"}
    said = azure.manage("PATCH", f"{held}?{VERSION}", {"properties": {"properties": {"scaleSettings": scale}}})
    assert said.status == 200
    assert counts(azure, held) == {"leaving": 2}
    azure.pass_time(LEAVING)
    assert inside(azure, held)["currentNodeCount"] == 0


def test_a_run_waits_while_there_is_no_quota(azure: Azure) -> None:
    poor = cluster(azure, "poor")
    azure.world.store.put(LIMITS, f"westeurope/{FAMILY}", {"limit": 0})
    waits = run(azure, poor)
    azure.pass_time(7200)
    assert (status(azure, waits), counts(azure, poor)) == ("Queued", {})
    assert [error["error"]["code"] for error in inside(azure, poor)["errors"]] == [NO_QUOTA]
    rows = {row["id"].lower(): row for row in azure.manage("GET", f"{USAGES}?{VERSION}").body["value"]}
    assert rows[f"{poor}/usages/{FAMILY.replace(' ', '_')}".lower()]["limit"] == 0
    body = {"properties": {"computeType": "AmlCompute", "properties": {"vmSize": T4, "scaleSettings": {"maxNodeCount": 1}}}}
    refused = azure.manage("PUT", f"{WORKSPACE}/computes/never?{VERSION}", body)
    assert (refused.status, "vCPU quota of 0" in refused.body["error"]["message"]) == (400, True)
    azure.world.store.put(LIMITS, f"westeurope/{FAMILY}", {"limit": 100})
    azure.pass_time(2 * GROWTH)
    assert (status(azure, waits), inside(azure, poor)["errors"]) == ("Running", None)
    control(azure, "ml/runs/end", {"id": waits})
    assert (status(azure, waits), counts(azure, poor)) == ("Canceled", {"idle": 1})


def test_low_priority_counts_in_total_only(azure: Azure) -> None:
    rows = {row["name"]["value"]: row["limit"] for row in azure.manage("GET", f"{USAGES}?{VERSION}").body["value"]}
    assert rows[FAMILY.replace("Dedicated", "LowPriority")] == -1
    azure.world.store.put(LIMITS, f"westeurope/{quotas.LOW_PRIORITY}", {"limit": 0})
    rows = {row["name"]["value"]: row["limit"] for row in azure.manage("GET", f"{USAGES}?{VERSION}").body["value"]}
    assert (rows[quotas.LOW_PRIORITY], rows[FAMILY.replace("Dedicated", "LowPriority")]) == (0, -1)


def test_metrics_count_active_nodes_by_cluster_and_minute(azure: Azure) -> None:
    busy = cluster(azure, "busy")
    cluster(azure, "quiet", minNodeCount=1)
    run(azure, busy, seconds=90, nodes=2)
    azure.pass_time(3600)
    seen = active(azure, "busy", 70)
    assert sorted({value for value in seen if value is not None}) == [0, 2]
    assert 2 <= seen.count(2) <= 3
    assert seen[-LAG_MINUTES:] == [None] * LAG_MINUTES
    assert set(active(azure, "quiet", 30)) == {0, None}


def test_jobs_are_listed_page_by_page_the_newest_first(azure: Azure) -> None:
    many = cluster(azure, "many")
    for number in range(runs.PAGE):
        run(azure, many, name=f"old{number}", ago=number + 10, status="Completed")
    pipeline = control(azure, "ml/runs", {"workspace": WORKSPACE, "kind": "Pipeline", "status": "Running"}).body
    page = azure.manage("GET", f"{WORKSPACE}/jobs?{VERSION}").body
    assert (len(page["value"]), page["value"][0]["name"]) == (runs.PAGE, pipeline["name"])
    rest = azure.manage("GET", "/" + page["nextLink"].split("/", 3)[3]).body
    assert rest["value"]
    assert "nextLink" not in rest
    assert azure.manage("GET", f"{WORKSPACE}/jobs/none?{VERSION}").status == 404


@pytest.mark.parametrize(("text", "seconds"), [("PT2M", 120), ("PT120S", 120), ("P1DT2H", 93600)])
def test_idle_times_are_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


def test_a_number_is_no_duration() -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds_of("1800")
