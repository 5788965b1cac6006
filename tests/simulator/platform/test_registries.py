"""Registries beyond their recordings: whose name is free, what their tiers can do, and how they are deleted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from tests.contract.azure import Azure

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
REGISTRIES = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/pull"
NEW, OLD = "2025-11-01", "2021-09-01"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    azure = Azure(tmp_path)
    azure.manage("PUT", f"{GROUP}?api-version=2024-03-01", {"location": "westeurope"})
    yield azure
    azure.close()


def put(azure: Azure, name: str = "images", sku: str = "Standard", identity: str = "", **properties: Any) -> Answer:
    body: dict[str, Any] = {"location": "westeurope", "sku": {"name": sku}, "properties": properties}
    if identity:
        body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    return azure.manage("PUT", f"{REGISTRIES}/{name}?api-version={NEW}", body)


def free(azure: Azure, name: str) -> dict[str, Any]:
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ContainerRegistry/checkNameAvailability?api-version={NEW}"
    said: dict[str, Any] = azure.manage("POST", path, {"name": name, "type": "Microsoft.ContainerRegistry/registries"}).body
    return said


def test_a_registry_is_usable_when_its_operation_has_ended(azure: Azure) -> None:
    created = put(azure)
    assert (created.status, created.body["properties"]["provisioningState"]) == (201, "Creating")
    status = "/" + created.headers["Azure-AsyncOperation"].split("/", 3)[3]
    assert azure.manage("GET", status).body == {"status": "Creating"}
    azure.finish()
    assert azure.manage("GET", status).body == {"status": "Succeeded"}
    assert (
        azure.manage("GET", f"{REGISTRIES}/images?api-version={NEW}").body["properties"]["loginServer"]
        == "images.azurecr.io"
    )


def test_names_are_unique_in_all_of_azure(azure: Azure) -> None:
    assert free(azure, "images") == {"nameAvailable": True}
    put(azure)
    assert free(azure, "Images")["reason"] == "AlreadyExists"
    azure.world.store.put("taken names", "theirs", {"name": "theirs"})
    refused = put(azure, "theirs")
    assert (refused.status, refused.body["error"]["code"]) == (409, "AlreadyInUse")


@pytest.mark.parametrize("name", ["four", "with-hyphen", "a" * 51])
def test_names_are_letters_and_digits(azure: Azure, name: str) -> None:
    assert put(azure, name).body["error"]["code"] == "RegistryNameInvalid"
    assert free(azure, name)["reason"] == "Invalid"


@pytest.mark.parametrize("properties", [{"publicNetworkAccess": "Disabled"}, {"networkRuleSet": {"defaultAction": "Deny"}}])
def test_only_premium_registries_can_be_closed(azure: Azure, properties: dict[str, Any]) -> None:
    assert put(azure, **properties).status == 400
    assert put(azure, sku="Premium", **properties).status == 201


def test_an_identity_must_exist(azure: Azure) -> None:
    assert put(azure, identity=IDENTITY).status == 400
    azure.manage("PUT", f"{IDENTITY}?api-version=2024-11-30", {"location": "westeurope"})
    assert list(put(azure, identity=IDENTITY).body["identity"]["userAssignedIdentities"]) == [IDENTITY]


@pytest.mark.parametrize(("version", "status"), [(NEW, 202), (OLD, 200)])
def test_a_deletion_takes_a_while_in_newer_versions(azure: Azure, version: str, status: int) -> None:
    put(azure)
    azure.finish()
    deleted = azure.manage("DELETE", f"{REGISTRIES}/images?api-version={version}")
    assert deleted.status == status
    gone = azure.manage("GET", f"{REGISTRIES}/images?api-version={NEW}")
    assert gone.status == (200 if status == 202 else 404)
    azure.finish()
    assert azure.manage("GET", f"{REGISTRIES}/images?api-version={NEW}").status == 404
