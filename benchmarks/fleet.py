"""A fleet to sweep: most machines are busy, some are unknown, one in twenty is idle; with heartbeats of their agents."""

import time
from dataclasses import dataclass
from typing import Any

import httpx
from azure.core.credentials import AccessToken
from azure.data.tables import TableServiceClient, UpdateMode

from dormouse.resources.compute.machines import key_of
from local.azure.core.world import SUBSCRIPTION
from local.sandbox import Ground

PATIENCE = 240.0
AT_ONCE = 100  # rows in one transaction
GPU, NO_GPU = "Standard_NC24ads_A100_v4", "Standard_D4s_v5"
HEARTBEATS = "heartbeats"
# Stopped by the first sweep that acts: no lead, no grace, and a window of five minutes.
NOW = {"dormouse-idle": "lead=0m, grace=0m, window=5m"}
WATCHED = {"dormouse-idle": "on"}

QUIET_HOST = {
    "cpu_percent": "0..2",
    "network_in_bytes_per_second": "100..300",
    "network_out_bytes_per_second": "100..300",
    "disk_read_bytes_per_second": "0..20",
    "disk_write_bytes_per_second": "0..200",
}
BUSY_HOST = QUIET_HOST | {"cpu_percent": "20..80"}
PEOPLE = ("logins", "connections", "sessions_opaque", "terminals_active", "kernel_connections")
JOBS = ("terminal_jobs", "batch_jobs", "kernels", "kernels_busy", "kernels_active", "containers", "jobs")
WORK = (*JOBS, "gpu_percent", "gpu_processes", "gpu_memory_percent")
# Numbers that change every minute, as real ones do: constants would compress much better.
QUIET: dict[str, Any] = dict.fromkeys((*PEOPLE, *WORK), 0) | {
    "cpu_percent": "0..3",
    "cpu_cores": "0..0.3",
    "disk_bytes_per_second": "100..90000",
    "network_bytes_per_second": "100..9000",
}
TRAINING = QUIET | {
    "gpu_percent": "60..99",
    "gpu_memory_percent": "70..80",
    "gpu_watts": "200..300",
    "gpu_processes": 8,
    "cpu_percent": "5..30",
    "cpu_cores": "2..8",
    "logins": 1,
    "network_bytes_per_second": "1000..90000000",
}


@dataclass(frozen=True, slots=True)
class Squad:
    """Some machines of a fleet in one resource group; with `agents` their agents run and report."""

    group: str
    count: int
    agents: bool = True

    @property
    def idle(self) -> list[str]:
        """The IDs of the idle machines, in lower case: one in twenty."""
        return self._ids("idle", self.count // 20)

    @property
    def training(self) -> list[str]:
        """The IDs of the busy machines with an agent."""
        return self._ids("training", self.count * 11 // 20)

    @property
    def estate(self) -> dict[str, Any]:
        """The machines in the format of docs/estates.md; a fifth has a GPU and no agent, a fifth is busy and has no GPU."""
        silent = self.count // 5
        plain = self.count - silent - len(self.idle) - len(self.training)
        return {
            "machines": [
                self._machines("idle", len(self.idle), tags=NOW, agent=self.agents, host=QUIET_HOST, inside=QUIET),
                self._machines("training", len(self.training), agent=self.agents, host=QUIET_HOST, inside=TRAINING),
                self._machines("silent", silent, host=QUIET_HOST),
                self._machines("plain", plain, size=NO_GPU, host=BUSY_HOST),
            ]
        }

    def _machines(self, name: str, count: int, **more: Any) -> dict[str, Any]:
        return {"id": f"{self.group}/{name}", "repeat": count, "size": GPU, "tags": WATCHED, **more}

    def _ids(self, name: str, count: int) -> list[str]:
        above = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{self.group}/providers/Microsoft.Compute/virtualMachines"
        return [f"{above}/{name}-{number:04}".lower() for number in range(1, count + 1)]


def create(azure: httpx.Client, squad: Squad) -> None:
    """Create the machines, and wait until their agents have reported their backlog of six hours each."""
    azure.post("/estate", json=squad.estate, timeout=60).raise_for_status()
    wait_for_agents(azure)


def wait_for_agents(azure: httpx.Client) -> None:
    """Wait until every agent has reported its backlog; raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while azure.get("/agents").json()["pending"]:
        if time.monotonic() > deadline:
            raise TimeoutError("the agents do not finish reporting")
        time.sleep(0.2)


def listed(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    """Every item in a list of the control plane, over all pages."""
    found: list[dict[str, Any]] = []
    following: str | None = path
    while following:
        content = client.get(following.removeprefix("/api")).json()
        found += content["value"]
        following = content["next"]
    return found


def copy_heartbeats(ground: Ground, azure: httpx.Client, known: Squad, others: Squad) -> None:
    """Copy the heartbeat rows of one squad for another, because real reports would take minutes."""
    pairs = [*zip(others.idle, _cycle(known.idle, others.idle), strict=True)]
    pairs += zip(others.training, _cycle(known.training, others.training), strict=True)
    tables = _tables(ground, azure, known.idle[0])
    heartbeats = tables.get_table_client(HEARTBEATS)
    entities = {entity["RowKey"]: dict(entity) for entity in heartbeats.query_entities(f"PartitionKey eq '{HEARTBEATS}'")}
    rows = [{**entities[key_of(model)], "RowKey": key_of(copy)} for copy, model in pairs]
    for begin in range(0, len(rows), AT_ONCE):
        mode = {"mode": UpdateMode.REPLACE}
        heartbeats.submit_transaction([("upsert", row, mode) for row in rows[begin : begin + AT_ONCE]])


def _cycle(models: list[str], like: list[str]) -> list[str]:
    return [models[number % len(models)] for number in range(len(like))]


def _tables(ground: Ground, azure: httpx.Client, machine: str) -> TableServiceClient:
    asked = {"id": machine, "audience": "https://storage.azure.com"}
    token = azure.post("/machines/token", json=asked).json()["access_token"]
    trust = ground.app_environment
    return TableServiceClient(
        trust["RECORDS_TABLES_URL"], credential=_Given(token), connection_verify=trust["SSL_CERT_FILE"]
    )


class _Given:
    """A credential with a fixed token."""

    def __init__(self, token: str) -> None:
        self._token = AccessToken(token, int(time.time()) + 3600)

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return self._token
