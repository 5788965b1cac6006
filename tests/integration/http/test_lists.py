"""Lists of two hundred environments, their machines and operations: narrowed, sorted and paged, with few calls."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from dormouse import serialization
from dormouse.environments.operations import EnvironmentRecord, OperationRecord
from dormouse.environments.results import Outcome, OutcomeStatus
from dormouse.lifecycle import Verb
from dormouse.records.operation_rows import NEWEST_FIRST
from dormouse.resources.compute.machines import machine_id
from dormouse.resources.plan import Resource
from local.azure.core.world import SUBSCRIPTION
from local.azure.server import MANAGEMENT, PRICES, TABLES
from local.sandbox import temporary_ground
from tests.fleet import CPU_SIZE, machine, sweep_ended
from tests.support import AzureSide

MANY = 200
OWNERS, BLUEPRINTS = ("alice", "bob", "carol", "dave"), ("workstation", "data-science")
FIRST = "01JABCDEFGHJKMNPQRSTVW"  # the begin of a ULID; the rest counts


def environment(number: int) -> EnvironmentRecord:
    name = f"e{number:03}"
    vm = Resource("vm", "virtual_machine", machine_id(SUBSCRIPTION, f"rg-dormouse-{name}", f"vm-{name}"))
    return EnvironmentRecord(
        name, BLUEPRINTS[number % 2], OWNERS[number % 4], "polandcentral", "{}", "", "2026-05-01T12:00:00Z", resources=(vm,)
    )


def write_operations(azure: AzureSide) -> None:
    for number in range(MANY):
        ulid, verb = f"{FIRST}{number:04}", (Verb.START, Verb.STOP)[number % 2]
        outcome = Outcome(OutcomeStatus.FAILED if number % 10 == 0 else OutcomeStatus.SUCCEEDED, "It ended.")
        known = OperationRecord(f"e001-{verb}-{ulid}", "e001", verb, OWNERS[number % 4], "2026-05-01T12:00:00Z")
        columns = {"Verb": verb.value, "By": known.by, "Outcome": outcome.status.value}
        written = columns if number % 3 else {}  # a third is as an earlier release has written it
        document = serialization.text_of(replace(known, outcome=outcome))
        azure.write_row("operations", ulid.translate(NEWEST_FIRST), document, Environment="e001", **written)


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[httpx.Client, AzureSide]]:
    with (
        temporary_ground(speed=20, timers=False, agents=False) as ground,
        ground.client() as client,
        ground.simulation() as sim,
    ):
        azure = AzureSide(sim)
        records = [environment(number) for number in range(MANY)]
        client.get("/environments").raise_for_status()  # creates the tables
        client.get("/operations").raise_for_status()
        for record in records:
            azure.write_row("environments", record.name, serialization.text_of(record))
        write_operations(azure)
        running = [record for record in records if int(record.name[1:]) % 5]
        machines = [
            {
                "id": f"rg-dormouse-{one.name}/vm-{one.name}",
                **machine(agent=False, size=CPU_SIZE, tags={"dormouse": one.name}),
            }
            for one in running
        ]
        sim.post("/estate", json={"machines": machines}, timeout=60).raise_for_status()
        sweep_ended(client, client.post("/sweeps", json={"dry_run": False}))
        yield client, azure


def pages(client: httpx.Client, path: str, **query: str) -> tuple[list[dict[str, Any]], int | None]:
    """All rows over all pages, each page saying the same total."""
    answer = client.get(path, params=query).raise_for_status().json()
    rows, total = list(answer["value"]), answer["total"]
    while answer["next"]:
        answer = client.get(answer["next"].removeprefix("/api")).raise_for_status().json()
        assert answer["total"] == total
        rows += answer["value"]
    return rows, total


def calls(client: httpx.Client, azure: AzureSide, path: str) -> dict[str, int]:
    azure.client.delete("/calls").raise_for_status()
    client.get(path).raise_for_status()
    counted: dict[str, int] = azure.client.get("/calls").json()
    return {host: counted.get(host, 0) for host in (MANAGEMENT, TABLES, PRICES)}


def test_two_hundred_environments_cost_as_many_calls_as_two(sides: tuple[httpx.Client, AzureSide]) -> None:
    client, azure = sides
    client.get("/environments?limit=1").raise_for_status()  # the price of the size is kept for a day
    assert len(client.get(f"/environments?limit={MANY}").json()["value"]) == MANY
    # The first has no machine, the second one has.
    two, many = calls(client, azure, "/environments?limit=2"), calls(client, azure, f"/environments?limit={MANY}")
    assert two == many
    assert many[MANAGEMENT] == 1
    assert many[TABLES] <= 10
    assert calls(client, azure, f"/environments?limit={MANY}&state=running&sort=-verdict")[MANAGEMENT] == 1


def test_environments_are_narrowed_and_sorted_over_all_pages(sides: tuple[httpx.Client, AzureSide]) -> None:
    client, _ = sides
    every, total = pages(client, "/environments", limit="200")
    assert (len(every), total) == (MANY, MANY)
    assert [row["name"] for row in every] == sorted(row["name"] for row in every)
    for query in ({"owner": "Alice,BOB"}, {"blueprint": "data-science"}, {"state": "running"}, {"search": "E01"}):
        rows, total = pages(client, "/environments", limit="30", sort="-owner", **query)
        expected = [row for row in every if _matches(row, query)]
        assert total == len(rows) == len(expected)
        assert 0 < total < MANY
        assert [row["name"] for row in rows] == [
            row["name"] for row in sorted(sorted(expected, key=lambda r: r["name"]), key=lambda r: r["owner"], reverse=True)
        ]
    states = [row["state"] for row in pages(client, "/environments", limit="150", sort="state")[0]]
    assert states == sorted(states)
    assert set(states) == {"running", "absent"}


def _matches(row: dict[str, Any], query: dict[str, str]) -> bool:
    if "search" in query:
        return query["search"].lower() in row["name"]
    ((column, value),) = query.items()
    return row[column] in value.lower().split(",")


def test_machines_are_narrowed_and_sorted_over_the_whole_report(sides: tuple[httpx.Client, AzureSide]) -> None:
    client, _ = sides
    every, total = pages(client, "/machines", limit="50")
    assert len(every) == total == MANY * 4 // 5
    rows, total = pages(client, "/machines", limit="7", owner="carol", sort="-name", state="running")
    expected = sorted((row["name"] for row in every if row["owner"] == "carol"), reverse=True)
    assert [row["name"] for row in rows] == expected
    assert total == len(expected) > 0
    report = client.get("/machines/idle-report", params={"search": "vm-e01", "limit": "3", "sort": "name"}).json()
    assert (report["total"], report["summary"]["machines"]) == (8, MANY * 4 // 5)
    text = client.get("/machines/idle-report", params={"format": "csv", "environment": "e001"}).raise_for_status().text
    assert [line.split(",")[2] for line in text.splitlines()[1:]] == ["vm-e001"]
    assert client.get("/machines?environment=nothing").json() | {"as_of": None} == {
        "value": [], "next": None, "problems": [], "as_of": None, "total": 0
    }  # fmt: skip


def test_operations_of_this_and_earlier_releases_are_narrowed_and_sorted(sides: tuple[httpx.Client, AzureSide]) -> None:
    client, _ = sides
    every, total = pages(client, "/operations", limit="150", environment="e001")
    assert (len(every), total) == (MANY, MANY)
    rows, total = pages(client, "/operations", limit="3", outcome="failed", requested_by="carol", environment="e001")
    expected = [row["id"] for row in every if (row["outcome"], row["requested_by"]) == ("failed", "carol")]
    assert [row["id"] for row in rows] == expected
    assert total == len(expected) == 10
    oldest, _ = pages(client, "/operations", limit="200", verb="stop", sort="accepted_at")
    assert [row["id"] for row in oldest] == [row["id"] for row in reversed(every) if row["verb"] == "stop"]


@pytest.mark.parametrize(
    ("path", "faults"),
    [
        ("/environments?colour=red&state=asleep&sort=price&owner=a,,b", ("'colour'", "`state`", "`sort`", "`owner`")),
        ("/machines?verdict=lazy&sort=-nothing&search=%20&boss=x", ("`verdict`", "`sort`", "`search`", "'boss'")),
        ("/operations?verb=explode&outcome=odd&filter=x", ("`verb`", "`outcome`", "'filter'")),
        ("/machines/idle-report?format=csv&sort=name", ("`sort`",)),
        ("/machines?sort=name&after=MTUw", ("cursor",)),
    ],
)
def test_every_fault_of_a_query_is_named_at_once(
    path: str, faults: tuple[str, ...], sides: tuple[httpx.Client, AzureSide]
) -> None:
    refused = sides[0].get(path)
    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert [fault for fault in faults if fault not in refused.json()["detail"]] == []
