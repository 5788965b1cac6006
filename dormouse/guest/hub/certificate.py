"""The certificate of JupyterHub: made on the machine for its public addresses, or read from Key Vault; renewed in time."""

import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

SETTINGS = os.environ.get("DORMOUSE_HUB", "/etc/jupyterhub/hub.json")
UNIT = "jupyterhub.service"
DAYS, RENEWED_BEFORE_DAYS = 365, 30
TRIES, PAUSE, TIMEOUT = 5, 3.0, 10.0
# https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
# Public addresses of the Standard SKU are in the metadata of the load balancer, even if the machine has none.
# https://learn.microsoft.com/azure/load-balancer/howto-load-balancer-imds
INTERFACES = "/metadata/instance/network/interface?api-version=2021-02-01"
LOAD_BALANCER = "/metadata/loadbalancer?api-version=2020-10-01"
# https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
TOKEN = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net&msi_res_id="  # noqa: S105
VAULT_VERSION = "api-version=7.4"


def main() -> int:
    """Make or renew the certificate if it is due; with `--restart`, the hub then serves it at once.

    `--addresses` prints the addresses that it must be for.
    """
    hub = json.loads(Path(SETTINGS).read_text())
    if "--addresses" in sys.argv:
        print(" ".join(public_addresses(hub["metadata"])))
        return 0
    folder = Path(hub["tls"])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        changed = from_key_vault(hub, folder) if hub["certificate"] else own(hub, folder)
    except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as error:
        print(f"The certificate stays as it is: {error}", file=sys.stderr)
        return 1
    print("There is a new certificate." if changed else "The certificate stays as it is.")
    if changed and "--restart" in sys.argv:
        subprocess.run(["systemctl", "try-restart", UNIT], check=True)
    return 0


def own(hub: Any, folder: Path) -> bool:
    """Make a self-signed certificate if there is none, if it is not for the machine's addresses, or if it is about to end.

    Addresses that the metadata service does not name are those of the present certificate.
    """
    present = folder / "certificate.pem"
    addresses = public_addresses(hub["metadata"]) or addresses_in(present)
    if is_valid(present, RENEWED_BEFORE_DAYS) and set(addresses) <= set(addresses_in(present)):
        return False
    host = socket.gethostname()
    names = [f"IP:{address}" for address in (*addresses, "127.0.0.1")] + [f"DNS:{name}" for name in ("localhost", host)]
    new, key = folder / "certificate.new", folder / "key.new"
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(DAYS)),
        *("-subj", f"/CN={host[:60]}", "-addext", f"subjectAltName={','.join(dict.fromkeys(names))}"),
        *("-addext", "extendedKeyUsage=serverAuth", "-keyout", str(key), "-out", str(new)),
    )
    install(folder, key.read_bytes(), new.read_bytes())
    key.unlink()
    new.unlink()
    return True


def from_key_vault(hub: Any, folder: Path) -> bool:
    """Read the certificate and its key from Key Vault with an identity of the machine.

    https://learn.microsoft.com/azure/key-vault/certificates/about-certificates#composition-of-a-certificate
    """
    token = get(f"{hub['metadata']}{TOKEN}{quote(hub['identity'])}", {"Metadata": "true"})["access_token"]
    secret = get(f"{hub['certificate']}?{VAULT_VERSION}", {"Authorization": f"Bearer {token}"})
    text = str(secret["value"]).encode()
    if secret.get("contentType") == "application/x-pkcs12":
        archive = base64.b64decode(text)
        key = openssl("pkcs12", "-nodes", "-nocerts", "-passin", "pass:", given=archive)
        chain = openssl("pkcs12", "-nokeys", "-passin", "pass:", given=archive)
    else:
        key, chain = openssl("pkey", given=text), text[text.index(b"-----BEGIN CERTIFICATE") :]
    present = folder / "certificate.pem"
    if present.exists() and present.read_bytes() == chain:
        return False
    install(folder, key, chain)
    return True


def install(folder: Path, key: bytes, certificate: bytes) -> None:
    """Put a key and its certificate in place; only root may read the key."""
    for name, content, mode in (("key.pem", key, 0o600), ("certificate.pem", certificate, 0o644)):
        new = folder / f"{name}.new"
        new.touch(mode)
        new.chmod(mode)
        new.write_bytes(content)
        new.replace(folder / name)


def public_addresses(metadata: str) -> list[str]:
    """The public IP addresses of this machine, or none if the metadata service does not name any."""
    for attempt in range(TRIES):
        answers = [asked(f"{metadata}{path}") for path in (INTERFACES, LOAD_BALANCER)]
        found = [*of_interfaces(answers[0]), *of_load_balancer(answers[1])]
        if found or answers[0] is not None:
            return list(dict.fromkeys(found))
        time.sleep(PAUSE if attempt < TRIES - 1 else 0)
    return []


def of_interfaces(answer: Any) -> list[str]:
    """The public addresses in the metadata of the network interfaces."""
    rows = [row for interface in answer or [] for row in (interface.get("ipv4") or {}).get("ipAddress") or []]
    return [str(row["publicIpAddress"]) for row in rows if row.get("publicIpAddress")]


def of_load_balancer(answer: Any) -> list[str]:
    """The public addresses in the metadata of the load balancer."""
    rows = ((answer or {}).get("loadbalancer") or {}).get("publicIpAddresses") or []
    return [str(row["frontendIpAddress"]) for row in rows if row.get("frontendIpAddress")]


def asked(url: str) -> Any:
    """The answer of the metadata service, or None."""
    try:
        return get(url, {"Metadata": "true"})
    except (OSError, ValueError):
        return None


def get(url: str, headers: dict[str, str]) -> Any:
    """A JSON document; raises OSError or ValueError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise OSError(f"{url.partition('?')[0]} answered {error.code}") from None


def is_valid(certificate: Path, days: int) -> bool:
    """Whether there is a certificate that is valid for so many more days."""
    command = ["openssl", "x509", "-noout", "-checkend", str(days * 86400), "-in", str(certificate)]
    return certificate.exists() and subprocess.run(command, capture_output=True, check=False).returncode == 0


def addresses_in(certificate: Path) -> list[str]:
    """The IP addresses that a certificate is for, without the loopback address."""
    if not certificate.exists():
        return []
    shown = openssl("x509", "-noout", "-ext", "subjectAltName", "-in", str(certificate)).decode()
    found = re.findall(r"IP Address:([0-9A-Fa-f.:]+)", shown)
    return [address for address in found if address != "127.0.0.1"]


def openssl(*words: str, given: bytes = b"") -> bytes:
    """What openssl prints; raises CalledProcessError."""
    return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True).stdout


if __name__ == "__main__":
    raise SystemExit(main())
