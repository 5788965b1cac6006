"""JupyterHub inside a simulated machine: what its check says, from the files that the machine got in its custom data."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local.azure.core.store import Document
from local.azure.services.key_vault import SECRETS

if TYPE_CHECKING:
    from local.azure.core.world import World

SETTINGS, CONFIGURATION = "/etc/jupyterhub/hub.json", "/etc/jupyterhub/jupyterhub_config.py"
UNIT, SETUP = "/etc/systemd/system/jupyterhub.service", "/usr/local/sbin/dormouse-setup"
RSTUDIO_CONF = "/etc/rstudio/rserver.conf"
ACCOUNTS = "/usr/local/sbin/dormouse-hub-users"
CHECK, CERTIFICATE = "/usr/local/sbin/dormouse-hub-check", "/usr/local/sbin/dormouse-hub-certificate"
# https://jupyterhub.readthedocs.io/en/stable/reference/api/auth.html#jupyterhub.auth.Authenticator.allow_existing_users
FORGETS = (("allow_existing_users", False), ("delete_invalid_users", True))
# A hub on a real machine answers 1.5 to 3.1 seconds after its start; until then its proxy answers 404.
STARTS_WITHIN = 3.0


def hub_in(files: Mapping[str, str]) -> dict[str, Any] | None:
    """What the files of a machine say about its hub, or None if they have no check of one."""
    if CHECK not in files:
        return None
    unit, configuration = files.get(UNIT, ""), files.get(CONFIGURATION, "")
    try:
        settings = json.loads(files.get(SETTINGS, ""))
    except ValueError:
        settings = {}
    has_key = CERTIFICATE in files and f"ExecStartPre=-{CERTIFICATE}" in unit
    return {
        "runs": bool(settings) and has_key and f"--config {CONFIGURATION}" in unit and "ssl_key" in configuration,
        "users": settings.get("users", []) if "allowed_users" in configuration else [],
        # By default, a user whom a hub has let in once stays allowed.
        "forgets": all(f"{word} = {value}" in configuration for word, value in FORGETS),
        "accounts": ACCOUNTS in files and f"\n{ACCOUNTS}\n" in files.get(SETUP, ""),
        "port": settings.get("port"),
        "certificate": settings.get("certificate", ""),
        "identity": settings.get("identity", ""),
        "hides_gpus": "PrivateDevices=yes" in unit,
        "rstudio": _rstudio_in(files) if settings.get("rstudio") else None,
    }


def _rstudio_in(files: Mapping[str, str]) -> dict[str, bool]:
    """What the files say about RStudio: whether users can start it, and whether its own service is reachable by others.

    Users cannot while the service runs or has left its keys. https://github.com/rstudio/rstudio/issues/18255
    """
    setup = files.get(SETUP, "")
    needed = ("/server/jammy/amd64/rstudio-server-", "r-base", "jupyter-rsession-proxy", "session-rpc-key")
    stopped = "systemctl mask rstudio-server" in setup
    return {
        "runs": stopped and all(word in setup for word in needed),
        "open": not stopped and "www-address=127.0.0.1" not in files.get(RSTUDIO_CONF, ""),
    }


def said_of_certificate(world: "World", machine: Document, hub: Mapping[str, Any], up_seconds: float) -> str:
    """What the check of the certificate prints."""
    if trouble := _unreadable(world, machine, hub) or _trouble(hub, up_seconds, "nothing answers"):
        return trouble
    if hub["certificate"]:
        drawn = hashlib.sha256(str(hub["certificate"]).encode()).hexdigest().upper()
        return f"passed certificate from Key Vault for hub.contoso.com, valid until 2027-11-29, SHA-256 {drawn}"
    addresses = public_addresses(world, machine)
    if not addresses:
        return "waiting the metadata service does not name the public address that the certificate must be for"
    drawn = f"{machine['properties']['vmId']} {' '.join(addresses)}"
    fingerprint = hashlib.sha256(drawn.encode()).hexdigest().upper()
    return f"passed self-signed certificate (browsers warn), valid until 2027-11-29, SHA-256 {fingerprint}"


def said_of_login(world: "World", machine: Document, hub: Mapping[str, Any], up_seconds: float, gpus: int) -> str:
    """What the check of the login prints; `gpus` is the number of GPUs that the system sees."""
    if not hub["users"]:
        return "failed no user is allowed to log in"
    if trouble := _unreadable(world, machine, hub) or _trouble(hub, up_seconds, "the hub answers 404"):
        return trouble
    if gpus and hub["hides_gpus"]:
        return f"failed no GPU in notebooks: 0 of {gpus} GPUs are visible in a kernel"
    if rstudio := hub.get("rstudio"):
        if rstudio["open"]:
            return "failed RStudio listens on port 8787, past the login of the hub"
        if not rstudio["runs"]:
            return "failed the login worked, but RStudio does not start: 500"
    sees = f" and sees {gpus} GPU{'s' if gpus > 1 else ''}" if gpus else ""
    opens = "; RStudio opens an R session" if rstudio else ""
    return f"passed a login started a server; its kernel runs cells{sees}{opens}"


def public_addresses(world: "World", machine: Document) -> list[str]:
    """The public IP addresses of a machine."""
    found = []
    for item in machine["properties"]["networkProfile"]["networkInterfaces"]:
        nic = world.resource(item["id"])
        for configuration in nic["properties"]["ipConfigurations"] if nic else []:
            address = world.resource((configuration["properties"].get("publicIPAddress") or {}).get("id", ""))
            if address and address["properties"].get("ipAddress"):
                found.append(str(address["properties"]["ipAddress"]))
    return found


def _unreadable(world: "World", machine: Document, hub: Mapping[str, Any]) -> str:
    """What is said of a certificate that is not in the vault, or that no identity of the machine may ask for."""
    identities = (machine.get("identity") or {}).get("userAssignedIdentities") or {}
    known = str(hub["identity"]).lower() in {name.lower() for name in identities}
    if not hub["certificate"] or (known and world.store.get(SECRETS, str(hub["certificate"]).split("/")[4])):
        return ""
    return "waiting the certificate cannot be read from Key Vault yet; see journalctl -u jupyterhub"


def _trouble(hub: Mapping[str, Any], up_seconds: float, words: str) -> str:
    if not hub["runs"]:
        young = up_seconds < 120
        return f"waiting the hub is starting: {words}" if young else f"failed {words}; see journalctl -u jupyterhub"
    return f"waiting the hub is starting: {words}" if up_seconds < STARTS_WITHIN else ""
