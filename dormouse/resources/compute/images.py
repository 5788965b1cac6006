"""Marketplace images: what is known about one, and what of a VM does not fit it. Pure.

https://learn.microsoft.com/rest/api/compute/virtual-machine-images/get
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dormouse.resources.features import JupyterHub
from dormouse.resources.kinds import Observed
from dormouse.resources.plan import Resource
from dormouse.resources.sizes.sku_rows import GIB, X64

# SKUs of Canonical's offers by generation, as examples in advice.
EXAMPLES = {"V1": "server-gen1", "V2": "22_04-lts-gen2"}
# The publisher of Data Science VMs.
DATA_SCIENCE = "microsoft-dsvm"
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
        advice = f"choose another SKU of the offer for {properties['hardwareProfile']['vmSize']}"
        yield f"The image {image.urn} is of generation 1, and trusted launch needs generation 2; {advice}."
    if disk_gib < image.size_gib:
        yield f"The OS disk of {disk_gib} GiB is smaller than the image {image.urn}; it needs at least {image.size_gib} GiB."
    if (properties.get("additionalCapabilities") or {}).get("hibernationEnabled") and not image.hibernation:
        advice = f"choose one that does, such as {HIBERNATING}, or leave `hibernation` out"
        yield f"Azure does not say that the image {image.urn} supports hibernation; {advice}."
    if image.plan:
        yield f"The image {image.urn} requires the acceptance of marketplace terms ({image.plan}), which is not supported."


def missing_in_image(resource: Resource) -> str:
    """What the user of a Data Science VM of Microsoft will look for and the setup does not install, in a sentence, or "".

    https://learn.microsoft.com/azure/machine-learning/data-science-virtual-machine/release-notes
    """
    reference = (resource.body.get("properties") or {}).get("storageProfile", {}).get("imageReference") or {}
    if str(reference.get("publisher", "")).lower() != DATA_SCIENCE:
        return ""
    hubs = [one for one in (resource.setup.features if resource.setup else ()) if isinstance(one, JupyterHub)]
    missing = [*([] if hubs else ["JupyterHub on port 8000"]), *([] if any(one.rstudio for one in hubs) else ["RStudio"])]
    if not missing:
        return ""
    return (
        f"The image {urn_of(resource)} of {resource.name} brings no {' and no '.join(missing)}, nor does the setup; "
        "the blueprint `data-science` does, on Ubuntu 24.04, if its spec says so."
    )


def depends_on_generation(image: MarketplaceImage, resource: Resource) -> bool:
    """Whether only the size of a VM says if it can boot an image: trusted launch always needs generation 2."""
    return bool(image.generation) and "securityProfile" not in resource.body["properties"]


def generation_misfit(image: MarketplaceImage, size: str, can: Mapping[str, str]) -> str:
    """Why a VM size with these capabilities cannot boot an image, in a sentence, or ""; what Azure does not state fits.

    https://learn.microsoft.com/azure/virtual-machines/generation-2#generation-2-vm-sizes
    """
    boots = [one.strip() for one in can.get("HyperVGenerations", "").split(",") if one.strip()]
    if not boots or image.generation in ("", *boots):
        return ""
    wanted, numbers = boots[-1], " and ".join(one.removeprefix("V") for one in boots)
    example = f", such as the SKU {EXAMPLES[wanted]} of Canonical" if wanted in EXAMPLES else ""
    return (
        f"The image {image.urn} is of generation {image.generation.removeprefix('V')}, and {size} boots images of "
        f"generation {numbers} only; choose an image of generation {wanted.removeprefix('V')}{example}, or another size."
    )
