"""Data disks of a plan: attached by ID, never deleted with the machine, and kept if the spec says so."""

from dataclasses import replace

from dormouse.resources.compute.data_disks import DataDisk, data_disk, with_data_disks
from dormouse.resources.compute.virtual_machines import Machine, virtual_machine
from dormouse.resources.features import GuestSetup
from dormouse.resources.keyvault import password
from dormouse.resources.ownership import OwnedResources
from dormouse.resources.plan import Resource
from tests.unit.builders import target

IMAGE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}


def vm() -> Resource:
    machine = Machine("Standard_E4s_v5", IMAGE, 64, "Premium_LRS")
    return virtual_machine(target(), machine, GuestSetup("ana"), password(target()))


def test_a_new_disk_is_empty_and_has_the_size_and_kind_of_the_spec() -> None:
    disk = data_disk(target(), 3, DataDisk(2048, "Premium_LRS"), ())
    assert disk.id.endswith("/disks/data-ml1-3")
    assert disk.body["sku"] == {"name": "Premium_LRS"}
    assert disk.body["properties"] == {"creationData": {"createOption": "Empty"}, "diskSizeGB": 2048}


def test_a_machine_without_data_disks_stays_as_it_is() -> None:
    assert with_data_disks(target(), vm(), []) == [vm()]


def test_disks_survive_the_machine_and_those_of_4_tib_or_more_are_not_cached() -> None:
    *_, changed = with_data_disks(target(), vm(), [DataDisk(4095, "Premium_LRS"), DataDisk(4096, "Premium_LRS")])
    attached = changed.body["properties"]["storageProfile"]["dataDisks"]
    assert [(disk["deleteOption"], disk["caching"]) for disk in attached] == [("Detach", "ReadOnly"), ("Detach", "None")]
    assert "osDisk" in changed.body["properties"]["storageProfile"]


def test_new_disks_are_in_the_zone_of_their_machine() -> None:
    zonal = replace(vm(), body={**vm().body, "zones": ["2"]})
    disk, _ = with_data_disks(target(), zonal, [DataDisk(8, "Standard_LRS")])
    (anywhere, _) = with_data_disks(target(), vm(), [DataDisk(8, "Standard_LRS")])
    assert (disk.body["zones"], "zones" in anywhere.body) == (["2"], False)


def test_a_deletion_leaves_out_the_disks_that_the_spec_keeps() -> None:
    kept, deleted, machine = with_data_disks(
        target(), vm(), [DataDisk(8, "Standard_LRS", keep=True), DataDisk(8, "Standard_LRS")]
    )
    ours = OwnedResources.to_delete(one.recorded() for one in (kept, deleted, machine))
    assert [one.name for one in ours.resources] == ["data-1", "vm"]
    assert not ours.owns(kept.id), "so its group is not deleted as a whole"
