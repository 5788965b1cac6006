"""Only what a plan has named belongs to an environment: tags and names give no right to anything."""

from typing import Any

import httpx
import pytest

from local.sandbox import Ground, temporary_ground
from tests.integration.http.test_roles import People
from tests.support import SUBSCRIPTION, WORKSTATION, AzureSide, ControlPlane, eventually

MACHINE = "Microsoft.Compute/virtualMachines"
KINDS = ("Microsoft.Compute/disks", "Microsoft.Network/networkSecurityGroups", "Microsoft.Storage/storageAccounts")


def both_tags(name: str) -> dict[str, str]:
    """Tags as our own resources carry them."""
    operation = f"{name}-provision-01M80AKRESFYRXQ716J26R1AX0"
    return {"dormouse": name, "dormouse-operation": operation, "dormouse-deployment": "main"}


def ids(azure: AzureSide) -> set[str]:
    return {item["id"] for item in azure.everything()}


def test_what_others_own_survives_a_deletion_whatever_its_tags_say_and_is_named(
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
    assert "Not deleted, because Dormouse did not create them" in operation["reason"]


def test_seventy_resources_with_the_tag_keep_no_deletion_from_ending(
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
def test_what_others_put_into_the_group_survives_and_keeps_the_group(
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


def test_a_group_that_cannot_be_listed_stays_and_what_is_ours_in_it_goes(
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


def test_a_group_whose_tags_name_somebody_else_stays_and_what_is_ours_in_it_goes(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.found_group(f"rg-dormouse-{name}", tags={"dormouse": name, "dormouse-deployment": "staging"})
    assert control_plane.provision(name, {**WORKSTATION, "allow_from": ["10.1.0.0/16"]})["outcome"] == "refused"
    operation = control_plane.down(name)
    assert operation["outcome"] == "succeeded", operation["reason"]
    assert [item["id"] for item in azure.resources(name)] == [f"{SUBSCRIPTION}/resourceGroups/rg-dormouse-{name}"]
    assert f"rg-dormouse-{name}" in operation["reason"]


def test_a_rollback_leaves_what_others_have_put_into_the_new_group(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
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
def test_a_group_without_a_record_is_refused_to_every_caller(
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


def test_an_environment_whose_record_is_lost_is_refused_to_every_caller(
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


def test_what_carries_anothers_tag_changes_nothing_in_any_view(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.found_group(f"zz-{name}", tags={"dormouse": name})
    azure.found_address(f"zz-{name}", f"pip-{name}", tags=both_tags(name), ipAddress="198.51.100.66")
    # The same in the environment's own group, under another name.
    azure.found_address(f"rg-dormouse-{name}", f"a-{name}", tags=both_tags(name), ipAddress="198.51.100.67")
    single = control_plane.get(name)
    (listed,) = [item for item in control_plane.every_environment() if item["name"] == name]
    assert single["address"] not in (None, "198.51.100.66", "198.51.100.67")
    for field in ("address", "state", "billed", "size", "endpoints"):
        assert listed[field] == single[field]


def test_a_stopped_machine_with_anothers_tag_does_not_stop_it_in_the_list(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    tags = both_tags(name)
    machines = [
        {"id": f"zz-{name}/vm-{name}", "size": "Standard_D4s_v5", "tags": tags, "power": "deallocated", "agent": False}
    ]
    azure.client.post("/estate", json={"machines": machines}).raise_for_status()
    (listed,) = [item for item in control_plane.every_environment() if item["name"] == name]
    assert (listed["state"], listed["billed"], listed["size"]) == ("running", True, "Standard_NV6ads_A10_v5")


def test_a_tag_that_names_an_environment_keeps_no_machine_from_being_adopted(
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


def test_both_views_say_that_an_environment_has_lost_its_machine(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.vanish(name, "virtualMachines")

    def listed() -> str:
        return next(str(item["state"]) for item in control_plane.every_environment() if item["name"] == name)

    assert control_plane.get(name)["state"] == "incomplete"
    assert eventually(lambda: listed() == "incomplete")


def test_a_preflight_that_gives_up_leaves_no_environment_behind(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.spoil(method="GET", path="Microsoft.Compute/skus", status=503, code="ServerTimeout")
    operation = control_plane.provision(name)
    assert operation["outcome"] == "failed"
    assert operation["reason"].endswith("Nothing was created.")
    azure.behave()
    assert control_plane.client.get(f"/environments/{name}").status_code == 404
    assert name not in {item["name"] for item in control_plane.every_environment()}
    other = {**WORKSTATION, "region": "westeurope"}
    assert control_plane.put(name, other, dry_run="true").json()["would"] == "create"


def test_a_preflight_of_a_change_that_gives_up_forgets_nothing(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name)
    azure.vanish(name, "virtualMachines")
    azure.spoil(method="GET", path="Microsoft.Compute/skus", status=503, code="ServerTimeout")
    assert control_plane.provision(name)["outcome"] == "failed"
    assert control_plane.get(name)["state"] == "incomplete"


def test_who_could_own_nothing_builds_nothing() -> None:
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
