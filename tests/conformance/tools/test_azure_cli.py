"""Microsoft's command-line tool logs in to the simulated Azure, lists what is there, and stops and starts a machine."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.sandbox import Ground
from tests.support import ROOT, SUBSCRIPTION

AZ = os.environ.get("AZ", str(ROOT / ".venv-azure-cli" / "bin" / "az"))
CLOUD = "Dormouse"
QUIET = f"{SUBSCRIPTION}/resourceGroups/research/providers/Microsoft.Compute/virtualMachines/quiet"
Az = Callable[..., Any]


def run(environment: dict[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
    given = {**environment, "AZURE_CORE_ONLY_SHOW_ERRORS": "true", "AZURE_CORE_COLLECT_TELEMETRY": "false"}
    given |= {"AZURE_CONFIG_DIR": f"{environment['HOME']}/azure", "AZURE_CORE_INSTANCE_DISCOVERY": "false"}
    return subprocess.run([AZ, *command], env=given, capture_output=True, text=True, timeout=300, check=False)


def done(environment: dict[str, str], *command: str) -> Any:
    """What a command prints, after its success."""
    ended = run(environment, *command)
    assert ended.returncode == 0, f"az {' '.join(command)}: {ended.stderr}"
    return json.loads(ended.stdout) if ended.stdout.strip() else None


def choose_cloud(environment: dict[str, str], ground: Ground) -> None:
    manager = f"https://management.localhost:{ground.azure_port}"
    done(environment, "cloud", "register", "--name", CLOUD, "--endpoint-resource-manager", manager)
    done(environment, "cloud", "set", "--name", CLOUD)


@pytest.fixture(scope="module")
def principal(estate_ground: Ground) -> dict[str, str]:
    with estate_ground.simulation() as simulation:
        made: dict[str, str] = simulation.post("/service-principals", json={"name": "ops"}).raise_for_status().json()
    return made


@pytest.fixture(scope="module")
def az(estate_ground: Ground, environment: dict[str, str], principal: dict[str, str]) -> Az:
    """Run a command after the login, and return what it prints."""
    choose_cloud(environment, estate_ground)
    who = ("--username", principal["appId"], "--tenant", principal["tenant"], "--password", principal["password"])
    (account,) = done(environment, "login", "--service-principal", *who)
    assert (account["cloudName"], account["state"], account["user"]["type"]) == (CLOUD, "Enabled", "servicePrincipal")
    return lambda *command: done(environment, *command)


def test_a_wrong_secret_is_refused_with_the_code_of_entra(
    estate_ground: Ground, environment: dict[str, str], principal: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = {**environment, "HOME": str(tmp_path)}
    choose_cloud(elsewhere, estate_ground)
    who = ("--username", principal["appId"], "--tenant", principal["tenant"], "--password", "guessed")
    ended = run(elsewhere, "login", "--service-principal", *who)
    assert ended.returncode != 0
    assert "AADSTS7000215" in ended.stderr


def power_states(az: Az) -> dict[str, str]:
    return {machine["name"]: machine["powerState"] for machine in az("vm", "list", "--show-details")}


def test_a_machine_is_listed_shown_deallocated_and_started(az: Az) -> None:
    before = {"quiet": "VM running", "busy": "VM running", "desk": "VM running", "spare": "VM deallocated"}
    assert power_states(az) == before
    az("vm", "deallocate", "--ids", QUIET)
    assert power_states(az) == {**before, "quiet": "VM deallocated"}
    shown = az("vm", "show", "--ids", QUIET, "--show-details")
    assert shown["powerState"] == "VM deallocated"
    assert not {"diskSizeGb", "diskSizeGB"} & set(shown["storageProfile"]["osDisk"])
    az("vm", "start", "--ids", QUIET)
    assert power_states(az) == before
    states = az("vm", "get-instance-view", "--ids", QUIET)["instanceView"]["statuses"]
    assert "PowerState/running" in [state["code"] for state in states]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("vm list --query [].name", ["quiet", "busy", "desk", "spare"]),
        ("vm list -g research --query [].name", ["quiet", "busy"]),
        ("group list --query [].name", ["dormouse-control-plane", "research", "office"]),
        (
            "resource list --resource-type Microsoft.Compute/virtualMachines --query [].name",
            ["quiet", "busy", "desk", "spare"],
        ),
        ("resource list --tag stop=please --query [].name", ["desk"]),
        ("tag list --query [].tagName", ["stop"]),
        ("lock list", []),
        ("keyvault list --query [].name", ["dormouse"]),
        ("keyvault show --name dormouse --query name", "dormouse"),
        ("keyvault secret list --vault-name dormouse", []),
        ("provider show --namespace Microsoft.Compute --query registrationState", "Registered"),
        ("account list-locations --query [?name=='newzealandnorth'].displayName", ["New Zealand North"]),
        ("vm list-skus --location westeurope --size Standard_D4s_v5 --query [].locations[]", ["westeurope"]),
        ("vm list-usage --location westeurope --query [0].localName", "Total Regional vCPUs"),
    ],
)
def test_it_lists_what_is_there(az: Az, command: str, expected: Any) -> None:
    assert az(*command.split()) == expected


def test_it_lists_role_assignments_with_the_names_of_their_roles(az: Az) -> None:
    whom = az("vm", "show", "--ids", QUIET)["identity"]["principalId"]
    scope = f"{SUBSCRIPTION}/resourceGroups/research"
    az(
        *("role", "assignment", "create", "--role", "Reader", "--scope", scope),
        *("--assignee-object-id", whom, "--assignee-principal-type", "ServicePrincipal"),
    )
    (found,) = az("role", "assignment", "list", "--all", "--fill-principal-name", "false")
    assert (found["roleDefinitionName"], found["scope"], found["principalId"]) == ("Reader", scope, whom)


def test_it_lists_the_subnets_of_a_network(az: Az) -> None:
    az("network", "vnet", "create", "-g", "research", "-n", "net", "--subnet-name", "inner")
    assert [
        subnet["name"] for subnet in az("network", "vnet", "subnet", "list", "-g", "research", "--vnet-name", "net")
    ] == ["inner"]


def test_it_shows_metrics(az: Az) -> None:
    said = az("monitor", "metrics", "list", "--resource", QUIET, "--metric", "Percentage CPU", "--interval", "PT5M")
    values = [point["average"] for point in said["value"][0]["timeseries"][0]["data"] if point.get("average") is not None]
    assert values
    assert all(1 <= value <= 2 for value in values)
