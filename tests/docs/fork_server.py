"""`python -m tests.docs.fork_server SOCKET`: `dormouse` without its start-up time.

The packages are imported once; every connection to the socket forks a process that runs one command with the
connection's arguments, variables, folder, input and output, and answers with the exit code.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path

from tests.support import ROOT

sys.path.insert(0, str(ROOT / "cli"))
LISTENING = "listening"
# A program that connects to the socket, for Python without its site packages.
CLIENT = """\
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({socket!r})
    request = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(server, [len(request).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(request)
    sys.exit(int(server.recv(16) or b"70"))
"""


def main() -> None:
    """Serve until the process is killed."""
    import dormouse_cli.app  # noqa: F401 - what every command needs
    from dormouse_cli.main import main as run

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children disappear
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(sys.argv[1])
        server.listen()
        sys.stdout.write(f"{LISTENING}\n")
        sys.stdout.flush()
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _become(connection)
                code: object = 0
                try:
                    run()
                except SystemExit as ended:
                    code = ended.code or 0
                sys.stdout.flush()
                sys.stderr.flush()
                connection.sendall(str(code).encode())
                os._exit(0)
            connection.close()


def _become(connection: socket.socket) -> None:
    length, descriptors, *_ = socket.recv_fds(connection, 4, 3)
    request = b""
    while len(request) < int.from_bytes(length, "big"):
        request += connection.recv(1 << 16)
    arguments, variables, folder = json.loads(request)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv[1:] = arguments
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(Path(folder))


if __name__ == "__main__":
    main()
