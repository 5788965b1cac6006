"""Field types of specs, with the validation messages of each."""

import base64
import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from dormouse.idle.schedules.schedule import LONGEST, read_schedule
from dormouse.resources.sizes.vm_sizes import find_size
from dormouse.text.doc import doc
from dormouse.text.durations import DAY_MINUTES, StoredMinutes, between
from dormouse.text.plain_text import require_plain
from dormouse.text.validators import Matching

CALLER = "caller"

# https://learn.microsoft.com/azure/virtual-machines/linux/faq
BANNED_BY_AZURE = frozenset(
    "1 123 a actuser adm admin admin1 admin2 administrator aspnet backup console david guest john owner root server sql "  # noqa: SIM905
    "support support_388945a0 sys test test1 test2 test3 user user1 user2 user3 user4 user5 video".split()
)
# system accounts of Ubuntu and of the packages that the setup installs
SYSTEM_ACCOUNTS = frozenset(
    "bin daemon games gnats irc lp mail man messagebus news nobody polkitd proxy sshd sync syslog systemd-network "  # noqa: SIM905
    "sudo systemd-resolve systemd-timesync tcpdump ubuntu uucp uuidd www-data xrdp".split()
)
BANNED_USERNAMES = BANNED_BY_AZURE | SYSTEM_ACCOUNTS
KEY_KINDS = ("ssh-ed25519", "ssh-rsa")
LONGEST_KEY, SHORTEST_KEY = 2000, 40
WIDEST_SOURCE = 16  # a large site
PRIVATE = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))  # RFC 1918
# https://www.iana.org/assignments/iana-ipv4-special-registry; loopback is what a control plane on one's own computer sees.
NEVER_PUBLIC = (
    *((network, "a private address") for network in PRIVATE),
    *(
        (ipaddress.IPv4Network(network), words)
        for network, words in (
            ("0.0.0.0/8", "an unspecified address"),
            ("100.64.0.0/10", "a shared address of a carrier"),
            ("169.254.0.0/16", "a link-local address"),
            ("224.0.0.0/4", "a multicast address"),
            ("240.0.0.0/4", "a reserved address"),
        )
    ),
)


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
        raise ValueError(f"must be a single OpenSSH public key of type {' or '.join(KEY_KINDS)}, as ssh-keygen writes it")
    return require_plain(value.strip())


def _holds(blob: str, kind: str) -> bool:
    """Whether the base64 data of a key names the same key type (RFC 4253, 6.6)."""
    try:
        content = base64.b64decode(blob, validate=True)
    except ValueError:
        return False
    return content.startswith(len(kind).to_bytes(4, "big") + kind.encode()) and len(content) > SHORTEST_KEY


def _schedule(value: str) -> str:
    if value:
        read_schedule(require_plain(value))
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
        network = ipaddress.IPv4Network(value)
    except ValueError as error:
        raise ValueError(_not_a_source(value, error)) from None
    trouble = unreachable(network.network_address)
    if trouble and not network.is_private:
        raise ValueError(f"{value} is {trouble}; list the networks that need access")
    if network.prefixlen < WIDEST_SOURCE:
        raise ValueError(f"{value} is too wide; the widest network allowed is /{WIDEST_SOURCE}")
    return str(network)


def _not_a_source(value: str, error: ValueError) -> str:
    try:
        ipaddress.IPv6Network(value.partition("%")[0])
    except ValueError:
        return f"{value!r} is neither 'caller' nor a network such as 203.0.113.7/32 ({error})"
    return f"{value} is an IPv6 network, and the machine has an IPv4 address only; list IPv4 networks"


def unreachable(address: ipaddress.IPv4Address) -> str:
    """Why packets from this address can never reach a public IPv4 address ("" if they can), as a complement of "is"."""
    return next((words for network, words in NEVER_PUBLIC if address in network), "")


REGION_AS_WRITTEN = {
    "type": "string",
    "pattern": "^[A-Za-z][A-Za-z0-9 ]{2,40}$",
    "examples": ["polandcentral", "Poland Central"],
}
REGION_NAME = Matching(r"[a-z][a-z0-9]{2,30}", "an Azure region, such as polandcentral or Poland Central")
Region = Annotated[str, REGION_NAME, BeforeValidator(_region), WithJsonSchema(REGION_AS_WRITTEN)]
Size = Annotated[str, Field(examples=["Standard_NV6ads_A10_v5"]), AfterValidator(_size)]
LINUX_NAME = Matching(
    r"[a-z][a-z0-9_-]{0,31}",
    "1 to 32 lower-case letters, digits, hyphens and underscores, starting with a letter, such as azureuser",
)
Username = Annotated[str, LINUX_NAME, AfterValidator(_username)]
PublicKey = Annotated[str, AfterValidator(_public_key)]
PrivateNetwork = Annotated[str, Field(examples=["10.0.0.0/16"]), AfterValidator(_network)]
Source = Annotated[str, Field(examples=["caller", "203.0.113.7/32"]), AfterValidator(_source)]
CONTAINER_NAME = Matching(
    r"[a-z0-9](?:-?[a-z0-9]){2,62}",
    "3 to 63 lower-case letters, digits and single hyphens, not starting or ending with a hyphen, such as deeplearning",
)
Container = Annotated[str, Field(max_length=63), CONTAINER_NAME]
WeeklyHours = Annotated[
    str, Field(max_length=LONGEST, examples=["mon-fri 08:00-19:00 Europe/Berlin"]), AfterValidator(_schedule)
]
STACK_NAME = Matching(
    r"(?:[a-z](?:-?[a-z0-9]){0,39})?",
    "1 to 40 lower-case letters, digits and single hyphens, starting with a letter, such as mlenv-int, or empty",
)
StackName = Annotated[str, Field(max_length=64), STACK_NAME]
PART_OF_AN_IMAGE = Matching(
    r"[A-Za-z0-9][A-Za-z0-9._-]*",
    "letters, digits, dots, hyphens and underscores, starting with a letter or digit, such as ubuntu-24_04-lts",
)
ImagePart = Annotated[str, Field(max_length=80), PART_OF_AN_IMAGE]
DriverVersion = Annotated[
    str,
    Matching(r"(?:\d+(?:\.\d+){1,3})?", "a version of two to four numbers, such as 17.5 or 550.90.07, or empty"),
    doc("The version of the NVIDIA driver; empty for the newest.", "17.5"),
]
STOP_AFTER = (30, 30 * DAY_MINUTES)  # minutes
FORGET_AFTER = (2 * DAY_MINUTES, 365 * DAY_MINUTES)
StopAfter = Annotated[StoredMinutes, between(*STOP_AFTER)]
ForgetAfter = Annotated[StoredMinutes, between(*FORGET_AFTER)]
AdminName = Annotated[Username, doc("The name of the administrator account.", "azureuser")]
LoginKey = Annotated[
    PublicKey | None,
    doc(
        "An OpenSSH public key for the administrator; null for password only.",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA... alice",
    ),
]
