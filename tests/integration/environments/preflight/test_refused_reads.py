"""When Azure rejects a read for good: requests say so with 502, operations end with the reason, and nothing is retried."""

from typing import Any

import httpx
import pytest

from tests.support import AzureSide, ControlPlane

PERMISSION = "Microsoft.Compute/virtualMachines/read"
MESSAGE = f"The client '0' with object id '0' does not have authorization to perform action '{PERMISSION}' over scope '/s'."
FORBIDDEN: dict[str, Any] = {"status": 403, "code": "AuthorizationFailed", "message": MESSAGE}
ADVICE = f"The control plane's identity needs a role with the permission {PERMISSION}."


def assert_refused(answer: httpx.Response) -> None:
    """The problem names the missing permission, and asks no one to retry."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "application/problem+json")
    assert "Retry-After" not in answer.headers
    problem = answer.json()
    assert (problem["code"], problem["title"]) == ("refused_by_azure", "Azure refuses the control plane")
    assert problem["detail"].startswith(f"{ADVICE} Azure's message: ")


@pytest.fixture(scope="module")
def built(ground: Any) -> str:
    """A running environment that no test changes."""
    with ground.client() as client:
        ControlPlane(client).up("refused-reads")
    return "refused-reads"


def test_an_environment_that_must_not_be_read_is_refused(control_plane: ControlPlane, azure: AzureSide, built: str) -> None:
    azure.spoil(method="GET", path=f"rg-dormouse-{built}", **FORBIDDEN)
    assert_refused(control_plane.client.get(f"/environments/{built}"))
    assert_refused(control_plane.post(built, "stop"))
    azure.behave()
    assert (control_plane.get(built)["state"], control_plane.get(built)["operation"]) == ("running", None)


def test_a_list_that_resource_graph_refuses_is_refused(control_plane: ControlPlane, azure: AzureSide, built: str) -> None:
    azure.spoil(path="Microsoft.ResourceGraph", **FORBIDDEN)
    assert_refused(control_plane.client.get("/environments"))


@pytest.mark.parametrize("path", ["Microsoft.Compute/skus", "/usages", "checkNameAvailability", "/resourcegroups/"])
def test_a_read_that_azure_rejects_is_a_refusal_in_the_dry_run(
    control_plane: ControlPlane, azure: AzureSide, name: str, path: str
) -> None:
    azure.spoil(method="GET" if path == "/resourcegroups/" else "", path=path, **FORBIDDEN)
    preview = control_plane.put(name, dry_run="true")
    assert preview.status_code == 200
    (refusal,) = preview.json()["refusals"]
    assert (refusal["reason"], refusal["code"], refusal["azure"]) == ("forbidden", "AuthorizationFailed", True)
    assert PERMISSION in refusal["detail"]


@pytest.mark.parametrize("path", ["Microsoft.Compute/skus", "/usages", "checkNameAvailability"])
def test_a_provision_whose_preflight_is_refused_ends_at_once_and_changes_nothing(
    control_plane: ControlPlane, azure: AzureSide, name: str, path: str
) -> None:
    azure.spoil(path=path, **FORBIDDEN)
    operation = control_plane.provision(name)
    assert (operation["outcome"], operation["leftovers"]) == ("refused", [])
    assert operation["reason"].startswith(f"Nothing was created. preflight: {ADVICE} Azure's message: ")
    assert [(refusal["reason"], refusal["code"]) for refusal in operation["refusals"]] == [
        ("forbidden", "AuthorizationFailed")
    ]
    assert [fault["spoilt"] for fault in azure.faults()] == [1], "a refused read is not repeated"
    assert {step["name"]: step["state"] for step in operation["steps"]} == {"preflight": "refused"}
    assert azure.resources(name) == []
    assert control_plane.client.get(f"/environments/{name}").status_code == 404


def test_a_refused_read_while_building_is_rolled_back_at_once(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    path = f"rg-dormouse-{name}/providers/Microsoft.Compute/virtualMachines/"
    azure.spoil(method="GET", path=path, times=1, **FORBIDDEN)
    operation = control_plane.provision(name)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert [(refusal["step"], refusal["reason"]) for refusal in operation["refusals"]] == [("vm", "forbidden")]
    assert PERMISSION in operation["reason"]
    assert azure.resources(name) == []


def test_a_stop_that_cannot_be_verified_says_which_permission_is_missing(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    # The request reads the machine once, and so does the verification.
    azure.spoil(method="GET", path=f"rg-dormouse-{name}/providers/Microsoft.Compute/virtualMachines/", every=2, **FORBIDDEN)
    operation = control_plane.follow(control_plane.post(name, "stop"))
    assert (operation["outcome"], operation["reason"].startswith(ADVICE)) == ("failed", True)
    assert [fault["seen"] for fault in azure.faults()] == [2], "a refused read is not repeated"


def test_records_that_must_not_be_read_are_refused_and_name_the_role(
    control_plane: ControlPlane, azure: AzureSide, built: str
) -> None:
    azure.spoil(path="/locks", status=403, code="AuthorizationPermissionMismatch")
    answer = control_plane.client.get(f"/environments/{built}")
    assert (answer.status_code, answer.json()["code"]) == (502, "refused_by_azure")
    assert "Storage Table Data Contributor" in answer.json()["detail"]


def test_a_subscription_that_azure_does_not_know_is_not_taken_for_one_without_resources(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.spoil(method="GET", path=f"rg-dormouse-{name}", status=404, code="SubscriptionNotFound", message="unknown")
    answer = control_plane.client.get(f"/environments/{name}")
    assert (answer.status_code, "does not know the subscription" in answer.json()["detail"]) == (502, True)
    operation = control_plane.down(name)
    assert (operation["outcome"], "does not know the subscription" in operation["reason"]) == ("failed", True)
    azure.behave()
    assert azure.of_type(name, "Microsoft.Compute/virtualMachines")
    assert control_plane.down(name)["outcome"] == "succeeded"


def test_a_machine_in_a_subscription_that_azure_does_not_know_does_not_exist(control_plane: ControlPlane) -> None:
    group = "/subscriptions/0d0e5e00-0000-4000-8000-00000000dead/resourceGroups/lab"
    asked = {"machine": f"{group}/providers/Microsoft.Compute/virtualMachines/gpu1", "agent": False}
    answer = control_plane.client.post("/machines/adopt", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (404, "machine_not_found")
