"""Two deployments of the control plane in one subscription.

They share even the key vault, the storage account and the identity, which deployments by `infra/` do not.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.plain_http import NO_TLS
from local.processes import Process
from local.sandbox import Ground, free_port
from tests.fleet import FleetSide, machine
from tests.integration.chat.chats import Script
from tests.support import SUBSCRIPTION, WORKSTATION, AzureSide, ControlPlane, eventually


@pytest.fixture(scope="module")
def staging(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A second control plane in the same sandbox, with a deployment ID of its own."""
    home, port = tmp_path_factory.mktemp("staging"), free_port()
    command = list(ground.host.command)
    command[command.index("--home") + 1] = str(home)
    command[command.index("--port") + 1] = str(port)
    host = Process(command, {**ground.host.environment, "DEPLOYMENT_ID": "staging"}, home / "host.log")
    host.start()
    try:
        key = json.loads((home / "keys.json").read_text())["function"]
        address, headers = f"http://127.0.0.1:{port}/api", {"x-functions-key": key}
        with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False, verify=NO_TLS) as client:
            yield client
    finally:
        host.kill()


def of_group(azure: AzureSide, group: str) -> set[str]:
    root = f"{SUBSCRIPTION}/resourcegroups/{group}".lower()
    return {item["id"] for item in azure.everything() if f"{item['id'].lower()}/".startswith(f"{root}/")}


def test_environments_of_the_same_name_in_two_deployments_are_independent(
    control_plane: ControlPlane, staging: httpx.Client, azure: AzureSide, name: str
) -> None:
    other = ControlPlane(staging)
    control_plane.up(name)
    assert other.client.get(f"/environments/{name}").status_code == 404
    assert other.delete(name).status_code == 404
    other.up(name, {**WORKSTATION, "allow_from": ["10.7.0.0/16"]})
    ours, theirs = of_group(azure, f"rg-dormouse-{name}"), of_group(azure, f"rg-dormouse-staging--{name}")
    assert ours
    assert theirs
    assert control_plane.get(name)["endpoints"] != other.get(name)["endpoints"]
    secrets = set(azure.secrets(name))
    ended = other.follow(staging.delete(f"/environments/{name}"))
    assert ended["outcome"] == "succeeded", ended["reason"]
    assert of_group(azure, f"rg-dormouse-staging--{name}") == set()
    assert of_group(azure, f"rg-dormouse-{name}") == ours
    assert set(azure.secrets(name)) == secrets
    assert "Not deleted" not in ended["reason"]  # what carries another deployment's ID is not even listed
    assert control_plane.get(name)["state"] == "running"
    assert control_plane.client.get("/operations", params={"environment": name}).json()["value"][0]["verb"] == "provision"


def test_group_names_of_two_deployments_never_collide(control_plane: ControlPlane, staging: httpx.Client, name: str) -> None:
    planned = control_plane.put(f"staging-{name}", dry_run="true").json()
    theirs = staging.put(f"/environments/{name}", json=WORKSTATION, params={"dry_run": "true"}).json()
    assert {step["id"] for step in planned["resources"] if step["id"]}.isdisjoint(step["id"] for step in theirs["resources"])


def test_a_sweep_ignores_machines_of_the_other_deployment(
    control_plane: ControlPlane, staging: httpx.Client, azure: AzureSide, name: str
) -> None:
    mine = FleetSide(control_plane.client, azure.client, f"both-{name}")
    theirs = FleetSide(staging, azure.client, mine.group)
    tag = "dormouse-deployment"
    mine.load(main=machine(tags={tag: "main"}), staging=machine(tags={tag: "staging"}), either=machine())
    mine.sweep(dry_run=True)
    theirs.sweep(dry_run=True)
    assert set(mine.lines()) == {"main", "either"}
    assert set(theirs.lines()) == {"staging", "either"}
    adopted = {"machine": mine.id("staging"), "idle": "on", "agent": False}
    refused = control_plane.client.post("/machines/adopt", json=adopted)
    assert (refused.status_code, "staging" in refused.json()["detail"]) == (409, True)


def test_an_adopted_machine_is_swept_only_by_its_deployment(
    control_plane: ControlPlane, staging: httpx.Client, azure: AzureSide, name: str
) -> None:
    mine = FleetSide(control_plane.client, azure.client, f"adopt-{name}")
    theirs = FleetSide(staging, azure.client, mine.group)
    mine.load(one=machine(idle=None))
    asked: dict[str, Any] = {"machine": mine.id("one"), "agent": False}
    assert ControlPlane(staging).follow(staging.post("/machines/adopt", json=asked))["outcome"] == "succeeded"

    def seen_by(side: FleetSide) -> bool:
        side.sweep(dry_run=True)
        return "one" in side.lines()

    assert eventually(lambda: seen_by(theirs))  # Resource Graph is behind
    assert not seen_by(mine)
    assert ControlPlane(staging).follow(staging.post("/machines/release", json=asked))["outcome"] == "succeeded"
    (machine_now,) = [item for item in azure.everything() if item["id"].lower() == mine.id("one").lower()]
    assert not [tag for tag in machine_now["tags"] if tag.startswith("dormouse")]


