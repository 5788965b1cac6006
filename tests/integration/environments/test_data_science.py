"""A data science machine: JupyterHub answers over TLS, data disks are mounted, and what a deletion keeps is reported."""

import json
import re
from typing import Any

from tests.support import ROOT, AzureSide, ControlPlane

SPEC: dict[str, Any] = json.loads((ROOT / "examples" / "data-science.json").read_text())
DISKS = "Microsoft.Compute/disks"
FINGERPRINT = re.compile(r"SHA-256 [0-9A-F]{64}$")


def checks(operation: dict[str, Any]) -> dict[str, str]:
    return {finding["name"]: finding["result"] for finding in operation["health_checks"]}


def test_a_machine_is_ready_once_a_login_has_run_a_cell(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    operation = control_plane.up(name, SPEC)
    assert checks(operation) == dict.fromkeys(("cloud-init", "setup", "https", "jupyterhub"), "passed")
    (login,) = (each for each in operation["health_checks"] if each["name"] == "jupyterhub")
    assert "a login started a server; its kernel runs cells" in login["detail"]

    seen = control_plane.get(name)
    ssh, https = seen["endpoints"]
    assert (ssh["kind"], ssh["command"], ssh["note"]) == ("ssh", f"ssh ana@{ssh['host']}", None)
    assert (https["kind"], https["port"], https["username"]) == ("https", 8000, "ana")
    assert https["command"] == f"https://{ssh['host']}:8000"
    assert "self-signed" in https["note"]
    assert FINGERPRINT.search(https["note"])

    (firewall,) = azure.of_type(name, "Microsoft.Network/networkSecurityGroups")
    rules = [rule["properties"] for rule in firewall["properties"]["securityRules"]]
    assert sorted(rule["destinationPortRange"] for rule in rules) == ["22", "8000"]
    assert {tuple(rule["sourceAddressPrefixes"]) for rule in rules} == {("127.0.0.1/32",)}


def test_the_hub_is_checked_again_after_a_start_and_nothing_is_left_after_a_delete(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, SPEC)
    note = control_plane.get(name)["endpoints"][1]["note"]
    assert control_plane.follow(control_plane.post(name, "stop"))["outcome"] == "succeeded"
    assert control_plane.get(name)["endpoints"] == []
    started = control_plane.follow(control_plane.post(name, "start"))
    assert (started["outcome"], checks(started)["jupyterhub"]) == ("succeeded", "passed")
    assert control_plane.get(name)["endpoints"][1]["note"] == note
    operation = control_plane.down(name)
    assert (operation["outcome"], operation["leftovers"]) == ("succeeded", [])
    assert azure.resources(name) == []
    assert azure.secrets(name) == []


def test_a_hub_that_a_boot_has_broken_is_unhealthy(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name, SPEC)
    azure.next_boot_loses(name, "hub")
    restarted = control_plane.follow(control_plane.post(name, "restart"))
    assert restarted["outcome"] == "unhealthy"
    assert "jupyterhub: the hub answers 404; see journalctl -u jupyterhub" in restarted["reason"]


def test_rstudio_is_ready_behind_the_hub_and_checked_again_after_a_start(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    operation = control_plane.up(name, {**SPEC, "rstudio": True})
    (login,) = (each for each in operation["health_checks"] if each["name"] == "jupyterhub")
    assert login["detail"].endswith("its kernel runs cells; RStudio opens an R session")
    _, https, rstudio = control_plane.get(name)["endpoints"]
    assert (rstudio["kind"], rstudio["port"]) == ("rstudio", 8000)
    assert rstudio["command"] == f"{https['command']}/hub/user-redirect/rstudio/", "below the address of the hub"
    (firewall,) = azure.of_type(name, "Microsoft.Network/networkSecurityGroups")
    ports = [rule["properties"]["destinationPortRange"] for rule in firewall["properties"]["securityRules"]]
    assert sorted(ports) == ["22", "8000"]

    azure.next_boot_loses(name, "rstudio")
    restarted = control_plane.follow(control_plane.post(name, "restart"))
    assert restarted["outcome"] == "unhealthy"
    assert "jupyterhub: the login worked, but RStudio does not start: 500" in restarted["reason"]


def test_rstudio_cannot_be_switched_on_or_off_later_and_every_such_field_is_listed(
    control_plane: ControlPlane, name: str
) -> None:
    control_plane.up(name, {**SPEC, "rstudio": True})
    refused = control_plane.put(name, {**SPEC, "rstudio": False, "sudo": False, "allow_from": ["203.0.113.0/24"]})
    assert refused.status_code == 422, refused.text
    assert {fault["pointer"] for fault in refused.json()["errors"]} == {"/rstudio", "/sudo"}
    same = control_plane.put(name, {**SPEC, "rstudio": True}, dry_run="true").json()
    assert same["would"] == "nothing", same


def test_an_image_without_a_package_of_rstudio_is_refused_with_advice(control_plane: ControlPlane, name: str) -> None:
    image = {"offer": "0001-com-ubuntu-server-focal", "sku": "20_04-lts-gen2"}
    refused = control_plane.put(name, {**SPEC, "rstudio": True, "image": image, "disk": {"size_gib": 29}})
    assert refused.status_code == 422, refused.text
    found = {fault["pointer"]: fault["detail"] for fault in refused.json()["errors"]}
    assert set(found) == {"/rstudio", "/disk/size_gib"}
    assert "or leave out `rstudio`" in found["/rstudio"]


def test_notebooks_on_a_gpu_size_see_every_gpu(control_plane: ControlPlane, name: str) -> None:
    operation = control_plane.up(name, {**SPEC, "size": "Standard_NV72ads_A10_v5"})
    (login,) = (each for each in operation["health_checks"] if each["name"] == "jupyterhub")
    assert login["detail"].endswith("sees 2 GPUs")
    assert checks(operation)["gpu"] == "passed"


def test_a_kept_data_disk_outlives_the_environment_and_serves_the_next_one(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    disks = [
        {"size_gib": 2048, "type": "Premium_LRS", "mount_path": "/data", "keep": True},
        {"mount_path": "/srv/scratch"},
    ]
    operation = control_plane.up(name, {**SPEC, "data_disks": disks})
    assert checks(operation)["data-disks"] == "passed"
    (machine,) = azure.of_type(name, "Microsoft.Compute/virtualMachines")
    attached = machine["properties"]["storageProfile"]["dataDisks"]
    assert [(disk["lun"], disk["deleteOption"]) for disk in attached] == [(0, "Detach"), (1, "Detach")]

    # A disk that stays needs no snapshot.
    preview = control_plane.delete(name, snapshot="true", dry_run="true").json()
    snapshots = [identifier.rpartition(f"/{name}-")[2].rpartition("-")[0] for identifier in preview["snapshots"]]
    assert snapshots == ["data-1", "vm-disk"]
    deleted = control_plane.down(name)
    assert (deleted["outcome"], deleted["leftovers"]) == ("succeeded", [])
    (kept,) = azure.of_type(name, DISKS)
    assert kept["name"] == f"data-{name}-0"
    assert kept["id"] in deleted["reason"]
    assert "because the spec keeps them" in deleted["reason"]

    following = f"{name}-next"
    control_plane.up(following, {**SPEC, "data_disks": [{"disk_id": kept["id"], "mount_path": "/data"}]})
    (machine,) = azure.of_type(following, "Microsoft.Compute/virtualMachines")
    (disk,) = machine["properties"]["storageProfile"]["dataDisks"]
    assert disk["managedDisk"]["id"] == kept["id"]
    taken = control_plane.provision(f"{name}-third", {**SPEC, "data_disks": [{"disk_id": kept["id"]}]})
    assert (taken["outcome"], "A disk belongs to one VM at a time" in taken["reason"]) == ("failed", True), taken["reason"]
    assert control_plane.down(following)["outcome"] == "succeeded"
    assert azure.resources(following) == []
    assert [one["id"] for one in azure.of_type(name, DISKS)] == [kept["id"]]


def test_data_disks_are_in_the_zone_of_their_machine(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    zonal = {**SPEC, "zone": "2", "data_disks": [{"size_gib": 8, "keep": True}]}
    control_plane.up(name, zonal)
    (kept,) = [disk for disk in azure.of_type(name, DISKS) if disk["name"] == f"data-{name}-0"]
    assert kept["zones"] == ["2"]
    assert control_plane.down(name)["outcome"] == "succeeded"
    elsewhere = {**SPEC, "zone": "1", "data_disks": [{"disk_id": kept["id"]}]}
    ended = control_plane.provision(f"{name}-next", elsewhere)
    assert (ended["outcome"], "VM zone: '1'. Disk zone: '2'" in ended["reason"]) == ("failed", True), ended["reason"]


def test_a_refused_machine_leaves_not_even_a_disk_to_keep(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    azure.spoil(method="PUT", path=f"virtualMachines/vm-{name}", status=409, code="SkuNotAvailable", times=1)
    operation = control_plane.provision(name, {**SPEC, "data_disks": [{"keep": True}]})
    assert operation["outcome"] == "failed"
    assert operation["leftovers"] == []
    assert azure.resources(name) == []


def test_a_certificate_that_cannot_be_read_from_key_vault_is_reported(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    identity = azure.found(f"shared-{name}", "Microsoft.ManagedIdentity/userAssignedIdentities", "hub", {})
    certificate = {"secret": "https://contoso.vault.azure.net/certificates/hub", "identity": identity}
    operation = control_plane.provision(name, {**SPEC, "certificate": certificate})
    assert operation["outcome"] == "unhealthy"
    assert "https: the certificate cannot be read from Key Vault yet" in operation["reason"]
    (machine,) = azure.of_type(name, "Microsoft.Compute/virtualMachines")
    assert machine["identity"]["type"] == "SystemAssigned, UserAssigned"
    assert list(machine["identity"]["userAssignedIdentities"]) == [identity]
    assert control_plane.down(name)["outcome"] == "succeeded"
    assert any(one["id"] == identity for one in azure.everything()), "it belongs to others"


def test_the_example_is_a_valid_spec(control_plane: ControlPlane, name: str) -> None:
    plan = control_plane.put(name, SPEC, dry_run="true").json()
    assert plan["would"] == "create"
    assert plan["price_per_hour"]["amount"] > 0


def test_more_data_disks_than_the_size_takes_are_refused_before_anything_is_built(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    disks = [{"size_gib": 1, "mount_path": f"/data{number}"} for number in range(9)]
    preview = control_plane.put(name, {**SPEC, "data_disks": disks}, dry_run="true").json()
    assert [refusal["detail"] for refusal in preview["refusals"]] == [
        "Standard_E4s_v5 takes at most 8 data disks, and 9 are asked for."
    ]
    azure.spoil(method="GET", path="Microsoft.Compute/skus", status=503, code="ServerTimeout")
    ended = control_plane.provision(name, {**SPEC, "data_disks": disks})
    azure.behave()
    assert ended["outcome"] == "failed"
    assert "The maximum number of data disks allowed to be attached to a VM of this size is 8." in ended["reason"]
    assert azure.resources(name) == []
