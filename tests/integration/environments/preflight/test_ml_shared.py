"""What keeps shared parts of ML from being built, said before or as Azure says it, and nothing is left behind."""

import json
from typing import Any

import pytest

from tests.support import ROOT, SUBSCRIPTION, AzureSide, ControlPlane

SPEC: dict[str, Any] = json.loads((ROOT / "examples" / "ml-shared.json").read_text())
ACCOUNTS = "Microsoft.Storage/storageAccounts"


def refused(operation: dict[str, Any], reason: str) -> str:
    assert operation["outcome"] == "refused", operation["reason"]
    assert [one["reason"] for one in operation["refusals"]] == [reason]
    return str(operation["reason"])


def account(azure: AzureSide, name: str, kind: str) -> str:
    """A storage account of others."""
    azure.found_group("theirs", {})
    path = f"{SUBSCRIPTION}/resourceGroups/theirs/providers/{ACCOUNTS}/{name}"
    rules = {"bypass": "AzureServices", "virtualNetworkRules": [], "ipRules": [], "defaultAction": "Allow"}
    body = {"id": path, "type": ACCOUNTS, "kind": kind, "sku": {"name": "Standard_LRS"}}
    shown = {**body, "properties": {"provisioningState": "Succeeded", "networkAcls": rules}}
    azure.client.post("/resources/appear", json=shown).raise_for_status()
    return path


def test_a_deployment_without_the_role_share_is_told_what_is_missing(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.assign(*({"role": role} for role in ("reader", "sweep", "provision")))
    words = refused(control_plane.provision(name, SPEC), "forbidden")
    for action in ("roleDefinitions/write", "roleDefinitions/delete"):
        assert f"Microsoft.Authorization/{action}" in words
    assert "Microsoft.KeyVault/vaults/write" in words
    assert azure.resources(name) == []


def test_a_policy_of_the_company_is_named_and_nothing_is_tried_again(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    """ML-4: `RequestDisallowedByPolicy` on the storage account."""
    policy = {"code": "RequestDisallowedByPolicy", "policy": "no-keys"}
    azure.spoil(method="PUT", kind=ACCOUNTS, path=f"rg-dormouse-{name}", status=403, **policy)
    operation = control_plane.provision(name, SPEC)
    assert operation["outcome"] == "failed"
    assert {one["reason"] for one in operation["refusals"]} == {"forbidden"}
    assert "The Azure policy 'no-keys' forbids this" in operation["reason"]
    assert operation["leftovers"] == []
    (fault,) = azure.faults()
    assert fault["spoilt"] <= 2, "once for each of the two accounts"
    assert azure.resources(name) == []


@pytest.mark.parametrize(("kind", "reason"), [("BlobStorage", "incompatible"), (None, "not_found")])
def test_an_account_that_machine_learning_cannot_use_is_refused_before_anything_is_built(
    control_plane: ControlPlane, azure: AzureSide, name: str, kind: str | None, reason: str
) -> None:
    """ML-8: an existing account of the kind BlobStorage is named as shared."""
    path = account(azure, f"data{name}", kind) if kind else account(azure, f"other{name}", "StorageV2") + "x"
    spec = {key: value for key, value in SPEC.items() if key != "containers"} | {"data_account": path}
    words = refused(control_plane.provision(name, spec), reason)
    assert path in words
    assert ("StorageV2" in words) is bool(kind)
    assert azure.resources(name) == []


def test_an_existing_account_is_used_and_stays(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    path = account(azure, f"data{name}", "StorageV2")
    ana = azure.client.post("/people/token", json={"name": "ana"}).raise_for_status().json()["object_id"]
    spec = {key: value for key, value in SPEC.items() if key != "containers"} | {"data_account": path, "developers": [ana]}
    control_plane.up(name, spec)
    assert control_plane.put(name, spec).status_code == 200
    roles = [one for one in azure.everything() if one["id"].startswith(f"{path}/providers/Microsoft.Authorization/")]
    assert [one["properties"]["principalId"] for one in roles] == [ana]
    gone = control_plane.down(name)
    assert (gone["outcome"], gone["leftovers"]) == ("succeeded", [])
    left = [one["id"] for one in azure.everything() if one["id"].startswith(path)]
    assert left == [path], "the account of others stays, and the role on it goes"
