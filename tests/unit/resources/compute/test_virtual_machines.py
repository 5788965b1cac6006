"""Virtual machines: their state, price, quota, what Azure creates along with them, and their names."""

from dataclasses import replace
from typing import Any

import pytest

from dormouse.lifecycle import State
from dormouse.resources.compute.machine_views import failure, power_state
from dormouse.resources.compute.virtual_machines import (
    DISK,
    MACHINE_EXTENSION,
    VIRTUAL_MACHINE,
    Machine,
    nvidia_driver,
    virtual_machine,
)
from dormouse.resources.features import GuestSetup
from dormouse.resources.keyvault import password
from dormouse.resources.kinds import NONE, PriceQuery
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of
from tests.support import SSH_KEY
from tests.unit.builders import CPU_ONLY, target

A10 = "Standard_NV6ads_A10_v5"
IMAGE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
SETUP = GuestSetup("azureuser")


def machine(**fields: Any) -> Machine:
    return Machine(**{"size": A10, "image": IMAGE, "disk_gib": 64, "disk_type": "Premium_LRS", **fields})


def vm(instance: str = "", **fields: Any) -> Resource:
    place = target()
    return virtual_machine(place, machine(**fields), SETUP, password(place), instance)


def in_view(*codes: str, provisioning: str = "Succeeded") -> dict[str, Any]:
    """A VM as Azure Compute shows it."""
    statuses = [{"code": code, "displayStatus": code} for code in codes]
    return {"properties": {"provisioningState": provisioning, "instanceView": {"statuses": statuses}}}


def in_graph(code: str | None, provisioning: str = "Succeeded") -> dict[str, Any]:
    """A VM as a row of Resource Graph shows it."""
    extended = {"instanceView": {"powerState": {"code": code}}} if code else {}
    return {"properties": {"provisioningState": provisioning, "extended": extended}}


@pytest.mark.parametrize(
    ("observed", "state"),
    [
        (in_view("ProvisioningState/succeeded", "PowerState/running"), State.RUNNING),
        (in_view("PowerState/deallocated"), State.STOPPED),
        (in_view("PowerState/stopped"), State.STOPPED_BILLED),
        (in_view("PowerState/running", provisioning="Deleting"), State.DELETING),
        (in_view(provisioning="Creating"), State.CREATING),
        (in_view(), State.UNKNOWN),
        (in_graph("PowerState/running"), State.RUNNING),
        (in_graph("PowerState/deallocating"), State.STOPPING),
        (in_graph(None), State.UNKNOWN),
        ({"properties": {"provisioningState": "Succeeded", "extended": None, "instanceView": None}}, State.UNKNOWN),
    ],
)
def test_the_state_of_a_vm_is_in_its_instance_view_or_in_its_row_of_resource_graph(
    observed: dict[str, Any], state: State
) -> None:
    assert power_state(observed) is state


def test_a_failed_change_comes_with_azures_message() -> None:
    failed = {"code": "ProvisioningState/failed/AllocationFailed", "displayStatus": "Provisioning failed"}
    assert failure({"properties": {"instanceView": {"statuses": [{**failed, "message": "No capacity."}]}}}) == "No capacity."
    assert failure({"properties": {"instanceView": {"statuses": [failed]}}}) == "Provisioning failed"
    assert failure({"properties": {"instanceView": {"statuses": [{"code": failed["code"]}]}}}) == failed["code"]
    assert failure(in_view("ProvisioningState/succeeded")) == failure(in_graph("PowerState/running")) == ""


@pytest.mark.parametrize(
    ("observed", "size"),
    [
        (None, A10),
        ({"properties": {"hardwareProfile": {"vmSize": CPU_ONLY}}}, CPU_ONLY),
        ({"properties": {"hardwareProfile": None}}, A10),
    ],
)
def test_the_size_that_exists_is_billed_and_otherwise_the_planned_one(observed: dict[str, Any] | None, size: str) -> None:
    assert VIRTUAL_MACHINE.billing(vm(), observed) == PriceQuery(size)
    assert VIRTUAL_MACHINE.billing(vm().recorded(), observed) == PriceQuery(size)


