"""Workspaces, components and identities beyond their recordings: what a deletion keeps, and what Azure adds by itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from tests.contract.azure import Azure

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
LOGS = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces"
INSIGHTS = f"{GROUP}/providers/Microsoft.Insights/components"
IDENTITIES = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
VERSIONS = {LOGS: "2025-07-01", INSIGHTS: "2020-02-02", IDENTITIES: "2024-11-30"}
DAY = 86400


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    azure = Azure(tmp_path)
    azure.manage("PUT", f"{GROUP}?api-version=2024-03-01", {"location": "westeurope"})
    yield azure
    azure.close()


def ask(azure: Azure, method: str, collection: str, name: str = "main", more: str = "", **properties: Any) -> Answer:
    body = {"location": "westeurope", **({"properties": properties} if collection != IDENTITIES else {})}
    return azure.manage(
        method, f"{collection}/{name}?api-version={VERSIONS[collection]}{more}", body if method == "PUT" else None
    )


def test_a_workspace_is_usable_when_its_operation_has_ended(azure: Azure) -> None:
    created = ask(azure, "PUT", LOGS)
    assert (created.status, created.body["properties"]["provisioningState"]) == (201, "Creating")
    azure.finish()
    assert ask(azure, "GET", LOGS).body["properties"]["provisioningState"] == "Succeeded"


def test_a_deleted_workspace_comes_back_as_it_was(azure: Azure) -> None:
    first = ask(azure, "PUT", LOGS, retentionInDays=60).body["properties"]
    azure.finish()
    ask(azure, "DELETE", LOGS)
    again = ask(azure, "PUT", LOGS, retentionInDays=30).body["properties"]
    assert again["provisioningState"] == "Restoring"
    assert (again["customerId"], again["retentionInDays"]) == (first["customerId"], 60)


@pytest.mark.parametrize("final", ["forced", "two weeks"])
def test_a_workspace_that_is_gone_for_good_is_created_new(azure: Azure, final: str) -> None:
    first = ask(azure, "PUT", LOGS).body["properties"]
    azure.finish()
    ask(azure, "DELETE", LOGS, more="&force=true" if final == "forced" else "")
    azure.pass_time(0 if final == "forced" else 14 * DAY + 1)
    again = ask(azure, "PUT", LOGS).body["properties"]
    assert again["provisioningState"] == "Creating"
    assert again["customerId"] != first["customerId"]


@pytest.mark.parametrize(("name", "days"), [("abc", 30), ("-abc", 30), ("main", 29), ("main", 731)])
def test_names_and_retention_of_workspaces_have_limits(azure: Azure, name: str, days: int) -> None:
    assert ask(azure, "PUT", LOGS, name, retentionInDays=days).status == 400


def test_a_component_needs_a_workspace_that_exists(azure: Azure) -> None:
    refused = ask(azure, "PUT", INSIGHTS, WorkspaceResourceId=f"{LOGS}/main")
    assert (refused.status, refused.body["error"]["code"]) == (400, "BadRequest")
    ask(azure, "PUT", LOGS)
    azure.finish()
    made = ask(azure, "PUT", INSIGHTS, WorkspaceResourceId=f"{LOGS}/main", DisableLocalAuth=True)
    assert made.body["properties"]["WorkspaceResourceId"] == f"{LOGS}/main"
    assert made.body["properties"]["DisableLocalAuth"] is True


def test_a_component_without_a_workspace_gets_one_in_a_group_of_its_own(azure: Azure) -> None:
    workspace = ask(azure, "PUT", INSIGHTS, Application_Type="web").body["properties"]["WorkspaceResourceId"]
    group, _, name = workspace.partition("/providers/Microsoft.OperationalInsights/workspaces/")
    assert name == "managed-main-ws"
    found = azure.manage("GET", f"{group}?api-version=2024-03-01").body
    assert found["managedBy"] == f"{INSIGHTS}/main"
    assert azure.manage("GET", f"{workspace}?api-version=2025-07-01").status == 200


def test_an_identity_keeps_its_principal_when_it_is_put_again(azure: Azure) -> None:
    first, again = ask(azure, "PUT", IDENTITIES), ask(azure, "PUT", IDENTITIES)
    assert (first.status, again.status) == (201, 200)
    assert first.body["properties"]["principalId"] == again.body["properties"]["principalId"]
    ask(azure, "DELETE", IDENTITIES)
    assert ask(azure, "PUT", IDENTITIES).body["properties"]["principalId"] != first.body["properties"]["principalId"]


@pytest.mark.parametrize("name", ["ab", "_abc", "a" * 129])
def test_names_of_identities_have_limits(azure: Azure, name: str) -> None:
    assert ask(azure, "PUT", IDENTITIES, name).status == 400
