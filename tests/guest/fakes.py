"""Fakes of what surrounds an agent: a machine's files, its metadata service, and a control plane."""

import contextlib
import json
import os
import pty
import re
import ssl
import struct
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

MACHINE = "/subscriptions/0d0e/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1"
Answer = tuple[int, dict[str, str], bytes]


@dataclass(slots=True)
class Request:
    """A received request."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    content: bytes
    at: float = field(default_factory=time.monotonic)


def _handler(respond: Callable[[Request], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, said, body = respond(Request(self.command, parts.path, parse_qs(parts.query), headers, content))
            if status:
                self.send_response(status)
                for name, value in {**said, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def serving(respond: Callable[[Request], Answer], host: str = "127.0.0.1", tls: Path | None = None) -> Iterator[int]:
    """A server on this machine, over TLS with the certificate and key in a folder; yields its port."""
    server = ThreadingHTTPServer((host, 0), _handler(respond))
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "certificate.pem", tls / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answered(value: Any, status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(value).encode()


@dataclass(slots=True)
class Metadata:
    """The host's metadata service; each of its tokens is different."""

    asked: list[Request] = field(default_factory=list)
    tokens: int = 0
    expires_in: int = 86_400
    away: bool = False

    def __call__(self, request: Request) -> Answer:
        self.asked.append(request)
        if self.away:
            return answered({"error": "unavailable"}, 503)
        if request.headers.get("metadata") != "true":
            return answered({"error": "invalid_request"}, 400)
        if request.path == "/metadata/instance/compute":
            return answered({"resourceId": MACHINE})
        self.tokens += 1
        token = {"access_token": f"token-{self.tokens}", "expires_in": str(self.expires_in), "expires_on": "99999999999"}
        return answered(token)


@dataclass(slots=True)
class ControlPlane:
    """The control plane; `answers` are sent in turn before the usual response."""

    received: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    away: bool = False
    warning: dict[str, Any] | None = None
    hold: dict[str, Any] | None = None

    def __call__(self, request: Request) -> Answer:
        if self.away:
            return 0, {}, b""
        self.received.append(request)
        if self.answers:
            return self.answers.pop(0)
        said = {"next_in_seconds": 0.2, "confirmed": True, "warning": self.warning, "hold": self.hold}
        return answered(said)

    @property
    def heartbeats(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.received]

    @property
    def minutes(self) -> list[dict[str, Any]]:
        return [minute for heartbeat in self.heartbeats for minute in heartbeat["minutes"]]


