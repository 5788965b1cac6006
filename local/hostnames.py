"""Names under .localhost, which by RFC 6761 are this machine and which not every resolver knows."""

import socket
from typing import Any


def resolve_localhost_names() -> None:
    """From now on, in this process, every name that ends in .localhost is 127.0.0.1."""
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and name.endswith(".localhost"):
            return ask("127.0.0.1", *args, **kwargs)
        return ask(host, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo
