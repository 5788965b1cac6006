"""The ground to stand on: the simulated Azure and the embedded host as two processes, and how to reach them."""

import base64
import contextlib
import json
import os
import random
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.azure.core.world import SUBSCRIPTION, TENANT
from local.azure.server import HOOKS, IDENTITY, LOGIN, MANAGEMENT, METRICS, PRICES, SIMULATION, TABLES, VAULT
from local.host.durable.store import Store

ROOT = Path(__file__).resolve().parent.parent
TIME_TO_START = 30.0
# Systems take the ports of outgoing connections from 16000 upwards at the lowest, most of them from 32768.
NEVER_GIVEN_AWAY = range(10_000, 16_000)
TIMERS = ("sweep_timer", "receipts_timer", "retention_timer")


# Everybody may know them: they open nothing but what runs on this computer.
SLACK_SECRET, CHATOPS_SECRET, NOTIFY_SECRET = "local-slack-secret", "local-chatops-secret", "local-notify-secret"
TEAMS_SECRET = base64.b64encode(b"local-teams-secret").decode()


CHAT_USERS = (
    "slack:UOPERATOR=operator, slack:UUSER=user, generic:operator=operator, "
    "teams:0d0e5e00-0000-4000-8000-0000000000b0=user, teams:0d0e5e00-0000-4000-8000-0000000000ca=user"
)


NOTHING_ELSE: Mapping[str, str] = {}


class GroundError(Exception):
    """One of the processes does not come up; what it said is in the message."""


