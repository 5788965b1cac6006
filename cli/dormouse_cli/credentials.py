"""Credentials: the control plane's URL and key, from environment variables or from the file that `login` writes."""

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

import httpx
import platformdirs

from dormouse_cli.decoding import decode_text
from dormouse_cli.errors import AccessDenied, UsageError
from dormouse_cli.output import print_note

URL, KEY = "DORMOUSE_URL", "DORMOUSE_KEY"
KEY_FORMAT = re.compile(r"[!-~]{1,512}")
LOG_IN = "Log in first: dormouse login https://…"
WITHOUT_HOME = f"To work without a stored login, set {URL} and {KEY}."
INVALID_URL = "The URL is invalid. Use a URL like https://dormouse.example.net."


@dataclass(frozen=True, slots=True)
class EntraLogin:
    """How to get Microsoft Entra tokens: the audience, and the tenant unless it is the user's own."""

    audience: str
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A control plane's URL and the key, or the Entra login, for it; `repr` hides the key."""

    url: str
    key: str = field(default="", repr=False)
    entra: EntraLogin | None = None

    @property
    def is_local(self) -> bool:
        """Whether the control plane runs on this machine."""
        return _is_loopback(urlsplit(self.url).hostname or "")


def load_credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """The credentials to use; raises AccessDenied if there are none, and UsageError if they are malformed."""
    url = normalize_url(environment[URL]) if environment.get(URL) else ""
    key = parse_key(environment[KEY], KEY) if environment.get(KEY) else ""
    if url and key:
        return Credentials(url, key)  # without a look at the file, whose directory may be unusable
    stored = read_stored_credentials()
    url = url or (stored.url if stored else "")
    if not url:
        raise AccessDenied("You are not logged in.", LOG_IN)
    if key:
        return Credentials(url, key)
    # A stored key must never be sent to another server, whatever DORMOUSE_URL says.
    if stored is None or stored.url != url:
        raise AccessDenied(f"No key is stored for {url}.", f"Set {KEY}, or log in: dormouse login {url}")
    return stored


def normalize_url(text: str) -> str:
    """The API's URL without trailing slashes, with /api unless it has a path; raises UsageError."""
    given = text.strip().rstrip("/")
    try:
        parts = urlsplit(given)
        host, port = parts.hostname or "", parts.port
        httpx.URL(given).raw_host.decode("ascii").encode("idna")  # fails if a label is empty or too long
    except (ValueError, httpx.InvalidURL):
        raise UsageError(INVALID_URL) from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or re.search(r"[\s\x00-\x1f\x7f]", given):
        raise UsageError(INVALID_URL)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("The URL must not contain a user name, a key, a query or a fragment; the key is prompted for.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise UsageError(f"http:// would send the key to {host} unencrypted; use https://.")
    bracketed = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{bracketed}{f':{port}' if port else ''}{parts.path.rstrip('/') or '/api'}"


def parse_key(text: str, source: str) -> str:
    """The key in a text from this source; raises UsageError, which does not repeat the text, if it cannot be a key."""
    key = text.strip()
    if not KEY_FORMAT.fullmatch(key):
        raise UsageError(f"{source} does not contain a valid key: 1 to 512 printable ASCII characters without spaces.")
    return key


def config_path() -> Path:
    """The file that `login` writes; raises UsageError if this user has no home directory."""
    directory = platformdirs.user_config_dir("dormouse", appauthor=False)
    if directory.startswith("~"):  # HOME is not set, and the user is unknown to the system, as in some containers
        raise UsageError("There is no home directory for the stored credentials.", WITHOUT_HOME)
    return Path(directory) / "config.json"


def read_stored_credentials() -> Credentials | None:
    """The credentials that `login` stored, or None; raises UsageError if the file cannot be read."""
    try:
        path = config_path()
    except UsageError:
        return None
    try:
        content: Any = json.loads(decode_text(path.read_bytes()))
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            print_note(f"Other users can read {path}. Run chmod 600 on it, or log in again.")
        entra = EntraLogin(**content["entra"]) if content.get("entra") else None
        key = parse_key(content["key"], str(path)) if content.get("key") else ""
        return Credentials(normalize_url(content["url"]), key, entra)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.", WITHOUT_HOME) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(f"{path} is not a valid configuration file. Log in again, or delete it.", WITHOUT_HOME) from None


def store_credentials(credentials: Credentials) -> Path:
    """Write the credentials to a file that only its owner can ever read, and return its path; raises UsageError."""
    path, entra = config_path(), credentials.entra
    content: dict[str, Any] = {"url": credentials.url}
    content |= {"key": credentials.key} if credentials.key else {}
    content |= {"entra": {"audience": entra.audience, "tenant": entra.tenant}} if entra else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp creates the file with mode 0600; the rename makes the final name appear with that mode and full content.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".config-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}.", WITHOUT_HOME) from None
    return path


def delete_stored_credentials() -> bool:
    """Delete the file that `login` wrote; False if there was none; raises UsageError."""
    try:
        path = config_path()
    except UsageError:
        return False
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UsageError(f"Cannot delete {path}: {error.strerror}.") from None
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
