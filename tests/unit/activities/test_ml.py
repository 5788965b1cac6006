"""Requests for ML workspaces and what is in them: purges, deletions, replacements, health checks."""

import asyncio
from typing import Any

import pytest

from activities.resources.ml.clusters import delete_cluster, probe_cluster, scale_cluster
from activities.resources.ml.datastores import probe_datastore, put_datastore, replace_datastore
from activities.resources.ml.workspaces import (
    delete_image_build,
    delete_workspace,
    probe_workspace,
    put_workspace,
    update_workspace,
)
from dormouse.environments.answers import Answer, Checked, Done, Pending, Refused
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import Check, RefusalReason
from tests.unit.azure import Azure, cloud_over
from tests.unit.blueprints.test_ml_workspace import PARENT, plan

PLAN = plan()
WORKSPACE, CLUSTER, STORE = (PLAN.resource(name) for name in ("workspace", "cluster-gpu", "datastore-datasets"))
FRESH = plan(fresh=True).resource("workspace")
HELD = {"error": {"code": "BadRequest", "message": "Soft-deleted workspace exists. Please purge or recover it."}}
LOST = {"error": {"code": "UserError", "message": f"Unable to find workspace: {WORKSPACE.id}"}}
ROLES = "/providers/Microsoft.Authorization/roleAssignments"
SUBSCRIPTION = WORKSPACE.id.partition("/resourceGroups/")[0]
READY = {"properties": {"provisioningState": "Succeeded"}}


def put(resource: Any, azure: Azure) -> Answer:
    return asyncio.run(put_workspace(PutRequest(resource), cloud_over(azure)))


def test_a_deleted_workspace_is_left_alone_unless_the_spec_says_fresh() -> None:
    azure = Azure({}, {f"PUT {WORKSPACE.id}": (400, HELD, {})})
    answer = put(WORKSPACE, azure)
    assert isinstance(answer, Refused)
    assert (answer.refusal.reason, "Recently deleted" in answer.refusal.advice) == (RefusalReason.SOFT_DELETED, True)
    assert not [one for one in azure.asked if one.startswith("DELETE")]


@pytest.mark.parametrize(
    ("purge", "advice"),
    [
        ((202, None, {"Location": "https://management.azure.com/x"}), None),
        ((204, None, {}), None),
        ((404, LOST, {}), "the resource group in which it was is gone"),
        (
            (404, {"error": {"code": "ResourceGroupNotFound", "message": "x"}}, {}),
            "the resource group in which it was is gone",
        ),
        ((403, {"error": {"code": "AuthorizationFailed", "message": "x"}}, {}), ""),
    ],
)
def test_a_purge_is_followed_by_another_creation_or_explains_why_it_is_not_possible(purge: Any, advice: str | None) -> None:
    answer = put(FRESH, Azure({}, {f"PUT {WORKSPACE.id}": (400, HELD, {}), f"DELETE {WORKSPACE.id}": purge}))
    if advice is None:
        assert isinstance(answer, Pending)
        assert (answer.url, answer.retry_after) == ("", 30.0)
    else:
        assert isinstance(answer, Refused)
        assert advice in answer.refusal.advice


def test_a_deletion_takes_roles_and_containers_elsewhere_and_purges() -> None:
    account, guid = PARENT["storage"]["id"], "0d0e5e00-0000-4000-8000-00000000abcd"
    group = WORKSPACE.id.partition("/providers/")[0]
    shown = {
        "identity": {"principalId": "p-1"},
        "properties": {**READY["properties"], "storageAccount": account, "workspaceId": guid},
    }
    below = f"{account}/blobServices/default/containers"
    listed = {"value": [{"name": f"{guid}-azureml"}, {"name": f"{guid}-other"}, {"name": "datasets"}]}
    roles = {"value": [{"id": f"{account}{ROLES}/a"}, {"id": f"{group}{ROLES}/b"}]}
    azure = Azure({WORKSPACE.id: shown, below: listed, f"{SUBSCRIPTION}{ROLES}": roles})
    assert asyncio.run(delete_workspace(WORKSPACE, cloud_over(azure))) == Done()
    deleted = [one.partition("?")[0].lower() for one in azure.asked if one.startswith("DELETE")]
    wanted = [f"{account}{ROLES}/a", f"{below}/{guid}-azureml", WORKSPACE.id]
    assert deleted == [f"delete {one}".lower() for one in wanted]


def test_a_workspace_that_is_gone_is_still_purged() -> None:
    azure = Azure({}, {f"DELETE {WORKSPACE.id}": (404, LOST | {"error": {"code": "ResourceNotFound", "message": ""}}, {})})
    assert asyncio.run(delete_workspace(WORKSPACE, cloud_over(azure))) == Done()
    assert len([one for one in azure.asked if one.startswith("DELETE")]) == 1


def test_an_existing_workspace_is_patched_and_a_failed_one_is_put() -> None:
    for state, method in (("Succeeded", "PATCH"), ("Failed", "PUT")):
        azure = Azure(
            {WORKSPACE.id: {"properties": {"provisioningState": state}}}, {f"PATCH {WORKSPACE.id}": (200, READY, {})}
        )
        asyncio.run(update_workspace(PutRequest(WORKSPACE, update=True), cloud_over(azure)))
        assert [one.partition(" ")[0] for one in azure.asked] == ["GET", method]
        body = azure.sent[-1]
        assert ("storageAccount" in body["properties"]) is (method == "PUT")


