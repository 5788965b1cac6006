"""When Azure refuses: everything that was built is rolled back, and the response gives the reason."""

from typing import Any

import pytest

from tests.support import WORKSTATION, AzureSide, ControlPlane

MACHINE = "Microsoft.Compute/virtualMachines"


def test_a_refused_machine_leaves_nothing_behind(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.spoil(method="PUT", kind=MACHINE, path=f"rg-dormouse-{name}", code="SkuNotAvailable", message="no room here")
    operation = control_plane.provision(name)

    assert operation["outcome"] == "failed"
    assert [(refusal["step"], refusal["reason"]) for refusal in operation["refusals"]] == [("vm", "no_capacity")]
    assert "no room here" in operation["reason"]
    assert "choose another size" in operation["reason"]
    assert "nothing is left" in operation["reason"]
    assert operation["leftovers"] == []
    assert azure.resources(name) == []
    assert azure.secrets(name) == []
    assert control_plane.client.get(f"/environments/{name}").status_code == 404


def test_the_name_can_be_used_again_after_a_refusal(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.spoil(method="PUT", kind=MACHINE, path=f"rg-dormouse-{name}", times=1)
    assert control_plane.provision(name)["outcome"] == "failed"
    control_plane.up(name)


@pytest.mark.parametrize(
    "kind",
    [
        "Microsoft.Resources/resourceGroups",
        "Microsoft.Network/virtualNetworks",
        "Microsoft.Network/networkSecurityGroups",
        "Microsoft.Network/publicIPAddresses",
        "Microsoft.Network/networkInterfaces",
        "Microsoft.Storage/storageAccounts",
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        "Microsoft.Compute/virtualMachines/extensions",
        "Microsoft.Authorization/roleAssignments",
    ],
)
def test_a_refusal_of_any_step_leaves_nothing_behind(
    control_plane: ControlPlane, azure: AzureSide, name: str, kind: str
) -> None:
    azure.spoil(method="PUT", kind=kind, path=f"rg-dormouse-{name}", status=403, code="RequestDisallowedByPolicy")
    operation = control_plane.provision(name)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert operation["refusals"][0]["reason"] == "forbidden"
    assert azure.resources(name) == []
    assert azure.secrets(name) == []


@pytest.mark.parametrize("kind", [MACHINE, "Microsoft.Network/virtualNetworks", "Microsoft.Storage/storageAccounts"])
def test_a_failure_that_azure_reports_late_leaves_nothing_behind(
    control_plane: ControlPlane, azure: AzureSide, name: str, kind: str
) -> None:
    fault = {"effect": "fail", "method": "PUT", "kind": kind, "path": f"rg-dormouse-{name}", "code": "AllocationFailed"}
    azure.spoil(**fault)
    operation = control_plane.provision(name)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert azure.resources(name) == []
    assert azure.secrets(name) == []


def test_a_refused_secret_leaves_nothing_behind(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.spoil(method="PUT", path=f"/secrets/dormouse-{name}-", status=403, code="Forbidden", message="no right to set")
    operation = control_plane.provision(name)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert operation["refusals"][0]["step"] == "password"
    assert azure.resources(name) == []


def test_leftovers_of_a_rollback_are_listed_with_their_ids(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.spoil(method="PUT", kind=MACHINE, path=f"rg-dormouse-{name}", code="SkuNotAvailable")
    azure.spoil(
        method="DELETE", kind="Microsoft.Resources/resourceGroups", path=f"rg-dormouse-{name}", code="ScopeLocked", times=1
    )
    operation = control_plane.provision(name)
    assert operation["outcome"] == "failed"
    assert any(item.endswith(f"/resourceGroups/rg-dormouse-{name}") for item in operation["leftovers"])
    assert "cost money" in operation["reason"]

    # The leftovers are listed, and the ordinary command deletes them.
    assert control_plane.get(name)["state"] == "incomplete"
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert azure.resources(name) == []


def test_a_failed_change_rolls_back_only_what_it_added(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    azure.vanish(name, "publicIPAddresses")
    azure.vanish(name, "networkInterfaces")
    before = {resource["id"] for resource in azure.resources(name)}
    azure.spoil(method="PUT", kind="Microsoft.Network/networkInterfaces", path=f"rg-dormouse-{name}", code="SomethingWrong")
    operation = control_plane.provision(name)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert {resource["id"] for resource in azure.resources(name)} == before
    assert len(azure.secrets(name)) == 1


def test_an_interrupted_change_is_completed_by_the_next_request(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.vanish(name, "extensions")
    azure.spoil(method="PUT", kind="Microsoft.Compute/virtualMachines/extensions", path=f"rg-dormouse-{name}", times=1)
    wish = {**WORKSTATION, "allow_from": ["198.51.100.0/24"]}
    assert control_plane.provision(name, wish)["outcome"] == "failed"

    # Whichever of the two specs is applied next, the firewall matches it and not the half-finished change.
    control_plane.up(name)
    (firewall,) = azure.of_type(name, "Microsoft.Network/networkSecurityGroups")
    sources = {tuple(rule["properties"]["sourceAddressPrefixes"]) for rule in firewall["properties"]["securityRules"]}
    assert sources == {("127.0.0.1/32",)}


def test_a_failed_repair_keeps_the_existing_role_address_and_nic(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.vanish(name, "virtualMachines")
    azure.detach_card(name)
    kept = {item["id"] for item in azure.resources(name) if "roleAssignments" not in item["id"]} - azure.disks(name)
    fault = {"effect": "fail", "method": "PUT", "kind": MACHINE, "path": f"rg-dormouse-{name}", "code": "AllocationFailed"}
    azure.spoil(**fault, times=1)
    operation = control_plane.provision(name)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert "what existed before still exists" in operation["reason"]
    assert kept <= {item["id"] for item in azure.resources(name)}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"region": "westeurope", "size": "Standard_NV6ads_A10_v5"}, "not_offered"),
        ({"region": "swedencentral", "size": "Standard_NV6ads_A10_v5"}, "quota_exceeded"),
    ],
)
def test_preflight_finds_refusals_before_anything_is_created(
    control_plane: ControlPlane, azure: AzureSide, name: str, spec: dict[str, Any], reason: str
) -> None:
    azure.restrict("westeurope", "Standard_NV6ads_A10_v5")
    azure.limit("swedencentral", "StandardNVADSA10v5Family", 5)
    wish = {**WORKSTATION, **spec}
    planned = control_plane.put(name, wish, dry_run="true").json()
    # Environments of other tests may have used up a quota, too.
    assert reason in {refusal["reason"] for refusal in planned["refusals"]}
    assert {refusal["step"] for refusal in planned["refusals"]} == {"vm"}
    operation = control_plane.provision(name, wish)
    assert operation["outcome"] == "refused"
    assert operation["reason"].startswith("Nothing was created.")
    assert azure.resources(name) == []
    assert azure.secrets(name) == []


def test_a_taken_storage_account_name_is_found_by_preflight(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    plan = control_plane.put(name, dry_run="true").json()
    account = next(step["id"].rsplit("/", 1)[-1] for step in plan["resources"] if step["name"] == "storage")
    azure.take_name(account)
    operation = control_plane.provision(name)
    assert (operation["outcome"], operation["refusals"][0]["reason"]) == ("refused", "name_taken")
    assert azure.resources(name) == []


def test_a_driver_that_fails_to_install_is_reported_and_rolled_back(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    fault = {"effect": "fail", "method": "PUT", "kind": "Microsoft.Compute/virtualMachines/extensions"}
    azure.spoil(**fault, path=f"rg-dormouse-{name}", code="VMExtensionProvisioningError", message="driver does not build")
    operation = control_plane.provision(name)
    assert operation["outcome"] == "failed"
    assert "driver does not build" in operation["reason"]
    assert azure.resources(name) == []


# As Azure has answered: https://github.com/MicrosoftDocs/azure-docs/issues/111614
LOCKED = (
    "VM has reported a failure when processing extension 'NvidiaGpuDriverLinux'. Error message: DPKG frontend "
    "(/var/lib/dpkg/lock-frontend) is locked by another process, please try reinstalling after sometime"
)
EXTENSION = "Microsoft.Compute/virtualMachines/extensions"


def test_a_driver_that_met_the_package_lock_is_installed_once_more(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    fault = {"effect": "fail", "method": "PUT", "kind": EXTENSION, "code": "VMExtensionProvisioningError"}
    azure.spoil(**fault, path=f"rg-dormouse-{name}", message=LOCKED, times=1)
    operation = control_plane.provision(name)
    assert operation["outcome"] == "succeeded", operation["reason"]
    (step,) = [step for step in operation["steps"] if step["name"] == "driver"]
    assert step["duration_seconds"] >= 300, "the lock is held for minutes"
    (driver,) = azure.of_type(name, EXTENSION)
    assert driver["properties"]["provisioningState"] == "Succeeded"
    assert driver["properties"]["forceUpdateTag"], "Azure does not run the same configuration again"


def test_a_driver_that_meets_the_package_lock_twice_is_given_up(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    fault = {"effect": "fail", "method": "PUT", "kind": EXTENSION, "code": "VMExtensionProvisioningError"}
    azure.spoil(**fault, path=f"rg-dormouse-{name}", message=LOCKED, times=2)
    operation = control_plane.provision(name)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    assert [refusal["reason"] for refusal in operation["refusals"]] == ["failed_late"]
    assert "held the lock of its package manager" in operation["reason"]
    assert azure.resources(name) == []


def test_an_unknown_region_is_a_refusal(control_plane: ControlPlane, name: str) -> None:
    spec = {**WORKSTATION, "region": "atlantis"}
    dry = control_plane.put(name, spec, dry_run="true").json()
    assert {refusal["reason"] for refusal in dry["refusals"]} == {"not_offered"}
    assert "westeurope" in str(dry["refusals"]), "Azure lists the regions"
    assert f"{spec['size']}" in str(dry["refusals"]), "one refused check does not hide another"
    operation = control_plane.provision(name, spec)
    assert operation["outcome"] == "refused"
    assert "atlantis" in operation["reason"]
    assert control_plane.client.get(f"/environments/{name}").status_code == 404
