"""Specs: the parameters of each blueprint; validation reports every error at once."""

import ipaddress
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dormouse.blueprints.fields import (
    CALLER,
    Container,
    ImagePart,
    Package,
    PrivateNetwork,
    PublicKey,
    Region,
    Size,
    Source,
    Username,
    WeeklyHours,
)
from dormouse.errors import Fault, InvalidSpec
from dormouse.idle.policy import IdlePolicy, policy_as_written
from dormouse.resources.machines import ENVIRONMENT_NAME
from dormouse.text.doc import doc
from dormouse.text.durations import ASKED
from dormouse.text.plain_text import PlainText
from dormouse.text.wording import words_of

AZURE_RESERVES = 5  # IP addresses in every subnet


class Part(BaseModel):
    """A section of a spec: unknown fields are errors, and instances are immutable."""

    # The schema is built at first use, so that a cold start for another route does not wait for it.
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, defer_build=True)


class Image(Part):
    """A marketplace image; the default is Ubuntu 24.04 LTS, generation 2."""

    publisher: Annotated[ImagePart, doc("The publisher.", "Canonical")] = "Canonical"
    offer: Annotated[ImagePart, doc("The offer.", "ubuntu-24_04-lts")] = "ubuntu-24_04-lts"
    sku: Annotated[ImagePart, doc("The SKU.", "server")] = "server"
    version: Annotated[ImagePart, doc("The version, or `latest`.", "latest")] = "latest"


class Disk(Part):
    """The OS disk; its size in GiB."""

    size_gib: Annotated[int, Field(ge=30, le=4095), doc("The size in GiB.", 64)] = 64
    type: Annotated[
        Literal["Standard_LRS", "StandardSSD_LRS", "Premium_LRS"], doc("The kind of managed disk.", "Premium_LRS")
    ] = "Standard_LRS"


class Network(Part):
    """The virtual network of an environment, and the subnet of its VM."""

    address_space: Annotated[PrivateNetwork, doc("The private addresses of the network.", "10.0.0.0/16")] = "10.0.0.0/16"
    subnet: Annotated[PrivateNetwork, doc("The subnet of the machine; it lies in `address_space`.", "10.0.0.0/28")] = (
        "10.0.0.0/28"
    )

    @model_validator(mode="after")
    def _subnet_fits(self) -> "Network":
        space, subnet = ipaddress.IPv4Network(self.address_space), ipaddress.IPv4Network(self.subnet)
        if not subnet.subnet_of(space):
            raise ValueError(f"subnet {subnet} is not inside address_space {space}")
        if subnet.num_addresses <= AZURE_RESERVES:
            raise ValueError(f"subnet {subnet} is too small: Azure reserves {AZURE_RESERVES} addresses, so use /29 or wider")
        return self


class WorkstationSpec(Part):
    """One GPU machine with a desktop over RDP and a blob container mounted, open to its owner's address only."""

    blueprint: Annotated[Literal["workstation"], doc("The blueprint.", "workstation")]
    region: Annotated[Region, doc("The Azure region.", "polandcentral", "Poland Central")]
    owner: Annotated[PlainText, Field(max_length=128), doc("The user who owns it; the caller if left out.", "alice")] = ""
    size: Annotated[Size, doc("The VM size.", "Standard_NV6ads_A10_v5")] = "Standard_NV6ads_A10_v5"
    image: Annotated[Image, doc("The marketplace image.", {"publisher": "Canonical", "offer": "ubuntu-24_04-lts"})] = Image()
    disk: Annotated[Disk, doc("The disk of the operating system.", {"size_gib": 128, "type": "Premium_LRS"})] = Disk()
    network: Annotated[Network, doc("The private network.", {"subnet": "10.0.0.0/28"})] = Network()
    allow_from: Annotated[
        tuple[Source, ...],
        Field(min_length=1, max_length=20),
        doc("The networks that may connect over SSH and RDP; `caller` is the caller's own address.", ["203.0.113.7/32"]),
    ] = (CALLER,)
    container: Annotated[Container, doc("The name of the blob container that is mounted.", "deeplearning")] = "deeplearning"
    admin_username: Annotated[Username, doc("The name of the administrator account.", "azureuser")] = "azureuser"
    ssh_public_key: Annotated[
        PublicKey | None,
        doc(
            "An OpenSSH public key for the administrator; null for password only.",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA... alice",
        ),
    ] = None
    idle: Annotated[
        IdlePolicy | None, doc("When the machine counts as idle; null for the default policy.", {"window": "45m"})
    ] = None
    schedule: Annotated[
        WeeklyHours,
        doc("The weekly hours in which the machine runs; empty for none.", "mon-fri 08:00-19:00 Europe/Berlin"),
    ] = ""
    driver_version: Annotated[
        str, Field(pattern=r"^(\d+(\.\d+){1,3})?$"), doc("The version of the NVIDIA driver; empty for the newest.", "17.5")
    ] = ""
    python_packages: Annotated[
        tuple[Package, ...], Field(max_length=50), doc("The Python packages that are installed.", ["torch", "numpy==2.3.1"])
    ] = (
        "torch",
        "torchvision",
        "opencv-python-headless",
        "matplotlib",
        "numpy",
        "tqdm",
        "jupyter",
    )