@pytest.mark.parametrize(
    ("planned", "observed", "spot"),
    [
        (True, None, True),
        (False, None, False),
        (False, {"properties": {"priority": "Spot"}}, True),
        (True, {"properties": {"hardwareProfile": {"vmSize": A10}}}, False),
    ],
)
def test_a_vm_has_the_price_of_the_priority_that_it_has(planned: bool, observed: dict[str, Any] | None, spot: bool) -> None:
    assert VIRTUAL_MACHINE.billing(vm(spot=planned), observed) == PriceQuery(A10, spot=spot)
    assert VIRTUAL_MACHINE.billing(vm(spot=planned).recorded(), observed) == PriceQuery(A10, spot=spot)


def test_a_vm_of_an_unknown_size_has_no_price() -> None:
    assert VIRTUAL_MACHINE.billing(replace(vm(), settings={}), None) is None


def test_a_vm_takes_one_of_its_size() -> None:
    assert VIRTUAL_MACHINE.sizes(vm()) == {A10: 1}


def test_azure_creates_the_os_disk_along_with_a_vm() -> None:
    (disk,) = VIRTUAL_MACHINE.implied(vm("a"))
    assert (disk.name, kind_of(disk), disk.needs, disk.contained_in) == ("vm-a-disk", DISK, ("group",), "group")
    planned = vm("a").body["properties"]["storageProfile"]["osDisk"]["name"]
    assert disk.id == f"{target().root}/providers/Microsoft.Compute/disks/{planned}"


def test_the_network_interface_of_a_vm_is_deleted_with_it_unless_it_is_detached() -> None:
    assert list(VIRTUAL_MACHINE.takes_along(vm("a"))) == ["nic-a"]


def test_several_vms_have_names_and_needs_of_their_own() -> None:
    first, second = vm("a"), vm("b")
    assert [one.name for one in (vm(), first, second)] == ["vm", "vm-a", "vm-b"]
    assert (first.needs, second.needs) == (("nic-a", "password"), ("nic-b", "password"))
    assert first.id.endswith("/virtualMachines/vm-ml1-a")
    profiles = [one.body["properties"] for one in (first, second)]
    assert [one["osProfile"]["computerName"] for one in profiles] == ["vm-ml1-a", "vm-ml1-b"]
    nics = [one["networkProfile"]["networkInterfaces"][0]["id"].rpartition("/")[2] for one in profiles]
    assert nics == ["nic-ml1-a", "nic-ml1-b"]


def test_a_vm_knows_the_secret_of_its_password_by_name_only() -> None:
    place = target()
    assert vm().settings["secret"] == place.secret("password")
    assert "adminPassword" not in str(vm())


def test_an_ssh_key_is_put_beside_the_password() -> None:
    without, keyed = (
        one.body["properties"]["osProfile"]["linuxConfiguration"] for one in (vm(), vm(ssh_public_key=SSH_KEY))
    )
    assert without == {"disablePasswordAuthentication": False}
    (key,) = keyed["ssh"]["publicKeys"]
    assert key == {"path": "/home/azureuser/.ssh/authorized_keys", "keyData": SSH_KEY}


def test_a_vm_is_never_put_again() -> None:
    assert VIRTUAL_MACHINE.diff(vm(), in_view(provisioning="Failed")) is NONE
    assert not VIRTUAL_MACHINE.repeatable


@pytest.mark.parametrize(
    ("observed", "outputs"),
    [
        ({"identity": {"principalId": "p-1"}}, {"principal_id": "p-1"}),
        ({"identity": {}}, {}),
        ({"identity": None}, {}),
        ({}, {}),
    ],
)
def test_the_output_of_a_vm_is_its_identity(observed: dict[str, Any], outputs: dict[str, str]) -> None:
    assert VIRTUAL_MACHINE.outputs(observed) == outputs


def test_a_gpu_driver_is_part_of_its_vm_and_needs_it_running() -> None:
    (driver,) = nvidia_driver(target(), machine(driver_version="17.5"), vm("a"), "a")
    assert (driver.name, driver.needs, driver.contained_in) == ("driver-a", ("vm-a",), "vm-a")
    assert driver.id == f"{vm('a').id}/extensions/nvidia-driver"
    assert driver.body["properties"]["settings"] == {"driverVersion": "17.5"}
    assert MACHINE_EXTENSION.needs_power
    assert nvidia_driver(target(), machine(size=CPU_ONLY), vm()) == []
