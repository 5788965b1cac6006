"""The named users of a machine with JupyterHub: their names, and what does not fit together."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from dormouse.blueprints.fields import SYSTEM_ACCOUNTS
from dormouse.blueprints.spec import Part
from dormouse.errors import Fault
from dormouse.text.doc import doc
from dormouse.text.limits import clipped
from dormouse.text.validators import Matching

MOST_USERS = 20
# Accounts of Ubuntu and of what the setup installs, and groups: an account gets a group of its own name, and Ubuntu's
# /etc/sudoers makes the members of `admin` root. https://manpages.ubuntu.com/manpages/noble/man8/useradd.8.html
RESERVED_NAMES = SYSTEM_ACCOUNTS | frozenset(
    "adm admin audio backup cdrom crontab dhcpcd dialout dip disk dnsmasq docker fax floppy fwupd-refresh gdm input "  # noqa: SIM905
    "jupyterhub kmem kvm landscape list lxd netdev nogroup nvidia-persistenced operator plugdev pollinate render root "
    "rstudio-server sasl sgx shadow src ssh ssl-cert sssd staff sys tape tss tty usbmux "
    "users utmp video voice whoopsie".split()
)
OUR_ACCOUNTS = "dormouse"
# The name is part of that of a Key Vault secret, which has no underscores.
# https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#object-identifiers
USER_NAME = Matching(
    r"[a-z](?:-?[a-z0-9]){0,31}",
    "1 to 32 lower-case letters, digits and single hyphens, starting with a letter and ending without a hyphen, such as ben",
)


def _not_reserved(value: str) -> str:
    if value in RESERVED_NAMES or value.startswith((OUR_ACCOUNTS, "systemd-")):
        raise ValueError(f"{value!r} is the name of an account or group of the system; choose another name")
    return value


class HubUser(Part):
    """A named user besides the administrator, with an account, a home folder and a password of their own."""

    name: Annotated[
        str, Field(max_length=32), USER_NAME, AfterValidator(_not_reserved), doc("The name of the account.", "ben")
    ]
    sudo: Annotated[bool, doc("Whether the user can become root, without a password.", False)] = False


def repeated_names(entries: Sequence[Any]) -> str:
    """The error message about names that are listed more than once, or ""."""
    counted = Counter(str(one["name"]) for one in entries if isinstance(one, Mapping) and "name" in one)
    repeated = [clipped(name, 32) for name, count in counted.items() if count > 1]
    return f"must list every user once, and lists {', '.join(repeated)} several times" if repeated else ""


def user_misfits(users: Sequence[HubUser], administrator: str, *, sudo: bool) -> Iterator[Fault]:
    """The faults of a name that the administrator has, and of users who are to become root where notebooks forbid it."""
    for place, user in enumerate(users):
        if user.name == administrator:
            yield Fault(f"/users/{place}/name", f"{user.name} is the administrator already; list the other users only")
        if user.sudo and not sudo:
            detail = "no one can become root in notebooks, because the spec says `sudo: false`; leave one of them out"
            yield Fault(f"/users/{place}/sudo", detail)
