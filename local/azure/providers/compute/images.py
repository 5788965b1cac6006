"""Marketplace images: the systems in them, as recorded, for the machines and disks that are made from them.

Generations and processors: https://learn.microsoft.com/azure/virtual-machines/generation-2 and the offers' descriptions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

LINUX, WINDOWS = "Linux", "Windows"


@dataclass(frozen=True, slots=True)
class Image:
    """What a machine shows of the system that it was made from."""

    exact_version: str
    system: str
    name: str
    version: str
    size_gib: int = 30
    generation: str = "V2"
    # What its disk says beyond the architecture.
    capabilities: tuple[tuple[str, Any], ...] = ()
    architecture: str = "x64"
    # Whether its features say `IsHibernateSupported`.
    hibernation: bool = False

    @property
    def trusted_launch(self) -> bool:
        """Whether machines may use trusted launch: https://learn.microsoft.com/azure/virtual-machines/trusted-launch"""
        return (self.generation, self.architecture) == ("V2", "x64")


USUAL = Image("24.04.202610010", LINUX, "ubuntu", "24.04")
# Its features, as Azure has answered:
# https://github.com/cloud-barista/cm-beetle/blob/main/cmd/test-cli/infra/testresult/beetle-test-results-azure.md
JAMMY = Image("22.04.202610010", LINUX, "ubuntu", "22.04", hibernation=True)
MODERN = (("diskControllerTypes", "SCSI, NVMe"), ("acceleratedNetwork", True))
SERVER = ("20348.2966.241205", WINDOWS, "Windows Server 2022 Datacenter", "10.0.20348.2966")
# Publisher/offer/SKU; any other image is taken for the Ubuntu of today.
KNOWN = (
    (r"canonical/ubuntu-24_04-lts/server-gen1", replace(USUAL, generation="V1")),
    (r"canonical/ubuntu-24_04-lts/server-arm64", replace(USUAL, architecture="Arm64")),
    (r"canonical/0001-com-ubuntu-server-jammy/22_04-lts", replace(JAMMY, generation="V1")),
    (r"canonical/0001-com-ubuntu-server-jammy/22_04-lts-arm64", replace(JAMMY, architecture="Arm64", hibernation=False)),
    (r"canonical/0001-com-ubuntu-server-jammy/.*", JAMMY),
    (r"microsoft-dsvm/ubuntu-2204/.*", Image("24.10.02", LINUX, "ubuntu", "22.04", 150)),
    (r"canonical/ubuntuserver/16\.04.*", Image("16.04.201906280", LINUX, "ubuntu", "16.04", generation="V1")),
    (r"canonical/ubuntuserver/18\.04.*", Image("18.04.202401161", LINUX, "ubuntu", "18.04", generation="V1")),
    (r"openlogic/centos/7\.5.*", Image("7.5.201808150", LINUX, "centos", "7.5.1804", generation="V1")),
    (r"debian/debian-10/10", Image("0.20240430.1733", LINUX, "debian", "10.13", generation="V1")),
    (r"suse/sles.*/12.*", Image("2018.10.04", LINUX, "suse", "12", generation="V1")),
    (
        r"microsoftwindowsserver/windowsserver/2016-datacenter",
        Image(
            "14393.3686.2005011200",
            WINDOWS,
            "Windows Server 2016 Datacenter",
            "Microsoft Windows NT 10.0.14393.0",
            127,
            "V1",
        ),
    ),
    (r"microsoftwindowsserver/windowsserver/.*smalldisk-g2", Image(*SERVER, 30, "V2", MODERN)),
    (
        r"microsoftwindowsserver/windowsserver/.*smalldisk",
        Image(*SERVER, 30, "V1", (("diskControllerTypes", "SCSI"), ("acceleratedNetwork", True))),
    ),
    (r"microsoftwindowsserver/windowsserver/.*-g2", Image(*SERVER, 127, "V2", MODERN)),
    (
        r"microsoftwindowsserver/windowsserver/.*",
        Image(*SERVER, 127, "V1", (("diskControllerTypes", "SCSI"), ("acceleratedNetwork", True))),
    ),
    (
        r"microsoftwindowsdesktop/windows-10/.*-g2",
        Image("19045.6093.250705", WINDOWS, "Windows 10", "10.0.19045.6093", 127, "V2", MODERN),
    ),
)


def image_of(reference: Mapping[str, Any]) -> Image:
    """What is known of the image that a reference names."""
    name = "/".join(str(reference.get(part) or "") for part in ("publisher", "offer", "sku")).lower()
    return next((image for pattern, image in KNOWN if re.fullmatch(pattern, name)), USUAL)