@dataclass(slots=True)
class Machine:
    """The files of a machine, and its programs."""

    root: Path
    programs: Path

    def write(self, path: str, text: str | bytes = "") -> Path:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        return target

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def process(
        self, pid: int, name: str, parent: int = 1, command: str = "", state: str = "S", terminal: str = "", leads: int = 0
    ) -> None:
        """Add a process; `terminal` is like "pts/3", and `leads` the session leader, if it is not the process itself."""
        number = terminal and ((136 << 8) if terminal.startswith("pts/") else 4 << 8) + int(re.sub(r"\D", "", terminal))
        number = (number or 0) + (64 if terminal.startswith("ttyS") else 0)
        session = (leads or pid) if terminal else 0
        self.write(f"/proc/{pid}/stat", f"{pid} ({name}) {state} {parent} {session} {session} {number} -1 4194304")
        self.write(f"/proc/{pid}/cmdline", command.replace(" ", "\0"))

    def user(self, pid: int, number: int, switches: int = 0) -> None:
        """Set the user of a process, and how often it has waited."""
        uid = "\t".join([str(number)] * 4)
        self.write(f"/proc/{pid}/status", f"Name:\tx\nUid:\t{uid}\nvoluntary_ctxt_switches:\t{switches}\n")

    def sockets(self, pid: int, *inodes: int) -> None:
        """The sockets that a process has open."""
        folder = self.root / f"proc/{pid}/fd"
        folder.mkdir(parents=True, exist_ok=True)
        for number, inode in enumerate(inodes, 3):
            (folder / str(number)).symlink_to(f"socket:[{inode}]")

    def logind(self, name: str, **said: object) -> None:
        """Add a session as systemd-logind records it."""
        usual = {"UID": 1000, "USER": "ana", "ACTIVE": 1, "STATE": "active", "REMOTE": 1, "TYPE": "tty", "CLASS": "user"}
        lines = [f"{key}={value}" for key, value in {**usual, **said}.items()]
        self.write(f"/run/systemd/sessions/{name}", "\n".join(["# This is private data. Do not parse.", *lines]) + "\n")

    def gpu(self, name: str = "0000:00:1e.0") -> None:
        self.write(f"/sys/bus/pci/devices/{name}/vendor", "0x10de\n")
        self.write(f"/sys/bus/pci/devices/{name}/class", "0x030200\n")

    def logged_in(self, *people: tuple[int, int, str], line: str = "pts/0", host: str = "10.0.0.1") -> None:
        """Write utmp records: kind, process and name."""
        records = [
            struct.pack("=hxxi32s4s32s256s52x", kind, pid, line.encode(), b"ts/0", user.encode(), host.encode())
            for kind, pid, user in people
        ]
        self.write("/var/run/utmp", b"".join(records))

    def connected(self, *lines: tuple[str, str, str] | tuple[str, str, str, int], file: str = "tcp") -> None:
        """Write rows of /proc/net/tcp: local and remote address, state, and the socket's inode."""
        rows = [
            f"   {n}: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  1000  0 {rest[0] if rest else n}"
            for n, (local, remote, state, *rest) in enumerate(lines)
        ]
        self.write(f"/proc/net/{file}", "\n".join(["  sl  local_address rem_address   st", *rows]) + "\n")

    def jupyter(self, pid: int, port: int, home: str = "/home/alice", **more: Any) -> None:
        said = {
            "pid": pid,
            "port": port,
            "secure": False,
            "base_url": "/lab/",
            "token": "t0k",
            "url": "http://evil.example/",
        }
        self.write(f"{home}/.local/share/jupyter/runtime/jpserver-{pid}.json", json.dumps({**said, **more}))

    def plain(self) -> None:
        """A quiet machine without a GPU."""
        (self.root / "sys/bus/pci/devices").mkdir(parents=True)
        self.write(
            "/proc/stat", "cpu 100 0 50 1000 10 0 0 0 0 0\ncpu0 50 0 25 500 5 0 0 0\ncpu1 50 0 25 500 5 0 0 0\nintr 1\n"
        )
        self.write("/proc/diskstats", "8 0 sda 1 0 100 0 1 0 100 0 0 0 0\n8 1 sda1 1 0 100 0 1 0 100 0 0 0 0\n")
        (self.root / "sys/block/sda/device").mkdir(parents=True)
        self.write("/proc/net/dev", "Inter-|\n face |\n    lo: 9 1 0 0 0 0 0 0 9 1 0\n  eth0: 1000 1 0 0 0 0 0 0 500 1 0\n")
        self.logged_in()
        self.connected()
        self.write("/dev/pts/ptmx")
        self.process(1, "systemd", 0)


@dataclass(slots=True)
class Terminal:
    """A real terminal under the name that it has on a machine, and what was written to it."""

    machine: Machine
    name: str = "pts/0"
    master: int = -1
    slave: int = -1

    def open(self) -> None:
        if self.slave < 0:
            self.master, self.slave = pty.openpty()
            tty.setraw(self.slave)
            os.set_blocking(self.master, False)
        path = self.machine.root / "dev" / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.ttyname(self.slave))

    def seen(self) -> str:
        with contextlib.suppress(BlockingIOError):
            return os.read(self.master, 65536).decode()
        return ""

    def flow(self, action: int) -> None:
        termios.tcflow(self.slave, action)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


@dataclass(slots=True)
class Agent:
    """An agent that runs as a process."""

    process: subprocess.Popen[str]
    log: Path

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)


def command(archive: Path, machine: Machine, *words: str) -> list[str]:
    return [sys.executable, "-I", str(archive), "--root", str(machine.root), *words]


def environment(machine: Machine) -> dict[str, str]:
    proxies = {name: value for name, value in os.environ.items() if name == "http_proxy"}
    return {"PATH": f"{machine.programs}:{os.defpath}", **proxies}
