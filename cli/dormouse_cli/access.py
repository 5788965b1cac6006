"""Access: where the control plane is and how to prove who asks; from variables, else from the file that `login` writes."""

import contextlib
import ipaddress
import json
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from dormouse_cli.errors import NotAllowed, Usage
from dormouse_cli.output import note

URL, KEY = "DORMOUSE_URL", "DORMOUSE_KEY"
SENDABLE = re.compile(r"[!-~]{1,512}")
LOG_IN = "Log in first: dormouse login https://…"


@dataclass(frozen=True, slots=True)
class Entra:
    """Tokens of Microsoft Entra for this audience, from this tenant if one is named."""

    audience: str
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """A control plane and how to prove to it who asks; the key is never part of any text."""

    url: str
    key: str = field(default="", repr=False)
    entra: Entra | None = None

    @property
    def on_this_machine(self) -> bool:
        """Whether the control plane is on this very machine."""
        return _is_loopback(urlsplit(self.url).hostname or "")


def current_access(environment: Mapping[str, str] = os.environ) -> Access:
    """The access that commands use; raises NotAllowed where there is none, and Usage where it makes no sense."""
    stored = stored_access()
    url = address_of(environment[URL]) if environment.get(URL) else stored.url if stored else ""
    if not url:
        raise NotAllowed("You are not logged in to any control plane.", LOG_IN)
    if environment.get(KEY):
        return Access(url, sendable_key(environment[KEY], KEY))
    # What was stored for one server is nobody else's business, whatever a variable says.
    if stored is None or stored.url != url:
        raise NotAllowed(f"There is no key for {url}.", f"Set {KEY}, or log in: dormouse login {url}")
    return stored


def address_of(text: str) -> str:
    """The address of a control plane's API as it is kept; raises Usage."""
    words = text.strip().rstrip("/")
    try:
        parts = urlsplit(words)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Usage("This is no address; it should be like https://dormouse.example.net.") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\x7f]", words):
        raise Usage("The address must be like https://dormouse.example.net.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Usage("The address must hold no key, user name or query; the key is asked for.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise Usage(f"http:// would show the key to everybody between here and {host}; use https://.")
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}{f':{port}' if port else ''}{parts.path.rstrip('/') or '/api'}"


def sendable_key(text: str, whence: str) -> str:
    """The key in a text; raises Usage, without repeating it, where it cannot be one."""
    key = text.strip()
    if not SENDABLE.fullmatch(key):
        raise Usage(f"What {whence} holds is no key: it is empty, too long, or holds spaces or unusual characters.")
    return key


def stored_path() -> Path:
    """The file that `login` writes."""
    return Path(platformdirs.user_config_dir("dormouse", appauthor=False)) / "config.json"


def stored_access() -> Access | None:
    """What `login` has stored, or None; raises Usage where the file cannot be read."""
    path = stored_path()
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            note(f"Others can read {path}; chmod 600 it, or log in again.")
        entra = Entra(**content["entra"]) if content.get("entra") else None
        key = sendable_key(content["key"], str(path)) if content.get("key") else ""
        return Access(address_of(content["url"]), key, entra)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Usage(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Usage(f"{path} cannot be understood; log in again, or delete it.") from None


def store(access: Access) -> Path:
    """Write the access down, readable by nobody else at any moment; raises Usage."""
    path = stored_path()
    entra = {"audience": access.entra.audience, "tenant": access.entra.tenant} if access.entra else None
    content = {"url": access.url, **({"key": access.key} if access.key else {}), **({"entra": entra} if entra else {})}
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes the file with mode 0600; the name it gets in the end has never had another content or mode.
        handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=".config-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            Path(fresh).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(fresh).unlink()
            raise
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}.") from None
    return path


def forget() -> bool:
    """Delete what `login` has stored, and say whether there was anything; raises Usage."""
    try:
        stored_path().unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Usage(f"{stored_path()} cannot be deleted: {error.strerror}.") from None
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
