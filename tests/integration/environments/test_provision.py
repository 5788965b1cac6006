"""From a request to a machine whose health checks pass."""

from typing import Any

import httpx
import pytest

from local.sandbox import temporary_ground
from tests.support import FEES, SSH_KEY, WORKSTATION, AzureSide, ControlPlane

MACHINE = "Microsoft.Compute/virtualMachines"
NIC = "Microsoft.Network/networkInterfaces"
ROLE = "Microsoft.Authorization/roleAssignments"
KINDS = (
    *("resourceGroups", "virtualNetworks", "networkSecurityGroups", "publicIPAddresses", "networkInterfaces"),
    *("storageAccounts", "containers", "virtualMachines", "disks", "extensions", "roleAssignments"),
)
STEPS = {
    "group",
    "network",
    "firewall",
    "address",
    "nic",
    "storage",
    "container",
    "password",
    "vm",
    "driver",
    "role",
    "health",
}


def test_a_workstation_is_built_and_every_check_passes(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    operation = control_plane.up(name)

    assert {step["name"]: step["state"] for step in operation["steps"]} == dict.fromkeys({"preflight", *STEPS}, "done")
    assert {finding["name"]: finding["result"] for finding in operation["health_checks"]} == dict.fromkeys(
        ("cloud-init", "setup", "blob-mount", "xrdp", "gpu"), "passed"
    )
    seen = control_plane.get(name)
    (vm,) = (one for one in seen["resources"] if one["kind"] == "virtual_machine")
    assert (seen["state"], seen["billed"], vm["state"]) == ("running", True, "running")
    assert vm["size"] == "Standard_NV6ads_A10_v5"
    ssh, rdp = seen["endpoints"]
    assert (ssh["kind"], ssh["port"], ssh["command"]) == ("ssh", 22, f"ssh {ssh['username']}@{ssh['host']}")
    assert (rdp["kind"], rdp["host"], rdp["port"]) == ("rdp", ssh["host"], 3389)
    assert seen["price_per_hour"]["amount"] == pytest.approx(0.59 + FEES, abs=1e-6)
    assert seen["operation"] is None


def test_every_resource_is_in_the_environments_group_and_tagged(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    operation = control_plane.up(name)
    resources = azure.resources(name)

    assert sorted(resource["type"].rsplit("/", 1)[-1] for resource in resources) == sorted(KINDS)
    for resource in resources:
        if resource["type"] != ROLE and not resource["type"].endswith("containers"):
            assert resource["tags"]["dormouse"] == name
            assert resource["tags"]["dormouse-operation"] == operation["id"]


def test_only_the_callers_address_can_reach_the_machine(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    (firewall,) = azure.of_type(name, "Microsoft.Network/networkSecurityGroups")
    rules = {rule["name"]: rule["properties"] for rule in firewall["properties"]["securityRules"]}
    assert set(rules) == {"Allow-RDP", "Allow-SSH"}
    assert all(rule["sourceAddressPrefixes"] == ["127.0.0.1/32"] for rule in rules.values())


def test_a_forged_x_forwarded_for_is_ignored(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.client.headers["X-Forwarded-For"] = "198.51.100.1"
    control_plane.up(name)
    (firewall,) = azure.of_type(name, "Microsoft.Network/networkSecurityGroups")
    sources = [rule["properties"]["sourceAddressPrefixes"] for rule in firewall["properties"]["securityRules"]]
    assert sources == [["127.0.0.1/32"]] * 2


def test_the_machine_can_write_only_the_blobs_of_its_account(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    (machine,), (role,) = azure.of_type(name, MACHINE), azure.of_type(name, ROLE)
    (account,) = azure.of_type(name, "Microsoft.Storage/storageAccounts")
    assert role["properties"]["principalId"] == machine["identity"]["principalId"]
    assert role["properties"]["principalType"] == "ServicePrincipal"
    assert role["properties"]["scope"] == account["id"]


def test_a_role_assignment_is_retried_until_the_identity_is_replicated(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.spoil(method="PUT", kind=ROLE, path=f"rg-dormouse-{name}", status=400, code="PrincipalNotFound", times=3)
    operation = control_plane.up(name)
    assert len(azure.of_type(name, ROLE)) == 1
    assert operation["refusals"] == []


def test_an_existing_role_assignment_is_a_success(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.spoil(method="PUT", kind=ROLE, path=f"rg-dormouse-{name}", status=409, code="RoleAssignmentExists", times=1)
    accepted = control_plane.put(name).json()["operation"]
    control_plane.until_step(accepted, "role", "done")
    # The role does not exist here; without the cancellation, the operation would wait for the machine's first boot.
    control_plane.cancel(accepted)
    assert control_plane.wait(accepted)["outcome"] == "cancelled"


def test_each_step_starts_as_soon_as_its_needs_are_done(name: str) -> None:
    # In a sandbox of its own, slow enough that Azure's own durations decide which resource is ready first.
    with temporary_ground(speed=25.0) as ground, ground.client() as client:
        operation = ControlPlane(client).up(name)
    steps = {step["name"]: step for step in operation["steps"]}
    preflight = steps.pop("preflight")
    (first,) = {step["began_seconds"] for step in steps.values() if not step["needs"]}
    assert first >= preflight["ended_seconds"]
    # The time of an orchestration stands still while it decides: not even a busy computer comes between the two.
    for step in steps.values():
        needs = [steps[need]["ended_seconds"] for need in step["needs"]]
        assert step["began_seconds"] == max(needs, default=first), step["name"]
    # The container is ready long before the machine, although the machine was begun first: see `execute_plan._tick`.
    assert steps["container"]["ended_seconds"] < steps["vm"]["ended_seconds"] - 10.0
    # Without the checks of the request, which nothing waits for by name, no time is spent outside the longest chain.
    assert operation["makespan_seconds"] - first == pytest.approx(operation["critical_path_seconds"], abs=0.1)


def test_a_dry_run_returns_the_whole_plan_and_changes_nothing(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    answer = control_plane.put(name, dry_run="true")
    assert answer.status_code == httpx.codes.OK
    plan = answer.json()
    assert plan["would"] == "create"
    assert {step["name"] for step in plan["resources"]} == STEPS - {"health"}
    assert {step["action"] for step in plan["resources"]} == {"create"}
    assert plan["price_per_hour"]["amount"] == pytest.approx(0.59 + FEES, abs=1e-6)
    assert plan["refusals"] == []
    assert azure.resources(name) == []
    assert control_plane.client.get(f"/environments/{name}").status_code == httpx.codes.NOT_FOUND


def test_applying_the_same_spec_again_changes_nothing(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    again = control_plane.put(name)
    assert again.status_code == httpx.codes.OK
    assert again.json()["state"] == "running"
    assert control_plane.put(name, dry_run="true").json()["would"] == "nothing"


def test_changing_allow_from_changes_only_the_firewall(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    first = control_plane.up(name)
    operation = control_plane.up(name, {**WORKSTATION, "allow_from": ["198.51.100.0/24"]})
    states = {step["name"]: step["state"] for step in operation["steps"]}
    assert states["firewall"] == "done"
    assert states["network"] == states["storage"] == states["password"] == "unchanged"
    (firewall,) = azure.of_type(name, "Microsoft.Network/networkSecurityGroups")
    assert firewall["properties"]["securityRules"][0]["properties"]["sourceAddressPrefixes"] == ["198.51.100.0/24"]
    (machine,) = azure.of_type(name, MACHINE)
    assert machine["tags"]["dormouse-operation"] == first["id"]


def test_a_resource_deleted_by_hand_is_rebuilt(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    azure.vanish(name, "networkSecurityGroups")
    plan = control_plane.put(name, dry_run="true").json()
    assert {step["name"] for step in plan["resources"] if step["action"] == "create"} == {"firewall", "role"}
    control_plane.up(name)
    assert len(azure.of_type(name, "Microsoft.Network/networkSecurityGroups")) == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"size": "Standard_NC4as_T4_v3"}, "/size"),
        ({"container": "other"}, "/container"),
        ({"region": "westeurope"}, "/name"),
    ],
)
def test_a_change_that_is_not_possible_in_place_is_rejected(
    control_plane: ControlPlane, name: str, change: dict[str, Any], pointer: str
) -> None:
    control_plane.up(name)
    answer = control_plane.put(name, {**WORKSTATION, **change})
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_machine_without_a_gpu_gets_no_driver(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    operation = control_plane.up(name, {**WORKSTATION, "size": "Standard_D4s_v5", "region": "swedencentral"})
    assert "driver" not in {step["name"] for step in operation["steps"]}
    assert "gpu" not in {finding["name"] for finding in operation["health_checks"]}


def test_an_ssh_key_is_installed_on_the_machine(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name, {**WORKSTATION, "ssh_public_key": SSH_KEY})
    (machine,) = azure.of_type(name, MACHINE)
    keys = machine["properties"]["osProfile"]["linuxConfiguration"]["ssh"]["publicKeys"]
    assert keys == [{"path": "/home/azureuser/.ssh/authorized_keys", "keyData": SSH_KEY}]


def test_a_firewall_opened_by_hand_is_closed_again(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    azure.open_firewall(name)
    plan = control_plane.put(name, dry_run="true").json()
    assert {step["name"] for step in plan["resources"] if step["action"] == "update"} == {"firewall"}
    control_plane.up(name)
    (firewall,) = azure.of_type(name, "Microsoft.Network/networkSecurityGroups")
    sources = [rule["properties"]["sourceAddressPrefixes"] for rule in firewall["properties"]["securityRules"]]
    assert sources == [["127.0.0.1/32"]] * 2


def test_applying_a_spec_does_not_start_a_stopped_machine(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name)
    control_plane.follow(control_plane.post(name, "stop"))
    operation = control_plane.up(name, {**WORKSTATION, "allow_from": ["198.51.100.0/24"]})
    assert "stopped" in operation["reason"]
    assert control_plane.get(name)["state"] == "stopped"


def test_a_deleted_secret_is_recovered_unchanged(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    secret = azure.secrets(name)
    azure.delete_secret(secret[0])
    assert azure.secrets(name) == []
    control_plane.up(name)
    assert azure.secrets(name) == secret


def test_a_busy_run_command_is_retried(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.spoil(method="POST", path=f"vm-{name}/runCommand", code="OperationNotAllowed", times=3)
    control_plane.up(name)


def test_applying_the_same_spec_to_an_unhealthy_environment_checks_it_again(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.spoil(method="POST", path=f"vm-{name}/runCommand", status=403, code="AuthorizationFailed", times=1)
    operation = control_plane.provision(name)
    assert operation["outcome"] == "unhealthy"
    assert "is billed" in operation["reason"]
    again = control_plane.put(name)
    assert control_plane.follow(again)["outcome"] == "succeeded"
    assert control_plane.put(name).status_code == httpx.codes.OK


def test_whitespace_around_the_owner_is_ignored(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name, {**WORKSTATION, "owner": " ann "})
    assert control_plane.put(name, {**WORKSTATION, "owner": " ann "}).status_code == httpx.codes.OK


def test_an_unhealthy_stopped_machine_is_checked_when_it_is_started(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.spoil(method="POST", path=f"vm-{name}/runCommand", status=403, code="AuthorizationFailed", times=1)
    assert control_plane.provision(name)["outcome"] == "unhealthy"
    control_plane.follow(control_plane.post(name, "stop"))
    assert "stopped" in control_plane.up(name)["reason"]
    assert control_plane.get(name)["ready"] is False
    control_plane.follow(control_plane.post(name, "start"))
    assert control_plane.up(name)["health_checks"]
    assert control_plane.get(name)["ready"] is True


def test_a_purged_password_is_not_silently_replaced(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    (secret,) = azure.secrets(name)
    azure.delete_secret(secret)
    azure.purge_secret(secret)
    operation = control_plane.provision(name)
    assert operation["outcome"] == "failed"
    assert "was purged" in operation["reason"]
    assert azure.secrets(name) == []
    assert control_plane.get(name)["state"] == "running"
