"""Clusters of Azure ML in sweeps: idle nodes are given back after a warning, and nothing that works or waits is touched.

All clusters are in one workspace, and live through the same sweeps.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from dormouse.clock import parse_moment, rfc3339
from local.sandbox import Ground, temporary_ground
from tests.fleet import lines_of_the_report, sweep_ended, warm_up
from tests.support import SUBSCRIPTION, AzureSide, ControlPlane, until

SPEED = 120.0
RIGHTS: list[dict[str, Any]] = [{"role": "reader"}, {"actions": ["*"]}]
SHARED: dict[str, Any] = {"blueprint": "ml-shared", "region": "westeurope", "stage": "dev", "containers": ["data"]}
COMPUTE = "Microsoft.MachineLearningServices/workspaces/computes"
LOW = "Total Cluster LowPriority Regional vCPUs"
SOON = {"window": "5m", "grace": "0m", "lead": "5m"}
NAMES = ("held", "slow", "again", "waits", "works", "kept", "poor", "reported", "asked")
HELD, SLOW = {"minNodeCount": 2}, {"minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT10H"}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A workspace with nine clusters, about which an activity service is asked."""
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        with running.simulation() as simulation:
            simulation.put("/permissions", json={"assignments": RIGHTS}).raise_for_status()
        with running.client() as client:
            with running.simulation() as simulation:
                Clusters.built(ControlPlane(client), AzureSide(simulation), *NAMES)
            warm_up(client)
        yield running


WORKSPACE: dict[str, Any] = {"blueprint": "ml-workspace", "region": "westeurope", "shared": "shared", "idle": SOON}


class Clusters:
    """The two sides of the clusters: what users do to them in Azure, and what sweeps see."""

    def __init__(self, control_plane: ControlPlane, azure: AzureSide) -> None:
        self.control_plane, self.azure = control_plane, azure
        self.ids = {one["name"]: str(one["id"]) for one in azure.of_type("observed", COMPUTE)}

    @classmethod
    def built(cls, control_plane: ControlPlane, azure: AzureSide, *names: str) -> "Clusters":
        """Clusters in a new workspace with its shared environment; `poor` has low-priority nodes."""
        control_plane.up("shared", SHARED)
        low = {"poor": {"priority": "low"}}
        clusters = [{"name": name, "max_nodes": 4, **low.get(name, {})} for name in names]
        control_plane.up("observed", {**WORKSPACE, "clusters": clusters})
        return cls(control_plane, azure)

    def scale(self, name: str, **settings: Any) -> None:
        """A user changes the scale settings by hand."""
        (cluster,) = (one for one in self.azure.of_type("observed", COMPUTE) if one["name"] == name)
        cluster["properties"]["properties"]["scaleSettings"] |= settings
        self.azure._appear(cluster)

    def run(self, cluster: str, **more: Any) -> str:
        said = self.azure.client.post("/ml/runs", json={"compute": self.ids[cluster], **more}).raise_for_status().json()
        return str(said["id"])

    def settings(self, name: str) -> dict[str, Any]:
        (cluster,) = (one for one in self.azure.of_type("observed", COMPUTE) if one["name"] == name)
        found: dict[str, Any] = cluster["properties"]["properties"]["scaleSettings"]
        return found

    def sweep(self) -> dict[str, dict[str, Any]]:
        """One sweep; returns its lines about the clusters by name."""
        client = self.control_plane.client
        sweep_ended(client, client.post("/sweeps", json={}))
        return {one["name"].rpartition("/")[2]: one for one in lines_of_the_report(client) if one["kind"] == "ml_cluster"}

    def notices(self, name: str) -> list[str]:
        """The events that people were told of."""
        told = self.azure.client.get("/messages").json()["value"]
        return [one["body"]["event"] for one in told if (one["body"]["machine"] or "").lower() == self.ids[name].lower()]


@pytest.fixture(scope="module")
def told(ground: Ground) -> Iterator[dict[str, Any]]:
    """What happened to the clusters, moment by moment."""
    with ground.client() as client, ground.simulation() as simulation:
        clusters = Clusters(ControlPlane(client), AzureSide(simulation))
        azure = clusters.azure
        azure.limit("westeurope", LOW, 0)
        clusters.scale("slow", **SLOW)
        clusters.run("slow", seconds=30)
        for name in ("held", "again", "kept", "reported", "asked"):
            clusters.scale(name, **HELD)
        clusters.scale("waits", minNodeCount=1)
        clusters.run("waits", nodes=9, name="too-wide")
        clusters.run("works", seconds=48 * 3600, name="training")
        clusters.run("poor", name="cheap")
        clusters.sweep()
        held = {"machine": clusters.ids["kept"], "for": "20h", "reason": "a demo"}
        client.post("/machines/hold", json=held).raise_for_status()
        later = rfc3339(parse_moment(client.get("/health").json()["time"]) + 20 * 3600)
        report = {"machine": clusters.ids["reported"], "busy_until": later, "reason": "an experiment"}
        client.post("/machines/activity", json={"reports": [report]}).raise_for_status()
        said = {"id": clusters.ids["asked"], "state": "busy", "busy_until": later}
        simulation.put("/activity", json=said).raise_for_status()
        seen: dict[str, Any] = {"clusters": clusters, "blind": []}

        def warned() -> bool:
            seen["warned"] = clusters.sweep()
            return bool(seen["warned"]["held"]["next_action"] == "warn")

        until(warned, "nothing is warned")
        azure.spoil(method="GET", path="/jobs", status=500)
        due = seen["warned"]["held"]["next_action_at"]
        clusters.run("again", seconds=48 * 3600, name="late")

        def overdue() -> bool:
            seen["blind"].append(clusters.sweep())
            return bool(seen["blind"][-1]["held"]["as_of"] > due)

        until(overdue, "the lead does not pass")
        seen["blind_settings"] = clusters.settings("held")
        azure.behave()

        def asleep() -> bool:
            seen["asleep"] = clusters.sweep()
            return all(seen["asleep"][name]["state"] == "stopped" for name in ("held", "slow"))

        until(asleep, f"they are not scaled to zero: {seen.get('asleep')}")
        yield seen
        azure.as_before()


