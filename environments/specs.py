"""Specs: what a caller may ask for, checked whole, every fault named at once."""

import base64
import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from environments.errors import Fault, InvalidSpec
from environments.fleet import NAME
from environments.machine_sizes import find_size
from environments.policy import IdlePolicy
from environments.schedule import LONGEST, read_schedule

CALLER = "caller"

# https://learn.microsoft.com/azure/virtual-machines/linux/faq
BANNED_USERNAMES = frozenset(
    "1 123 a actuser adm admin admin1 admin2 administrator aspnet backup console david guest john owner root server sql "  # noqa: SIM905
    "support support_388945a0 sys test test1 test2 test3 user user1 user2 user3 user4 user5 video "
    # accounts that Ubuntu, or what we install, has for itself
    "bin daemon games gnats irc lp mail man messagebus news nobody polkitd proxy sshd sync syslog systemd-network "
    "sudo systemd-resolve systemd-timesync tcpdump ubuntu uucp uuidd www-data xrdp".split()
)
KEY_KINDS = ("ssh-ed25519", "ssh-rsa")
LONGEST_KEY, SHORTEST_KEY = 2000, 40
WIDEST_SOURCE = {4: 16, 6: 48}  # by version: a large site
PRIVATE = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))  # RFC 1918
AZURE_RESERVES = 5  # addresses in every subnet


def _region(value: Any) -> Any:
    return value.replace(" ", "").lower() if isinstance(value, str) else value


def _size(value: str) -> str:
    return find_size(value).name


def _username(value: str) -> str:
    if value in BANNED_USERNAMES:
        raise ValueError(f"Azure does not allow {value!r} as the name of an administrator")
    return value


def _public_key(value: str) -> str:
    kind, _, rest = value.strip().partition(" ")
    blob = rest.partition(" ")[0]
    if len(value) > LONGEST_KEY or "\n" in value.strip() or kind not in KEY_KINDS or not _holds(blob, kind):
        raise ValueError(f"must be one OpenSSH public key of these kinds: {', '.join(KEY_KINDS)}")
    return value.strip()


def _holds(blob: str, kind: str) -> bool:
    """Whether a key's base64 says inside what kind it is of (RFC 4253, 6.6)."""
    try:
        content = base64.b64decode(blob, validate=True)
    except ValueError:
        return False
    return content.startswith(len(kind).to_bytes(4, "big") + kind.encode()) and len(content) > SHORTEST_KEY


def _schedule(value: str) -> str:
    if value:
        read_schedule(value)
    return value


def _network(value: str) -> str:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not an IPv4 network like 10.0.0.0/16 ({error})") from None
    if not any(network.subnet_of(private) for private in PRIVATE):
        raise ValueError(f"{value} is not a private network ({', '.join(map(str, PRIVATE))})")
    return str(network)


def _source(value: str) -> str:
    if value.lower() == CALLER:
        return CALLER
    if value.lower() in ("*", "any", "internet"):
        raise ValueError(f"{value!r} would open the machine to everybody; name the networks that may reach it")
    try:
        if "%" in value:
            raise ValueError("an address with a zone means something on one machine only")
        network = ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is neither 'caller' nor a network like 203.0.113.7/32 ({error})") from None
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
        raise ValueError(f"{value} is an IPv4 network in the clothes of IPv6; write it as IPv4")
    widest = WIDEST_SOURCE[network.version]
    if network.is_multicast or network.network_address.is_unspecified:
        raise ValueError(f"{value} is nobody's network, or everybody's; name the networks that may reach the machine")
    if network.prefixlen < widest:
        raise ValueError(f"{value} would open the machine to a large part of the internet; /{widest} is the widest")
    return str(network)


REGION_AS_WRITTEN = {
    "type": "string",
    "pattern": "^[A-Za-z][A-Za-z0-9 ]{2,40}$",
    "examples": ["polandcentral", "Poland Central"],
}
Region = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{2,30}$"), BeforeValidator(_region), WithJsonSchema(REGION_AS_WRITTEN)]
Size = Annotated[str, Field(examples=["Standard_NV6ads_A10_v5"]), AfterValidator(_size)]
Username = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$"), AfterValidator(_username)]
PublicKey = Annotated[str, AfterValidator(_public_key)]
PrivateNetwork = Annotated[str, Field(examples=["10.0.0.0/16"]), AfterValidator(_network)]
Source = Annotated[str, Field(examples=["caller", "203.0.113.7/32"]), AfterValidator(_source)]
Container = Annotated[str, Field(pattern=r"^[a-z0-9](?:-?[a-z0-9]){2,62}$", max_length=63)]
Package = Annotated[
    str,
    Field(
        max_length=100,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?((==|>=|<=|~=|!=|<|>)[A-Za-z0-9.*+!_-]+)?$",
    ),
]
WeeklyHours = Annotated[
    str, Field(max_length=LONGEST, examples=["mon-fri 08:00-19:00 Europe/Berlin"]), AfterValidator(_schedule)
]
ImagePart = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]


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
    owner: Annotated[str, Field(max_length=128)] = ""
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
        spec = kind.model_validate(body)
    except ValidationError as error:
        raise InvalidSpec([*faults, *faults_of(error)]) from None
    if faults:
        raise InvalidSpec(faults)
    if CALLER in spec.allow_from and not caller_address:
        words = "the front end does not say from which address this request came; name the networks instead of 'caller'"
        raise InvalidSpec([Fault("/allow_from", words)])
    allow_from = tuple(dict.fromkeys(_own_address(caller_address) if s == CALLER else s for s in spec.allow_from))
    return spec.model_copy(update={"allow_from": allow_from, "owner": spec.owner or caller})


def name_faults(name: str) -> list[Fault]:
    """What is wrong with an environment's name: 2 to 24 characters, a letter first, then letters, digits and hyphens."""
    if NAME.fullmatch(name) and "--" not in name:
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
    found = {_pointer(item["loc"]): _words(item["msg"]) for item in error.errors(include_url=False)}
    # A list whose items are all wrong is counted as empty too; that would be said twice.
    above = {pointer.rpartition("/")[0] for pointer in found}
    return [Fault(pointer, words) for pointer, words in found.items() if pointer not in above]


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _words(message: str) -> str:
    return message.removeprefix("Value error, ")
