"""Marketplace images: what is known about one, and what of a VM does not fit it. Pure.

https://learn.microsoft.com/rest/api/compute/virtual-machine-images/get
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dormouse.resources.kinds import Observed
from dormouse.resources.plan import Resource
from dormouse.resources.sizes.sku_rows import GIB, X64

HIBERNATING = "Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2:latest"


@dataclass(frozen=True, slots=True)
class MarketplaceImage:
    """An image of the marketplace; what Azure does not say is "" or 0. `plan`: its terms have to be accepted first.

    `hibernation`: Azure says that machines made from it can hibernate.
    """

    urn: str
    operating_system: str = ""
    architecture: str = ""
    generation: str = ""
    size_gib: int = 0
    plan: str = ""
    hibernation: bool = False


def urn_of(resource: Resource) -> str:
    """The image of a VM in a plan, as Azure writes images: publisher, offer, SKU and version."""
    reference = resource.body["properties"]["storageProfile"]["imageReference"]
    return ":".join(reference[part] for part in ("publisher", "offer", "sku", "version"))


def image_of(urn: str, observed: Observed) -> MarketplaceImage:
    """An image as Azure shows it."""
    shown = observed.get("properties") or {}
    disk = shown.get("osDiskImage") or {}
    return MarketplaceImage(
        urn,
        str(disk.get("operatingSystem") or ""),
        str(shown.get("architecture") or ""),
        str(shown.get("hyperVGeneration") or ""),
        -(-int(disk.get("sizeInBytes") or 0) // GIB),
        str((shown.get("plan") or {}).get("name") or ""),
        any(
            each.get("name") == "IsHibernateSupported" and each.get("value") == "True"
            for each in shown.get("features") or []
        ),
    )


def misfits(image: MarketplaceImage, resource: Resource) -> Iterator[str]:
    """Why a VM of a plan cannot be created from an image, each in a sentence."""
    properties = resource.body["properties"]
    disk_gib = int(properties["storageProfile"]["osDisk"]["diskSizeGB"])
    if image.operating_system not in ("", "Linux"):
        yield f"The image {image.urn} is {image.operating_system}, and the setup of the machine needs Linux."
    if image.architecture not in ("", X64):
        yield f"The image {image.urn} is for {image.architecture} processors, and the VM size has {X64} processors."
    if image.generation == "V1" and "securityProfile" in properties:
        advice = "choose another SKU of the offer"
        yield f"The image {image.urn} is of generation 1, and trusted launch needs generation 2; {advice}."
    if disk_gib < image.size_gib:
        yield f"The OS disk of {disk_gib} GiB is smaller than the image {image.urn}; it needs at least {image.size_gib} GiB."
    if (properties.get("additionalCapabilities") or {}).get("hibernationEnabled") and not image.hibernation:
        advice = f"choose one that does, such as {HIBERNATING}, or leave `hibernation` out"
        yield f"Azure does not say that the image {image.urn} supports hibernation; {advice}."
    if image.plan:
        yield f"The image {image.urn} requires the acceptance of marketplace terms ({image.plan}), which is not supported."
