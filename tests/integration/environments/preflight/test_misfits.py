"""What Azure would refuse for good is said before anything is built: in the spec, in the dry run, or by the preflight."""

from typing import Any

import pytest

from tests.support import WORKSTATION, AzureSide, ControlPlane

DSVM = {"publisher": "microsoft-dsvm", "offer": "ubuntu-2204", "sku": "2204-gen2"}
JAMMY = {"publisher": "Canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts-gen2"}
WINDOWS = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-datacenter-g2"}
ND = "Standard_ND96amsr_A100_v4"
RESERVED = "Nic(s) in request is reserved for another Virtual Machine for 180 seconds. Please retry after 180 seconds."


@pytest.mark.parametrize("name", ["windows1", "microsoft-ml", "win-dows"])
def test_a_name_from_which_a_reserved_name_follows_is_a_fault(control_plane: ControlPlane, name: str) -> None:
    answer = control_plane.put(name, WORKSTATION)
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["pointer"] == "/name"
    assert "Azure reserves the word" in fault["detail"]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (DSVM, "it needs at least 150 GiB"),
        (WINDOWS, "is Windows"),
        ({"sku": "server-arm64"}, "Arm64"),
        ({"sku": "server-gen1"}, "generation 1"),
        ({"sku": "server-none"}, "does not exist in"),
        ({"version": "24.04.202001010"}, "The newest version there is 24.04.202610010: write it, or `latest`."),
    ],
)
def test_an_image_that_does_not_fit_is_refused_before_anything_is_built(
    control_plane: ControlPlane, azure: AzureSide, name: str, image: dict[str, str], words: str
) -> None:
    spec = {**WORKSTATION, "image": image}
    refusals = control_plane.put(name, spec, dry_run="true").json()["refusals"]
    assert words in " ".join(refusal["detail"] for refusal in refusals)
    operation = control_plane.provision(name, spec)
    assert operation["outcome"] == "refused"
    assert words in operation["reason"]
    assert azure.resources(name) == []
    assert control_plane.client.get(f"/environments/{name}").status_code == 404


def test_an_image_that_fits_is_built(control_plane: ControlPlane, name: str) -> None:
    spec: dict[str, Any] = {**WORKSTATION, "image": DSVM, "disk": {"size_gib": 150}}
    preview = control_plane.put(name, spec, dry_run="true").json()
    assert preview["refusals"] == []
    (warning,) = preview["warnings"]
    assert "brings no JupyterHub on port 8000 and no RStudio" in warning
    pinned = {**JAMMY, "version": "22.04.202610010"}
    operation = control_plane.provision(name, {**spec, "image": pinned})
    assert operation["outcome"] == "succeeded"
    assert "Warning" not in operation["reason"]


def test_a_size_that_boots_only_the_other_generation_is_refused_with_both_names(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    # This size has no trusted launch, so that nothing else asks for generation 2.
    spec = {**WORKSTATION, "size": ND, "image": {"sku": "server-gen1"}}
    operation = control_plane.provision(name, spec)
    assert operation["outcome"] == "refused"
    words = (
        f"The image Canonical:ubuntu-24_04-lts:server-gen1:latest is of generation 1, and {ND} boots images of generation 2"
    )
    assert words in operation["reason"]
    assert azure.resources(name) == []


def test_a_subscription_that_is_not_registered_for_a_provider_is_told_how_to_register(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    # Another worker than this one may know the provider as registered: then Azure's own refusal ends the operation.
    azure.register("Microsoft.Network", "NotRegistered")
    operation = control_plane.provision(name)
    azure.register("Microsoft.Network", "Registered")
    assert operation["outcome"] in ("refused", "failed")
    assert {refusal["reason"] for refusal in operation["refusals"]} == {"not_registered"}
    assert "register" in operation["reason"]
    assert azure.resources(name) == []
    assert control_plane.client.get(f"/environments/{name}").status_code == 404


def test_a_rollback_waits_as_long_as_azure_says_in_words(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    control_plane.up(name)
    for kind in ("virtualMachines", "networkInterfaces"):
        azure.vanish(name, kind)
    cards = {"kind": "Microsoft.Network/networkInterfaces", "path": f"rg-dormouse-{name}"}
    azure.spoil(method="DELETE", **cards, status=400, code="NicReservedForAnotherVm", message=RESERVED, times=1)
    azure.spoil(method="PUT", kind="Microsoft.Compute/virtualMachines", path=f"rg-dormouse-{name}", code="SkuNotAvailable")
    operation = control_plane.provision(name)
    assert (operation["outcome"], operation["leftovers"]) == ("failed", [])
    (step,) = [step for step in operation["steps"] if step["name"] == "roll back nic"]
    assert step["duration_seconds"] >= 180
    assert azure.of_type(name, "Microsoft.Network/networkInterfaces") == []
