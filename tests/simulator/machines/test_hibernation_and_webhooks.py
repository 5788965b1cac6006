"""Hibernation, ephemeral disks, webhooks, and the lowest level of each throttling bucket."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer, Refused
from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.compute.catalogue import capabilities_of
from local.azure.providers.compute.hibernation import READY, check_enabling
from local.azure.vms.estate_loader import load
from tests.contract.azure import Azure
from tests.contract.preparation import Preparation
from tests.simulator.served import served
from tests.simulator.test_throttling_and_faults import at_once, error, manage

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    fresh = Azure(tmp_path)
    yield fresh
    fresh.close()


def machine(azure: Azure, **fields: Any) -> None:
    load(azure.world, {"machines": [{"id": "lab/vm", "size": "Standard_D2s_v5", **fields}]})


def simulate(azure: Azure, method: str, path: str) -> Answer:
    return azure.ask("simulation.localhost", method, path, token=False)


def deallocate(azure: Azure, **query: str) -> Answer:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    answer = azure.manage("POST", f"{MACHINE}/deallocate?api-version=2024-07-01{more}")
    azure.finish()
    return answer


def statuses(azure: Azure) -> list[str]:
    return [status["code"] for status in manage(azure, "GET", f"{MACHINE}/instanceView").body["statuses"][1:]]


def test_a_hibernated_machine_resumes_its_session(azure: Azure) -> None:
    machine(azure, hibernation=True, agent=True)
    up = azure.world.resource(MACHINE)["_guest"]["up"]  # type: ignore[index]
    assert deallocate(azure, hibernate="true").status == 202
    assert statuses(azure) == ["PowerState/deallocated", "HibernationState/Hibernated"]
    assert manage(azure, "POST", f"{MACHINE}/start").status == 202
    azure.finish()
    assert statuses(azure) == ["PowerState/running"]
    assert azure.world.resource(MACHINE)["_guest"]["up"] == up  # type: ignore[index]
    assert deallocate(azure).status == 202
    assert statuses(azure) == ["PowerState/deallocated"]


@pytest.mark.parametrize(
    ("fields", "query"),
    [
        ({}, {"hibernate": "true"}),
        ({"hibernation": True, "power": "stopped"}, {"hibernate": "true"}),
        ({"ephemeral_disk": True}, {}),
        ({"ephemeral_disk": True, "hibernation": True}, {"hibernate": "true"}),
    ],
)
def test_an_impossible_hibernation_or_deallocation_changes_nothing(
    azure: Azure, fields: dict[str, Any], query: dict[str, str]
) -> None:
    machine(azure, **fields)
    before = statuses(azure)
    assert error(deallocate(azure, **query)) == (409, "OperationNotAllowed")
    assert statuses(azure) == before


def test_other_ways_to_deallocate_are_not_simulated(azure: Azure) -> None:
    machine(azure)
    assert error(deallocate(azure, forceDeallocate="true")) == (501, "NotSimulated")


JAMMY = {"publisher": "Canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts-gen2", "version": "latest"}
ENABLED = {"additionalCapabilities": {"hibernationEnabled": True}}
EXTENSION = {"publisher": "Microsoft.CPlat.Core", "type": "LinuxHibernateExtension", "typeHandlerVersion": "1.0"}


def created(azure: Azure, size: str, disk: dict[str, Any], **properties: Any) -> Answer:
    """The response to a PUT of a machine with hibernation enabled."""
    storage = {"imageReference": properties.pop("image", JAMMY), "osDisk": {"createOption": "FromImage", **disk}}
    given = {"hardwareProfile": {"vmSize": size}, "storageProfile": storage, **ENABLED, **properties}
    prepare = Preparation(azure)
    answer = prepare.put(MACHINE, prepare.machine(MACHINE, {"properties": given}))
    azure.finish()
    return answer


def test_a_machine_can_be_created_with_hibernation_enabled_and_hibernates_once_its_system_is_set_up(azure: Azure) -> None:
    assert created(azure, "Standard_D2s_v5", {}).status == 201
    assert error(deallocate(azure, hibernate="true")) == (409, "VMHibernateNotSupported")
    path = f"{MACHINE}/extensions/hibernation?api-version=2024-07-01"
    assert azure.manage("PUT", path, {"location": "westus", "properties": EXTENSION}).status == 201
    azure.finish()
    assert deallocate(azure, hibernate="True").status == 202
    assert statuses(azure)[-1] == "HibernationState/Hibernated"


@pytest.mark.parametrize(
    ("size", "disk", "more", "words"),
    [
        ("Standard_D2s_v5", {}, {"image": {**JAMMY, "offer": "ubuntu-24_04-lts", "sku": "server"}}, "platform image"),
        ("Standard_D16s_v5", {"diskSizeGB": 64}, {}, "should at least be greater than the VM memory (68719476736 bytes)"),
        ("Standard_D32s_v5", {"diskSizeGB": 512}, {}, "does not support hibernation"),
        ("Standard_D2s_v5", {}, {"securityProfile": {"securityType": "TrustedLaunch"}}, "Trusted Launch"),
    ],
)
def test_hibernation_is_refused_where_azure_does_not_support_it(
    azure: Azure, size: str, disk: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    refused = created(azure, size, disk, **more)
    assert error(refused) == (409, "OperationNotAllowed")
    assert words in refused.body["error"]["message"]
    assert azure.world.resource(MACHINE) is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"priority": "Spot"}, "Spot VMs"),
        ({"storageProfile": {"osDisk": {"diffDiskSettings": {"option": "Local"}}}}, "ephemeral OS disks"),
    ],
)
def test_hibernation_is_refused_for_machines_that_cannot_be_created_here_otherwise(
    azure: Azure, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        check_enabling(azure.world, {"hardwareProfile": {"vmSize": "Standard_D2s_v5"}, **ENABLED, **more})


def test_a_hibernated_machine_takes_no_other_size_and_no_larger_disk(azure: Azure) -> None:
    created(azure, "Standard_D2s_v5", {"name": "d"})
    azure.world.keep({**(azure.world.resource(MACHINE) or {}), READY: True})
    deallocate(azure, hibernate="true")
    resized = azure.manage(
        "PATCH", f"{MACHINE}?api-version=2024-07-01", {"properties": {"hardwareProfile": {"vmSize": "Standard_D4s_v5"}}}
    )
    disk = f"{GROUP}/providers/Microsoft.Compute/disks/d?api-version=2024-03-02"
    grown = azure.manage("PATCH", disk, {"properties": {"diskSizeGB": 128}})
    for refused in (resized, grown):
        assert error(refused) == (409, "OperationNotAllowed")
        assert "hibernated state" in refused.body["error"]["message"]


def test_images_and_sizes_say_whether_they_support_hibernation(azure: Azure) -> None:
    root = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute"
    for offer, sku, says_so in (
        ("0001-com-ubuntu-server-jammy", "22_04-lts-gen2", True),
        ("ubuntu-24_04-lts", "server", False),
    ):
        path = f"{root}/locations/westeurope/publishers/canonical/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions"
        (version,) = manage(azure, "GET", path).body
        shown = manage(azure, "GET", f"{path}/{version['name']}").body["properties"]
        assert ({"name": "IsHibernateSupported", "value": "True"} in shown["features"]) is says_so
    able = {
        size for size in azure.world.catalogue if capabilities_of(azure.world, size).get("HibernationSupported") == "True"
    }
    assert {"Standard_D4s_v5", "Standard_NV6ads_A10_v5", "Standard_NV4as_v4", "Standard_NV12ads_V710_v5"} <= able
    assert not able & {"Standard_NC4as_T4_v3", "Standard_NV72ads_A10_v5", "Standard_D4_v5", "Standard_D64s_v5"}


def test_the_lowest_level_of_each_bucket_is_reported(azure: Azure) -> None:
    machine(azure)
    azure.finish()
    at_once(azure)

    def level(name: str) -> dict[str, Any]:
        return next(item for item in simulate(azure, "GET", "/buckets").body["value"] if item["name"] == name)

    for _ in range(50):
        manage(azure, "GET", GROUP)
    assert level("reads") == {"name": "reads", "size": 250, "lowest": 200, "share_used": 0.2}
    azure.clock.now_at += 60  # it has refilled, and keeps its lowest level
    assert level("reads")["lowest"] == 200
    assert simulate(azure, "DELETE", "/buckets").status == 204
    assert level("reads") == {"name": "reads", "size": 250, "lowest": 250, "share_used": 0.0}


def test_webhook_messages_are_kept_and_can_be_made_to_fail(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path) as azure:
            assert await azure.ask("hooks.localhost", "POST", "/teams/x", {"text": "hello"}, **{"X-Kind": "card"}) == (
                200,
                None,
            )
            assert (await azure.ask("hooks.localhost", "POST", "/slack", "plain"))[0] == 200
            await azure.simulate("POST", "/faults", {"kind": "hooks.localhost", "status": 503, "code": "Busy", "times": 1})
            assert (await azure.ask("hooks.localhost", "POST", "/slack", {}))[0] == 503
            (message,) = (await azure.simulate("GET", "/messages?path=/teams/x"))["value"]
            assert (message["path"], message["body"], message["headers"]["x-kind"]) == (
                "/teams/x",
                {"text": "hello"},
                "card",
            )
            assert message["at"] <= azure.world.text()
            assert len((await azure.simulate("GET", "/messages"))["value"]) == 2
            await azure.simulate("DELETE", "/messages")
            assert (await azure.simulate("GET", "/messages"))["value"] == []

    asyncio.run(story())
