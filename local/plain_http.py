"""HTTP without TLS, as the embedded host speaks it: clients that trust no certificate, and read none."""

import ssl
from collections.abc import Mapping

import httpx

# Reading the certificates of every authority takes 30 ms for each client, which is more than most tests need.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def plain_client(base_url: str, headers: Mapping[str, str]) -> httpx.Client:
    """A client of a host on this computer; it waits for 30 seconds and uses no proxy."""
    return httpx.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False, verify=NO_TLS)
