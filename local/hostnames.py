"""Names below .localhost, which by RFC 6761 are this computer but which not every resolver knows."""

import socket
from typing import Any


def resolve_localhost_names() -> None:
    """Resolve every name that ends in .localhost to 127.0.0.1 in this process from now on."""
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and name.endswith(".localhost"):
            return ask("127.0.0.1", *args, **kwargs)
        return ask(host, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo
