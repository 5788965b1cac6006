"""VM sizes: what Azure's list of sizes does not say. The GPU model, the driver it needs, and what replaces retired sizes.

Everything else comes from the list itself (`sku_rows`) before anything is built; what is derived from the name here only
finds faults of a spec early.

- names: https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions
- drivers: https://learn.microsoft.com/azure/virtual-machines/extensions/hpccompute-gpu-linux (2025-06)
- retirements: https://learn.microsoft.com/azure/virtual-machines/sizes/retirement/retired-sizes-list (2026)
"""

import re
import sys
from dataclasses import dataclass
from enum import StrEnum


class Driver(StrEnum):
    """The NVIDIA driver that a VM size needs."""

    NONE = "none"
    CUDA = "cuda"
    GRID = "grid"


@dataclass(frozen=True, slots=True)
class MachineSize:
    """A VM size by its name; `gpu` is the model of its accelerator ("" without one, or if its name does not say).

    `premium_disks`: it can use Premium SSDs. `local_disk`: it has a temporary disk on the host. `generation2`: it can boot
    images of generation 2, which trusted launch needs, and `trusted_launch` says that it is known to support that.
    """

    name: str
    gpu: str = ""
    driver: Driver = Driver.NONE
    premium_disks: bool = True
    arm64: bool = False
    generation2: bool = True
    trusted_launch: bool = False
    local_disk: bool = True


# https://learn.microsoft.com/azure/virtual-machines/trusted-launch lists both ND A100 series as unsupported.
GPU_SERIES = (
    (re.compile(r"standard_nv\d+adm?s_a10_v5"), "NVIDIA A10", Driver.GRID, True),
    (re.compile(r"standard_nc\d+as_t4_v3"), "NVIDIA T4", Driver.CUDA, True),
    (re.compile(r"standard_nc\d+ads_a100_v4"), "NVIDIA A100", Driver.CUDA, True),
    (re.compile(r"standard_nd96a(sr_v4|msr_a100_v4)"), "NVIDIA A100", Driver.CUDA, False),
    (re.compile(r"standard_nc\d+adi?s_h100_v5"), "NVIDIA H100", Driver.CUDA, True),
    (re.compile(r"standard_nd96isr_h100_v5"), "NVIDIA H100", Driver.CUDA, True),
    (re.compile(r"standard_nd96isr_h200_v5"), "NVIDIA H200", Driver.CUDA, True),
)
# Accelerators of other makers than NVIDIA, which need no driver of NVIDIA; NP sizes have FPGAs.
OTHER_MAKERS = re.compile(r"_(v710|v620|mi\d+x?)(_|$)")
WITH_NVIDIA_GPU = {"nc": Driver.CUDA, "ncc": Driver.CUDA, "nd": Driver.CUDA, "nv": Driver.GRID}
# NVIDIA's own Arm64 processors; other Arm64 sizes have the letter p.
GRACE = re.compile(r"_gb\d+(_|$)")

RETIRED = (
    (re.compile(r"standard_nc\d+r?(_promo)?$"), "NC (v1) was retired on 2023-09-06; use Standard_NC4as_T4_v3."),
    (re.compile(r"standard_nc\d+r?s_v[23]$"), "NCv2 and NCv3 are retired; use Standard_NC24ads_A100_v4."),
    (re.compile(r"standard_nv\d+(_promo)?$"), "NV (v1) was retired on 2023-09-06; use Standard_NV6ads_A10_v5."),
    (re.compile(r"standard_nv\d+(s_v[23]|as_v4)$"), "NVv3 and NVv4 are retired; use Standard_NV6ads_A10_v5."),
    (re.compile(r"standard_nd\d+r?s(_v2)?$"), "ND and NDv2 are retired; use Standard_ND96asr_v4."),
)

NAME = re.compile(
    r"(?P<tier>standard|basic)_(?!v\d)(?P<family>[a-z]+)\d+(-\d+)?(?P<letters>[a-z]*)(_[a-z0-9]+)*?(_v(?P<version>\d+))?(_promo)?",
    re.ASCII,
)
# Accelerators are named before the version, as in Standard_NC24ads_A100_v4; those of the first generations are not.
ACCELERATOR = re.compile(r"standard_n[^_]+(?:_[a-z]+)*_(?P<model>[a-z]+\d+[a-z]*)_v\d+", re.ASCII)
VERSION = re.compile(r"v\d+")
IN_LOWER_CASE = frozenset({"cc", "xl"})
# The series that are known to support trusted launch since these versions, if they boot images of generation 2; of these,
# only Dv3 and Ev3 without premium disks do not. https://learn.microsoft.com/azure/virtual-machines/generation-2
GENERAL = {"b": 2, "d": 3, "e": 3, "f": 3, "l": 3}
FIRST_WITH_GENERATION2 = 4
# Since these versions, only sizes with the letter d have a temporary disk.
# https://learn.microsoft.com/azure/virtual-machines/azure-vms-no-temp-disk
WITHOUT_LOCAL_DISK = {"b": 2, "d": 4, "e": 4, "f": 6}


def find_size(name: str) -> MachineSize:
    """The size with this name (case-insensitive); raises ValueError for a retired one and for what is no name of a size.

    Whether Azure offers it is known from its list of sizes only.
    """
    key = name.strip().lower()
    if advice := retirement_of(key):
        raise ValueError(advice)
    parts = NAME.fullmatch(key)
    if parts is None:
        raise ValueError(f"{name!r} is not the name of a VM size, such as Standard_NV6ads_A10_v5")
    for series, gpu, driver, trusted_launch in GPU_SERIES:
        if series.fullmatch(key):
            return MachineSize(_spelt(key), gpu, driver, trusted_launch=trusted_launch)
    return _by_name(key, parts)


def size_if_known(name: str) -> MachineSize | None:
    """The size with this name (case-insensitive), or None for one that is retired or no size at all."""
    try:
        return find_size(name)
    except ValueError:
        return None


def retirement_of(name: str) -> str:
    """When a size (case-insensitive) was retired and what to use instead, or ""."""
    return next((advice for pattern, advice in RETIRED if pattern.match(name.lower())), "")


def gpu_of(name: str) -> str:
    """The model of a size's accelerator, or "" if it has none or its name does not say."""
    key = name.lower()
    known = next((gpu for series, gpu, _, _ in GPU_SERIES if series.fullmatch(key)), "")
    found = None if known else ACCELERATOR.fullmatch(key)
    maker = "AMD" if OTHER_MAKERS.search(key) else "NVIDIA"
    return known or (f"{maker} {found['model'].upper()}" if found else "")


def has_gpu(name: str) -> bool:
    """Whether VMs of this size have a GPU or another accelerator: the names of those families begin with N."""
    return name.strip().lower().startswith("standard_n")


def _by_name(key: str, parts: re.Match[str]) -> MachineSize:
    letters, version = parts["letters"], int(parts["version"] or 1)
    premium = "s" in letters or parts["family"].endswith("s")
    arm64 = "p" in letters or bool(GRACE.search(key))
    generation2 = premium or version >= FIRST_WITH_GENERATION2
    driver = Driver.NONE if OTHER_MAKERS.search(key) else WITH_NVIDIA_GPU.get(parts["family"], Driver.NONE)
    family, never = parts["family"], sys.maxsize
    trusted_launch = version >= GENERAL.get(family, never) and generation2 and not arm64
    local_disk = "d" in letters or version < WITHOUT_LOCAL_DISK.get(family, never)
    return MachineSize(_spelt(key), gpu_of(key), driver, premium, arm64, generation2, trusted_launch, local_disk)


def _spelt(key: str) -> str:
    """A size in the spelling of Azure, such as Standard_NC24ads_A100_v4, from lower case."""
    tier, series, *rest = key.split("_")
    begins = next(place for place, sign in enumerate(series) if sign.isdigit())
    promo = ["Promo"] if rest[-1:] == ["promo"] else []
    middle = rest[: len(rest) - len(promo)]
    last = [middle.pop()] if middle and VERSION.fullmatch(middle[-1]) else []
    model = [part if part in IN_LOWER_CASE else part.upper() for part in middle]
    return "_".join([tier.capitalize(), series[:begins].upper() + series[begins:], *model, *last, *promo])