@dataclass(slots=True)
class Process:
    """One of the two processes."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it says that it listens; raises GroundError."""
        with self.log.open("ab") as log:
            log.write(b"\n")
            beginning = log.tell()
            self.running = subprocess.Popen(  # noqa: S603 - our own modules
                self.command, env=self.environment, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT
            )
        deadline = time.monotonic() + TIME_TO_START
        while b"listening on" not in self._said(beginning):
            if self.running.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise GroundError(f"{' '.join(self.command[1:3])} did not start:\n{self._said(beginning).decode()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.running is not None:
            self.running.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            self.running.wait()
            self.running = None

    def _said(self, beginning: int) -> bytes:
        return self.log.read_bytes()[beginning:]


class Ground:
    """A simulated Azure and a host that runs the app against it."""

    def __init__(
        self,
        home: Path,
        *,
        speed: float,
        seed: int = 1,
        port: int = 0,
        azure_port: int = 0,
        timers: bool = True,
        agents: bool = True,
        estate: Path | None = None,
        settings: Mapping[str, str] = NOTHING_ELSE,
    ) -> None:
        """Prepare both processes; nothing runs before `start`. Port 0 means any free one.

        Without `timers` nothing happens that nobody asks for, and without `agents` machines that are built do not report.
        `estate` is a file of machines that exist already, `settings` are those of the app that are not as usual.
        """
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.port, self.azure_port = home, port or free_port(), azure_port or free_port()
        self._identity_header = secrets.token_urlsafe(24)
        # Both live in the same simulated time: what they remember of an earlier run was the same too.
        (home / "host").mkdir(exist_ok=True)
        with contextlib.closing(Store(home / "host" / "host.sqlite")) as store:
            self.clock = store.clock(speed)
        here, pace = [sys.executable, "-m"], ["--speed", repr(self.clock.speed), "--origin", repr(self.clock.origin)]
        azure = [*here, "local.azure", "--home", str(home / "azure"), "--port", str(self.azure_port), *pace]
        azure += ["--seed", str(seed), "--state", str(home / "azure.sqlite"), "--control-plane", self.api]
        azure += ["--estate", str(estate.resolve())] if estate else []
        host = [*here, "local.host", "--app", str(ROOT), "--home", str(home / "host"), "--port", str(self.port), *pace]
        self.azure = Process(azure, self._plain_environment, home / "azure.log")
        changed = {} if timers else {f"AzureWebJobs.{name}.Disabled": "true" for name in TIMERS}
        changed |= {} if agents else {"CONTROL_PLANE_URL": ""}
        self.host = Process(host, {**self.app_environment, **changed, **settings}, home / "host.log")

    def start(self) -> None:
        """Start both; raises GroundError."""
        self.azure.start()
        self.host.start()

    def stop(self) -> None:
        """End both."""
        self.host.kill()
        self.azure.kill()

    @property
    def key(self) -> str:
        """The function key of the host."""
        return self.keys["function"]

    @property
    def keys(self) -> dict[str, str]:
        """Every key of the host."""
        keys: dict[str, str] = json.loads((self.home / "host" / "keys.json").read_text())
        return keys

    @property
    def api(self) -> str:
        """Where the control plane answers."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def app_environment(self) -> dict[str, str]:
        """The settings of the app: the same as in Azure, with other addresses."""
        return {
            **self._plain_environment,
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
            "AZURE_RESOURCE_MANAGER_URL": self._url(MANAGEMENT),
            "KEY_VAULT_URL": self._url(VAULT),
            "RECORDS_TABLES_URL": self._url(TABLES),
            "RETAIL_PRICES_URL": self._url(PRICES),
            "MONITOR_METRICS_URL": self._url(f"{{region}}.{METRICS}"),
            "ENTRA_AUTHORITY_URL": self._url(LOGIN),
            "ENTRA_TENANT_ID": TENANT,
            "CONTROL_PLANE_URL": self.api,
            "NOTIFY_WEBHOOK_URL": f"{self._url(HOOKS)}/dormouse",
            "NOTIFY_WEBHOOK_SECRET": NOTIFY_SECRET,
            "NOTIFY_HOSTS": HOOKS,
            "NOTIFY_PRIVATE_HOSTS": HOOKS,
            "SLACK_HOOKS_URL": self._url(HOOKS),
            "SLACK_SIGNING_SECRET": SLACK_SECRET,
            "TEAMS_WEBHOOK_SECRET": TEAMS_SECRET,
            "CHATOPS_SECRET": CHATOPS_SECRET,
            "CHAT_USERS": CHAT_USERS,
            "CHAT_DEFAULTS": "region=polandcentral allow_from=10.8.0.0/16",
            "CLOCK_ORIGIN": repr(self.clock.origin),
            "CLOCK_SPEED": repr(self.clock.speed),
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
            "IDENTITY_ENDPOINT": self._url(IDENTITY) + "/msi/token",
            "SSL_CERT_FILE": str(self.home / "azure" / "ca.pem"),
        }

    def client(self) -> httpx.Client:
        """A client of the control plane, with its key."""
        return httpx.Client(base_url=self.api, headers={"x-functions-key": self.key}, timeout=30, trust_env=False)

    def simulation(self) -> httpx.Client:
        """A client of the simulation itself, to tell it what to do."""
        trust = ssl.create_default_context(cafile=str(self.home / "azure" / "ca.pem"))
        address, name = f"https://127.0.0.1:{self.azure_port}", f"{SIMULATION}:{self.azure_port}"
        trust.check_hostname = False  # reached by its number, for not every resolver knows the name
        return httpx.Client(base_url=address, headers={"Host": name}, verify=trust, timeout=30, trust_env=False)

    @property
    def _plain_environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "SYSTEMROOT") if name in os.environ}
        return {**kept, "IDENTITY_HEADER": self._identity_header, "PYTHONUNBUFFERED": "1"}

    def _url(self, name: str) -> str:
        return f"https://{name}:{self.azure_port}"


@contextlib.contextmanager
def temporary_ground(
    *,
    speed: float,
    seed: int = 1,
    timers: bool = True,
    agents: bool = True,
    estate: Path | None = None,
    settings: Mapping[str, str] = NOTHING_ELSE,
) -> Iterator[Ground]:
    """A running ground that is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="dormouse-"))
    ground = Ground(home, speed=speed, seed=seed, timers=timers, agents=agents, estate=estate, settings=settings)
    try:
        ground.start()
        yield ground
    finally:
        ground.stop()
        shutil.rmtree(home, ignore_errors=True)


def free_port() -> int:
    """A port of this machine that nobody uses at the moment, and that no outgoing connection is given meanwhile."""
    while True:
        port = random.choice(NEVER_GIVEN_AWAY)  # noqa: S311 - nothing secret hangs on it
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
