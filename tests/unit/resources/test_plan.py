import json
from typing import Any

import pytest

from dormouse import serialization
from dormouse.blueprints.catalog import BLUEPRINTS, describe_blueprint, plan_for
from dormouse.errors import BlueprintNotFound
from dormouse.resources.graph import in_order
from dormouse.resources.naming import name_of
from dormouse.resources.plan import Plan, changed_resources, moved_resources
from tests.support import ROOT, SSH_KEY
from tests.unit.blueprints.test_ml_workspace import PARENT
from tests.unit.builders import SUBSCRIPTION, target, workstation_spec

MACHINES = ("workstation", "data-science", "build-agent")
KINDS_OF_THE_WORKSTATION = {
    "resource_group",
    "virtual_network",
    "security_group",
    "public_address",
    "network_interface",
    "storage_account",
    "blob_container",
    "password",
    "virtual_machine",
    "machine_extension",
    "role_assignment",
}


def plan(operation: str = "op1", **given: Any) -> Plan:
    return plan_for(workstation_spec(**given), target(operation=operation, secrets={"password": "secret1"}))


def test_the_workstation_has_exactly_the_documented_resources() -> None:
    assert {step.kind for step in plan().resources} == KINDS_OF_THE_WORKSTATION
    assert len(plan().resources) == 11  # the subnet is in the network's body, the firewall's association in the card's


def test_a_plan_round_trips_through_json() -> None:
    original = plan(ssh_public_key=SSH_KEY)
    assert serialization.decode(Plan, json.loads(json.dumps(serialization.encode(original)))) == original


def test_every_blueprint_has_no_cycle_and_no_unknown_need() -> None:
    for name, blueprint in BLUEPRINTS.items():
        example = json.loads((ROOT / "examples" / f"{name}.json").read_text())
        there = target(parents={"mlshared": PARENT})
        assert in_order(plan_for(blueprint.spec.model_validate(example), there).resources)


def test_every_resource_is_tagged_with_its_environment() -> None:
    for step in plan().resources:
        if step.kind not in ("blob_container", "role_assignment"):
            tags = step.body["tags"]
            assert tags == {
                "dormouse": "ml1",
                "dormouse-deployment": "main",
                "dormouse-blueprint": "workstation",
                "dormouse-owner": "ann",
                "dormouse-operation": "op1",
            }


def test_disk_nic_and_address_are_deleted_with_the_machine() -> None:
    machine, nic = plan().resource("vm").body["properties"], plan().resource("nic").body["properties"]
    assert machine["storageProfile"]["osDisk"]["deleteOption"] == "Delete"
    assert machine["networkProfile"]["networkInterfaces"][0]["properties"]["deleteOption"] == "Delete"
    assert nic["ipConfigurations"][0]["properties"]["publicIPAddress"]["properties"]["deleteOption"] == "Delete"


def test_storage_account_names_are_deterministic_and_distinct() -> None:
    names = {
        name_of(plan_for(workstation_spec(), target(name, subscription=subscription)).resource("storage").id)
        for subscription in (SUBSCRIPTION, SUBSCRIPTION[:-1] + "2")
        for name in ("ml1", "a-very-long-name-indeed1", "a-very-long-name-indeed2")
    }
    assert len(names) == 6
    assert all(len(name) <= 24 and name.isalnum() and name.islower() for name in names)
    assert plan("op1").resource("storage").id == plan("op2").resource("storage").id


def test_no_firewall_rule_is_open_to_everyone() -> None:
    for rule in plan().resource("firewall").body["properties"]["securityRules"]:
        assert rule["properties"]["sourceAddressPrefixes"] == ["203.0.113.7/32"]
        assert rule["properties"]["destinationPortRange"] in ("3389", "22")


def test_the_grid_driver_is_installed_only_on_gpu_sizes() -> None:
    assert any(step.name == "driver" for step in plan().resources)
    assert all(step.name != "driver" for step in plan(size="Standard_D4s_v5").resources)
    assert plan(driver_version="535.161").resource("driver").body["properties"]["settings"] == {"driverVersion": "535.161"}


@pytest.mark.parametrize("blueprint", MACHINES)
@pytest.mark.parametrize(
    "size", ["Standard_NV6ads_A10_v5", "Standard_NC4as_T4_v3", "Standard_NC24ads_A100_v4", "Standard_NC40ads_H100_v5"]
)
def test_secure_boot_is_off_because_it_would_refuse_the_drivers_of_nvidia(blueprint: str, size: str) -> None:
    example = {**json.loads((ROOT / "examples" / f"{blueprint}.json").read_text()), "size": size}
    planned = plan_for(BLUEPRINTS[blueprint].spec.model_validate(example), target())
    (vm, *_) = (resource for resource in planned.resources if resource.kind == "virtual_machine")
    assert vm.body["properties"]["securityProfile"]["uefiSettings"]["secureBootEnabled"] is False


def test_only_differing_resources_are_changed() -> None:
    assert changed_resources(plan("op1"), plan("op2")) == ()
    assert changed_resources(plan(), plan(allow_from=["198.51.100.0/24"])) == ("firewall",)


def test_a_plan_contains_no_secret() -> None:
    text = json.dumps(serialization.encode(plan()))
    assert "adminPassword" not in text
    assert "secret1" in text  # the name alone


def test_a_blueprint_description_has_parameters_and_defaults() -> None:
    card = describe_blueprint("workstation")
    assert card.parameters["properties"]["size"]["default"] == "Standard_NV6ads_A10_v5"
    assert card.defaults["container"] == "deeplearning"
    with pytest.raises(BlueprintNotFound):
        describe_blueprint("spaceship")


def test_what_needs_a_resource_that_differs_moves_with_it() -> None:
    larger = plan(size="Standard_NV12ads_A10_v5")
    assert moved_resources(plan(), larger) == {"vm", "driver", "role"}
    assert moved_resources(plan(), plan("op2")) == frozenset()
    assert moved_resources(plan(), plan(size="Standard_D4s_v5")) == {"vm", "driver", "role"}


def test_another_region_moves_everything_but_the_password() -> None:
    here = plan()
    elsewhere = plan(region="swedencentral")
    assert moved_resources(here, elsewhere) == {resource.name for resource in here.resources} - {"password"}
