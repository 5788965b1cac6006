"""The target of a plan: IDs, names, tags and secrets of what is deployed to it."""

import pytest

from dormouse.resources.target import resource_group
from tests.unit.builders import SUBSCRIPTION, ULID, target

ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dormouse-ml1"


def test_every_id_is_in_the_group_of_the_environment() -> None:
    place = target()
    assert (place.group, place.root) == ("rg-dormouse-ml1", ROOT)
    assert (
        place.id("Microsoft.Network/virtualNetworks", "vnet") == f"{ROOT}/providers/Microsoft.Network/virtualNetworks/vnet"
    )
    assert target(deployment="prod").group == "rg-dormouse-prod--ml1"


def test_several_instances_of_a_resource_have_different_names() -> None:
    assert [target().called("vm", instance) for instance in ("", "a", "b")] == ["vm-ml1", "vm-ml1-a", "vm-ml1-b"]


def test_tags_say_whose_a_resource_is() -> None:
    place = target(region="westeurope", owner="ann", blueprint="workstation", deployment="prod")
    tags = {
        "dormouse": "ml1",
        "dormouse-deployment": "prod",
        "dormouse-blueprint": "workstation",
        "dormouse-owner": "ann",
        "dormouse-operation": f"ml1-provision-{ULID}",
    }
    assert place.tags == tags
    body = {"location": "westeurope", "tags": tags, "sku": {"name": "Standard"}}
    assert place.located({"sku": {"name": "Standard"}}) == body
    group = resource_group(place)
    assert (group.id, group.body, group.needs) == (place.root, {"location": "westeurope", "tags": tags}, ())


def test_a_new_secret_names_its_environment_its_resource_and_the_operation() -> None:
    place = target()
    assert place.secret("password") == f"dormouse-ml1-{ULID.lower()}"
    assert place.secret("registry") == f"dormouse-ml1-registry-{ULID.lower()}"


def test_a_secret_that_exists_keeps_its_name() -> None:
    place = target(secrets={"password": "secret1", "registry": ""})
    assert (place.secret("password"), place.secret("registry")) == ("secret1", f"dormouse-ml1-registry-{ULID.lower()}")


def test_only_an_operation_can_create_a_secret() -> None:
    with pytest.raises(ValueError, match="not an operation id"):
        target(operation="ml1-provision-1").secret("password")
