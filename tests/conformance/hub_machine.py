"""A machine with the real JupyterHub: the files of the feature in a folder of their own, real accounts, PAM and TLS."""

import gzip
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from dormouse.guest.features import jupyterhub
from dormouse.resources.features import JupyterHub
from tests.support import ROOT

VENV = ROOT / ".venv-jupyterhub"
PASSWORD = 'S3|"$ä-klar-26'
PATIENCE = 60.0


@dataclass(slots=True)
class Metadata:
    """The metadata service, and a key vault.

    A public address of the Standard SKU is in the answer about the load balancer only.
    """

    address: str = "203.0.113.7"
    secret: dict[str, str] = field(default_factory=dict)
    identity: str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/hub"

    def answer(self, path: str, headers: Any) -> Any:
        """What it answers, and what Key Vault does; None for a request without the header that each of them wants."""
        if path.startswith("/secrets/"):
            return self.secret if headers["Authorization"] == f"Bearer token of {self.identity}" else None
        if headers["Metadata"] != "true":
            return None
        if path.startswith("/metadata/identity/oauth2/token"):
            wanted = parse_qs(urlsplit(path).query)
            assert wanted["resource"] == ["https://vault.azure.net"]
            return {"access_token": f"token of {wanted['msi_res_id'][0]}"}
        if path.startswith("/metadata/loadbalancer"):
            return {"loadbalancer": {"publicIpAddresses": [{"frontendIpAddress": self.address}]}}
        return [{"ipv4": {"ipAddress": [{"privateIpAddress": "10.0.0.4", "publicIpAddress": ""}]}}]


