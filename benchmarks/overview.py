"""What one poll of the dashboard costs: seconds and bytes of `GET /api/overview` over 1,000 and 10,000 machines."""

import gzip
import statistics
import time
from dataclasses import dataclass, replace

import httpx

from benchmarks.figures import Figure, Room, at_most
from benchmarks.sweep import swept
from dormouse import serialization
from dormouse.environments.operations import EnvironmentRecord
from dormouse.resources.compute.machines import machine_id
from dormouse.resources.plan import Resource
from local.azure.core.world import SUBSCRIPTION
from local.azure.server import MANAGEMENT, TABLES
from local.sandbox import temporary_ground

SIZES = (1_000, 10_000)
ENVIRONMENTS = 200
POLLS = 20
PAGE = 25  # as the dashboard asks
SECONDS, KIB = 0.5, 128.0
QUESTIONS = ("sort=attention", "sort=attention&search=box+westeurope", "sort=-name&verdict=stopped")


@dataclass(frozen=True, slots=True)
class Poll:
    """The first poll after a sweep and the median of later ones in seconds, the size in KiB, and calls for one poll."""

    first: float
    later: float
    kib: float
    zipped_kib: float
    tables: int
    management: int


def measure() -> Room:
    """Polls with 200 environments, beside 1,000 machines and then 10,000; a request takes no time of its own."""
    found: dict[int, Poll] = {}
    place = temporary_ground(speed=1.0, timers=False, agents=False)
    with place as ground, ground.simulation() as azure, ground.client() as client:
        _write_environments(client, azure)
        for before, machines in zip((0, *SIZES), SIZES, strict=False):
            box = {"id": f"fleet{machines}/box", "repeat": machines - before, "size": "Standard_D4s_v5"}
            body = {"machines": [{**box, "power": "deallocated", "tags": {"dormouse-idle": "on"}}]}
            azure.post("/estate", json=body, timeout=120).raise_for_status()
            swept(client, dry_run=True)
            found[machines] = _polled(client, azure, machines)
    figures = [figure for machines, poll in found.items() for figure in _figures(machines, poll)]
    return Room("overview", {f"seconds_{machines}": poll.later for machines, poll in found.items()}, tuple(figures))


def _write_environments(client: httpx.Client, azure: httpx.Client) -> None:
    client.get("/environments").raise_for_status()  # creates the table
    vm = Resource("vm", "virtual_machine", "")
    for number in range(ENVIRONMENTS):
        name = f"e{number:03}"
        built = replace(vm, id=machine_id(SUBSCRIPTION, f"rg-dormouse-{name}", f"vm-{name}"))
        about = ("workstation", "ann", "polandcentral", "{}", "", "2026-05-01T12:00:00Z")
        record = EnvironmentRecord(name, *about, resources=(built,))
        row = {"table": "environments", "partition": "environments", "key": name, "document": serialization.text_of(record)}
        azure.put("/rows", json=row).raise_for_status()


def _polled(client: httpx.Client, azure: httpx.Client, machines: int) -> Poll:
    first, answer = _ask(client, QUESTIONS[0])
    if answer.json()["total"] != machines + ENVIRONMENTS or len(answer.json()["value"]) != PAGE:
        raise RuntimeError(f"the overview shows {answer.json()['total']} rows")
    azure.delete("/calls").raise_for_status()
    _ask(client, QUESTIONS[0])
    calls = azure.get("/calls").json()
    took = [_ask(client, QUESTIONS[number % len(QUESTIONS)])[0] for number in range(POLLS)]
    size, zipped = len(answer.content) / 1024, len(gzip.compress(answer.content)) / 1024
    return Poll(first, statistics.median(took), size, zipped, calls.get(TABLES, 0), calls.get(MANAGEMENT, 0))


def _ask(client: httpx.Client, question: str) -> tuple[float, httpx.Response]:
    begun = time.perf_counter()
    answer = client.get(f"/overview?limit={PAGE}&{question}").raise_for_status()
    return time.perf_counter() - begun, answer


def _figures(machines: int, poll: Poll) -> list[Figure]:
    beside = f"{machines:,} machines, {ENVIRONMENTS} environments"
    return [
        at_most(f"a poll of the dashboard, {beside}", round(poll.later, 3), SECONDS, " s"),
        Figure(f"the first poll after a sweep, {beside}", f"{poll.first:.2f} s"),
        at_most(f"its size, {beside}", round(poll.kib, 1), KIB, " KiB"),
        Figure(f"its size if compressed, {beside}", f"{poll.zipped_kib:.1f} KiB"),
        Figure(f"calls of tables and of Azure for it, {beside}", f"{poll.tables} and {poll.management}"),
    ]
