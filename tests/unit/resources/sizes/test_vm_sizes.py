"""VM sizes by name: every size that Azure lists can be named, and what follows from the name."""

import csv

import pytest

from dormouse.resources.sizes.vm_sizes import Driver, find_size, retirement_of, size_if_known
from tests.conftest import unchecked
from tests.support import ROOT

LISTED = ROOT.parent / "shared" / "data" / "azure-vm-sizes-all.csv"


@pytest.mark.parametrize("name", ["Standard_M416ms_v2", "Standard_HB120rs_v3", "Standard_L8as_v4", "Standard_B2ats_v2"])
def test_every_series_can_be_used(name: str) -> None:
    assert find_size(name.upper()).name == name


def test_every_size_that_azure_lists_is_known_or_retired_and_spelt_as_azure_does() -> None:
    if not LISTED.exists():
        unchecked("The list of all sizes", "that every size in ../shared/data is known or retired")
    with LISTED.open() as file:
        names = [row["size"] for row in csv.DictReader(line for line in file if not line.startswith("#"))]
    assert len(names) > 1400
    for name in names:
        size = size_if_known(name.lower())
        assert retirement_of(name) if size is None else size.name == name


@pytest.mark.parametrize(
    "name",
    [
        "Standard_NV6ads_A10_v5 extra",
        "Standard",
        "Standard_",
        "Standard_v5",
        "NV6ads_A10_v5",
        "D4s_v5",
        "Standard_D4s_v5_",
        "",
    ],
)
def test_what_is_no_name_of_a_size_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a VM size"):
        find_size(name)


@pytest.mark.parametrize("name", ["Standard_NC6s_v3", "standard_nv12s_v3", "Standard_ND40rs_v2", "Standard_NC6_Promo"])
def test_a_retired_size_names_its_successor(name: str) -> None:
    with pytest.raises(ValueError, match=r"retired.*use Standard_N"):
        find_size(name)


@pytest.mark.parametrize(
    ("name", "driver", "gpu"),
    [
        ("Standard_NV36adms_A10_v5", Driver.GRID, "NVIDIA A10"),
        ("Standard_NC80adis_H100_v5", Driver.CUDA, "NVIDIA H100"),
        ("Standard_NC24ads_A200_v9", Driver.CUDA, "NVIDIA A200"),
        ("Standard_NCC40ads_H100_v5", Driver.CUDA, "NVIDIA H100"),
        ("Standard_NC36ds_xl_RTXPRO6000BSE_v6", Driver.CUDA, "NVIDIA RTXPRO6000BSE"),
        ("Standard_NV12ads_V710_v5", Driver.NONE, "AMD V710"),
        ("Standard_ND96isr_MI300X_v5", Driver.NONE, "AMD MI300X"),
        ("Standard_NP10s", Driver.NONE, ""),
        ("Standard_D4s_v5", Driver.NONE, ""),
    ],
)
def test_the_name_says_which_driver_a_gpu_needs(name: str, driver: Driver, gpu: str) -> None:
    size = find_size(name)
    assert (size.driver, size.gpu) == (driver, gpu)


@pytest.mark.parametrize(
    ("name", "premium", "arm64", "generation2", "trusted_launch"),
    [
        ("Standard_D4s_v5", True, False, True, True),
        ("Standard_D4_v5", False, False, True, True),
        ("Standard_D4_v3", False, False, False, False),
        ("Standard_D4ps_v5", True, True, True, False),
        ("Standard_DS2_v2", True, False, True, False),
        ("Standard_A2_v2", False, False, False, False),
        ("Standard_M64-16ms", True, False, True, False),
        ("Standard_ND128isr_NDR_GB200_v6", True, True, True, False),
        ("Standard_ND96asr_v4", True, False, True, False),
        ("Standard_NV6ads_A10_v5", True, False, True, True),
    ],
)
def test_the_name_says_what_a_size_can_do(
    name: str, premium: bool, arm64: bool, generation2: bool, trusted_launch: bool
) -> None:
    size = find_size(name)
    assert (size.premium_disks, size.arm64, size.generation2, size.trusted_launch) == (
        premium,
        arm64,
        generation2,
        trusted_launch,
    )