def test_an_idle_cluster_that_holds_nodes_is_warned_and_scaled_to_zero(told: dict[str, Any]) -> None:
    clusters: Clusters = told["clusters"]
    warned, asleep = told["warned"]["held"], told["asleep"]["held"]
    assert warned["verdict"] == "idle"
    assert warned["reason"] == (
        "Idle for 5 minutes: it holds 2 nodes, none was active, and no run is queued or running. "
        "The activity service activity.localhost reports no activity."
    )
    assert "It will be scaled to zero nodes at" in warned["next_action_text"]
    assert clusters.notices("held") == ["warned", "stopped"]
    assert clusters.settings("held") == {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT2M"}
    assert (asleep["verdict"], asleep["hours_asleep"] > 0, asleep["saved_amount"] > 0) == ("stopped", True, True)
    operations = clusters.control_plane.client.get("/operations", params={"environment": "observed"}).json()["value"]
    ended = [one for one in operations if one["requested_by"] == "sweep (idle)"]
    assert {(one["verb"], one["outcome"]) for one in ended} == {("stop", "succeeded")}
    assert all(one["reason"].endswith("Azure confirms that it holds no nodes.") for one in ended)


def test_a_cluster_with_a_very_long_idle_time_is_scaled_to_zero(told: dict[str, Any]) -> None:
    assert told["clusters"].settings("slow")["nodeIdleTimeBeforeScaleDown"] == "PT2M"
    assert told["clusters"].notices("slow") == ["warned", "stopped"]


@pytest.mark.parametrize(("name", "words"), [("waits", "its run too-wide is Queued"), ("works", "is running")])
def test_a_cluster_with_a_run_that_waits_or_works_is_left_alone(told: dict[str, Any], name: str, words: str) -> None:
    lines = [told["warned"][name], told["asleep"][name]]
    assert {line["verdict"] for line in lines} == {"busy"}
    assert all(words in line["reason"] for line in lines), lines
    assert told["clusters"].notices(name) == []


def test_a_run_that_comes_after_the_warning_keeps_the_nodes(told: dict[str, Any]) -> None:
    assert told["warned"]["again"]["next_action"] == "warn"
    assert told["asleep"]["again"]["verdict"] == "busy"
    assert told["clusters"].settings("again")["minNodeCount"] == 2
    assert "stopped" not in told["clusters"].notices("again")


def test_a_run_without_quota_is_blocked_and_says_why(told: dict[str, Any]) -> None:
    line = told["asleep"]["poor"]
    assert (line["verdict"], line["next_action"], line["state"]) == ("blocked", None, "stopped")
    assert line["reason"].startswith("Its run cheap has waited since ")
    assert f"because the Azure ML quota '{LOW}' in westeurope is 0" in line["reason"]
    problem = told["clusters"].control_plane.get("observed")["problem"]
    assert "Its run cheap has waited since" in problem


def test_a_hold_keeps_the_nodes_of_a_cluster(told: dict[str, Any]) -> None:
    line = told["asleep"]["kept"]
    assert (line["verdict"], line["state"]) == ("held", "running")
    assert line["hold"]["reason"] == "a demo"
    assert told["clusters"].settings("kept")["minNodeCount"] == 2


@pytest.mark.parametrize(
    ("name", "by"), [("reported", "function-key"), ("asked", "the activity service activity.localhost")]
)
def test_activity_from_outside_keeps_the_nodes_of_a_cluster(told: dict[str, Any], name: str, by: str) -> None:
    for line in (told["warned"][name], told["asleep"][name]):
        assert (line["verdict"], line["state"], [one["by"] for one in line["activity"]]) == ("busy", "running", [by])
        assert line["reason"].startswith(f"In use: {by} reports it busy until ")
    assert told["clusters"].settings(name)["minNodeCount"] == 2


def test_while_runs_cannot_be_read_nothing_is_scaled_down_and_the_warning_stays(told: dict[str, Any]) -> None:
    lines = [sweep["held"] for sweep in told["blind"]]
    assert {line["verdict"] for line in lines} == {"unknown"}
    assert all("its runs could not be read" in line["reason"] for line in lines)
    assert told["blind_settings"]["minNodeCount"] == 2
    assert told["clusters"].notices("held").count("warned") == 1


def test_one_sweep_asks_once_for_the_clusters_and_once_for_the_metrics_of_a_workspace(told: dict[str, Any]) -> None:
    clusters: Clusters = told["clusters"]
    clusters.azure.client.delete("/calls").raise_for_status()
    clusters.sweep()
    calls = clusters.azure.client.get("/calls").json()
    assert sum(count for service, count in calls.items() if "metrics" in service) == 1, calls


def test_an_environment_with_clusters_only_can_be_held_and_leased(told: dict[str, Any]) -> None:
    client = told["clusters"].control_plane.client
    held = client.post("/environments/observed/hold", json={"for": "1h"}).raise_for_status().json()
    assert held["machine"].lower().startswith(SUBSCRIPTION.lower())
    assert client.get("/environments/observed").json()["hold"] is not None
    adopted = client.post("/machines/adopt", json={"machine": told["clusters"].ids["held"]})
    assert adopted.status_code == 422
