"""The check of the certificate: what is served, until when it is valid, and for which addresses."""

import hashlib
import os
import re
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

from .browser import TIMEOUT
from .results import Result, unanswered

PROGRAMS = os.environ.get("DORMOUSE_SBIN", "/usr/local/sbin")


def check_certificate(hub: Any) -> None:
    """Is a certificate served that is valid, that is the one in place, and that is for the public address?"""
    served = ssl.PEM_cert_to_DER_cert(certificate_of(hub))
    fingerprint = hashlib.sha256(served).hexdigest().upper()
    place = Path(hub["tls"]) / "certificate.pem"
    kept = re.search("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", place.read_text(), re.DOTALL)
    if not kept or ssl.PEM_cert_to_DER_cert(kept[0]) != served:
        raise Result("waiting the hub serves an older certificate than the one in place; it needs a restart")
    shown = x509(place, "-enddate", "-checkend", "0")
    if shown.returncode:
        raise Result("failed the certificate has expired")
    ends = time.strftime("%Y-%m-%d", time.gmtime(ssl.cert_time_to_seconds(shown.stdout.splitlines()[0].partition("=")[2])))
    if hub["certificate"]:
        names = names_in(place)
        raise Result(f"passed certificate from Key Vault for {names}, valid until {ends}, SHA-256 {fingerprint}")
    addresses = public_addresses()
    if not addresses:
        raise Result("waiting the metadata service does not name the public address that the certificate must be for")
    missing = [address for address in addresses if not is_for(place, address)]
    if missing:
        raise Result(f"failed the certificate is not for this address: {', '.join(missing)}")
    raise Result(f"passed self-signed certificate (browsers warn), valid until {ends}, SHA-256 {fingerprint}")


def public_addresses() -> list[str]:
    """The public addresses as the program for the certificate reads them."""
    done = subprocess.run(
        [f"{PROGRAMS}/dormouse-hub-certificate", "--addresses"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def names_in(certificate: Path) -> str:
    """The first names that a certificate is for."""
    return ", ".join(re.findall(r"(?:DNS|IP Address):([^,\s]+)", x509(certificate, "-ext", "subjectAltName").stdout)[:2])


def is_for(certificate: Path, address: str) -> bool:
    """Whether a certificate is for an IP address."""
    return "does match" in x509(certificate, "-checkip", address).stdout


def x509(certificate: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """What openssl says of a certificate."""
    command = ["openssl", "x509", "-noout", *words, "-in", str(certificate)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def certificate_of(hub: Any) -> str:
    """The certificate that is served."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", hub["port"]), TIMEOUT) as plain, context.wrap_socket(plain) as safe:
            return ssl.DER_cert_to_PEM_cert(safe.getpeercert(binary_form=True) or b"")
    except OSError as error:
        raise unanswered(hub, f"nothing answers on port {hub['port']}: {error}") from None
