"""Readers of settings: each turns a text into a typed value, or raises ValueError that says what is wrong with the text."""

import math
import re
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from dormouse.access.signatures import teams_signature
from dormouse.text.durations import minutes_in

HEARTBEAT_SECONDS = ("60", "100", "150", "300")
E = TypeVar("E", bound=StrEnum)
VAULT_ID = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers/Microsoft\.KeyVault/vaults/[A-Za-z0-9-]{3,24}",
    re.IGNORECASE | re.ASCII,
)
HOST = re.compile(r"(?=.*[a-z])[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII)


class HttpAuth(StrEnum):
    """What the HTTP API accepts from callers: function keys and Entra tokens, or tokens only."""

    FUNCTION_KEY = "function-key"
    ENTRA = "entra"


def read_guid(text: str) -> str:
    """A GUID, as written."""
    try:
        uuid.UUID(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a GUID") from None
    return text


def choice(kind: type[E]) -> Callable[[str], E]:
    """A reader of one of the members of an enumeration."""

    def read(text: str) -> E:
        if text not in list(kind):
            raise ValueError(f"{text!r} is not one of {', '.join(kind)}")
        return kind(text)

    return read


def number(least: int, most: int) -> Callable[[str], int]:
    """A reader of a whole number within limits."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
            raise ValueError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return read


def read_heartbeat_seconds(text: str) -> int:
    """Seconds between heartbeats; they divide the time between two sweeps, so that there is one before each."""
    if text not in HEARTBEAT_SECONDS:
        raise ValueError(f"{text!r} is not one of {', '.join(HEARTBEAT_SECONDS)}")
    return int(text)


def read_positive(text: str) -> float:
    """A finite number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{text!r} is not a number above zero")
    return value


def read_duration(text: str) -> timedelta:
    """A duration like `7d`, in whole minutes."""
    return timedelta(minutes=minutes_in(text))


def read_dates(text: str) -> frozenset[date]:
    """Dates in ISO 8601, with commas between."""
    dates = set[date]()
    for part in _parts(text):
        try:
            dates.add(date.fromisoformat(part))
        except ValueError:
            raise ValueError(f"{part!r} is not a date in the form YYYY-MM-DD") from None
    return frozenset(dates)


def read_hosts(text: str) -> frozenset[str]:
    """Host names in lower case, with commas between."""
    hosts = frozenset(part.lower() for part in _parts(text))
    for host in sorted(hosts):
        if not HOST.fullmatch(host):
            raise ValueError(f"{host!r} is not a host name (IP addresses are not accepted)")
    return hosts


def read_base_url(text: str) -> str:
    """An https URL to which paths are appended, without the slash at its end."""
    if not _is_https(_split(text)):
        raise ValueError(f"must be an https URL, not {text!r}")
    return text.rstrip("/")


def read_control_plane_url(text: str) -> str:
    """As `read_base_url`; on this computer, http is accepted (RFC 8252, 8.3 gives the reasons)."""
    parts = _split(text)
    if parts and parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost"):
        return text.rstrip("/")
    return read_base_url(text)


def read_origin(text: str) -> str:
    """Scheme, host and port of an https URL whose host has a name."""
    parts = _split(text)
    if not (parts and _is_https(parts) and HOST.fullmatch(parts.hostname or "")):
        raise ValueError(f"must be an https URL with a host name, not {text!r}")
    return f"{parts.scheme}://{parts.netloc}"


def read_vault_id(text: str) -> str:
    """The resource ID of a key vault."""
    if not VAULT_ID.fullmatch(text):
        raise ValueError(f"{text!r} is not the resource ID of a key vault")
    return text


def read_webhook_url(text: str) -> str:
    """An https URL that is itself a secret, so errors do not contain it."""
    if not _is_https(_split(text)):
        raise ValueError("must be an https URL")
    return text


def read_teams_secret(text: str) -> str:
    """The secret that Teams shows when an outgoing webhook is created."""
    teams_signature(text, b"")
    return text


def host_of(url: str) -> str:
    """The host of a URL that a reader has accepted."""
    return urlsplit(url).hostname or ""


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        return parts if parts.hostname else None
    except ValueError:
        return None


def _is_https(parts: SplitResult | None) -> bool:
    return parts is not None and parts.scheme == "https"


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
