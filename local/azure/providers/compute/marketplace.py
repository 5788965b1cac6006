"""The marketplace: which images exist, and which machines can be created from them.

Shapes as recorded ("GET .../vmimage/offers/{}/skus/{}/versions/{}", API version 2024-07-01). Generations, processors and
sizes: https://learn.microsoft.com/azure/virtual-machines/generation-2 and the offers' own descriptions.
"""

import re
from collections.abc import Mapping
from typing import Any

from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers.common import Body, check_location
from local.azure.providers.compute.catalogue import capabilities_of
from local.azure.providers.compute.images import Image, image_of

GIB = 2**30
VERSIONS = re.compile(
    r"/subscriptions/[^/]+/providers/Microsoft\.Compute/locations/(?P<region>[^/]+)/publishers/(?P<publisher>[^/]+)"
    r"/artifacttypes/vmimage/offers/(?P<offer>[^/]+)/skus/(?P<sku>[^/]+)/versions(?:/(?P<version>[^/]+))?",
    re.IGNORECASE,
)
# SKUs by publisher and offer. Of offers that are listed here in part only, other SKUs are not simulated.
OFFERS = {
    ("canonical", "ubuntu-24_04-lts"): ("server", "server-gen1", "server-arm64"),
    ("canonical", "0001-com-ubuntu-server-jammy"): ("22_04-lts", "22_04-lts-gen2", "22_04-lts-arm64"),
    ("microsoft-dsvm", "ubuntu-2204"): ("2204-gen2",),
    ("microsoftwindowsserver", "windowsserver"): ("2022-datacenter", "2022-datacenter-g2"),
}
IN_PART = (("microsoftwindowsserver", "windowsserver"),)


def versions(path: dict[str, str | None]) -> Answer:
    """The newest version of an image: as a list of versions, or with its properties."""
    check_location("locations/publishers", str(path["region"]))
    if not _is_listed(path) and not _is_absent(path):
        raise not_simulated(f"the image {path['publisher']}:{path['offer']}:{path['sku']}")
    image = image_of(path)
    if _is_absent(path) or path["version"] not in (None, image.exact_version):
        # Seen from clients (hashicorp/packer-plugin-azure, Azure/azure-cli); not among the recordings.
        raise Refused(404, "NotFound", "Artifact: VMImage was not found.")
    names = "Subscriptions/{}/Providers/Microsoft.Compute/Locations/{}/Publishers/{}/ArtifactTypes/VMImage/Offers/{}/Skus/{}"
    place = names.format(SUBSCRIPTION, path["region"], path["publisher"], path["offer"], path["sku"])
    head = {"location": path["region"], "name": image.exact_version, "id": f"/{place}/Versions/{image.exact_version}"}
    if path["version"] is None:
        return Answer(200, [head])
    return Answer(200, {"properties": _properties(image), **head})


def check_image(world: World, size: str, profile: Body, *, trusted_launch: bool) -> None:
    """Raise a refusal for an image that does not fit the size, the disk or trusted launch, as Compute does.

    An image that is not listed here fits everything.
    """
    reference = profile.get("imageReference") or {}
    if _is_listed(reference) and not _is_absent_version(reference):
        _check_fit(image_of(reference), size, capabilities_of(world, size), trusted_launch=trusted_launch)
        _check_disk(image_of(reference), profile)
    if _is_absent(reference) or _is_absent_version(reference):
        urn = ":".join(str(reference.get(part, "")) for part in ("publisher", "offer", "sku", "version"))
        text = (
            f"The platform image '{urn}' is not available. Verify that all fields in the storage profile are correct. For more "
            "details about storage profile information, please refer to https://aka.ms/storageprofile."
        )
        raise Refused(404, "PlatformImageNotFound", text, target="imageReference")


def _offer(reference: Mapping[str, Any]) -> tuple[str, str]:
    return str(reference.get("publisher") or "").lower(), str(reference.get("offer") or "").lower()


def _is_listed(reference: Mapping[str, Any]) -> bool:
    return str(reference.get("sku") or "").lower() in OFFERS.get(_offer(reference), ())


def _is_absent(reference: Mapping[str, Any]) -> bool:
    offer = _offer(reference)
    return offer in OFFERS and offer not in IN_PART and not _is_listed(reference)


def _is_absent_version(reference: Mapping[str, Any]) -> bool:
    """Whether a listed image does not exist in this version: there is one, under its number and as `latest`."""
    version = str(reference.get("version") or "").lower()
    return _is_listed(reference) and version not in ("", "latest", image_of(reference).exact_version)


def _check_fit(image: Image, size: str, can: dict[str, str], *, trusted_launch: bool) -> None:
    if image.architecture != can["CpuArchitectureType"]:
        # The words are from memory: neither a recording nor a report with them was found.
        text = (
            f"Cannot create a VM of size '{size}' because this VM size only supports a CPU Architecture of "
            f"'{can['CpuArchitectureType']}', but an image or disk with CPU Architecture '{image.architecture}' was given."
        )
        raise Refused(400, "InvalidParameter", text)
    if trusted_launch and not image.trusted_launch:
        # https://github.com/Azure/azure-cli/issues/27975
        text = (
            "Use of TrustedLaunch setting is not supported for the provided image. Please select Trusted Launch Supported Gen2 "
            "OS Image. For more information, see https://aka.ms/TrustedLaunch-FAQ."
        )
        raise Refused(400, "BadRequest", text)
    if image.generation not in can["HyperVGenerations"].split(","):
        # https://github.com/loft-sh/devpod/issues/731
        number = image.generation[-1]
        text = (
            f"The selected VM size '{size}' cannot boot Hypervisor Generation '{number}'. If this was a Create operation please "
            "check that the Hypervisor Generation of the Image matches the Hypervisor Generation of the selected VM Size. If "
            f"this was an Update operation please select a Hypervisor Generation '{number}' VM Size. For more information, see "
            "https://aka.ms/azuregen2vm"
        )
        raise Refused(400, "BadRequest", text)


def _check_disk(image: Image, profile: Body) -> None:
    asked = int((profile.get("osDisk") or {}).get("diskSizeGB") or image.size_gib)
    if asked < image.size_gib:
        # https://github.com/Azure/azure-sdk-for-python/issues/23051
        text = (
            f"The specified disk size {asked} GB is smaller than the size of the corresponding disk in the VM image: "
            f"{image.size_gib} GB. This is not allowed. Please choose equal or greater size or do not specify an explicit size."
        )
        raise Refused(409, "OperationNotAllowed", text, target="osDisk.diskSizeGB")


def _properties(image: Image) -> Body:
    features = [{"name": "SecurityType", "value": "TrustedLaunchSupported"}] if image.trusted_launch else []
    features += [{"name": "IsHibernateSupported", "value": "True"}] if image.hibernation else []
    return {
        "hyperVGeneration": image.generation,
        "architecture": image.architecture,
        "replicaType": "Managed",
        "disallowed": {"vmDiskType": "Unmanaged"},
        "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": True},
        "imageDeprecationStatus": {"imageState": "Active"},
        **({"features": features} if features else {}),
        "osDiskImage": {"operatingSystem": image.system, "sizeInBytes": image.size_gib * GIB},
        "dataDiskImages": [],
    }