@contextmanager
def served(metadata: Metadata) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = metadata.answer(self.path, self.headers)
            self.send_response(403 if found is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@dataclass(slots=True)
class HubMachine:
    """The folder of the machine, its accounts, and the hub that runs in it."""

    folder: Path
    metadata: Metadata
    metadata_port: int
    ports: list[int] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    named: tuple[str, ...] = ()
    others: list[str] = field(default_factory=list)

    @property
    def allowed(self) -> str:
        return f"dm{os.getpid()}-ana"

    @property
    def other(self) -> str:
        return f"dm{os.getpid()}-ben"

    @property
    def check_account(self) -> str:
        return f"dm{os.getpid()}-check"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.ports[0]}"

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    def set_up(self) -> None:
        """Write the generated files, with other folders and free ports, and add the accounts."""
        self.ports = free_ports(3)
        feature = JupyterHub((self.allowed, *self.named), sudo=False, port=self.ports[0], rstudio=True)
        for file in jupyterhub.JUPYTERHUB.files(feature):
            path = self.folder / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.placed(file.content) if file.is_text else gzip.decompress(file.content))
            path.chmod(int(file.permissions, 8))
        self.settings(**jupyterhub.settings_of(feature))
        self.settings(
            address="127.0.0.1",
            hub_port=self.ports[1],
            proxy_port=self.ports[2],
            data=str(self.folder / "data"),
            tls=str(self.tls),
            check_account=self.check_account,
            kernels=str(self.folder / "kernels"),
            metadata=f"http://127.0.0.1:{self.metadata_port}",
            ready=str(self.folder / "ready"),
        )
        (self.folder / "data").mkdir(0o700)
        (self.folder / "ready").touch()
        (self.folder / "kernels" / "bin").mkdir(parents=True)
        (self.folder / "programs").mkdir()
        (self.folder / "sudoers.d").mkdir()
        self.program("systemctl", f'echo "$@" >> {self.folder}/systemctl.log')
        for name in (self.allowed, self.other, self.check_account):
            run("useradd", "--create-home", "--home-dir", str(self.folder / name), name)
        for name in (self.allowed, self.other):
            run("chpasswd", given=f"{name}:{PASSWORD}\n")

    def placed(self, content: bytes) -> bytes:
        """A text file with the folders of this machine."""
        text = content.decode().replace(jupyterhub.CHECK_ARCHIVE, f"{self.folder}{jupyterhub.CHECK_ARCHIVE}")
        return text.replace(f"{jupyterhub.PREFIX}/", f"{VENV}/").encode()

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change the settings of the hub; returns those before."""
        path = self.folder / "etc" / "jupyterhub" / "hub.json"
        before: dict[str, Any] = json.loads(path.read_text())
        path.write_text(json.dumps({**before, **changes}))
        return before

    def program(self, name: str, text: str, folder: str = "programs") -> Path:
        """A program that the hub's programs, or its notebooks, find on this machine."""
        path = self.folder / folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def script(self, name: str, text: str) -> Path:
        """A program that notebooks find on this machine, with its own interpreter."""
        path = self.program(name, "", "kernels/bin")
        path.write_text(text)
        return path

    def start(self) -> None:
        """Start the hub as its unit does, and wait until it answers."""
        self.certificate()
        command = [str(VENV / "bin" / "jupyterhub"), "--config", str(self.folder / "etc/jupyterhub/jupyterhub_config.py")]
        with (self.folder / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder / "data", env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        wait(lambda: self.health() == 200, self.log)

    def stop(self) -> None:
        """End the process of the hub only, as systemd does with KillMode=process."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)

    def certificate(self, *words: str) -> str:
        """What the program for the certificate prints."""
        return self._hub_program("dormouse-hub-certificate", *words)

    def check(self, what: str) -> str:
        """What the check prints."""
        return self._hub_program("dormouse-hub-check", what)

    def users_program(self) -> str:
        """What the program for accounts prints when the setup runs it."""
        return self._hub_program("dormouse-hub-users")

    def health(self) -> int:
        with suppress(httpx.HTTPError), self.client() as client:
            return client.get("/hub/health").status_code
        return 0

    def client(self) -> httpx.Client:
        """A client that trusts the certificate in place only."""
        context = ssl.create_default_context(cafile=str(self.tls / "certificate.pem"))
        return httpx.Client(base_url=self.url, verify=context, trust_env=False, timeout=30)

    def log_in(self, client: httpx.Client, name: str, password: str) -> httpx.Response:
        """The answer to the login form."""
        client.get("/hub/login")
        token = next(cookie.value for cookie in client.cookies.jar if cookie.name == "_xsrf" and cookie.path == "/hub/")
        return client.post("/hub/login?next=", data={"username": name, "password": password, "_xsrf": str(token)})

    def open_server(self, client: httpx.Client, name: str = "", password: str = PASSWORD) -> str:
        """Log in as the administrator, or as a named user, and wait for the notebook server; returns its path."""
        client.follow_redirects = True
        name = name or self.allowed
        assert self.log_in(client, name, password).status_code == 200
        base = f"/user/{name}/"
        wait(lambda: client.get(f"{base}lab").url.path == f"{base}lab", self.log)
        return base

    def open_kernel(self, client: httpx.Client, name: str = "", password: str = PASSWORD) -> dict[str, int]:
        """Log in and start a kernel; returns the processes of the server and the kernel."""
        base = self.open_server(client, name, password)
        tokens = [cookie.value for cookie in client.cookies.jar if cookie.name == "_xsrf" and cookie.path == base]
        headers = {"X-XSRFToken": str(tokens[0])}
        started = client.post(f"{base}api/kernels", headers=headers, json={"path": ""})  # of a notebook in the top folder
        assert started.status_code == 201, started.text
        wait(lambda: self.processes_of(name or self.allowed, "ipykernel"), self.log)
        return self.work_of(name or self.allowed)

    def work_of(self, name: str) -> dict[str, int]:
        """The processes of the notebook server and of the only kernel of a user."""
        (server,), (kernel,) = (self.processes_of(name, word) for word in ("jupyterhub-singleuser", "ipykernel"))
        return {"server": server, "kernel": kernel}

    def change_users(self, script: str) -> tuple[str, bool]:
        """Run a script about users as the machine does; returns its output, and whether it has restarted the hub."""
        asked, done = self.folder / "restart-asked", self.folder / "restart-done"
        self.program(
            "systemctl",
            f'[ "$*" = "try-restart jupyterhub.service" ] && touch {asked}; until [ -e {done} ]; do sleep 0.1; done',
        )
        running = subprocess.Popen(
            ["/bin/sh", "-c", script], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        wait(lambda: asked.exists() or running.poll() is not None, self.log)
        restarts = asked.exists()
        if restarts:
            self.stop()
            self.start()
        done.touch()
        said = running.communicate(timeout=PATIENCE)[0]
        for path in (asked, done):
            path.unlink(missing_ok=True)
        return said, restarts

    def processes_of(self, account: str, word: str) -> list[int]:
        """The processes of an account that have a word in their command lines."""
        number = accounts()[account]
        return [pid for pid, owner, words in processes() if owner == number and word in words]

    def served_certificate(self) -> str:
        return ssl.get_server_certificate(("127.0.0.1", self.ports[0]))

    def log(self) -> str:
        return (self.folder / "hub.log").read_text()[-3000:]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder}/programs:{self.folder}/usr/local/sbin:{os.environ['PATH']}:/usr/sbin:/sbin",
            "DORMOUSE_HUB": str(self.folder / "etc/jupyterhub/hub.json"),
            "DORMOUSE_SUDOERS": str(self.folder / "sudoers.d"),
            "DORMOUSE_SBIN": str(self.folder / "usr/local/sbin"),
        }

    def clear(self) -> None:
        """End everything that the machine runs, and remove its accounts."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        for name in (self.allowed, self.other, self.check_account, *self.named, *self.others):
            if name not in accounts():
                continue
            for pid in self.processes_of(name, ""):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            wait(lambda name=name: not self.processes_of(name, ""), self.log)
            subprocess.run(["userdel", "--force", "--remove", name], capture_output=True, check=False)
            assert name not in accounts()
        shutil.rmtree(self.folder)

    def _hub_program(self, name: str, *words: str) -> str:
        path = self.folder / "usr/local/sbin" / name
        done = subprocess.run([str(path), *words], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def accounts() -> dict[str, int]:
    """The accounts of this computer, with their numbers."""
    rows = [line.split(":") for line in Path("/etc/passwd").read_text().splitlines()]
    return {row[0]: int(row[2]) for row in rows}


def processes() -> Iterator[tuple[int, int, str]]:
    """Every process: its ID, its owner and its command line."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if words:  # a process that has ended and is not waited for has none
                yield int(path.name), path.stat().st_uid, words


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def run(*command: str, given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def wait(holds: Any, log: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, log()
        time.sleep(0.1)
