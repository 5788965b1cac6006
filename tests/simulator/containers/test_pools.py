"""Agent pools: what is refused, counts, and the machines that Azure counts against quotas."""

from typing import Any

import pytest

from local.azure.core.world import SUBSCRIPTION
from local.azure.services.resource_graph import TABLES, Table
from tests.simulator.containers.ground import GPU, ID, NODES, VERSION, Ground, deployment, namespace
from tests.simulator.containers.test_clusters import refused


@pytest.fixture
def running(ground: Ground) -> Ground:
    ground.ready()
    return ground


def count(ground: Ground) -> int:
    return int(ground.shown("/agentPools/gpu")["properties"]["count"])


def machines(ground: Ground) -> list[int]:
    below = f"{NODES}/providers/Microsoft.Compute/virtualMachineScaleSets/aks-gpu"
    return [one["sku"]["capacity"] for one in ground.world.resources(below=below)]


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"vmSize": "Standard_None"}, "VMSizeNotSupported"),
        ({"availabilityZones": ["7"]}, "AvailabilityZoneNotSupported"),
        ({"minCount": None}, "InvalidParameter"),
        ({"count": 3}, "InvalidParameter"),
        ({"enableAutoScaling": False}, "InvalidParameter"),
        ({"mode": "System"}, "InvalidParameter"),
        ({"orchestratorVersion": "1.36"}, "NodePoolMcVersionIncompatible"),
        ({"vnetSubnetID": f"{ID}/none/subnets/none"}, "VnetSubnetIDNotFound"),
    ],
)
def test_what_a_pool_cannot_be(running: Ground, properties: dict[str, Any], code: str) -> None:
    refused(running.pool(**properties), code)


def test_a_pool_without_nodes_needs_no_quota_and_one_with_nodes_does(running: Ground) -> None:
    family = running.world.catalogue[GPU]["family"]
    running.world.store.put("limits", f"westeurope/{family}", {"limit": 4})
    assert running.pool().status == 201
    running.azure.finish()
    fixed: dict[str, Any] = {"enableAutoScaling": False, "minCount": None, "maxCount": None}
    text = refused(running.pool(**fixed, count=2), "ErrCode_InsufficientVCPUQuota")
    assert "requested 8, remaining 4" in text
    assert running.pool(**fixed, count=1).body["properties"]["provisioningState"] == "Scaling"
    running.azure.finish()
    assert (count(running), machines(running)) == (1, [1])
    running.world.store.put("limits", f"westeurope/{family}", {"limit": 4})
    surge = refused(running.pool("more", **fixed, count=1), "ErrCode_InsufficientVCPUQuota")
    assert "remaining 0" in surge


def test_the_machines_of_an_upgrade_count_against_the_quota(ground: Ground) -> None:
    ground.ready(kubernetesVersion="1.35.1")
    fixed: dict[str, Any] = {"enableAutoScaling": False, "minCount": None, "maxCount": None, "count": 1}
    ground.pool(**fixed, upgradeSettings={"maxSurge": "1"})
    ground.azure.finish()
    ground.cluster(kubernetesVersion="1.35.5")
    ground.azure.finish()
    family = ground.world.catalogue[GPU]["family"]
    ground.world.store.put("limits", f"westeurope/{family}", {"limit": 7})
    newer: dict[str, Any] = {**fixed, "orchestratorVersion": "1.35.5", "upgradeSettings": {"maxSurge": "1"}}
    refused(ground.pool(**newer), "ErrCode_InsufficientVCPUQuota")
    ground.world.store.put("limits", f"westeurope/{family}", {"limit": 8})
    assert ground.pool(**newer).body["properties"]["provisioningState"] == "Upgrading"


def test_zero_can_be_forced_and_given_back_to_the_autoscaler(running: Ground) -> None:
    running.pool(count=1)
    running.azure.finish()
    assert (count(running), machines(running)) == (1, [1])
    running.pool(enableAutoScaling=False, count=0, minCount=None, maxCount=None)
    running.azure.finish()
    shown = running.shown("/agentPools/gpu")["properties"]
    assert (shown["count"], shown["enableAutoScaling"], machines(running)) == (0, False, [0])
    assert "minCount" not in shown
    running.pool()
    running.azure.finish()
    assert running.shown("/agentPools/gpu")["properties"]["maxCount"] == 2


def test_a_pod_that_waits_brings_a_node_once_the_autoscaler_has_the_pool_again(running: Ground) -> None:
    running.pool(enableAutoScaling=False, count=0, minCount=None, maxCount=None)
    running.azure.finish()
    running.apply(namespace())
    running.apply(deployment(gpus=1))
    running.pass_time(3600)
    assert count(running) == 0
    running.pool()
    running.azure.finish()
    running.pass_time(60)
    assert count(running) == 1


def test_a_stopped_pool_has_no_machines_and_gets_as_many_again(running: Ground) -> None:
    fixed: dict[str, Any] = {"enableAutoScaling": False, "minCount": None, "maxCount": None}
    running.pool(**fixed, count=2)
    running.azure.finish()
    stopped = running.pool(**fixed, count=2, powerState={"code": "Stopped"}).body["properties"]
    assert (stopped["provisioningState"], stopped["count"]) == ("Stopping", 0)  # recorded: 6bf46aa96ff7
    running.azure.finish()
    assert machines(running) == [0]
    started = running.pool(**fixed, count=0, powerState={"code": "Running"}).body["properties"]
    assert started["count"] == 2  # recorded: ddd45833619d
    running.azure.finish()
    assert machines(running) == [2]


def test_what_is_fixed_in_a_pool(running: Ground) -> None:
    running.pool()
    running.azure.finish()
    for changed in (
        {"vmSize": "Standard_NC8as_T4_v3"},
        {"maxPods": 30},
        {"gpuProfile": {"driver": "Install"}, "osDiskSizeGB": 64},
    ):
        refused(running.pool(**changed), "PropertyChangeNotAllowed")


def test_the_last_system_pool_stays(running: Ground) -> None:
    said = running.azure.manage("DELETE", f"{ID}/agentPools/system?{VERSION}")
    refused(said, "MustDefineAtLeastOneSystemPool")
    running.pool()
    running.azure.finish()
    assert running.azure.manage("DELETE", f"{ID}/agentPools/gpu?{VERSION}").status == 202
    running.azure.finish()
    refused(running.azure.manage("GET", f"{ID}/agentPools/gpu?{VERSION}"), "NotFound", 404)
    assert machines(running) == []
    assert running.azure.manage("DELETE", f"{ID}/agentPools/gpu?{VERSION}").status == 204


def test_resource_graph_shows_pools_in_their_cluster_only(running: Ground) -> None:
    running.pool()
    running.azure.finish()
    running.world.index_everything()
    table = TABLES.setdefault(running.world, Table())
    rows = table.ask(running.world, "resources | project type, properties", {SUBSCRIPTION})
    kinds = {row["type"] for row in rows}
    assert "microsoft.containerservice/managedclusters/agentpools" not in kinds
    assert {"microsoft.compute/virtualmachinescalesets", "microsoft.network/loadbalancers"} <= kinds
    clusters = [row for row in rows if row["type"] == "microsoft.containerservice/managedclusters"]
    assert [pool["name"] for pool in clusters[0]["properties"]["agentPoolProfiles"]] == ["system", "gpu"]
