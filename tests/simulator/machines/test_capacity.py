"""A lack of capacity: where it is, which code Azure has for it, and what a machine comes to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.compute.capacity import LATE, RESTRICTED, key_of
from local.azure.providers.compute.catalogue import LIMITS, NO_CAPACITY
from local.azure.vms.estate_loader import load
from tests.contract.azure import Azure
from tests.simulator.test_throttling_and_faults import error, manage

MACHINE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute/virtualMachines/vm"
SIZE, LARGER, LARGEST = "Standard_NV6ads_A10_v5", "Standard_NV12ads_A10_v5", "Standard_NV18ads_A10_v5"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    fresh = Azure(tmp_path)
    load(fresh.world, {"machines": [{"id": "lab/vm", "size": SIZE}]})
    fresh.manage("POST", f"{MACHINE}/deallocate?api-version=2024-07-01")
    fresh.finish()
    yield fresh
    fresh.close()


def region(azure: Azure) -> str:
    return str(machine(azure)["location"])


def machine(azure: Azure) -> dict[str, Any]:
    found = azure.world.resource(MACHINE)
    assert found is not None
    return found


def exhaust(azure: Azure, size: str = SIZE, zone: str = "", **how: Any) -> None:
    azure.world.store.put(NO_CAPACITY, key_of(region(azure), zone, size), how)


def start(azure: Azure) -> tuple[Answer, dict[str, Any]]:
    """The response to a start, and what its operation says in the end."""
    answer = manage(azure, "POST", f"{MACHINE}/start")
    azure.finish()
    ended = [item for _, item in azure.world.store.items("operations") if item.get("action") == "start"]
    return answer, ended[-1] if ended else {}


def resize(azure: Azure, size: str) -> Answer:
    answer = manage(azure, "PATCH", MACHINE, {"properties": {"hardwareProfile": {"vmSize": size}}})
    azure.finish()
    return answer


@pytest.mark.parametrize("code", LATE)
def test_a_start_without_capacity_is_accepted_and_fails_later(azure: Azure, code: str) -> None:
    exhaust(azure, code=code, constraints=["Availability Zone", "VM Size"])
    answer, operation = start(azure)
    assert (answer.status, operation["error"]["code"]) == (202, code)
    constrained = "Constraints applied are:\n  - Availability Zone\n  - VM Size\n" in operation["error"]["message"]
    assert constrained is code.startswith("Overconstrained")
    assert machine(azure)["_power"] == "deallocated"


def test_a_restricted_size_is_refused_at_once(azure: Azure) -> None:
    exhaust(azure, code=RESTRICTED)
    answer, operation = start(azure)
    assert (error(answer), operation) == ((409, RESTRICTED), {})


def test_a_zone_without_capacity_concerns_only_machines_in_it(azure: Azure) -> None:
    exhaust(azure, zone="2")
    assert start(azure)[1]["status"] == "Succeeded"
    azure.world.keep({**machine(azure), "zones": ["2"], "_power": "deallocated"})
    assert start(azure)[1]["error"]["code"] == "ZonalAllocationFailed"


def test_a_resized_machine_stays_deallocated(azure: Azure) -> None:
    assert resize(azure, LARGER).status == 200
    assert machine(azure)["properties"]["hardwareProfile"]["vmSize"] == LARGER
    assert (machine(azure)["_power"], machine(azure)["properties"]["provisioningState"]) == ("deallocated", "Succeeded")


def test_a_resize_is_refused_like_a_new_machine(azure: Azure) -> None:
    exhaust(azure, LARGER, code=RESTRICTED)
    assert error(resize(azure, LARGER)) == (409, RESTRICTED)
    refused = resize(azure, "Standard_D4s_v5")
    assert error(refused) == (409, "OperationNotAllowed")
    assert "from resource disk to non-resource disk" in refused.body["error"]["message"]
    azure.world.store.put(LIMITS, f"{region(azure)}/cores", {"limit": 17})
    assert error(resize(azure, LARGEST)) == (409, "OperationNotAllowed")
    azure.world.store.put(LIMITS, f"{region(azure)}/cores", {"limit": 18})
    assert resize(azure, LARGEST).status == 200, "what the machine had is free"