def test_lists_commands_and_chat_know_only_their_own_deployment(
    ground: Ground, control_plane: ControlPlane, staging: httpx.Client, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    other = ControlPlane(staging)
    assert name in {one["name"] for one in control_plane.every_environment()}
    assert name not in {one["name"] for one in other.every_environment()}
    assert staging.get("/operations", params={"environment": name}).json()["value"] == []
    for verb, body in (("stop", None), ("restart", None), ("hold", {"for": "2h"}), ("extend", {"for": "2h"})):
        assert staging.post(f"/environments/{name}/{verb}", json=body).status_code == 404, verb
    with httpx.Client(base_url=staging.base_url, timeout=30, trust_env=False, verify=NO_TLS) as anonymous:
        chat = Script(ground, anonymous)
        for command in (f"status {name}", f"stop {name}", f"extend {name} 2h"):
            told = chat.say(command).json()
            assert told["title"] in (f"There is no environment like {name!r}.", f"There is no environment {name!r}."), told
        assert not any(name in line for line in chat.say("status").json()["lines"])
    (vm,) = azure.of_type(name, "Microsoft.Compute/virtualMachines")
    for verb in ("hold", "extend"):
        refused = staging.post(f"/machines/{verb}", json={"machine": vm["id"], "for": "2h"})
        assert refused.status_code == 404, refused.text
    assert control_plane.get(name)["state"] == "running"
    control_plane.down(name)


def custom_role(azure: AzureSide, name: str) -> str:
    """Define a custom role, as `infra/modules/rights.bicep` does; returns its ID."""
    identifier = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{uuid.uuid4()}"
    properties = {"roleName": name, "type": "CustomRole", "assignableScopes": [SUBSCRIPTION], "permissions": []}
    body = {"id": identifier, "type": "Microsoft.Authorization/roleDefinitions", "properties": properties}
    azure.client.post("/resources/appear", json=body).raise_for_status()
    return identifier


def reason_of(side: FleetSide, machine: str) -> str:
    side.sweep(dry_run=True)
    return str(side.lines()[machine]["reason"])


def test_a_machine_that_names_no_deployment_is_left_alone_where_two_deployments_watch(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    mine = FleetSide(control_plane.client, azure.client, f"shared-{name}")
    mine.load(either=machine(), ours=machine(tags={"dormouse-deployment": "main"}))
    roles = [custom_role(azure, f"Dormouse sweep ({one}) {uuid.uuid4()}") for one in ("main", "staging")]
    shared = "Other deployments of Dormouse (staging) watch its subscription too"
    assert eventually(lambda: shared in reason_of(mine, "either"))
    assert shared not in reason_of(mine, "ours")
    assert mine.lines()["either"]["verdict"] == "unknown"
    for role in roles:
        azure.client.post("/resources/vanish", json={"id": role}).raise_for_status()
    assert eventually(lambda: shared not in reason_of(mine, "either"))


def test_no_sweep_acts_while_another_control_plane_has_the_same_deployment_id(
    control_plane: ControlPlane, staging: httpx.Client, azure: AzureSide, name: str
) -> None:
    mine = FleetSide(control_plane.client, azure.client, f"twin-{name}")
    theirs = FleetSide(staging, azure.client, mine.group)
    mine.load(main=machine(tags={"dormouse-deployment": "main"}), staging=machine(tags={"dormouse-deployment": "staging"}))
    azure.found_group(f"twin-control-{name}", tags={})
    twin = (f"twin-control-{name}", "Microsoft.Web/sites", f"dm-{name}-main")
    azure.found(*twin, {"product": "dormouse", "deployment": "main"}, state="Running")
    said = "Another control plane has the deployment ID main"
    assert eventually(lambda: said in reason_of(mine, "main"))
    assert mine.lines()["main"]["verdict"] == "unknown"
    summary = control_plane.client.get("/machines/idle-report").raise_for_status().json()["summary"]
    assert any(said in problem for problem in summary["problems"])
    assert said not in reason_of(theirs, "staging")
    azure.found(*twin, {"product": "dormouse", "deployment": "main"}, state="Stopped")
    assert eventually(lambda: said not in reason_of(mine, "main"))


def test_a_record_belongs_to_one_deployment(staging: httpx.Client, azure: AzureSide, name: str) -> None:
    other = ControlPlane(staging)
    other.up(name)
    assert name not in {row["RowKey"] for row in azure.rows("environments")}
    assert name in {row["RowKey"] for row in azure.rows("stagingenvironments")}
    other.down(name)
