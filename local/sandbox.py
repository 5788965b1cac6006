"""A sandbox: the simulated Azure and the embedded host as two processes, and how to reach them."""

import base64
import contextlib
import itertools
import json
import os
import secrets
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import httpx

from local.azure.core.world import SUBSCRIPTION, TENANT
from local.azure.providers.vaults import own_vault
from local.azure.server import DEVOPS, HOOKS, IDENTITY, LOGIN, MANAGEMENT, METRICS, PRICES, SIMULATION, TABLES, VAULT
from local.azure.services import activity
from local.azure.services.registry_contents import SUFFIX as OF_REGISTRIES
from local.host.durable.store import Store
from local.plain_http import plain_client
from local.processes import Process

ROOT = Path(__file__).resolve().parent.parent
# Operating systems use ports from 16000 upwards, most of them from 32768, for outgoing connections.
NEVER_GIVEN_AWAY = range(10_000, 16_000)
OF_ONE_PROCESS = 100
TIMERS = ("sweep_timer", "receipts_timer", "retention_timer", "rotation_timer", "reconcile_timer")

# These secrets may be public: they protect only what runs on this computer.
SLACK_SECRET, CHATOPS_SECRET, NOTIFY_SECRET = "local-slack-secret", "local-chatops-secret", "local-notify-secret"
TEAMS_SECRET = base64.b64encode(b"local-teams-secret").decode()

CHAT_USERS = (
    "slack:UOPERATOR=operator, slack:UUSER=user, generic:operator=operator, "
    "teams:0d0e5e00-0000-4000-8000-0000000000b0=user, teams:0d0e5e00-0000-4000-8000-0000000000ca=user"
)

NOTHING_ELSE: Mapping[str, str] = {}


class Ground:
    """A simulated Azure and a host that runs the app against it.

    With `sessions`, its host keeps orchestrators in memory; tests set it, as replays would be half of the work of both.
    """

    sessions: ClassVar[bool] = False

    def __init__(
        self,
        home: Path,
        *,
        speed: float,
        seed: int = 1,
        tails: bool = False,
        port: int = 0,
        azure_port: int = 0,
        timers: bool = True,
        agents: bool = True,
        estate: Path | None = None,
        settings: Mapping[str, str] = NOTHING_ELSE,
        app: Path = ROOT,
    ) -> None:
        """Prepare both processes; nothing runs before `start`. Port 0 means any free one.

        With `tails`, one operation of Azure in ten takes unusually long. Without `timers` nothing happens without a
        request, and agents report every minute; without `agents` new machines do not report. `estate` is a file of
        existing machines, `settings` override those of the app, and `app` is the folder of the app that is loaded.
        """
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.port, self.azure_port = home, port or free_port(), azure_port or free_port()
        self._identity_header = secrets.token_urlsafe(24)
        (home / "host").mkdir(exist_ok=True)  # both use the same simulated time, also for the state of an earlier run
        with contextlib.closing(Store(home / "host" / "host.sqlite")) as store:
            self.clock = store.clock(speed)
        here, pace = [sys.executable, "-m"], ["--speed", repr(self.clock.speed), "--origin", repr(self.clock.origin)]
        azure = [*here, "local.azure", "--home", str(home / "azure"), "--port", str(self.azure_port), *pace]
        azure += ["--seed", str(seed), "--state", str(home / "azure.sqlite"), "--control-plane", self.api]
        azure += ["--tails"] if tails else []
        azure += ["--estate", str(estate.resolve())] if estate else []
        host = [*here, "local.host", "--app", str(app), "--home", str(home / "host"), "--port", str(self.port), *pace]
        host += ["--extended-sessions"] if self.sessions else []
        self.azure = Process(azure, self._plain_environment, home / "azure.log")
        untimed = {f"AzureWebJobs.{name}.Disabled": "true" for name in TIMERS} | {"HEARTBEAT_SECONDS": "60"}
        changed = {} if timers else untimed  # no heartbeat can be shortly before sweeps that come at any time
        changed |= {} if agents else {"CONTROL_PLANE_URL": ""}
        self.host = Process(host, {**self.app_environment, **changed, **settings}, home / "host.log")

    def start(self) -> None:
        """Start both; raises GroundError."""
        self.azure.start()
        self.host.start()

    def stop(self) -> None:
        """Stop both."""
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
        """The base URL of the control plane."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def app_environment(self) -> dict[str, str]:
        """The settings of the app: the same as in Azure, with other URLs."""
        return {
            **self._plain_environment,
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
            "AZURE_RESOURCE_MANAGER_URL": self._url(MANAGEMENT),
            "KEY_VAULT_URL": self._url(VAULT),
            "KEY_VAULT_ID": own_vault(VAULT.partition(".")[0]).text,
            "AZURE_DEVOPS_URL": self._url(DEVOPS),
            "RECORDS_TABLES_URL": self._url(TABLES),
            "RETAIL_PRICES_URL": self._url(PRICES),
            "MONITOR_METRICS_URL": self._url(f"{{region}}.{METRICS}"),
            "CONTAINER_REGISTRY_URL": self._url(f"{{registry}}{OF_REGISTRIES}"),
            "ENTRA_AUTHORITY_URL": self._url(LOGIN),
            "ENTRA_TENANT_ID": TENANT,
            "CONTROL_PLANE_URL": self.api,
            "NOTIFY_WEBHOOK_URL": f"{self._url(HOOKS)}/dormouse",
            "NOTIFY_WEBHOOK_SECRET": NOTIFY_SECRET,
            "NOTIFY_HOSTS": HOOKS,
            "NOTIFY_PRIVATE_HOSTS": f"{HOOKS}, {activity.HOST}",
            **activity.app_settings(self._url(activity.HOST)),
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
        return plain_client(self.api, {"x-functions-key": self.key})

    def simulation(self) -> httpx.Client:
        """A client of the simulation's control API."""
        trust = ssl.create_default_context(cafile=str(self.home / "azure" / "ca.pem"))
        address, name = f"https://127.0.0.1:{self.azure_port}", f"{SIMULATION}:{self.azure_port}"
        trust.check_hostname = False  # by its address, because not every resolver knows the name
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
    tails: bool = False,
    timers: bool = True,
    agents: bool = True,
    estate: Path | None = None,
    settings: Mapping[str, str] = NOTHING_ELSE,
    app: Path = ROOT,
) -> Iterator[Ground]:
    """A running sandbox that is deleted afterwards."""
    home = Path(tempfile.mkdtemp(prefix="dormouse-"))
    ground = Ground(
        home,
        speed=speed,
        seed=seed,
        tails=tails,
        timers=timers,
        agents=agents,
        estate=estate,
        settings=settings,
        app=app,
    )
    try:
        ground.start()
        yield ground
    finally:
        ground.stop()
        shutil.rmtree(home, ignore_errors=True)


def free_port() -> int:
    """A free port of this computer, outside the range for outgoing connections; another one on every call.

    It is free until it is used, so processes that began one after the other, as those of tests, choose from different ones.
    """
    while True:
        port = next(_ports)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def ports_of(process: int) -> Iterator[int]:
    """The ports that the process with this ID chooses from, again and again."""
    begin = process * OF_ONE_PROCESS % len(NEVER_GIVEN_AWAY)
    return itertools.cycle(NEVER_GIVEN_AWAY[begin : begin + OF_ONE_PROCESS])


_ports = ports_of(os.getpid())
