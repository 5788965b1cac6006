"""Specs: what a caller may ask for, checked whole, every fault named at once."""

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
from dormouse.text.durations import ASKED
from dormouse.text.plain_text import PlainText
from dormouse.text.wording import words_of

AZURE_RESERVES = 5  # addresses in every subnet


class Part(BaseModel):
    """A part of a spec: unknown fields are faults, values never change after the check."""

    # The schema is built at first use: a cold start that answers something else need not wait for it.
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, defer_build=True)


class Image(Part):
    """A marketplace image; the default is Ubuntu 24.04 LTS, generation 2."""

    publisher: ImagePart = "Canonical"
    offer: ImagePart = "ubuntu-24_04-lts"
    sku: ImagePart = "server"
    version: ImagePart = "latest"


class Disk(Part):
    """The disk of the operating system, in GiB."""

    size_gib: Annotated[int, Field(ge=30, le=4095)] = 64
    type: Literal["Standard_LRS", "StandardSSD_LRS", "Premium_LRS"] = "Standard_LRS"


class Network(Part):
    """The private network of an environment and the subnet its machine lives in."""

    address_space: PrivateNetwork = "10.0.0.0/16"
    subnet: PrivateNetwork = "10.0.0.0/28"

    @model_validator(mode="after")
    def _subnet_fits(self) -> "Network":
        space, subnet = ipaddress.IPv4Network(self.address_space), ipaddress.IPv4Network(self.subnet)
        if not subnet.subnet_of(space):
            raise ValueError(f"subnet {subnet} does not lie inside address_space {space}")
        if subnet.num_addresses <= AZURE_RESERVES:
            raise ValueError(f"subnet {subnet} is too small: Azure keeps {AZURE_RESERVES} addresses, /29 is the smallest")
        return self


class WorkstationSpec(Part):
    """One GPU machine with a desktop over RDP and a blob container mounted, open to its owner's address only."""

    blueprint: Literal["workstation"]
    region: Region
    owner: Annotated[PlainText, Field(max_length=128)] = ""
    size: Size = "Standard_NV6ads_A10_v5"
    image: Image = Image()
    disk: Disk = Disk()
    network: Network = Network()
    allow_from: Annotated[tuple[Source, ...], Field(min_length=1, max_length=20)] = (CALLER,)
    container: Container = "deeplearning"
    admin_username: Username = "azureuser"
    ssh_public_key: PublicKey | None = None
    idle: IdlePolicy | None = None
    schedule: WeeklyHours = ""
    driver_version: Annotated[str, Field(pattern=r"^(\d+(\.\d+){1,3})?$")] = ""
    python_packages: Annotated[tuple[Package, ...], Field(max_length=50)] = (
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


def read_spec(name: str, body: Mapping[str, Any], *, caller_address: str, caller: str) -> WorkstationSpec:
    """The checked spec of an environment, with 'caller' replaced by the caller's own address; raises InvalidSpec."""
    faults = name_faults(name)
    blueprint = body.get("blueprint")
    kind = SPECS.get(blueprint) if isinstance(blueprint, str) else None
    if kind is None:
        known = ", ".join(sorted(SPECS))
        raise InvalidSpec([*faults, Fault("/blueprint", f"{blueprint!r} is not a blueprint; there are: {known}.")])
    try:
        spec = kind.model_validate(body, context=ASKED)
    except ValidationError as error:
        raise InvalidSpec([*faults, *faults_of(error)]) from None
    if faults:
        raise InvalidSpec(faults)
    if CALLER in spec.allow_from and not caller_address:
        words = "the front end does not say from which address this request came; name the networks instead of 'caller'"
        raise InvalidSpec([Fault("/allow_from", words)])
    allow_from = tuple(dict.fromkeys(_own_address(caller_address) if s == CALLER else s for s in spec.allow_from))
    return spec.model_copy(update={"allow_from": allow_from, "owner": spec.owner or caller})


def stored_spec(text: str) -> dict[str, Any]:
    """A spec on record as people would write it, also where newer rules would not accept it; it can be sent again."""
    spec: dict[str, Any] = json.loads(text)
    idle = spec.get("idle")
    return {**spec, "idle": policy_as_written(idle)} if isinstance(idle, dict) else spec


def name_faults(name: str) -> list[Fault]:
    """What is wrong with an environment's name: 2 to 24 characters, a letter first, then letters, digits and hyphens."""
    if ENVIRONMENT_NAME.fullmatch(name) and "--" not in name:
        return []
    rule = (
        "2 to 24 characters: a lower-case letter, then lower-case letters, digits and single hyphens, no hyphen at the end"
    )
    return [Fault("/name", f"{name!r} is not a name for an environment ({rule}).")]


def change_faults(old: WorkstationSpec, new: WorkstationSpec) -> list[Fault]:
    """The changes between two specs of one environment that cannot be made in place."""
    before, after = old.model_dump(), new.model_dump()
    return [
        Fault(f"/{field}", f"cannot change in place from {before[field]!r} to {after[field]!r}; delete and build again.")
        for field in before
        if before[field] != after[field] and field not in CHANGEABLE
    ]


def _own_address(address: str) -> str:
    network = ipaddress.ip_network(address)
    return str(network)


def faults_of(error: ValidationError) -> list[Fault]:
    """Everything that a model found wrong, with where it is."""
    found = error.errors(include_url=False)
    # A list whose items are all wrong is counted as too short as well; that would be said twice.
    above = {_pointer(item["loc"]).rpartition("/")[0] for item in found}
    told = [item for item in found if item["type"] != "too_short" or _pointer(item["loc"]) not in above]
    return list(dict.fromkeys(Fault(_pointer(item["loc"]), _words(item)) for item in told))


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _words(item: Mapping[str, Any]) -> str:
    known = IdlePolicy.model_fields if item["loc"][:1] == ("idle",) else WorkstationSpec.model_fields
    return words_of(item, known)
