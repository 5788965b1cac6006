"""VMs and disks as Azure shows them: which differences from the plan can be changed, when, and which cannot."""

from typing import Any

import pytest

from dormouse.resources.compute.machine_views import is_ephemeral
from dormouse.resources.compute.virtual_machines import DISK, VIRTUAL_MACHINE, Machine, virtual_machine
from dormouse.resources.features import GuestSetup
from dormouse.resources.keyvault import password
from dormouse.resources.kinds import NONE, ChangeAction, Difference
from dormouse.resources.plan import Resource
from tests.unit.builders import target

SMALL, LARGE, CUDA = "Standard_NV6ads_A10_v5", "Standard_NV12ads_A10_v5", "Standard_NC4as_T4_v3"
IMAGE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}


def planned(size: str = SMALL, disk_gib: int = 64, *, spot: bool = False) -> Resource:
    place = target()
    machine = Machine(size, IMAGE, disk_gib, "Premium_LRS", spot=spot)
    return virtual_machine(place, machine, GuestSetup("azureuser"), password(place))


def shown(size: str = SMALL, power: str = "deallocated", **properties: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "hardwareProfile": {"vmSize": size},
        "securityProfile": {"securityType": "TrustedLaunch"},
        "storageProfile": {"imageReference": {**IMAGE, "exactVersion": "24.04.1"}, "osDisk": {}},
        "osProfile": {"adminUsername": "azureuser"},
        "instanceView": {"statuses": [{"code": f"PowerState/{power}"}]},
    }
    return {"properties": {**known, **properties}}


def disk(state: str = "Reserved", gib: int = 64, kind: str = "Premium_LRS") -> dict[str, Any]:
    return {"sku": {"name": kind}, "properties": {"diskState": state, "diskSizeGB": gib}}


def planned_disk(gib: int = 64) -> Resource:
    (found,) = VIRTUAL_MACHINE.implied(planned(disk_gib=gib))
    return found


def test_a_vm_as_planned_does_not_differ_whatever_the_case_of_its_size() -> None:
    assert VIRTUAL_MACHINE.diff(planned(), shown(SMALL.upper(), "running")) is NONE
    assert VIRTUAL_MACHINE.diff(planned(), {"properties": {}}) is NONE, "what is not shown is no difference"


def test_the_size_of_a_stopped_vm_is_updated() -> None:
    change = VIRTUAL_MACHINE.diff(planned(LARGE), shown())
    assert change.action is ChangeAction.UPDATE
    assert change.differences == (Difference("size", SMALL, LARGE),)


@pytest.mark.parametrize("power", ["running", "starting", "stopped", "deallocating", ""])
def test_the_size_of_a_vm_that_is_not_deallocated_needs_a_stop_first(power: str) -> None:
    change = VIRTUAL_MACHINE.diff(planned(LARGE), shown(power=power))
    assert change.action is ChangeAction.IMMUTABLE
    assert change.differences == (Difference("size", SMALL, LARGE, needs_stop=True),)


@pytest.mark.parametrize(
    ("wanted", "properties", "why"),
    [
        (CUDA, {}, "different GPU drivers (grid and cuda)"),
        ("Standard_D4s_v5", {}, "different GPU drivers (grid and none)"),
        (LARGE, {"storageProfile": {"osDisk": {"diffDiskSettings": {"option": "Local"}}}}, "ephemeral"),
    ],
)
def test_a_size_that_does_not_fit_the_vm_is_never_possible(wanted: str, properties: dict[str, Any], why: str) -> None:
    (difference,) = VIRTUAL_MACHINE.diff(planned(wanted), shown(**properties)).differences
    assert why in difference.obstacle
    assert difference.blocks
    assert not difference.needs_stop


def test_trusted_launch_is_for_good() -> None:
    change = VIRTUAL_MACHINE.diff(planned("Standard_ND96asr_v4"), shown("Standard_NC24ads_A100_v4"))
    assert "trusted launch" in change.differences[0].obstacle
    without = shown("Standard_NC24ads_A100_v4", securityProfile=None)
    assert VIRTUAL_MACHINE.diff(planned("Standard_ND96asr_v4"), without).action is ChangeAction.UPDATE


def test_a_retired_size_can_be_left() -> None:
    assert VIRTUAL_MACHINE.diff(planned(), shown("Standard_NC6s_v3")).action is ChangeAction.UPDATE


def test_image_and_administrator_cannot_change_and_all_differences_are_named() -> None:
    other = {"imageReference": {**IMAGE, "sku": "minimal"}, "osDisk": {}}
    change = VIRTUAL_MACHINE.diff(planned(LARGE), shown(storageProfile=other, osProfile={"adminUsername": "somebody"}))
    assert change.action is ChangeAction.IMMUTABLE
    assert [one.field for one in change.differences] == ["size", "image", "admin_username"]
    assert [one.blocks for one in change.differences] == [False, True, True]


@pytest.mark.parametrize(
    ("spot", "shows", "differences"),
    [
        (True, "Spot", ()),
        (False, None, ()),
        (False, "Regular", ()),
        (True, None, (Difference("priority", "regular", "spot", "Azure cannot change the priority of a machine"),)),
        (False, "Spot", (Difference("priority", "spot", "regular", "Azure cannot change the priority of a machine"),)),
    ],
)
def test_the_priority_of_a_vm_never_changes(spot: bool, shows: str | None, differences: tuple[Difference, ...]) -> None:
    change = VIRTUAL_MACHINE.diff(planned(spot=spot), shown(priority=shows))
    assert change.differences == differences
    assert (change.action is ChangeAction.IMMUTABLE) is bool(differences)


@pytest.mark.parametrize(
    ("observed", "gib", "expected"),
    [
        (disk(), 64, ()),
        (disk(), 128, (Difference("disk.size_gib", "64", "128"),)),
        (disk("Attached"), 128, (Difference("disk.size_gib", "64", "128", needs_stop=True),)),
        (disk(), 32, (Difference("disk.size_gib", "64", "32", "Azure cannot shrink a disk"),)),
        (disk("Attached"), 32, (Difference("disk.size_gib", "64", "32", "Azure cannot shrink a disk"),)),
        (disk(kind="Standard_LRS"), 64, (Difference("disk.type", "Standard_LRS", "Premium_LRS"),)),
        (disk("Attached", kind="Standard_LRS"), 64, (Difference("disk.type", "Standard_LRS", "Premium_LRS", "", True),)),
        ({}, 64, ()),
    ],
)
def test_an_os_disk_grows_and_changes_its_kind_while_no_machine_runs_from_it(
    observed: dict[str, Any], gib: int, expected: tuple[Difference, ...]
) -> None:
    assert DISK.diff(planned_disk(gib), observed).differences == expected


def test_a_recorded_vm_has_a_disk_that_is_compared_with_nothing() -> None:
    (found,) = VIRTUAL_MACHINE.implied(planned().recorded())
    assert found.body == {}


def test_a_vm_that_changes_its_size_gives_back_the_size_before() -> None:
    resized = planned(LARGE)
    resized.before["size"] = SMALL
    assert VIRTUAL_MACHINE.sizes(resized) == {LARGE: 1, SMALL: -1}


@pytest.mark.parametrize(
    ("disk", "ephemeral"), [({"diffDiskSettings": {"option": "Local"}}, True), ({}, False), (None, False)]
)
def test_an_ephemeral_os_disk_is_recognised(disk: Any, ephemeral: bool) -> None:
    assert is_ephemeral({"storageProfile": {"osDisk": disk}}) is ephemeral
