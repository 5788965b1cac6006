"""The command as people run it: installed, in a process of its own; and a server that answers as no server should."""

import contextlib
import json
import os
import pty
import select
import signal
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "the-key-that-nobody-may-see-1234567890"
PATIENCE = 60
ESCAPE = "\x1b"


@dataclass(slots=True)
class Ended:
    """How a run of the command has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Everything, in one line."""
        return " ".join(f"{self.out} {self.err}".split())


@dataclass(slots=True)
class Command:
    """The installed command, with a home and variables of its own."""

    program: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    key: str = KEY

    @property
    def environment(self) -> dict[str, str]:
        homes = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config")}
        return {"PATH": os.environ["PATH"], "DORMOUSE_EVERY": "0.1", **homes, **self.variables}

    @property
    def config(self) -> Path:
        """The file that login writes."""
        return next(self.home.rglob("dormouse/config.json"))

    def __call__(self, *arguments: str, stdin: str = "", **variables: str) -> Ended:
        """Run it in pipes; whatever happens, it shows no key, no traceback and no escape codes."""
        done = subprocess.run(
            [self.program, *arguments],
            input=stdin,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return self._checked(Ended(done.returncode, done.stdout, done.stderr))

    def json(self, *arguments: str) -> Any:
        """What it prints with --json, alone on stdout."""
        ended = self(*arguments, "--json")
        assert ended.code == 0, ended
        return ended.json

    def begun(self, *arguments: str) -> subprocess.Popen[str]:
        """It runs in pipes, and nobody waits for it."""
        if (
            signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        ):  # as in the background of a script; the command would inherit it
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return subprocess.Popen(
            [self.program, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def interrupted(self, running: subprocess.Popen[str]) -> Ended:
        """How it ends when somebody presses Ctrl-C."""
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE)
        return self._checked(Ended(running.returncode, out, err))

    def on_a_terminal(self, *arguments: str, answer: str = "") -> Ended:
        """Run it on a terminal, on which somebody answers its question."""
        ours, its = pty.openpty()
        variables = {**self.environment, "TERM": "xterm-256color", "COLUMNS": "100"}
        running = subprocess.Popen([self.program, *arguments], env=variables, stdin=its, stdout=its, stderr=its)
        os.close(its)
        shown, answered, deadline = b"", not answer, time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    shown += os.read(ours, 65536)
                except OSError:  # Linux says so when the other side has closed
                    break
            if not answered and (b"?" in shown or b": " in shown):
                os.write(ours, answer.encode())
                answered = True
        os.close(ours)
        text = shown.decode()
        assert self.key not in text
        assert "Traceback" not in text
        return Ended(running.wait(PATIENCE), text, "")

    def _checked(self, ended: Ended) -> Ended:
        for text in (ended.out, ended.err):
            assert self.key not in text
            assert "Traceback" not in text
            assert ESCAPE not in text
        return ended


Handler = Callable[["Request"], None]


@dataclass(slots=True)
class Request:
    """One request, and the ways to answer it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    answerer: BaseHTTPRequestHandler
    at: float = field(default_factory=time.monotonic)

    def answer(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.answerer.send_response(status)
        self.answerer.send_header("Content-Type", kind)
        self.answerer.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.answerer.send_header(name.replace("_", "-"), value)
        self.answerer.end_headers()
        self.answerer.wfile.write(body)

    def json(self, content: Any, status: int = 200, **headers: str) -> None:
        self.answer(status, json.dumps(content).encode(), **headers)

    def problem(self, status: int, detail: str, **more: Any) -> None:
        body = {"type": "about:blank", "title": "A problem", "status": status, "detail": detail, **more}
        self.answer(status, json.dumps(body).encode(), "application/problem+json")

    def drop(self) -> None:
        """The connection ends without an answer."""
        self.answerer.close_connection = True

    def dribble(self) -> None:
        """A byte now and then, for ever."""
        self.answerer.send_response(200)
        self.answerer.send_header("Content-Type", "application/json")
        self.answerer.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(200):
                self.answerer.wfile.write(b" ")
                time.sleep(0.05)


class FakeServer:
    """Answers what it is told to, request by request; the last answer is given for ever."""

    def __init__(self, trust: ssl.SSLContext | None = None) -> None:
        self.asked: list[Request] = []
        self._answers: list[Handler] = [lambda request: request.json({"value": [], "next": None})]
        fake = self

        class Answerer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self.command, self.path, dict(self.headers), self.rfile.read(length), self)
                fake.asked.append(request)
                handler = fake._answers.pop(0) if len(fake._answers) > 1 else fake._answers[0]
                handler(request)

            def log_message(self, format: str, *args: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Whoever goes away before the answer is over is expected here."""

        for method in ("GET", "PUT", "POST", "DELETE"):  # the names are those of http.server
            setattr(Answerer, f"do_{method}", Answerer.handle_request)
        self._server = Server(("127.0.0.1", 0), Answerer)
        if trust:
            self._server.socket = trust.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"{'https' if trust else 'http'}://localhost:{self._server.server_address[1]}"

    def answers(self, *handlers: Handler) -> None:
        """From now on it answers so."""
        self._answers = list(handlers)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Tunnel(socketserver.StreamRequestHandler):
    """One CONNECT, always to this very machine, whatever name it is for."""

    def handle(self) -> None:
        asked = self.rfile.readline().decode()
        while self.rfile.readline().strip():
            pass
        port = int(asked.split()[1].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as there:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = {self.connection: there, there: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    content = end.recv(65536)
                    if not content:
                        return
                    ends[end].sendall(content)


@contextlib.contextmanager
def names_of_the_simulation() -> Iterator[str]:
    """A proxy that knows the names of the simulated Azure, which not every resolver does."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Tunnel) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()


@contextlib.contextmanager
def fake_server(trust: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    """A server that is gone afterwards."""
    server = FakeServer(trust)
    try:
        yield server
    finally:
        server.close()
