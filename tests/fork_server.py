"""`python fork_server.py SOCKET [FOLDER]`: `dormouse` without its start-up time, from FOLDER or as it is installed.

The packages are imported once; every connection to the socket forks a process that runs one command with the
connection's arguments, variables, folder, input and output, and answers with the exit code. Variables that Python or a
package reads while it is imported have no effect.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

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


@contextlib.contextmanager
def forked(python: Path, folder: Path, variables: Mapping[str, str], *cli: str) -> Iterator[Path]:
    """Serve the `dormouse` of a Python, or that of the folder `cli`; yields the program that runs it."""
    program, address = folder / "client.py", folder / "socket"
    program.write_text(CLIENT.format(socket=str(address)))
    command = [str(python), str(Path(__file__)), str(address), *cli]
    with subprocess.Popen(
        command, env=dict(variables), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().strip() == LISTENING
            yield program
        finally:
            server.kill()


def main() -> None:
    """Serve until the process is killed."""
    sys.path[:1] = sys.argv[2:3]  # in place of the folder of this file
    import httpx  # noqa: F401 - what most of them need

    import dormouse_cli.app  # noqa: F401 - what every command needs
    from dormouse_cli.main import main as run

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children disappear
    with listening(sys.argv[1]) as server:
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                become(connection)
                connection.sendall(str(code_of(run)).encode())
                os._exit(0)
            connection.close()


@contextlib.contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    """A socket at this address; who waits for it is told on standard output."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        sys.stdout.write(f"{LISTENING}\n")
        sys.stdout.flush()
        yield server


def code_of(run: Callable[[], None]) -> int:
    """The exit code with which Python would end."""
    try:
        run()
    except SystemExit as ended:
        code = ended.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
        number = code if isinstance(code, int) else 1 if code else 0
    except BaseException:  # noqa: BLE001 - as Python itself does
        traceback.print_exc()
        number = 1
    else:
        number = 0
    sys.stdout.flush()
    sys.stderr.flush()
    return number


def become(connection: socket.socket) -> None:
    """Take the arguments, variables, folder, input and output that a connection sends."""
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
