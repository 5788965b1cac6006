import json
from typing import Any

import pytest

from dormouse import serialization
from dormouse.blueprints.catalog import BLUEPRINTS, changed_steps, describe_blueprint, plan_for
from dormouse.blueprints.specs import WorkstationSpec
from dormouse.errors import BlueprintNotFound
from dormouse.resources.graph import in_order
from dormouse.resources.plan import DeploymentTarget, Plan, ResourceKind
from tests.support import SSH_KEY

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"


def plan(operation: str = "op1", **given: Any) -> Plan:
    spec = WorkstationSpec.model_validate(
        {"blueprint": "workstation", "region": "polandcentral", "allow_from": ["203.0.113.7/32"], "owner": "ann", **given}
    )
    return plan_for(spec, DeploymentTarget(SUBSCRIPTION, "ml1", operation, "secret1"))


def test_the_workstation_creates_exactly_what_the_document_creates() -> None:
    assert {step.kind for step in plan().resources} == set(ResourceKind)
    assert len(plan().resources) == 11  # the subnet is in the network's body, the firewall's association in the card's


def test_a_plan_survives_the_wire() -> None:
    original = plan(ssh_public_key=SSH_KEY)
    assert serialization.decode(Plan, json.loads(json.dumps(serialization.encode(original)))) == original


def test_every_blueprint_has_no_cycle_and_no_unknown_need() -> None:
    for name in BLUEPRINTS:
        assert in_order(plan(blueprint=name).resources)


def test_every_resource_says_whose_it_is() -> None:
    for step in plan().resources:
        if step.kind not in (ResourceKind.BLOB_CONTAINER, ResourceKind.ROLE_ASSIGNMENT):
            tags = step.body["tags"]
            assert tags == {
                "dormouse": "ml1",
                "dormouse-deployment": "main",
                "dormouse-blueprint": "workstation",
                "dormouse-owner": "ann",
                "dormouse-operation": "op1",
            }


def test_disk_card_and_address_go_with_the_machine() -> None:
    machine, nic = plan().resource("vm").body["properties"], plan().resource("nic").body["properties"]
    assert machine["storageProfile"]["osDisk"]["deleteOption"] == "Delete"
    assert machine["networkProfile"]["networkInterfaces"][0]["properties"]["deleteOption"] == "Delete"
    assert nic["ipConfigurations"][0]["properties"]["publicIPAddress"]["properties"]["deleteOption"] == "Delete"


def test_the_storage_name_is_the_same_for_the_same_environment_and_another_for_another() -> None:
    spec = WorkstationSpec.model_validate({"blueprint": "workstation", "region": "polandcentral"})
    names = {
        plan_for(spec, DeploymentTarget(subscription, name, "op", "s")).resource("storage").names[0]
        for subscription in (SUBSCRIPTION, SUBSCRIPTION[:-1] + "2")
        for name in ("ml1", "a-very-long-name-indeed1", "a-very-long-name-indeed2")
    }
    assert len(names) == 6
    assert all(len(name) <= 24 and name.isalnum() and name.islower() for name in names)
    assert plan("op1").resource("storage").names == plan("op2").resource("storage").names


def test_no_rule_lets_everybody_in() -> None:
    for rule in plan().resource("firewall").body["properties"]["securityRules"]:
        assert rule["properties"]["sourceAddressPrefixes"] == ["203.0.113.7/32"]
        assert rule["properties"]["destinationPortRange"] in ("3389", "22")


def test_the_grid_driver_is_put_on_gpu_sizes_only() -> None:
    assert any(step.name == "driver" for step in plan().resources)
    assert all(step.name != "driver" for step in plan(size="Standard_D4s_v5").resources)
    assert plan(driver_version="535.161").resource("driver").body["properties"]["settings"] == {"driverVersion": "535.161"}


def test_secure_boot_is_off_because_the_grid_driver_refuses_it() -> None:
    security = plan().resource("vm").body["properties"]["securityProfile"]
    assert security["uefiSettings"]["secureBootEnabled"] is False


def test_only_the_steps_that_differ_are_changed() -> None:
    assert changed_steps(plan("op1"), plan("op2")) == ()
    assert changed_steps(plan(), plan(allow_from=["198.51.100.0/24"])) == ("firewall",)


def test_a_plan_holds_no_secret() -> None:
    text = json.dumps(serialization.encode(plan()))
    assert "adminPassword" not in text
    assert "secret1" in text  # the name alone


def test_a_card_tells_parameters_and_defaults() -> None:
    card = describe_blueprint("workstation")
    assert card.parameters["properties"]["size"]["default"] == "Standard_NV6ads_A10_v5"
    assert card.defaults["container"] == "deeplearning"
    with pytest.raises(BlueprintNotFound):
        describe_blueprint("spaceship")
