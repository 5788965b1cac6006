"""Hibernation in plans: what a machine asks for, what prepares its system, and what does not fit."""

from typing import Any

import pytest

from dormouse.blueprints.catalog import BLUEPRINTS, plan_for
from dormouse.blueprints.spec import EnvironmentSpec, Hibernation
from dormouse.resources.compute.images import image_of, misfits
from dormouse.resources.compute.machine_views import hibernated
from dormouse.resources.compute.virtual_machines import VIRTUAL_MACHINE
from dormouse.resources.kinds import ChangeAction
from dormouse.resources.plan import Resource
from dormouse.resources.sizes.sku_rows import missing_capability
from tests.unit.builders import target

CAN = {"HibernationSupported": "True", "MemoryGB": "55"}
NEEDED = {
    "workstation": {},
    "data-science": {"size": "Standard_NV6ads_A10_v5"},
    "build-agent": {
        "size": "Standard_NV6ads_A10_v5",
        "organization": "https://dev.azure.com/contoso",
        "pool": "gpu",
        "token_secret": "token",
    },
}


def resources(blueprint: str, hibernation: Hibernation | None, **more: Any) -> dict[str, Resource]:
    kind: type[EnvironmentSpec] = BLUEPRINTS[blueprint].spec
    fields = {"blueprint": blueprint, "region": "westeurope", "hibernation": hibernation, **NEEDED[blueprint], **more}
    plan = plan_for(kind.model_validate(fields), target())
    return {resource.name: resource for resource in plan.resources}


def machine(**properties: Any) -> Resource:
    vm = resources("workstation", Hibernation(), disk={"size_gib": 128})["vm"]
    return Resource(vm.name, vm.kind, vm.id, {**vm.body, "properties": {**vm.body["properties"], **properties}})


@pytest.mark.parametrize("blueprint", NEEDED)
def test_only_a_machine_that_may_hibernate_asks_for_it_and_is_prepared_for_it(blueprint: str) -> None:
    instance = "-1" if blueprint == "build-agent" else ""
    plain, able = resources(blueprint, None), resources(blueprint, Hibernation())
    extension = f"hibernation{instance}"
    assert able.keys() - plain.keys() == {extension}
    body = able[f"vm{instance}"].body["properties"]
    assert body["additionalCapabilities"] == {"hibernationEnabled": True}
    assert "securityProfile" not in body, "Linux machines with trusted launch do not hibernate"
    assert "securityProfile" in plain[f"vm{instance}"].body["properties"]
    assert able[extension].body["properties"]["type"] == "LinuxHibernateExtension"
    assert able[extension].needs == (f"vm{instance}", f"driver{instance}"), "one extension after the other"


def test_the_registration_of_an_agent_waits_for_the_other_extensions() -> None:
    assert "hibernation-1" in resources("build-agent", Hibernation())["registration-1"].needs


@pytest.mark.parametrize(
    ("changes", "can", "words"),
    [
        ({}, {"MemoryGB": "55"}, "does not support hibernation"),
        ({}, {**CAN, "HibernationSupported": "False"}, "does not support hibernation"),
        ({"priority": "Spot"}, CAN, "cannot hibernate as a Spot VM"),
        ({}, {**CAN, "MemoryGB": "110"}, "at least 140 GiB are needed, and 128 GiB are asked for"),
    ],
)
def test_a_size_that_cannot_hibernate_is_named_with_the_reason(
    changes: dict[str, Any], can: dict[str, str], words: str
) -> None:
    assert words in missing_capability(machine(**changes).body["properties"], can)


def test_an_ephemeral_disk_cannot_hold_the_memory() -> None:
    properties = machine().body["properties"]
    disk = {**properties["storageProfile"]["osDisk"], "diffDiskSettings": {"option": "Local"}}
    assert missing_capability({**properties, "storageProfile": {"osDisk": disk}}, CAN) == (
        "cannot hibernate with an ephemeral OS disk"
    )


def test_a_size_that_can_hibernate_fits_and_one_that_cannot_is_asked_only_if_it_is_to() -> None:
    assert missing_capability(machine().body["properties"], CAN) == ""
    assert missing_capability(resources("workstation", None)["vm"].body["properties"], {}) == ""


@pytest.mark.parametrize(
    ("features", "able"),
    [
        ([{"name": "IsHibernateSupported", "value": "True"}], True),
        ([{"name": "IsHibernateSupported", "value": "False"}], False),
        ([], False),
        (None, False),
    ],
)
def test_an_image_must_say_that_it_supports_hibernation(features: list[dict[str, str]] | None, able: bool) -> None:
    image = image_of("Canonical:ubuntu:server:latest", {"properties": {"features": features}})
    said = " ".join(misfits(image, machine()))
    assert (said == "") is able
    assert ("does not say that the image Canonical:ubuntu:server:latest supports hibernation" in said) is not able
    assert list(misfits(image, resources("workstation", None)["vm"])) == []


def test_hibernation_cannot_be_enabled_later_and_stays_harmless_when_it_is_no_longer_asked_for() -> None:
    able, plain = machine(), resources("workstation", None)["vm"]
    change = VIRTUAL_MACHINE.diff(able, plain.body)
    assert (change.action, [one.field for one in change.differences]) == (ChangeAction.IMMUTABLE, ["hibernation"])
    assert VIRTUAL_MACHINE.diff(able, able.body).differences == ()
    assert VIRTUAL_MACHINE.diff(plain, able.body).differences == ()


@pytest.mark.parametrize(("code", "seen"), [("HibernationState/Hibernated", True), ("PowerState/deallocated", False)])
def test_only_the_instance_view_says_whether_a_machine_is_hibernated(code: str, seen: bool) -> None:
    assert hibernated({"properties": {"instanceView": {"statuses": [{"code": code}]}}}) is seen
    assert hibernated({"properties": {}}) is False
