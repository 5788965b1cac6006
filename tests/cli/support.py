"""The installed command, run in a process of its own, and a fake server whose responses tests choose."""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "the-key-that-must-not-be-shown-1234567890"
PATIENCE = 60
PLAIN = frozenset({"HOME", "PATH", "XDG_CONFIG_HOME"})
ESCAPE = "\x1b"


@dataclass(slots=True)
class Result:
    """The result of a run: the exit code and what was printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """All output on one line."""
        return " ".join(f"{self.out} {self.err}".split())


@dataclass(slots=True)
class Command:
    """The installed command, with its own home directory and variables.

    `quick` is a program that runs it without its start-up time, where no variable is set that is read during that.
    """

    program: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    key: str = KEY
    quick: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        homes = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config")}
        return {"PATH": os.environ["PATH"], "DORMOUSE_EVERY": "0.1", **homes, **self.variables}

    @property
    def config(self) -> Path:
        """The file that `login` writes."""
        return next(self.home.rglob("dormouse/config.json"))

    def __call__(self, *arguments: str, stdin: str = "", **variables: str) -> Result:
        """Run it in pipes, and check that it prints no key, no traceback and no escape codes."""
        return self._checked(self.unchecked(*arguments, stdin=stdin, **variables))

    def unchecked(self, *arguments: str, stdin: str | bytes = "", **variables: str) -> Result:
        """Run it in pipes."""
        environment = {**self.environment, **variables}
        quick = self.quick is not None and all(name in PLAIN or name.startswith("DORMOUSE_") for name in environment)
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(self.quick), *arguments] if quick else [self.program, *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            env=environment,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def json(self, *arguments: str) -> Any:
        """The document that it prints to stdout with --json."""
        result = self(*arguments, "--json")
        assert result.code == 0, result
        return result.json

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it in pipes without waiting for it."""
        # A shell script ignores SIGINT for its background jobs, and the command would inherit that.
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return subprocess.Popen(
            [self.program, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def interrupt(self, running: subprocess.Popen[str]) -> Result:
        """Send what Ctrl-C sends, and wait for the end."""
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE)
        return self._checked(Result(running.returncode, out, err))

    def run_in_shell(self, line: str, **variables: str) -> Result:
        """Run a line of bash in which `dormouse` is the command, with bytes that are not text shown as they are."""
        done = subprocess.run(
            ["bash", "-c", f'dormouse() {{ {self.program} "$@"; }}; {line}'],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
        return self._checked(Result(done.returncode, done.stdout, done.stderr))

    def run_on_terminal(
        self, *arguments: str, answer: str = "", columns: int = 100, more: dict[str, str] | None = None
    ) -> Result:
        """Run it on a terminal of this width, and type an answer to its prompt."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        variables = {**self.environment, "TERM": "xterm-256color", **(more or {})}
        running = subprocess.Popen([self.program, *arguments], env=variables, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown, answered, deadline = b"", not answer, time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    shown += os.read(ours, 65536)
                except OSError:  # Linux raises it when the other side has closed
                    break
            if not answered and (b"?" in shown or b": " in shown):
                os.write(ours, answer.encode())
                answered = True
        os.close(ours)
        text = shown.decode()
        assert self.key not in text
        assert "Traceback" not in text
        return Result(running.wait(PATIENCE), text, "")

    def _checked(self, result: Result) -> Result:
        for text in (result.out, result.err):
            assert self.key not in text
            assert "Traceback" not in text
            assert ESCAPE not in text
        return result


Handler = Callable[["Request"], None]


@dataclass(slots=True)
class Request:
    """One request, and the ways to respond to it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    handler: BaseHTTPRequestHandler
    at: float = field(default_factory=time.monotonic)

    def respond(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def json(self, content: Any, status: int = 200, **headers: str) -> None:
        self.respond(status, json.dumps(content).encode(), **headers)

    def problem(self, status: int, detail: str, **more: Any) -> None:
        body = {"type": "about:blank", "title": "A problem", "status": status, "detail": detail, **more}
        self.respond(status, json.dumps(body).encode(), "application/problem+json")

    def drop(self) -> None:
        """Close the connection without a response."""
        self.handler.close_connection = True

    def dribble_headers(self) -> None:
        """Send a header every 50 ms, longer than any test waits."""
        with contextlib.suppress(OSError):
            self.handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for number in range(200):
                self.handler.wfile.write(f"X-{number}: 1\r\n".encode())
                time.sleep(0.05)

    def dribble(self) -> None:
        """Send a byte every 50 ms, longer than any test waits."""
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(200):
                self.handler.wfile.write(b" ")
                time.sleep(0.05)


def accept(request: Request) -> None:
    """Respond as the control plane does to a command that it accepts."""
    url = f"http://{request.headers['Host']}/api/operations/ml1-stop-1"
    headers = {"Location": f"{url}/result", "Operation_Location": url, "Retry_After": "5"}
    request.json({"operation": "ml1-stop-1", "href": url}, 202, **headers)


class FakeServer:
    """Responds with the given handlers, one per request; the last one repeats."""

    def __init__(self, trust: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self._handlers: list[Handler] = [lambda request: request.json({"value": [], "next": None})]
        fake = self

        class RequestHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self.command, self.path, dict(self.headers), self.rfile.read(length), self)
                fake.requests.append(request)
                handle = fake._handlers.pop(0) if len(fake._handlers) > 1 else fake._handlers[0]
                handle(request)

            def log_message(self, format: str, *args: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Ignore clients that disconnect early: tests make them do so."""

        for method in ("GET", "PUT", "POST", "DELETE"):  # http.server looks methods up by these names
            setattr(RequestHandler, f"do_{method}", RequestHandler.handle_request)
        self._server = Server(("127.0.0.1", 0), RequestHandler)
        if trust:
            self._server.socket = trust.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"{'https' if trust else 'http'}://localhost:{self._server.server_address[1]}"

    def respond(self, *handlers: Handler) -> None:
        """Set the handlers of the next requests."""
        self._handlers = list(handlers)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Tunnel(socketserver.StreamRequestHandler):
    """Handle a CONNECT request: tunnel to this machine, whatever host was requested."""

    def handle(self) -> None:
        request_line = self.rfile.readline().decode()
        while self.rfile.readline().strip():
            pass
        port = int(request_line.split()[1].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as target:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = {self.connection: target, target: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    content = end.recv(65536)
                    if not content:
                        return
                    ends[end].sendall(content)


@contextlib.contextmanager
def simulation_proxy() -> Iterator[str]:
    """A proxy that resolves the host names of the simulated Azure, which not every resolver does."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Tunnel) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()


@contextlib.contextmanager
def fake_server(trust: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    """Run a fake server, over HTTPS if `trust` has a certificate."""
    server = FakeServer(trust)
    try:
        yield server
    finally:
        server.close()
