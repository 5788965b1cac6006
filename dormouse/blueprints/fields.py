"""Field types of specs, with the validation messages of each."""

import base64
import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from dormouse.idle.schedule import LONGEST, read_schedule
from dormouse.resources.vm_sizes import find_size

CALLER = "caller"

# https://learn.microsoft.com/azure/virtual-machines/linux/faq
BANNED_USERNAMES = frozenset(
    "1 123 a actuser adm admin admin1 admin2 administrator aspnet backup console david guest john owner root server sql "  # noqa: SIM905
    "support support_388945a0 sys test test1 test2 test3 user user1 user2 user3 user4 user5 video "
    # system accounts of Ubuntu and of the packages that the setup installs
    "bin daemon games gnats irc lp mail man messagebus news nobody polkitd proxy sshd sync syslog systemd-network "
    "sudo systemd-resolve systemd-timesync tcpdump ubuntu uucp uuidd www-data xrdp".split()
)
KEY_KINDS = ("ssh-ed25519", "ssh-rsa")
LONGEST_KEY, SHORTEST_KEY = 2000, 40
WIDEST_SOURCE = {4: 16, 6: 48}  # by version: a large site
PRIVATE = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))  # RFC 1918


def _region(value: Any) -> Any:
    return value.replace(" ", "").lower() if isinstance(value, str) else value


def _size(value: str) -> str:
    return find_size(value).name


def _username(value: str) -> str:
    if value in BANNED_USERNAMES:
        raise ValueError(f"{value!r} is a reserved user name; choose another admin_username")
    return value


def _public_key(value: str) -> str:
    kind, _, rest = value.strip().partition(" ")
    blob = rest.partition(" ")[0]
    if len(value) > LONGEST_KEY or "\n" in value.strip() or kind not in KEY_KINDS or not _holds(blob, kind):
        raise ValueError(f"must be a single OpenSSH public key of type {' or '.join(KEY_KINDS)}")
    return value.strip()


def _holds(blob: str, kind: str) -> bool:
    """Whether the base64 data of a key names the same key type (RFC 4253, 6.6)."""
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
        raise ValueError(f"{value!r} is not an IPv4 network such as 10.0.0.0/16 ({error})") from None
    if not any(network.subnet_of(private) for private in PRIVATE):
        raise ValueError(f"{value} is not a private network; choose one inside {', '.join(map(str, PRIVATE))}")
    return str(network)


def _source(value: str) -> str:
    if value.lower() == CALLER:
        return CALLER
    if value.lower() in ("*", "any", "internet"):
        raise ValueError(f"{value!r} would open the machine to the whole internet; list the networks that need access")
    try:
        if "%" in value:
            raise ValueError("an address with a zone index is valid on one machine only")
        network = ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is neither 'caller' nor a network such as 203.0.113.7/32 ({error})") from None
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
        raise ValueError(f"{value} is an IPv4-mapped IPv6 network; use IPv4 notation")
    widest = WIDEST_SOURCE[network.version]
    if network.is_multicast or network.network_address.is_unspecified:
        raise ValueError(f"{value} is a multicast or unspecified network; list the networks that need access")
    if network.prefixlen < widest:
        raise ValueError(f"{value} is too wide; the widest network allowed is /{widest}")
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