SPECS: dict[str, type[WorkstationSpec]] = {"workstation": WorkstationSpec}

CHANGEABLE = frozenset({"allow_from", "idle", "schedule"})
REBUILD = (
    "only `allow_from`, `idle` and `schedule` can be; to change this field, delete the environment and create it again."
)


def read_spec(name: str, body: Mapping[str, Any], *, caller_address: str, caller: str) -> WorkstationSpec:
    """The validated spec of an environment, with 'caller' replaced by the caller's IP address; raises InvalidSpec."""
    faults = name_faults(name)
    blueprint = body.get("blueprint")
    kind = SPECS.get(blueprint) if isinstance(blueprint, str) else None
    if kind is None:
        known = ", ".join(sorted(SPECS))
        raise InvalidSpec([*faults, Fault("/blueprint", f"{blueprint!r} is not a blueprint; the blueprints are: {known}.")])
    try:
        spec = kind.model_validate(body, context=ASKED)
    except ValidationError as error:
        raise InvalidSpec([*faults, *faults_of(error)]) from None
    if faults:
        raise InvalidSpec(faults)
    if CALLER in spec.allow_from and not caller_address:
        words = "the IP address of the caller is unknown; list the networks instead of 'caller'"
        raise InvalidSpec([Fault("/allow_from", words)])
    allow_from = tuple(dict.fromkeys(_own_address(caller_address) if s == CALLER else s for s in spec.allow_from))
    return spec.model_copy(update={"allow_from": allow_from, "owner": spec.owner or caller})


def stored_spec(text: str) -> dict[str, Any]:
    """A stored spec in the format that callers send, even if today's validation would reject it."""
    spec: dict[str, Any] = json.loads(text)
    idle = spec.get("idle")
    return {**spec, "idle": policy_as_written(idle)} if isinstance(idle, dict) else spec


def name_faults(name: str) -> list[Fault]:
    """The validation errors of an environment name: 2 to 24 letters, digits and hyphens, starting with a letter."""
    if ENVIRONMENT_NAME.fullmatch(name) and "--" not in name:
        return []
    rule = "use 2 to 24 lower-case letters, digits and single hyphens, starting with a letter and not ending with a hyphen"
    return [Fault("/name", f"{name!r} is not a valid environment name; {rule}.")]


def change_faults(old: WorkstationSpec, new: WorkstationSpec) -> list[Fault]:
    """The validation errors for changed fields that cannot be updated in place."""
    before, after = old.model_dump(), new.model_dump()
    return [
        Fault(f"/{field}", f"cannot be updated in place from {before[field]!r} to {after[field]!r}; {REBUILD}")
        for field in before
        if before[field] != after[field] and field not in CHANGEABLE
    ]


def _own_address(address: str) -> str:
    network = ipaddress.ip_network(address)
    return str(network)


def faults_of(error: ValidationError) -> list[Fault]:
    """Every validation error of a model, with its JSON pointer."""
    found = error.errors(include_url=False)
    # Pydantic also reports a list as too short if all of its items are invalid: that would be a duplicate.
    above = {_pointer(item["loc"]).rpartition("/")[0] for item in found}
    told = [item for item in found if item["type"] != "too_short" or _pointer(item["loc"]) not in above]
    return list(dict.fromkeys(Fault(_pointer(item["loc"]), _words(item)) for item in told))


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _words(item: Mapping[str, Any]) -> str:
    known = IdlePolicy.model_fields if item["loc"][:1] == ("idle",) else WorkstationSpec.model_fields
    return words_of(item, known)
