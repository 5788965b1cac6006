"""VM sizes: vCPUs, memory, GPUs, the GPU driver each needs, and replacements for retired sizes.

Figures: vCPUs, memory and GPUs as listed by Azure's Resource SKUs (Kubernetes autoscaler's generated table, 2026-08-22);
driver families from https://learn.microsoft.com/azure/virtual-machines/extensions/hpccompute-gpu-linux (2025-06);
retirements from https://learn.microsoft.com/azure/virtual-machines/sizes/retirement/retired-sizes-list (2026).
"""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum


class Driver(StrEnum):
    """The NVIDIA driver that a VM size needs."""

    NONE = "none"
    CUDA = "cuda"
    GRID = "grid"


@dataclass(frozen=True, slots=True)
class MachineSize:
    """A VM size; `quota` is the name of its quota family ("" if unknown)."""

    name: str
    vcpus: int
    memory_gib: float
    gpus: int
    gpu: str
    driver: Driver
    quota: str = ""


def _family(driver: Driver, gpu: str, quota: str, *rows: tuple[str, int, float, int]) -> list[MachineSize]:
    return [MachineSize(f"Standard_{name}", vcpus, memory, gpus, gpu, driver, quota) for name, vcpus, memory, gpus in rows]


GPU_SIZES = {
    size.name.lower(): size
    for size in [
        *_family(
            Driver.GRID,
            "NVIDIA A10",
            "StandardNVADSA10v5Family",
            ("NV6ads_A10_v5", 6, 55, 1),
            ("NV12ads_A10_v5", 12, 110, 1),
            ("NV18ads_A10_v5", 18, 220, 1),
            ("NV36ads_A10_v5", 36, 440, 1),
            ("NV36adms_A10_v5", 36, 880, 1),
            ("NV72ads_A10_v5", 72, 880, 2),
        ),
        *_family(
            Driver.CUDA,
            "NVIDIA T4",
            "Standard NCASv3_T4 Family",
            ("NC4as_T4_v3", 4, 28, 1),
            ("NC8as_T4_v3", 8, 56, 1),
            ("NC16as_T4_v3", 16, 110, 1),
            ("NC64as_T4_v3", 64, 440, 4),
        ),
        *_family(
            Driver.CUDA,
            "NVIDIA A100",
            "StandardNCADSA100v4Family",
            ("NC24ads_A100_v4", 24, 220, 1),
            ("NC48ads_A100_v4", 48, 440, 2),
            ("NC96ads_A100_v4", 96, 880, 4),
        ),
        *_family(Driver.CUDA, "NVIDIA A100", "Standard NDASv4_A100 Family", ("ND96asr_v4", 96, 900, 8)),
        *_family(Driver.CUDA, "NVIDIA A100", "standard NDAMSv4_A100Family", ("ND96amsr_A100_v4", 96, 1800, 8)),
        *_family(
            Driver.CUDA,
            "NVIDIA H100",
            "StandardNCadsH100v5Family",
            ("NC40ads_H100_v5", 40, 320, 1),
            ("NC80adis_H100_v5", 80, 640, 2),
        ),
        *_family(Driver.CUDA, "NVIDIA H100", "standardNDSH100v5Family", ("ND96isr_H100_v5", 96, 1900, 8)),
        *_family(Driver.CUDA, "NVIDIA H200", "standardNDISRH200V5Family", ("ND96isr_H200_v5", 96, 1850, 8)),
    ]
}

RETIRED = (
    (re.compile(r"standard_nc\d+r?(_promo)?$"), "NC (v1) was retired on 2023-09-06; use Standard_NC4as_T4_v3."),
    (re.compile(r"standard_nc\d+r?s_v[23]$"), "NCv2 and NCv3 are retired; use Standard_NC24ads_A100_v4."),
    (re.compile(r"standard_nv\d+(_promo)?$"), "NV (v1) was retired on 2023-09-06; use Standard_NV6ads_A10_v5."),
    (re.compile(r"standard_nv\d+(s_v[23]|as_v4)$"), "NVv3 and NVv4 are retired; use Standard_NV6ads_A10_v5."),
    (re.compile(r"standard_nd\d+r?s(_v2)?$"), "ND and NDv2 are retired; use Standard_ND96asr_v4."),
)

# General-purpose sizes are too many to list; their names contain the vCPU count (Standard_D4s_v5 has 4).
# https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions
GENERAL = re.compile(r"standard_(?P<family>[def])(?P<vcpus>\d+)(-\d+)?[a-z]*_v(?P<version>\d+)$")
GIB_PER_VCPU = {"d": 4.0, "e": 8.0, "f": 2.0}


def find_size(name: str) -> MachineSize:
    """The size with this name (case-insensitive); raises ValueError with a replacement or suggestion."""
    key = name.strip().lower()
    if key in GPU_SIZES:
        return GPU_SIZES[key]
    for pattern, advice in RETIRED:
        if pattern.match(key):
            raise ValueError(advice)
    general = GENERAL.match(key)
    if general and int(general["version"]) >= 3:
        vcpus = int(general["vcpus"])
        return MachineSize(_spelt(key), vcpus, vcpus * GIB_PER_VCPU[general["family"]], 0, "", Driver.NONE)
    raise ValueError(f"{name!r} is not a supported VM size.{_suggestion(key)}")


def has_gpu(name: str) -> bool:
    """Whether VMs of this size have a GPU or another accelerator: the names of those families begin with N."""
    return name.strip().lower().startswith("standard_n")


def _spelt(key: str) -> str:
    """A size in Azure's spelling, Standard_D4s_v5, from lower case."""
    _, family, *rest = key.split("_")
    return "_".join(["Standard", family[0].upper() + family[1:], *rest])


def _suggestion(key: str) -> str:
    close = difflib.get_close_matches(key, GPU_SIZES, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(GPU_SIZES[name].name for name in close)}?" if close else ""
