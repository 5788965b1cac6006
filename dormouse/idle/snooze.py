"""Snooze links: each names a machine and contains the secret of its warning, which authorizes a hold on that machine."""

import base64
import binascii
import re
from hmac import compare_digest

from dormouse.idle.targets import is_target_key
from dormouse.idle.tracking import TrackedMachine

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def snooze_link(control_plane: str, key: str, token: str) -> str:
    """The link for a warning, or "" if the control plane does not know its own URL."""
    if not control_plane:
        return ""
    return f"{control_plane}/snooze/{base64.urlsafe_b64encode(key.encode()).decode().rstrip('=')}.{token}"


def read_link(text: str) -> tuple[str, str]:
    """The machine's key and the secret in the last part of a link; raises ValueError."""
    packed, _, token = text.partition(".")
    try:
        key = base64.b64decode(packed + "=" * (-len(packed) % 4), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise ValueError("this is not a snooze link") from error
    if not is_target_key(key) or not TOKEN.fullmatch(token):
        raise ValueError("this is not a snooze link")
    return key, token


def opens(tracked: TrackedMachine | None, token: str) -> bool:
    """Whether this is the secret of the machine's current warning."""
    known = tracked.warning.token if tracked and tracked.warning else ""
    return bool(known) and compare_digest(known.encode(), token.encode())
