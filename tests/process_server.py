"""`python -m tests.process_server SOCKET`: hosts and simulated Azures without their start-up time.

What both import is imported once, except the app's entry point; every connection to the socket forks a process that becomes
`python -m MODULE` with the connection's arguments, variables and output. It ends with this process's standard input.
"""

import contextlib
import gc
import importlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.fork_server import LISTENING, become, code_of, listening

ROOT = Path(__file__).resolve().parent.parent
MODULES = {"local.azure", "local.host"}
# Apps whose modules are those of this repository; others, such as earlier releases, have modules of the same names.
APPS = {str(ROOT), str(ROOT / "tests" / "blueprints" / "app")}


@dataclass(slots=True)
class Forked:
    """A forked process: its connection closes when it ends."""

    pid: int
    connection: socket.socket

    def poll(self) -> int | None:
        """None while it runs; how it ended is not known."""
        return 1 if select.select([self.connection], [], [], 0)[0] else None

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for its end."""
        select.select([self.connection], [], [])
        self.connection.close()
        return 1


class ProcessServer:
    """A server that is started when it is first needed."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._close = contextlib.ExitStack()
        self._address: Path | None = None

    def begin(self, command: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> Forked | None:
        """Begin a process that a command would start; None if it has to be started."""
        executable, *options = command
        if executable != sys.executable or options[0] != "-m" or options[1] not in MODULES or not _of_this_app(options):
            return None
        request = json.dumps([options[1:], dict(environment), str(ROOT)]).encode()
        with contextlib.ExitStack() as unless_it_begins:
            connection = unless_it_begins.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(str(self._started()))
            with Path(os.devnull).open("rb") as nothing:
                descriptors = [nothing.fileno(), log.fileno(), log.fileno()]
                socket.send_fds(connection, [len(request).to_bytes(4, "big")], descriptors)
            connection.sendall(request)
            pid = int.from_bytes(connection.recv(4), "big")
            unless_it_begins.pop_all()
        return Forked(pid, connection)

    def close(self) -> None:
        """End the server; what it began runs on."""
        self._close.close()

    def _started(self) -> Path:
        if self._address is None:
            self._address = self._close.enter_context(_serving())
        return self._address


@contextlib.contextmanager
def _serving() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dormouse-") as folder:
        address = Path(folder) / "socket"
        command = [sys.executable, "-m", "tests.process_server", str(address)]
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "SYSTEMROOT") if name in os.environ}
        with subprocess.Popen(command, cwd=ROOT, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            assert server.stdout.readline().decode().strip() == LISTENING
            try:
                yield address
            finally:
                server.stdin.close()


def _of_this_app(options: Sequence[str]) -> bool:
    return "--app" not in options or options[options.index("--app") + 1] in APPS


def main() -> None:
    """Serve until standard input ends."""
    for module in ("local.azure.__main__", "local.host.__main__", "activities", "orchestrators", "dormouse.http.routes"):
        importlib.import_module(module)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children disappear
    with listening(sys.argv[1]) as server:
        while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _run(connection)
            connection.close()


def _run(connection: socket.socket) -> None:
    """Become the process that the connection asks for; it closes with the process."""
    become(connection)
    name = sys.argv.pop(1)
    sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr] # as PYTHONUNBUFFERED does at a start
    connector: Any = importlib.import_module("aiohttp.connector")  # it has read SSL_CERT_FILE when it was imported
    connector._SSL_CONTEXT_VERIFIED = connector._make_ssl_context(True)
    gc.enable()
    connection.sendall(os.getpid().to_bytes(4, "big"))
    code = code_of(lambda: sys.exit(importlib.import_module(f"{name}.__main__").main()))
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    main()
