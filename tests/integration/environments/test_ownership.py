"""Only resources that a plan has named belong to an environment: tags and names give no rights."""

from typing import Any

import httpx
import pytest

from local.sandbox import Ground, temporary_ground
from tests.integration.http.test_roles import People
from tests.support import SUBSCRIPTION, WORKSTATION, AzureSide, ControlPlane, eventually

MACHINE = "Microsoft.Compute/virtualMachines"
KINDS = ("Microsoft.Compute/disks", "Microsoft.Network/networkSecurityGroups", "Microsoft.Storage/storageAccounts")


def both_tags(name: str) -> dict[str, str]:
    """The tags that our own resources have."""
    operation = f"{name}-provision-01M80AKRESFYRXQ716J26R1AX0"
    return {"dormouse": name, "dormouse-operation": operation, "dormouse-deployment": "main"}


def ids(azure: AzureSide) -> set[str]:
    return {item["id"] for item in azure.everything()}


def test_deletion_keeps_and_lists_foreign_resources_whatever_their_tags(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.found_group(f"other-{name}", tags={})
    strays = [azure.found_address(f"other-{name}", f"stray{number}-{name}", tags=both_tags(name)) for number in range(3)]
    strays += [azure.found(f"other-{name}", kind, f"thing{place}", both_tags(name)) for place, kind in enumerate(KINDS)]
    machines = [{"id": f"fleet-{name}/victim", "size": "Standard_D2s_v5", "tags": both_tags(name), "agent": False}]
    azure.client.post("/estate", json={"machines": machines}).raise_for_status()
    strays.append(f"{SUBSCRIPTION}/resourceGroups/fleet-{name}/providers/{MACHINE}/victim")
    azure.spoil(method="GET", path=f"other-{name}", status=403, code="AuthorizationFailed")
    operation = control_plane.down(name)
    assert operation["outcome"] == "succeeded", operation["reason"]
    assert set(strays) <= ids(azure)
    assert azure.resources(name) == []
    for stray in strays:
        assert stray in operation["reason"]
    assert "Not deleted, because the spec keeps them, or Dormouse did not create them" in operation["reason"]


def test_seventy_foreign_resources_with_our_tag_do_not_block_a_deletion(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.found_group(f"other-{name}", tags={})
    for number in range(70):
        azure.found_address(f"other-{name}", f"stray{number:02}-{name}", tags=both_tags(name))
    operation = control_plane.down(name)
    assert operation["outcome"] == "succeeded", operation["reason"]
    assert "and 50 more" in operation["reason"]


@pytest.mark.parametrize("tags", [{}, {"dormouse": "", "dormouse-operation": ""}], ids=["untagged", "tagged"])
def test_foreign_resources_in_the_group_are_kept_together_with_the_group(
    control_plane: ControlPlane, azure: AzureSide, name: str, tags: dict[str, str]
) -> None:
    control_plane.up(name)
    group = f"rg-dormouse-{name}"
    theirs = azure.found(group, "Microsoft.Compute/disks", f"data-{name}", {key: both_tags(name)[key] for key in tags})
    operation = control_plane.down(name)
    assert operation["outcome"] == "succeeded", operation["reason"]
    assert {item["id"] for item in azure.resources(name)} == {f"{SUBSCRIPTION}/resourceGroups/{group}", theirs}
    assert azure.secrets(name) == []
    assert theirs in operation["reason"]
    assert control_plane.client.get(f"/environments/{name}").status_code == 404
    assert control_plane.delete(name).json()["state"] == "absent"
    again = control_plane.put(name)
    assert (again.status_code, group in again.json()["detail"]) == (409, True)


def test_a_group_that_cannot_be_listed_is_kept_and_our_resources_in_it_are_deleted(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    group = f"{SUBSCRIPTION}/resourceGroups/rg-dormouse-{name}"
    azure.spoil(method="GET", path=f"rg-dormouse-{name}/resources", status=403, code="AuthorizationFailed")
    operation = control_plane.down(name)
    assert operation["outcome"] == "failed"
    assert [item.partition(",")[0] for item in operation["leftovers"]] == ["unknown"]
    assert [item["id"] for item in azure.resources(name)] == [group]
    azure.behave()
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert azure.resources(name) == []


def test_a_group_tagged_for_another_deployment_is_kept_and_our_resources_in_it_are_deleted(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.found_group(f"rg-dormouse-{name}", tags={"dormouse": name, "dormouse-deployment": "staging"})
    assert control_plane.provision(name, {**WORKSTATION, "allow_from": ["10.1.0.0/16"]})["outcome"] == "refused"
    operation = control_plane.down(name)
    assert operation["outcome"] == "succeeded", operation["reason"]
    assert [item["id"] for item in azure.resources(name)] == [f"{SUBSCRIPTION}/resourceGroups/rg-dormouse-{name}"]
    assert f"rg-dormouse-{name}" in operation["reason"]


def test_rollback_keeps_foreign_resources_in_the_new_group(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.hold_up("PUT", "/storageAccounts/")
    azure.spoil(method="PUT", kind=MACHINE, path=f"rg-dormouse-{name}", code="SkuNotAvailable")
    accepted = control_plane.put(name).json()["operation"]
    control_plane.until_step(accepted, "group", "done")
    theirs = azure.found_address(f"rg-dormouse-{name}", f"theirs-{name}", tags=both_tags(name))
    operation = control_plane.wait(accepted)
    group = f"{SUBSCRIPTION}/resourceGroups/rg-dormouse-{name}"
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [group])
    assert {item["id"] for item in azure.resources(name)} == {group, theirs}
    assert azure.secrets(name) == []
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert theirs in ids(azure)


@pytest.mark.parametrize("tags", [{}, {"team": "others"}, {"dormouse": ""}, {"dormouse": "", "dormouse-operation": ""}])
def test_provision_is_refused_if_the_group_exists_without_a_record(
    control_plane: ControlPlane, azure: AzureSide, name: str, tags: dict[str, str]
) -> None:
    group = f"rg-dormouse-{name}"
    written = {key: both_tags(name).get(key, value) for key, value in tags.items()}
    azure.found_group(group, tags=written)
    theirs = azure.found_address(group, f"theirs-{name}", tags=both_tags(name))
    refused = control_plane.put(name)
    assert (refused.status_code, group in refused.json()["detail"]) == (409, True)
    planned = control_plane.put(name, dry_run="true").json()
    assert [refusal["reason"] for refusal in planned["refusals"]] == ["name_taken"]
    assert control_plane.delete(name).status_code == 404
    assert name not in {item["name"] for item in control_plane.every_environment()}
    assert control_plane.client.get("/operations", params={"environment": name}).json()["value"] == []
    assert [item["tags"] for item in azure.of_type(name, "Microsoft.Resources/resourceGroups")] == [written]
    assert theirs in ids(azure)


@pytest.fixture
def people(ground: Ground) -> Any:
    with ground.simulation() as simulation:
        yield People(ground.api, ground.key, simulation)


def test_every_caller_is_refused_if_the_record_of_an_environment_is_lost(
    people: People, control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    alice, mallory, olga = people.token("alice", "user"), people.token("mallory", "user"), people.token("olga", "operator")
    accepted = people.ask("PUT", f"environments/{name}", alice, WORKSTATION)
    assert control_plane.wait(accepted.json()["operation"])["outcome"] == "succeeded"
    before, secrets = {item["id"] for item in azure.resources(name)}, azure.secrets(name)
    azure.lose_row("environments", name)
    for token in (mallory, alice, olga):
        assert people.ask("PUT", f"environments/{name}", token, WORKSTATION).status_code == 409
        assert people.ask("DELETE", f"environments/{name}", token).status_code in (403, 404)
        assert people.ask("POST", f"environments/{name}/stop", token).status_code == 404
    assert ({item["id"] for item in azure.resources(name)}, azure.secrets(name)) == (before, secrets)
    assert azure.rows("environments") == [row for row in azure.rows("environments") if row["RowKey"] != name]


def test_foreign_resources_with_our_tag_do_not_change_any_view(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.found_group(f"zz-{name}", tags={"dormouse": name})
    azure.found_address(f"zz-{name}", f"pip-{name}", tags=both_tags(name), ipAddress="198.51.100.66")
    # The same in the environment's own group, under another name.
    azure.found_address(f"rg-dormouse-{name}", f"a-{name}", tags=both_tags(name), ipAddress="198.51.100.67")
    single = control_plane.get(name)
    (listed,) = [item for item in control_plane.every_environment() if item["name"] == name]
    hosts = {endpoint["host"] for endpoint in single["endpoints"]}
    assert hosts
    assert not hosts & {"198.51.100.66", "198.51.100.67"}
    for field in ("state", "billed", "endpoints"):
        assert listed[field] == single[field]
    unknown_in_lists = {"hibernated": None}
    assert [{**one, **unknown_in_lists} for one in single["resources"]] == listed["resources"]


def test_a_stopped_foreign_machine_with_our_tag_does_not_change_the_listed_state(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    tags = both_tags(name)
    machines = [
        {"id": f"zz-{name}/vm-{name}", "size": "Standard_D4s_v5", "tags": tags, "power": "deallocated", "agent": False}
    ]
    azure.client.post("/estate", json={"machines": machines}).raise_for_status()
    (listed,) = [item for item in control_plane.every_environment() if item["name"] == name]
    sizes = [one["size"] for one in listed["resources"] if one["size"]]
    assert (listed["state"], listed["billed"], sizes) == ("running", True, ["Standard_NV6ads_A10_v5"])


def test_a_machine_tagged_with_the_name_of_an_environment_can_be_adopted(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    machines = [{"id": f"zz-{name}/vm-{name}", "size": "Standard_D4s_v5", "tags": both_tags(name), "agent": False}]
    azure.client.post("/estate", json={"machines": machines}).raise_for_status()
    theirs = f"{SUBSCRIPTION}/resourceGroups/zz-{name}/providers/{MACHINE}/vm-{name}"
    (ours,) = azure.of_type(name, MACHINE)
    asked = [{"machine": one, "agent": False} for one in (theirs, ours["id"])]
    assert control_plane.follow(control_plane.client.post("/machines/adopt", json=asked[0]))["outcome"] == "succeeded"
    assert control_plane.client.post("/machines/adopt", json=asked[1]).status_code == 409


def test_both_views_show_that_the_machine_is_missing(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    azure.vanish(name, "virtualMachines")

    def listed() -> str:
        return next(str(item["state"]) for item in control_plane.every_environment() if item["name"] == name)

    assert control_plane.get(name)["state"] == "incomplete"
    assert eventually(lambda: listed() == "incomplete")


def test_a_failed_preflight_leaves_no_environment_behind(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.spoil(method="GET", path=f"/secrets/dormouse-{name}-", status=503, code="ServerTimeout")
    operation = control_plane.provision(name)
    assert operation["outcome"] == "failed"
    assert operation["reason"].endswith("Nothing was created.")
    azure.behave()
    assert control_plane.client.get(f"/environments/{name}").status_code == 404
    assert name not in {item["name"] for item in control_plane.every_environment()}
    other = {**WORKSTATION, "region": "westeurope"}
    assert control_plane.put(name, other, dry_run="true").json()["would"] == "create"


def test_a_refused_preflight_of_a_change_keeps_the_environment(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, {**WORKSTATION, "region": "eastus"})
    azure.vanish(name, "virtualMachines")
    azure.limit("eastus", "StandardNVADSA10v5Family", 0)
    assert control_plane.provision(name, {**WORKSTATION, "region": "eastus"})["outcome"] == "refused"
    assert control_plane.get(name)["state"] == "incomplete"


def test_a_user_without_an_object_id_cannot_create_an_environment() -> None:
    settings = {"FUNCTION_KEY_ROLE": "user"}
    with (
        temporary_ground(speed=200, timers=False, agents=False, settings=settings) as ground,
        ground.client() as client,
        ground.simulation() as simulation,
    ):
        for query in ({}, {"dry_run": "true"}):
            refused = client.put("/environments/ml1", json=WORKSTATION, params=query)
            assert (refused.status_code, "could not change what you create" in refused.text) == (403, True)
        assert client.get("/environments").json()["value"] == []
        people = People(ground.api, ground.key, simulation)
        built = people.ask("PUT", "environments/ml1", people.token("alice", "user"), WORKSTATION)
        assert built.status_code == httpx.codes.ACCEPTED
