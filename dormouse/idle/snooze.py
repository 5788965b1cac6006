"""Snooze links: they name a machine and carry the secret of its warning; whoever has one may keep that machine awake."""

import base64
import binascii
from hmac import compare_digest

from dormouse.idle.tracking import TrackedMachine


def snooze_link(control_plane: str, key: str, token: str) -> str:
    """The link for people, or "" if the control plane does not know its own address."""
    if not control_plane:
        return ""
    return f"{control_plane}/snooze/{base64.urlsafe_b64encode(key.encode()).decode().rstrip('=')}.{token}"


def read_link(text: str) -> tuple[str, str]:
    """The machine's key and the secret in the last part of a link; raises ValueError."""
    packed, _, token = text.partition(".")
    try:
        key = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("this is no snooze link") from error
    return key, token


def opens(memory: TrackedMachine | None, token: str) -> bool:
    """Whether this secret is the one of the machine's present warning."""
    known = memory.warning.token if memory and memory.warning else ""
    return bool(known) and compare_digest(known.encode(), token.encode())
