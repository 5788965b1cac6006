"""Rows of Resource Graph: the properties of a machine that decide whether it may be touched."""

from typing import Any

import pytest

from dormouse.cloud.vm_inventory import machine_in, state_in
from dormouse.idle.evidence import Evaluation
from dormouse.idle.policy import IdlePolicy
from dormouse.idle.tracking import TrackedMachine
from dormouse.lifecycle import State

ROW: dict[str, Any] = {
    "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm",
    "name": "vm",
    "subscriptionId": "s",
    "resourceGroup": "g",
    "location": "West Europe",
    "tags": None,
    "size": "Standard_D4s_v5",
    "power": "PowerState/running",
    "provisioning": "Succeeded",
    "created": "2026-01-01T00:00:00Z",
    "disk": "",
    "hibernation": None,
    "scale_set": "",
    "managed_by": "",
    "vm_id": "one",
}


@pytest.mark.parametrize("field", ["scale_set", "managed_by"])
def test_a_machine_managed_by_another_service_is_left_alone(field: str) -> None:
    databricks = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Databricks/workspaces/w"
    for owner, hands_off in (("", False), (databricks, True)):
        machine = machine_in({**ROW, field: owner})
        case = Evaluation(machine, TrackedMachine(machine.id, 0.0, State.RUNNING, 0.0), IdlePolicy(), 1.0)
        assert bool(case.hands_off) is hands_off


@pytest.mark.parametrize(("hibernation", "able"), [(True, True), (False, False), (None, False)])
def test_a_machine_can_hibernate_if_enabled_at_creation(hibernation: bool | None, able: bool) -> None:
    assert machine_in({**ROW, "hibernation": hibernation}).can_hibernate is able


def test_a_row_keeps_the_vm_id_and_provisioning_state() -> None:
    machine = machine_in({**ROW, "power": "", "provisioning": "Failed"})
    assert (machine.vm_id, machine.provisioning, machine.state) == ("one", "Failed", State.UNKNOWN)


@pytest.mark.parametrize(
    ("properties", "state"),
    [
        ({"instanceView": {"statuses": [{"code": "PowerState/deallocated"}]}}, State.STOPPED),
        ({"instanceView": {"statuses": [{"code": "ProvisioningState/succeeded"}]}}, State.UNKNOWN),
        ({"instanceView": None}, State.UNKNOWN),
        ({}, State.UNKNOWN),
    ],
)
def test_a_machine_listed_without_a_power_state_is_unknown(properties: Any, state: State) -> None:
    assert state_in({"id": "x", "properties": properties}) is state