def test_a_cluster_is_scaled_and_nothing_else_of_it_is_sent() -> None:
    azure = Azure({CLUSTER.id: READY}, {f"PATCH {CLUSTER.id}": (200, READY, {})})
    asyncio.run(scale_cluster(PutRequest(CLUSTER, update=True), cloud_over(azure)))
    scale = {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT10M"}
    assert azure.sent[-1] == {"properties": {"properties": {"scaleSettings": scale}}}


def test_a_cluster_goes_with_its_nodes_and_one_that_is_gone_is_deleted() -> None:
    for status in (200, 404):
        gone = {"error": {"code": "ParentResourceNotFound", "message": "x"}}
        azure = Azure({}, {f"DELETE {CLUSTER.id}": (status, gone if status == 404 else None, {})})
        assert asyncio.run(delete_cluster(CLUSTER, cloud_over(azure))) == Done()


def test_a_datastore_is_registered_without_a_check_and_again_if_it_exists() -> None:
    azure = Azure({})
    asyncio.run(put_datastore(PutRequest(STORE), cloud_over(azure)))
    asyncio.run(replace_datastore(PutRequest(STORE, update=True), cloud_over(azure)))
    assert [one.partition(" ")[0] for one in azure.asked] == ["PUT", "DELETE", "PUT"]


def test_no_image_build_is_taken_from_a_workspace_that_has_none() -> None:
    azure = Azure({WORKSPACE.id: READY})
    assert asyncio.run(delete_image_build(PLAN.resource("image-build"), cloud_over(azure))) == Done()
    assert not [one for one in azure.asked if one.startswith("PATCH")]


def checked(answer: Answer | Checked) -> tuple[Check, str]:
    assert isinstance(answer, Checked)
    (result,) = answer.health_checks
    return result.result, result.detail


def cluster_as(**inner: Any) -> dict[str, Any]:
    return {CLUSTER.id: {"properties": {"provisioningErrors": None, "properties": inner}}}


@pytest.mark.parametrize(
    ("shows", "result", "words"),
    [
        (cluster_as(allocationState="Steady"), Check.PASSED, ""),
        (cluster_as(allocationState="Resizing"), Check.WAITING, "Resizing"),
        (cluster_as(), Check.WAITING, "unknown"),
        (
            cluster_as(allocationState="Steady", errors=[{"code": "ClusterCoreQuotaReached", "message": "No cores."}]),
            Check.FAILED,
            "ClusterCoreQuotaReached",
        ),
        ({}, Check.FAILED, "does not exist"),
    ],
)
def test_a_cluster_is_healthy_when_it_is_steady(shows: dict[str, Any], result: Check, words: str) -> None:
    found, detail = checked(asyncio.run(probe_cluster(CLUSTER, cloud_over(Azure(shows)))))
    assert (found, words in detail) == (result, True)


@pytest.mark.parametrize(
    ("state", "result"),
    [("Succeeded", Check.PASSED), ("Updating", Check.WAITING), ("Failed", Check.FAILED), ("", Check.FAILED)],
)
def test_a_workspace_is_healthy_when_it_is_ready(state: str, result: Check) -> None:
    shows = {WORKSPACE.id: {"properties": {"provisioningState": state}}} if state else {}
    assert checked(asyncio.run(probe_workspace(WORKSPACE, cloud_over(Azure(shows)))))[0] is result


CONTAINER, READER = STORE.settings["scope"], STORE.settings["reader"]
IDENTITY = {"id": READER, "properties": {"principalId": "p-1", "clientId": "c-1"}}
OTHER = "7f951dda-4ed3-4680-a7ca-43fe172d538d"


def held(role: str, **more: Any) -> dict[str, Any]:
    definition = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return {"value": [{"id": "/a", "properties": {"roleDefinitionId": definition, "scope": CONTAINER, **more}}]}


@pytest.mark.parametrize(
    ("missing", "roles", "result", "words"),
    [
        ("", held("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"), Check.PASSED, ""),
        ("", held("ba92f5b4-2d11-453d-a403-e96b0029c9fe"), Check.PASSED, ""),
        ("", held(OTHER), Check.FAILED, "no role to read the container datasets of data"),
        ("", held("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", condition="(x)"), Check.FAILED, "no role to read"),
        (STORE.id, {}, Check.FAILED, "not registered"),
        (CONTAINER, {}, Check.FAILED, "no blob container datasets"),
        (READER, held("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"), Check.FAILED, "no role to read"),
    ],
)
def test_a_datastore_is_healthy_when_clusters_have_a_role_to_read_its_container(
    missing: str, roles: dict[str, Any], result: Check, words: str
) -> None:
    shows = {STORE.id: READY, CONTAINER: {"id": CONTAINER}, READER: IDENTITY, f"{CONTAINER}{ROLES}": roles}
    azure = Azure({path: body for path, body in shows.items() if path != missing})
    found, detail = checked(asyncio.run(probe_datastore(STORE, cloud_over(azure))))
    assert (found, words in detail) == (result, True), detail
