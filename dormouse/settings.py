"""Settings: one frozen value, read from the environment in one place, all complaints at once."""

import os
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from urllib.parse import urlsplit

from dormouse.access.roles import ChatPerson, Role, read_chat_users
from dormouse.access.signatures import teams_signature
from dormouse.chatops.parser import read_defaults
from dormouse.idle.policy import IdlePolicy, read_policy
from dormouse.resources.machines import read_scopes
from dormouse.resources.ownership import read_deployment
from dormouse.resources.plan import DEFAULT_DEPLOYMENT
from dormouse.text.durations import minutes_in

KEYS, TOKENS = "function-key", "entra"
HOST = re.compile(r"(?=.*[a-z])[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII)
# Where the webhooks of these services are; Power Automate has moved its workflows from the one to the other.
# https://learn.microsoft.com/power-automate/when-http-request-received-trigger
WEBHOOK_HOSTS = {
    "notify_webhook_url": (),
    "notify_slack_url": ("hooks.slack.com",),
    "notify_teams_url": ("logic.azure.com", "api.powerplatform.com"),
}


class SettingsError(Exception):
    """One or more settings are missing or wrong; every one of them is named."""


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many days histories of orchestrations, rows of machines that are gone and records of operations are kept."""

    history: int
    machines: int
    trail: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the control plane works and where Azure is; the environment names are the fields in capitals."""

    azure_subscription_id: str
    key_vault_url: str
    records_tables_url: str
    deployment_id: str = DEFAULT_DEPLOYMENT
    azure_resource_manager_url: str = "https://management.azure.com"
    azure_resource_manager_scope: str = "https://management.azure.com/.default"
    retail_prices_url: str = "https://prices.azure.com"
    monitor_metrics_url: str = "https://{region}.metrics.monitor.azure.com"
    entra_authority_url: str = "https://login.microsoftonline.com"
    entra_tenant_id: str = ""
    entra_audience: str = "api://dormouse"
    http_auth: str = KEYS
    function_key_role: str = "operator"
    rate_limit: str = "300"
    history_kept_days: str = "30"
    machines_kept_days: str = "30"
    trail_kept_days: str = "400"
    heartbeat_audience: str = "api://dormouse"
    control_plane_url: str = ""
    idle_policy: str = ""
    idle_scopes: str = ""
    holidays: str = ""
    longest_hold: str = "7d"
    notify_webhook_url: str = field(default="", repr=False)
    notify_webhook_secret: str = field(default="", repr=False)
    notify_slack_url: str = field(default="", repr=False)
    notify_teams_url: str = field(default="", repr=False)
    notify_hosts: str = ""
    notify_private_hosts: str = ""
    slack_signing_secret: str = field(default="", repr=False)
    slack_hooks_url: str = "https://hooks.slack.com"
    teams_webhook_secret: str = field(default="", repr=False)
    chatops_secret: str = field(default="", repr=False)
    chat_users: str = ""
    chat_defaults: str = ""

    @property
    def policy(self) -> IdlePolicy:
        """The policy of machines and environments that say nothing else."""
        return read_policy(self.idle_policy)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Ids of subscriptions and resource groups all of whose machines are watched, in lower case."""
        return read_scopes(self.idle_scopes)

    @property
    def days_off(self) -> frozenset[date]:
        """Days on which no schedule begins."""
        return frozenset(date.fromisoformat(day) for day in _listed(self.holidays))

    @property
    def longest_hold_minutes(self) -> int:
        """How long anybody may keep a machine awake at once."""
        return minutes_in(self.longest_hold)

    @property
    def requests_a_minute(self) -> int:
        """How many requests that cost calls of Azure one caller may make in a minute."""
        return read_rate(self.rate_limit)

    @property
    def kept(self) -> "Kept":
        """For how long what is over is kept."""
        return Kept(read_days(self.history_kept_days), read_days(self.machines_kept_days), read_days(self.trail_kept_days))

    @property
    def notify_urls(self) -> dict[str, str]:
        """Where people are told what happens, by the kind of place."""
        named = {"webhook": self.notify_webhook_url, "slack": self.notify_slack_url, "teams": self.notify_teams_url}
        return {name: url for name, url in named.items() if url}

    @property
    def private_hosts(self) -> frozenset[str]:
        """Hosts of webhooks that may be on a private network."""
        return frozenset(read_hosts(self.notify_private_hosts))

    @property
    def people_in_chats(self) -> dict[str, ChatPerson]:
        """Who people in chats are to the control plane, by the name of the chat and the id that they have there."""
        return read_chat_users(self.chat_users)

    @property
    def spec_defaults(self) -> dict[str, str]:
        """What `up` in a chat asks for where nobody says anything else."""
        return read_defaults(self.chat_defaults)

    def takes_slack_answers(self, url: str) -> bool:
        """Whether an address is one of Slack's for answers to commands."""
        try:
            asked = urlsplit(url)
        except ValueError:
            return False
        theirs = urlsplit(self.slack_hooks_url)
        return (asked.scheme, asked.netloc) == (theirs.scheme, theirs.netloc)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read every setting, or raise SettingsError that names all that is missing or wrong."""
        given = {field.name: environ.get(field.name.upper(), "").strip() for field in fields(cls)}
        if not given["control_plane_url"] and environ.get("WEBSITE_HOSTNAME"):
            given["control_plane_url"] = f"https://{environ['WEBSITE_HOSTNAME']}/api"  # as App Service calls itself
        values = {name: value.rstrip("/") if _is_base(name) else value for name, value in given.items() if value}
        required = ("azure_subscription_id", "key_vault_url", "records_tables_url")
        complaints = [f"{name.upper()} is not set" for name in required if name not in values]
        for name, value in values.items():
            complaints += _url_complaints(name, value) if name.endswith("_url") else []
        for name in ("azure_subscription_id", "entra_tenant_id"):
            complaints += _guid_complaints(name, values.get(name, ""))
        # Taken for a secret, such a text would be one that everybody can guess.
        # https://learn.microsoft.com/azure/app-service/app-service-key-vault-references
        unresolved = [name for name, value in values.items() if value.startswith("@Microsoft.KeyVault(")]
        complaints += [f"{name.upper()} is a Key Vault reference that was not resolved" for name in unresolved]
        complaints += _choice_complaints(values)
        complaints += _host_complaints(values)
        for name, read in READ_AS.items():
            complaints += _text_complaints(name, values.get(name, ""), read)
        if complaints:
            raise SettingsError("; ".join(complaints))
        return cls(**values)


def _is_base(name: str) -> bool:
    """Whether a setting is an address that paths are put behind; of a secret, every character counts."""
    return name.endswith("_url") and not name.startswith("notify_")


def wants_keys(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the host is to ask callers for a key; it is, unless tokens alone open the doors."""
    return environ.get("HTTP_AUTH", "").strip() != TOKENS


def _choice_complaints(values: Mapping[str, str]) -> list[str]:
    complaints = []
    if values.get("http_auth", KEYS) not in (KEYS, TOKENS):
        complaints.append(f"HTTP_AUTH must be {KEYS} or {TOKENS}, not {values['http_auth']!r}")
    if values.get("http_auth") == TOKENS and not values.get("entra_tenant_id"):
        complaints.append("ENTRA_TENANT_ID is not set, and HTTP_AUTH=entra cannot do without it")
    if values.get("function_key_role", "operator") not in [role.value for role in Role]:
        complaints.append(f"FUNCTION_KEY_ROLE must be one of {', '.join(Role)}, not {values['function_key_role']!r}")
    return complaints


def read_rate(text: str) -> int:
    """Requests a minute, at least one; raises ValueError."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 100_000):
        raise ValueError(f"{text!r} is not a number of requests a minute, from 1 to 100000")
    return int(text)


def read_days(text: str) -> int:
    """A number of days, at least two; raises ValueError."""
    if not (text.isascii() and text.isdigit() and 2 <= int(text[:9]) <= 36_500):
        raise ValueError(f"{text!r} is not a number of days, from 2 to 36500")
    return int(text)


def read_hosts(text: str) -> list[str]:
    """Names of hosts, in lower case; raises ValueError for what is none."""
    hosts = [part.lower() for part in _listed(text)]
    for host in hosts:
        if not HOST.fullmatch(host):
            raise ValueError(f"{host!r} is not the name of a host (addresses are not)")
    return hosts


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""  # complained of elsewhere


def _host_complaints(values: Mapping[str, str]) -> list[str]:
    """Webhooks go to the hosts of their service, or to those that the settings name: to nothing else."""
    try:
        named = read_hosts(values.get("notify_hosts", ""))
    except ValueError:
        named = []  # complained of elsewhere
    complaints = []
    for kind, known in WEBHOOK_HOSTS.items():
        host = _host_of(values.get(kind, ""))
        if host and host not in named and not any(host == each or host.endswith(f".{each}") for each in known):
            complaints.append(f"{kind.upper()} leads to a host that NOTIFY_HOSTS does not name")
    return complaints


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


READ_AS: dict[str, Callable[[str], object]] = {
    "deployment_id": read_deployment,
    "idle_policy": read_policy,
    "idle_scopes": read_scopes,
    "holidays": lambda text: [date.fromisoformat(day) for day in _listed(text)],
    "longest_hold": minutes_in,
    "rate_limit": read_rate,
    "history_kept_days": read_days,
    "machines_kept_days": read_days,
    "trail_kept_days": read_days,
    "notify_hosts": read_hosts,
    "notify_private_hosts": read_hosts,
    "chat_users": read_chat_users,
    "chat_defaults": read_defaults,
    "teams_webhook_secret": lambda text: teams_signature(text, b""),
}


def _text_complaints(name: str, value: str, read: Callable[[str], object]) -> list[str]:
    try:
        if value:
            read(value)
    except ValueError as error:
        return [f"{name.upper()}: {error}"]
    return []


def _url_complaints(name: str, value: str) -> list[str]:
    shown = "" if name.startswith("notify_") else f", not {value!r}"  # what a secret address holds is in no log
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
    except ValueError:
        return [f"{name.upper()} is no address{shown}"]
    if name == "slack_hooks_url" and not HOST.fullmatch(host):
        return [f"{name.upper()} must name a host{shown}"]
    # What machines report to themselves on this computer needs no encryption (RFC 8252, 8.3 reasons alike).
    own = name == "control_plane_url" and parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
    if own or (parts.scheme == "https" and parts.hostname):
        return []
    return [f"{name.upper()} must be an https address{shown}"]


def _guid_complaints(name: str, value: str) -> list[str]:
    try:
        uuid.UUID(value or str(uuid.UUID(int=0)))
    except ValueError:
        return [f"{name.upper()} must be a GUID, not {value!r}"]
    return []
