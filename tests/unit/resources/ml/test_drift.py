"""How workspaces, datastores and clusters differ from their plans, and what Azure can change of it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from dormouse.resources.kinds import ChangeAction
from dormouse.resources.ml.clusters import ML_CLUSTER, errors_of, nodes_of
from dormouse.resources.ml.workspaces import ML_WORKSPACE
from dormouse.resources.plan import Resource
from tests.unit.blueprints.test_ml_workspace import plan

WORKSPACE, CLUSTER = plan().resource("workspace"), plan().resource("cluster-gpu")


def shown(resource: Resource, change: Callable[[dict[str, Any]], None] = lambda body: None) -> dict[str, Any]:
    """The resource as Azure shows it when it is as planned but for this change."""
    body = copy.deepcopy(resource.body)
    body["properties"]["provisioningState"] = "Succeeded"
    change(body["properties"])
    return body


@pytest.mark.parametrize(
    ("change", "field", "action"),
    [
        ({}, [], ChangeAction.NONE),
        ({"friendlyName": "x"}, ["title"], ChangeAction.UPDATE),
        ({"publicNetworkAccess": "Disabled"}, ["public_access"], ChangeAction.UPDATE),
        ({"storageAccount": "/x"}, ["shared"], ChangeAction.IMMUTABLE),
        ({"enableDataIsolation": False}, ["enableDataIsolation"], ChangeAction.IMMUTABLE),
        ({"managedNetwork": {"isolationMode": "AllowInternetOutbound"}}, ["isolation"], ChangeAction.IMMUTABLE),
        ({"provisioningState": "Failed"}, [], ChangeAction.UPDATE),
    ],
)
def test_a_workspace_differs_by_the_fields_of_its_spec(
    change: dict[str, Any], field: list[str], action: ChangeAction
) -> None:
    found = ML_WORKSPACE.diff(WORKSPACE, shown(WORKSPACE, lambda properties: properties.update(change)))
    assert ([one.field for one in found.differences], found.action) == (field, action)


def test_the_case_of_resource_ids_is_no_difference() -> None:
    upper = {"storageAccount": WORKSPACE.body["properties"]["storageAccount"].upper()}
    found = ML_WORKSPACE.diff(WORKSPACE, shown(WORKSPACE, lambda properties: properties.update(upper)))
    assert found.action is ChangeAction.NONE


@pytest.mark.parametrize(
    ("change", "field", "action"),
    [
        ({}, [], ChangeAction.NONE),
        ({"vmSize": "STANDARD_NC4AS_T4_V3"}, [], ChangeAction.NONE),
        ({"vmSize": "Standard_D4s_v5"}, ["clusters.0.size"], ChangeAction.IMMUTABLE),
        ({"vmPriority": "LowPriority"}, ["clusters.0.priority"], ChangeAction.IMMUTABLE),
        ({"subnet": {"id": "/x"}}, ["clusters.0.subnet"], ChangeAction.IMMUTABLE),
    ],
)
def test_a_cluster_differs_by_what_is_decided_when_it_is_created(
    change: dict[str, Any], field: list[str], action: ChangeAction
) -> None:
    found = ML_CLUSTER.diff(CLUSTER, shown(CLUSTER, lambda properties: properties["properties"].update(change)))
    assert ([one.field for one in found.differences], found.action) == (field, action)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"maxNodeCount": 9}, ["clusters.0.max_nodes"]),
        ({"minNodeCount": 1}, ["clusters.0.min_nodes"]),
        ({"nodeIdleTimeBeforeScaleDown": "PT2M"}, ["clusters.0.idle"]),
        ({"nodeIdleTimeBeforeScaleDown": "PT600S"}, []),
        ({"nodeIdleTimeBeforeScaleDown": None}, ["clusters.0.idle"]),
    ],
)
def test_the_scale_of_a_cluster_is_changed_in_place(change: dict[str, Any], field: list[str]) -> None:
    found = ML_CLUSTER.diff(
        CLUSTER, shown(CLUSTER, lambda properties: properties["properties"]["scaleSettings"].update(change))
    )
    assert [one.field for one in found.differences] == field
    assert found.action is (ChangeAction.UPDATE if field else ChangeAction.NONE)


def test_a_cluster_costs_what_its_nodes_cost_and_before_it_exists_the_most_that_it_may() -> None:
    inner = {"vmSize": "Standard_NC4as_T4_v3", "currentNodeCount": 3}
    planned, now = ML_CLUSTER.billing(CLUSTER, None), ML_CLUSTER.billing(CLUSTER, {"properties": {"properties": inner}})
    assert planned is not None
    assert now is not None
    assert (planned.count, now.count, nodes_of({})) == (4, 3, 0)


def test_errors_of_a_cluster_are_read_wrapped_and_bare() -> None:
    wrapped, bare = {"error": {"code": "ClusterCoreQuotaReached", "message": "No cores."}}, {"code": "Other"}
    seen = {"properties": {"provisioningErrors": [wrapped], "properties": {"errors": [bare]}}}
    assert errors_of(seen) == ["No cores. (ClusterCoreQuotaReached)", "Other (Other)"]
    assert errors_of({"properties": {"provisioningErrors": None, "properties": {"errors": None}}}) == []
