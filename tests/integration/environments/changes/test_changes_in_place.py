"""A PUT on an existing environment applies the difference; what cannot change is listed before anything happens."""

from typing import Any

import pytest

from tests.support import WORKSTATION, AzureSide, ControlPlane

MACHINE, DISK = "Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks"
SMALL, LARGE = "Standard_NV6ads_A10_v5", "Standard_NV12ads_A10_v5"


def size_of(azure: AzureSide, name: str) -> str:
    (machine,) = azure.of_type(name, MACHINE)
    return str(machine["properties"]["hardwareProfile"]["vmSize"])


def disk_of(azure: AzureSide, name: str) -> tuple[int, str]:
    (disk,) = azure.of_type(name, DISK)
    return disk["properties"]["diskSizeGB"], disk["sku"]["name"]


def spec(**changes: Any) -> dict[str, Any]:
    return {**WORKSTATION, "size": SMALL, **changes}


def stop(control_plane: ControlPlane, name: str) -> None:
    assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"


def test_size_and_disk_of_a_stopped_machine_change_in_place(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, spec(disk={"size_gib": 64, "type": "Standard_LRS"}))
    stop(control_plane, name)
    wanted = spec(size=LARGE, disk={"size_gib": 128, "type": "Premium_LRS"})
    preview = control_plane.put(name, wanted, dry_run="true").json()
    changed = {one["name"]: one["action"] for one in preview["resources"] if one["action"] == "update"}
    assert (preview["would"], changed) == ("change", {"vm": "update", "vm-disk": "update"})
    assert preview["refusals"] == []
    ended = control_plane.provision(name, wanted)
    assert ended["outcome"] == "succeeded", ended["reason"]
    assert (size_of(azure, name), disk_of(azure, name)) == (LARGE, (128, "Premium_LRS"))
    seen = control_plane.get(name)
    assert (seen["state"], seen["billed"], seen["spec"]["size"], seen["ready"]) == ("stopped", False, LARGE, True)
    assert control_plane.put(name, wanted).status_code == 200, "nothing differs any more"
    begun = control_plane.follow(control_plane.post(name, "start"))
    assert begun["outcome"] == "succeeded", begun["reason"]
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert azure.resources(name) == []


def test_everything_that_cannot_change_is_listed_at_once_and_nothing_happens(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, spec())
    wanted = spec(
        size=LARGE,
        disk={"size_gib": 32},
        container="another",
        admin_username="somebody",
        image={"sku": "minimal"},
        allow_from=["203.0.113.9/32"],
    )
    refused = control_plane.put(name, wanted)
    assert refused.status_code == 422
    faults = {fault["pointer"]: fault["detail"] for fault in refused.json()["errors"]}
    assert set(faults) == {"/size", "/disk/size_gib", "/container", "/admin_username", "/image/sku"}
    assert "stop the environment first, or use the command resize" in faults["/size"]
    assert "Azure cannot shrink a disk" in faults["/disk/size_gib"]
    (firewall,) = azure.of_type(name, "Microsoft.Network/networkSecurityGroups")
    assert "203.0.113.9" not in str(firewall)
    assert control_plane.get(name)["spec"]["size"] == SMALL


def test_a_size_with_another_driver_is_rejected_even_while_stopped(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, spec())
    stop(control_plane, name)
    refused = control_plane.put(name, spec(size="Standard_NC4as_T4_v3"))
    assert (refused.status_code, [fault["pointer"] for fault in refused.json()["errors"]]) == (422, ["/size"])
    assert "different GPU drivers" in refused.text
    assert size_of(azure, name) == SMALL


def test_a_size_without_quota_is_refused_before_anything_changes(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, spec(region="uksouth"))
    stop(control_plane, name)
    azure.limit("uksouth", "StandardNVADSA10v5Family", 11)
    looked = control_plane.put(name, spec(region="uksouth", size=LARGE), dry_run="true").json()
    assert [refusal["reason"] for refusal in looked["refusals"]] == ["quota_exceeded"]
    assert "6 more are needed" in looked["refusals"][0]["detail"], "the six vCPUs of the machine are counted already"
    ended = control_plane.provision(name, spec(region="uksouth", size=LARGE))
    assert (ended["outcome"], size_of(azure, name)) == ("refused", SMALL)
    azure.limit("uksouth", "StandardNVADSA10v5Family", 12)
    assert control_plane.provision(name, spec(region="uksouth", size=LARGE))["outcome"] == "succeeded"
    assert size_of(azure, name) == LARGE


@pytest.mark.parametrize("changes", [{"schedule": "mon-fri 08:00-18:00 UTC"}, {"allow_from": ["203.0.113.9/32"]}])
def test_policies_and_networks_change_while_the_machine_runs(
    control_plane: ControlPlane, azure: AzureSide, name: str, changes: dict[str, Any]
) -> None:
    control_plane.up(name, spec())
    assert control_plane.provision(name, spec(**changes))["outcome"] == "succeeded"
    assert control_plane.get(name)["spec"] | changes == control_plane.get(name)["spec"]
    assert control_plane.put(name, spec(**changes)).status_code == 200
