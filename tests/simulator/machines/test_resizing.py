"""Other sizes of machines and disks: what real Azure refuses, the simulation refuses with the same code and words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from local.azure.vms.estate_loader import load
from tests.contract.azure import Azure
from tests.simulator.test_throttling_and_faults import error, manage

COMPUTE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute"
MACHINE, DISK = f"{COMPUTE}/virtualMachines/vm", f"{COMPUTE}/disks/vm-os"
SMALL, LARGE = "Standard_D2s_v5", "Standard_D4s_v5"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    fresh = Azure(tmp_path)
    yield fresh
    fresh.close()


def machine(azure: Azure, power: str = "running", size: str = SMALL, **fields: Any) -> None:
    load(azure.world, {"machines": [{"id": "lab/vm", "size": size, **fields}]})
    document = azure.world.resource(MACHINE)
    assert document is not None
    azure.world.keep({**document, "_power": power})


def resize(azure: Azure, size: str) -> Answer:
    answer = manage(azure, "PATCH", MACHINE, {"properties": {"hardwareProfile": {"vmSize": size}}})
    azure.finish()
    return answer


def size_of(azure: Azure) -> str:
    document = azure.world.resource(MACHINE)
    assert document is not None
    return str(document["properties"]["hardwareProfile"]["vmSize"])


def power_of(azure: Azure) -> str:
    document = azure.world.resource(MACHINE)
    assert document is not None
    return str(document["_power"])


def test_a_resized_machine_that_is_deallocated_stays_deallocated(azure: Azure) -> None:
    machine(azure, "deallocated")
    assert resize(azure, LARGE).status == 200
    assert (size_of(azure), power_of(azure)) == (LARGE, "deallocated")


def test_a_running_machine_restarts_with_another_size_of_its_family(azure: Azure) -> None:
    machine(azure, agent=True)
    up = azure.world.resource(MACHINE)["_guest"]["up"]  # type: ignore[index]
    assert resize(azure, LARGE).status == 200
    assert (size_of(azure), power_of(azure)) == (LARGE, "running")
    assert azure.world.resource(MACHINE)["_guest"]["up"] > up  # type: ignore[index]


def test_a_running_machine_gets_no_size_that_its_hardware_cluster_lacks(azure: Azure) -> None:
    machine(azure)
    refused = resize(azure, "Standard_E4s_v5")
    assert error(refused) == (409, "OperationNotAllowed")
    assert "not available in the current hardware cluster" in str(refused.body)
    assert size_of(azure) == SMALL
    machine(azure, "deallocated")
    assert resize(azure, "Standard_E4s_v5").status == 200


def test_a_machine_without_a_temporary_disk_gets_no_size_with_one(azure: Azure) -> None:
    machine(azure, "deallocated")
    refused = resize(azure, "Standard_D4_v3")
    assert error(refused) == (409, "OperationNotAllowed")
    assert "since changing from resource disk to non-resource disk VM size" in str(refused.body)


def test_only_the_vcpus_that_a_larger_size_adds_count_against_the_quota(azure: Azure) -> None:
    machine(azure, "deallocated")
    for limit, status in ((3, 409), (4, 200)):
        azure.world.store.put("limits", "westeurope/cores", {"limit": limit})
        assert resize(azure, LARGE).status == status
    assert resize(azure, SMALL).status == 200, "a smaller size needs none"


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        ({"osProfile": {"adminUsername": "other"}}, "adminUsername"),
        ({"storageProfile": {"imageReference": {"publisher": "other"}}}, "imageReference"),
        ({}, "zones"),
    ],
)
def test_image_administrator_and_zone_cannot_change(azure: Azure, properties: dict[str, Any], target: str) -> None:
    machine(azure, "deallocated")
    zones = {"zones": ["3"]} if target == "zones" else {}
    answer = manage(azure, "PUT", MACHINE, {"location": "westeurope", "properties": properties, **zones})
    assert error(answer) == (409, "PropertyChangeNotAllowed")
    assert answer.body["error"]["target"] == target


def os_disk(azure: Azure, identifier: str, state: str) -> dict[str, Any]:
    """A disk of a machine; returns its properties."""
    properties = {"diskSizeGB": 64, "diskState": state, "osType": "Linux", "provisioningState": "Succeeded"}
    document = {"id": identifier, "name": identifier.rpartition("/")[2], "type": "Microsoft.Compute/disks"}
    more = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "properties": properties}
    azure.world.keep({**document, **more})
    return properties


@pytest.mark.parametrize(
    ("state", "body", "status", "words"),
    [
        ("Reserved", {"properties": {"diskSizeGB": 128}}, 202, ""),
        ("Unattached", {"properties": {"diskSizeGB": 128}}, 202, ""),
        ("Reserved", {"sku": {"name": "Premium_LRS"}}, 202, ""),
        ("Attached", {"properties": {"diskSizeGB": 64}}, 202, ""),
        ("Attached", {"properties": {"diskSizeGB": 128}}, 409, "is not allowed when VM is running"),
        ("Attached", {"sku": {"name": "Premium_LRS"}}, 409, "is not allowed when VM is running"),
        ("Reserved", {"properties": {"diskSizeGB": 32}}, 409, "cannot be resized down"),
        ("Reserved", {"properties": {"tier": "P40"}}, 501, "a PATCH of disks that changes tier"),
        ("Reserved", {"sku": {"name": "Fastest_LRS"}}, 501, "a PATCH of a disk with the kind Fastest_LRS"),
    ],
)
def test_a_disk_only_grows_and_not_while_a_machine_runs_from_it(
    azure: Azure, state: str, body: dict[str, Any], status: int, words: str
) -> None:
    machine(azure, "deallocated")
    disk = os_disk(azure, DISK, state)
    answer = manage(azure, "PATCH", DISK, body, "2024-03-02")
    assert (answer.status, words in str(answer.body)) == (status, True)
    azure.finish()
    after = azure.world.resource(DISK)
    assert after is not None
    if status == 202:
        assert after["properties"]["diskSizeGB"] == body.get("properties", {}).get("diskSizeGB", 64)
        assert after["sku"]["name"] == body.get("sku", {}).get("name", "Standard_LRS")
    else:
        assert (after["properties"], after["sku"]) == (disk, {"name": "Standard_LRS"})


def test_a_snapshot_keeps_its_source_and_its_region(azure: Azure) -> None:
    machine(azure, "deallocated")
    for disk in (DISK, f"{DISK}-2"):
        os_disk(azure, disk, "Reserved")

    def take(source: str, region: str) -> Answer:
        body = {"location": region, "properties": {"creationData": {"createOption": "Copy", "sourceResourceId": source}}}
        answer = manage(azure, "PUT", f"{COMPUTE}/snapshots/kept", body, "2024-03-02")
        azure.finish()
        return answer

    assert error(take(DISK, "northeurope")) == (400, "InvalidParameter")
    assert error(take(f"{DISK}-3", "westeurope"))[0] == 404
    assert [take(DISK, "westeurope").status for _ in range(2)] == [202, 202]
    assert take(f"{DISK}-2", "westeurope").status == 501
    kept = azure.world.resource(f"{COMPUTE}/snapshots/kept")
    assert kept is not None
    assert kept["properties"]["creationData"]["sourceResourceId"] == DISK
