"""Definitions of custom roles beyond their recordings: their names, and when they can be deleted."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from tests.contract.azure import Azure

ROOT = f"/subscriptions/{SUBSCRIPTION}"
DEFINITIONS, ASSIGNMENTS = (
    f"{ROOT}/providers/Microsoft.Authorization/{kind}" for kind in ("roleDefinitions", "roleAssignments")
)
VERSION = "api-version=2022-04-01"
FIRST, SECOND = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    azure = Azure(tmp_path)
    yield azure
    azure.close()


def put(azure: Azure, guid: str = FIRST, name: str = "Model developer") -> Answer:
    permissions = [{"actions": ["Microsoft.Compute/disks/read"]}]
    properties = {"roleName": name, "type": "CustomRole", "assignableScopes": [ROOT], "permissions": permissions}
    return azure.manage("PUT", f"{DEFINITIONS}/{guid}?{VERSION}", {"properties": properties})


def test_a_role_is_listed_by_its_name(azure: Azure) -> None:
    put(azure)
    listed = azure.manage("GET", f"{DEFINITIONS}?{VERSION}&$filter=roleName eq 'model developer'").body["value"]
    assert [role["name"] for role in listed] == [FIRST]


def test_a_name_is_given_once(azure: Azure) -> None:
    put(azure)
    assert put(azure).status == 201
    refused = put(azure, SECOND, "MODEL developer")
    assert (refused.status, refused.body["error"]["code"]) == (409, "RoleDefinitionWithSameNameExists")


def test_the_name_of_a_definition_is_a_guid(azure: Azure) -> None:
    assert put(azure, "developer").body["error"]["code"] == "InvalidRoleDefinitionId"


def test_a_role_that_is_assigned_cannot_be_deleted(azure: Azure) -> None:
    put(azure)
    principal = azure.world.guid("someone")
    azure.world.store.put("principals", principal, {"id": principal, "known_at": 0, "type": "User"})
    assignment = f"{ASSIGNMENTS}/{SECOND}?{VERSION}"
    body = {"properties": {"roleDefinitionId": f"{DEFINITIONS}/{FIRST}", "principalId": principal, "principalType": "User"}}
    assert azure.manage("PUT", assignment, body).status == 201
    assert azure.manage("DELETE", f"{DEFINITIONS}/{FIRST}?{VERSION}").body["error"]["code"] == "RoleDefinitionHasAssignments"
    azure.manage("DELETE", assignment)
    assert azure.manage("DELETE", f"{DEFINITIONS}/{FIRST}?{VERSION}").status == 200
    assert azure.manage("DELETE", f"{DEFINITIONS}/{FIRST}?{VERSION}").status == 204
