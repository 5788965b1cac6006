"""The base of every spec, and the parts that several specs share; validation reports every error at once."""

import ipaddress
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from dormouse.blueprints.fields import ImagePart, PrivateNetwork, Region, StackName
from dormouse.errors import Fault
from dormouse.resources.placement import Placement
from dormouse.resources.sizes.vm_sizes import find_size
from dormouse.text.doc import doc
from dormouse.text.plain_text import PlainText

AZURE_RESERVES = 5  # IP addresses in every subnet
PREMIUM = "Premium_LRS"
HIGHEST_COST = 10_000.0
HIGHEST_BUDGET = 1_000_000_000


class Part(BaseModel):
    """A section of a spec: unknown fields are errors, and instances are immutable."""

    # The schema is built at first use, so that a cold start for another route does not wait for it.
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, defer_build=True)


class EnvironmentSpec(Part):
    """The fields of every spec; `changeable` names those that can be updated in place."""

    changeable: ClassVar[frozenset[str]] = frozenset({"max_hourly_cost", "monthly_budget", "on_budget", "stack"})

    blueprint: Annotated[str, doc("The blueprint.", "workstation")]
    region: Annotated[Region, doc("The Azure region.", "polandcentral", "Poland Central")]
    owner: Annotated[PlainText, Field(max_length=128), doc("The user who owns it; the caller if left out.", "alice")] = ""
    stack: Annotated[StackName, doc("The stack that it belongs to: environments that one file describes.", "mlenv-int")] = ""
    max_hourly_cost: Annotated[
        float | None,
        Field(gt=0, le=HIGHEST_COST, allow_inf_nan=False),
        doc("The most that its computing may cost per hour when it is built, in USD; null for no limit.", 2.5),
    ] = None
    monthly_budget: Annotated[
        float | None,
        Field(gt=0, le=HIGHEST_BUDGET, allow_inf_nan=False),
        doc("What it may cost in a calendar month, in USD: people are warned before and when it does; null for none.", 400),
    ] = None
    on_budget: Annotated[
        Literal["warn", "stop"],
        doc(
            "What follows when its budget for the month is used up, or that of its owner: people are warned, or its "
            "machines are also stopped when they are not in use, after another warning, and no sweep starts them.",
            "stop",
        ),
    ] = "warn"

    def misfits(self) -> Sequence[Fault]:
        """The faults of fields that are valid by themselves, but do not fit together in Azure."""
        return ()

    def warnings(self) -> Sequence[str]:
        """What to know before it is applied: what sweeps may do that no work undoes."""
        return ()

    def placements(self) -> Sequence[Placement]:
        """Where it may be built, in the order in which that is tried; the first one is what was asked for."""
        return (Placement(self.region),)

    def start_placements(self, now: Placement) -> Sequence[Placement]:
        """The placements to which it may be moved when Azure has no capacity to start it where it is."""
        return ()

    def placed(self, placement: Placement | None) -> Self:
        """The spec of an environment that is built there; None: as asked."""
        return self if placement is None else self.model_copy(update=self._placed_fields(placement))

    def _placed_fields(self, placement: Placement) -> dict[str, object]:
        """The fields that a placement decides."""
        return {"region": placement.region}


class Image(Part):
    """A marketplace image; the default is Ubuntu 24.04 LTS, generation 2."""

    publisher: Annotated[ImagePart, doc("The publisher.", "Canonical")] = "Canonical"
    offer: Annotated[ImagePart, doc("The offer.", "ubuntu-24_04-lts")] = "ubuntu-24_04-lts"
    sku: Annotated[ImagePart, doc("The SKU.", "server")] = "server"
    version: Annotated[ImagePart, doc("The version, or `latest`.", "latest")] = "latest"


MarketplaceImage = Annotated[Image, doc("The marketplace image.", {"publisher": "Canonical", "offer": "ubuntu-24_04-lts"})]


class Disk(Part):
    """The OS disk; its size in GiB."""

    size_gib: Annotated[int, Field(ge=30, le=4095), doc("The size in GiB.", 64)] = 64
    type: Annotated[
        Literal["Standard_LRS", "StandardSSD_LRS", "Premium_LRS"], doc("The kind of managed disk.", "Premium_LRS")
    ] = "Standard_LRS"


class Hibernation(Part):
    """Machines that can hibernate: a stop keeps their memory on the OS disk, and the next start resumes it."""

    fallback: Annotated[
        Literal["keep", "deallocate"],
        doc(
            "What is done with a machine that does not hibernate: it keeps running, or is stopped without its memory.",
            "keep",
        ),
    ] = "keep"


def machine_misfits(size: str, disk: Disk, pointer: str = "/size") -> list[Fault]:
    """The faults of a VM size that cannot have this OS disk, or that cannot run the setup, which is built for x64."""
    known = find_size(size)
    faults = []
    if known.arm64:
        detail = f"{size} has Arm64 processors (the letter p in its name); image and setup need x64, such as Standard_D4s_v5"
        faults.append(Fault(pointer, detail))
    elif not known.generation2:
        detail = f"{size} cannot boot images of generation 2; choose a newer size, such as Standard_D4s_v5"
        faults.append(Fault(pointer, detail))
    if disk.type == PREMIUM and not known.premium_disks:
        advice = "choose StandardSSD_LRS, or a size with the letter s, such as Standard_D4s_v5"
        detail = f"{size} cannot use {PREMIUM} disks; {advice}"
        faults.append(Fault("/disk/type" if pointer == "/size" else pointer, detail))
    return faults


class Network(Part):
    """The virtual network of an environment, and the subnet of its VMs."""

    address_space: Annotated[PrivateNetwork, doc("The private addresses of the network.", "10.0.0.0/16")] = "10.0.0.0/16"
    subnet: Annotated[
        PrivateNetwork,
        Field(validate_default=True),
        doc("The subnet of the machine; it lies in `address_space`.", "10.0.0.0/28"),
    ] = "10.0.0.0/28"

    # A validator of the model would not run if any field has an error.
    @field_validator("subnet")
    @classmethod
    def _subnet_fits(cls, value: str, info: ValidationInfo) -> str:
        subnet, space = ipaddress.IPv4Network(value), info.data.get("address_space")
        faults = []
        if space and not subnet.subnet_of(ipaddress.IPv4Network(space)):
            faults.append(f"subnet {subnet} is not inside address_space {space}")
        if subnet.num_addresses <= AZURE_RESERVES:
            words = f"subnet {subnet} is too small: Azure reserves {AZURE_RESERVES} addresses, so use /29 or wider"
            faults.append(words)
        if faults:
            raise ValueError("; ".join(faults))
        return value
