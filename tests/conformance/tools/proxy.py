"""A proxy through which tools reach names below .localhost, which not every resolver knows, and nothing else."""

import socket
import threading
from types import TracebackType

ESTABLISHED, FORBIDDEN = b"HTTP/1.1 200 Connection established\r\n\r\n", b"HTTP/1.1 403 Forbidden\r\n\r\n"


class LocalhostProxy:
    """Tunnels of HTTPS to this computer, each served by threads of its own."""

    def __enter__(self) -> "LocalhostProxy":
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listening.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return  # closed
            threading.Thread(target=_serve, args=(client,), daemon=True).start()


def _serve(client: socket.socket) -> None:
    with client:
        head = b""
        while b"\r\n\r\n" not in head:
            received = client.recv(4096)
            if not received:
                return
            head += received
        method, target, *_ = head.decode().split()
        name, _, port = target.partition(":")
        if method != "CONNECT" or not name.endswith(".localhost"):
            client.sendall(FORBIDDEN)
            return
        with socket.create_connection(("127.0.0.1", int(port))) as server:
            client.sendall(ESTABLISHED)
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other side has closed
