"""Spot VMs of the simulated Azure: what it refuses, which quota they count against, and how they are evicted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.compute.capacity import key_of
from local.azure.providers.compute.catalogue import LIMITS, NO_CAPACITY
from local.azure.services.prices import spot_price
from local.azure.vms.estate_loader import load
from tests.contract.azure import Azure
from tests.simulator.test_throttling_and_faults import error, manage

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm"
SIZE, REGION = "Standard_D4s_v5", "westeurope"
HEALTH = (
    "healthresources | where type =~ 'microsoft.resourcehealth/resourceannotations' | project annotation = "
    "tostring(properties.annotationName), machine = tostring(properties.targetResourceId), context = "
    "tostring(properties.context)"
)


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    fresh = Azure(tmp_path)
    load(fresh.world, {"machines": [{"id": "lab/vm", "size": SIZE, "region": REGION, "priority": "Spot"}]})
    yield fresh
    fresh.close()


def machine(azure: Azure) -> dict[str, Any]:
    found = azure.world.resource(MACHINE)
    assert found is not None
    return found


def evict(azure: Azure, **more: Any) -> Answer:
    return azure.ask("simulation.localhost", "POST", "/machines/evict", {"id": MACHINE, **more}, token=False)


def annotations(azure: Azure) -> list[dict[str, Any]]:
    """What Resource Health says of all machines."""
    path = "/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01"
    found: list[dict[str, Any]] = azure.manage("POST", path, {"query": HEALTH}).body["data"]
    return found


def limited_to(azure: Azure, price: float) -> None:
    properties = {**machine(azure)["properties"], "billingProfile": {"maxPrice": price}}
    azure.world.keep({**machine(azure), "properties": properties})


def body(**properties: Any) -> dict[str, Any]:
    given = {"hardwareProfile": {"vmSize": SIZE}, **properties}
    return {"location": REGION, "properties": given}


def create(azure: Azure, size: str = SIZE, **properties: Any) -> Answer:
    """The answer to a request for a new machine without a network interface, which is checked last."""
    image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    card = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/none"
    given = {
        "hardwareProfile": {"vmSize": size},
        "storageProfile": {"imageReference": image, "osDisk": {"createOption": "FromImage"}},
        "osProfile": {"computerName": "m", "adminUsername": "ana", "adminPassword": "Pass-word-1234"},
        "networkProfile": {"networkInterfaces": [{"id": card}]},
        **properties,
    }
    return manage(azure, "PUT", f"{MACHINE}-new", {"location": REGION, "properties": given})


def usage(azure: Azure, name: str) -> int:
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/{REGION}/usages"
    rows = manage(azure, "GET", path).body["value"]
    return next(int(row["currentValue"]) for row in rows if row["name"]["value"] == name)


def test_an_evicted_machine_is_deallocated_and_azure_says_why(azure: Azure) -> None:
    assert evict(azure).status == 204
    assert machine(azure)["_power"] == "deallocated"
    preempted = {"annotation": "VirtualMachinePreempted", "machine": MACHINE, "context": "Platform Initiated"}
    assert annotations(azure) == [preempted]
    assert manage(azure, "POST", f"{MACHINE}/start").status == 202
    azure.finish()
    assert machine(azure)["_power"] == "running"
    assert [one["context"] for one in annotations(azure)] == ["Customer Initiated"], "the newest annotation is current"
    manage(azure, "POST", f"{MACHINE}/deallocate")
    azure.finish()
    assert [one["annotation"] for one in annotations(azure)] == ["VirtualMachineDeallocationInitiated"]


def test_an_eviction_can_be_without_annotation(azure: Azure) -> None:
    assert evict(azure, annotated=False).status == 204
    assert (machine(azure)["_power"], annotations(azure)) == ("deallocated", [])


def test_only_a_running_spot_vm_is_evicted(azure: Azure) -> None:
    evict(azure)
    assert error(evict(azure)) == (409, "NotEvictable")
    load(azure.world, {"machines": [{"id": "lab/regular", "size": SIZE}]})
    regular = {"id": f"{GROUP}/providers/Microsoft.Compute/virtualMachines/regular"}
    assert error(evict(azure, **regular)) == (409, "NotEvictable")


def test_an_evicted_machine_does_not_start_without_capacity(azure: Azure) -> None:
    evict(azure)
    azure.world.store.put(NO_CAPACITY, key_of(REGION, "", SIZE), {"code": "SkuNotAvailable"})
    assert error(manage(azure, "POST", f"{MACHINE}/start")) == (409, "SkuNotAvailable")


def test_a_machine_does_not_start_while_it_costs_more_than_its_maximum_price(azure: Azure) -> None:
    price = spot_price(azure.world, SIZE, REGION)
    assert price
    evict(azure)
    limited_to(azure, price - 0.001)
    assert error(manage(azure, "POST", f"{MACHINE}/start")) == (409, "SpotPriceGreaterThanProvidedMaxPrice")
    limited_to(azure, price)
    assert manage(azure, "POST", f"{MACHINE}/start").status == 202


def test_spot_vms_count_against_a_quota_of_their_own_also_while_they_are_deallocated(azure: Azure) -> None:
    assert (usage(azure, "lowPriorityCores"), usage(azure, "cores"), usage(azure, "standardDSv5Family")) == (4, 0, 0)
    evict(azure)
    assert usage(azure, "lowPriorityCores") == 4
    azure.world.store.put(LIMITS, f"{REGION}/lowPriorityCores", {"limit": 7})
    larger = manage(azure, "PATCH", MACHINE, {"properties": {"hardwareProfile": {"vmSize": "Standard_D8s_v5"}}})
    assert error(larger) == (409, "OperationNotAllowed")
    assert "exceeding approved LowPriorityCores quota" in larger.body["error"]["message"]
    assert "Current Limit: 7, Current Usage: 4, Additional Required: 4" in larger.body["error"]["message"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"priority": "Regular"}, "PropertyChangeNotAllowed"),
        ({"billingProfile": {"maxPrice": 0.5}}, "MaxPriceChangeNotAllowedForAllocatedVMs"),
    ],
)
def test_priority_and_maximum_price_do_not_change_while_a_machine_runs(
    azure: Azure, change: dict[str, Any], code: str
) -> None:
    assert error(manage(azure, "PUT", MACHINE, body(**change))) == (409, code)


def test_the_maximum_price_changes_while_a_machine_is_deallocated(azure: Azure) -> None:
    evict(azure)
    assert manage(azure, "PUT", MACHINE, body(billingProfile={"maxPrice": 0.5})).status == 200
    assert machine(azure)["properties"]["billingProfile"] == {"maxPrice": 0.5}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"priority": "Spot"}, "VMPriorityCannotBeApplied"),
        ({"evictionPolicy": "Deallocate"}, "PropertyChangeNotAllowed"),
        ({"billingProfile": {"maxPrice": 0.5}}, "MaxPriceIsSupportedOnlyForAzureSpotVirtualMachines"),
    ],
)
def test_a_regular_machine_does_not_become_a_spot_vm(azure: Azure, change: dict[str, Any], code: str) -> None:
    load(azure.world, {"machines": [{"id": "lab/regular", "size": SIZE, "region": REGION}]})
    path = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/regular"
    assert error(manage(azure, "PUT", path, body(**change))) == (409, code)
    assert manage(azure, "PUT", path, body(priority="Regular")).status == 200


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"priority": "Spot", "evictionPolicy": "Deallocate", "billingProfile": {"maxPrice": -1}}, "NotFound"),
        ({"priority": "Spot"}, "NotFound"),
        ({"evictionPolicy": "Deallocate"}, "EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines"),
        ({"billingProfile": {"maxPrice": -1}}, "MaxPriceIsSupportedOnlyForAzureSpotVirtualMachines"),
        ({"priority": "Spot", "billingProfile": {"maxPrice": 0}}, "MaxPriceValueInvalid"),
        ({"priority": "Spot", "billingProfile": {"maxPrice": 0.0001}}, "SpotPriceGreaterThanProvidedMaxPrice"),
        ({"priority": "Spot", "additionalCapabilities": {"hibernationEnabled": True}}, "OperationNotAllowed"),
        ({"priority": "Spot", "evictionPolicy": "Delete"}, "NotSimulated"),
    ],
)
def test_what_does_not_fit_the_priority_of_a_new_machine_is_refused(
    azure: Azure, properties: dict[str, Any], code: str
) -> None:
    assert error(create(azure, **properties))[1] == code


def test_a_size_that_azure_has_no_spot_vms_of_says_so(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(azure.world.catalogue, "Standard_B4ms", azure.world.catalogue[SIZE])
    assert error(create(azure, "Standard_B4ms", priority="Spot")) == (409, "AzureSpotIsNotSupportedForThisVMSize")
    assert error(create(azure, "Standard_B4ms"))[1] == "NotFound"
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/skus?api-version=2021-07-01"
    listed = azure.manage("GET", path).body["value"]
    capable = {row["name"]: {"name": "LowPriorityCapable", "value": "True"} in row["capabilities"] for row in listed}
    assert (capable["Standard_B4ms"], capable[SIZE]) == (False, True)


def test_a_new_spot_vm_needs_the_quota_of_spot_vms_only(azure: Azure) -> None:
    azure.world.store.put(LIMITS, f"{REGION}/cores", {"limit": 0})
    assert error(create(azure, priority="Spot"))[1] == "NotFound"
    assert error(create(azure)) == (409, "OperationNotAllowed")
    azure.world.store.put(LIMITS, f"{REGION}/lowPriorityCores", {"limit": 4})
    assert error(create(azure, priority="Spot")) == (409, "OperationNotAllowed")
