"""Activity reports keep machines awake; they never make one idle, and undo only what their own reporter said."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dormouse.access.signatures import hub_signature
from dormouse.clock import DAY, MINUTE, parse_moment, rfc3339
from local.azure.services.activity import REPORT_SECRET
from local.plain_http import NO_TLS
from local.sandbox import Ground, temporary_ground
from tests.fleet import FleetSide, machine, sweep_ended
from tests.support import until

# A signature and a decision are valid for five minutes: at this speed they are long enough for some requests.
SPEED = 30.0
CALM, AT_ONCE = "window=5m, grace=0m, lead=30m", "window=5m, grace=0m, lead=0m"


@pytest.fixture(scope="module")
def fleet_ground() -> Iterator[Ground]:
    """A slower ground of these tests' own."""
    with temporary_ground(speed=SPEED, timers=False) as running:
        yield running


def now_of(fleet: FleetSide) -> float:
    return parse_moment(fleet.control_plane.get("/health").json()["time"])


def item(fleet: FleetSide, name: str, minutes: float | None, **more: Any) -> dict[str, Any]:
    """A report about a machine that is busy for so many minutes from now; None: no longer."""
    end = None if minutes is None else rfc3339(now_of(fleet) + minutes * MINUTE)
    return {"machine": fleet.id(name), "busy_until": end, **more}


def report(fleet: FleetSide, *items: dict[str, Any], **query: str) -> httpx.Response:
    return fleet.control_plane.post("/machines/activity", json={"reports": items}, params=query)


def signed(fleet: FleetSide, body: dict[str, Any], secret: str = REPORT_SECRET) -> httpx.Response:
    """What a reporter without a key is answered."""
    content = json.dumps(body).encode()
    headers = {"X-Hub-Signature-256": hub_signature(secret, content)}
    url = f"{fleet.control_plane.base_url}/machines/activity/signed".replace("api//", "api/")
    return httpx.post(url, content=content, headers=headers, timeout=30, trust_env=False, verify=NO_TLS)


def test_a_report_keeps_a_warned_machine_awake_until_it_is_withdrawn(fleet: FleetSide) -> None:
    fleet.load(trainer=machine(idle=CALM), other=machine(idle=CALM))
    early = report(fleet, item(fleet, "trainer", 60))
    assert (early.status_code, fleet.id("trainer") in early.json()["detail"]) == (404, True), "no sweep has seen it"
    fleet.sweep()
    assert fleet.lines()["trainer"]["next_action"] == "warn"

    asked = [item(fleet, "trainer", 300, reason="nightly training"), item(fleet, "stranger", 300)]
    looked = report(fleet, *asked, dry_run="true").json()
    assert [one["status"] for one in looked["value"]] == ["recorded"]
    assert fleet.verdicts()["trainer"] == "idle", "a dry run records nothing"
    said = report(fleet, *asked).raise_for_status().json()
    assert [(one["machine"], one["status"]) for one in said["value"]] == [(fleet.id("trainer"), "recorded")]
    assert said["unknown"] == [fleet.id("stranger")]

    summary = fleet.sweep()["summary"]
    lines = fleet.lines()
    line = lines["trainer"]
    assert (summary["reported_busy"], lines["other"]["verdict"], lines["other"]["activity"]) == (1, "idle", [])
    assert (line["verdict"], line["next_action"]) == ("busy", "withdraw")
    assert line["reason"].startswith("In use: function-key reports it busy until ")
    assert line["reason"].endswith(": nightly training.")
    assert 280 < line["measurements"]["reported_busy_minutes"] <= 300
    (activity,) = line["activity"]
    assert (activity["by"], activity["reason"], activity["until"]) == (
        "function-key",
        "nightly training",
        asked[0]["busy_until"],
    )

    gone = report(fleet, item(fleet, "trainer", None)).json()["value"][0]
    assert (gone["status"], gone["busy_until"]) == ("withdrawn", None)
    assert fleet.verdicts()["trainer"] == "idle"
    capped = report(fleet, item(fleet, "trainer", 30 * 24 * 60)).json()["value"][0]
    assert capped["shortened"]
    assert parse_moment(capped["busy_until"]) - now_of(fleet) <= DAY
    assert report(fleet, item(fleet, "trainer", -5)).json()["value"][0]["status"] == "withdrawn", "the past is no longer"


def test_a_report_between_verdict_and_stop_is_seen_by_the_recheck(fleet: FleetSide) -> None:
    fleet.load(late=machine(idle=AT_ONCE, tags={"dormouse-keep": "yes"}))
    fleet.sweep()  # it is known, and excluded
    fleet.simulation.put("/resources/tags", json={"id": fleet.id("late"), "tags": {"dormouse-idle": AT_ONCE}})
    until(lambda: fleet.verdicts()["late"] == "idle", "Resource Graph does not show its tags")
    fleet.spoil(effect="slow", path="metrics:getBatch", seconds=120, times=1)
    accepted = fleet.control_plane.post("/sweeps")
    until(lambda: fleet.simulation.get("/faults").json()["value"][0]["spoilt"] == 1, "no metrics were queried")
    report(fleet, item(fleet, "late", 60, reason="a restore")).raise_for_status()
    sweep_ended(fleet.control_plane, accepted)
    assert fleet.lines()["late"]["verdict"] == "idle", "the verdict rests on what was known before"
    assert fleet.power("late") == "running"
    (operation,) = fleet.operations("late")
    assert (operation["outcome"], "function-key reports it busy" in operation["reason"]) == ("cancelled", True), operation


def test_signed_reports_are_checked_ordered_and_undone_by_their_reporter_only(fleet: FleetSide) -> None:
    fleet.load(node=machine(idle=CALM))
    fleet.sweep()
    at = now_of(fleet)
    busy = {"reporter": "slurm", "at": rfc3339(at - 20), "reports": [item(fleet, "node", 600, reason="job 42")]}
    assert signed(fleet, busy, "another secret").status_code == 401
    assert signed(fleet, {**busy, "at": rfc3339(at - 600)}).status_code == 401, "old"
    assert signed(fleet, {**busy, "at": rfc3339(at + 1200)}).status_code == 401, "not yet"
    assert fleet.verdicts()["node"] == "idle"
    assert signed(fleet, busy).raise_for_status().json()["value"][0]["status"] == "recorded"
    assert signed(fleet, busy).raise_for_status().json()["value"][0]["status"] == "unchanged", "sent twice"
    withdrawal = {"reporter": "airflow", "at": rfc3339(at - 10), "reports": [item(fleet, "node", None)]}
    signed(fleet, withdrawal).raise_for_status()
    report(fleet, item(fleet, "node", None)).raise_for_status()
    assert fleet.verdicts()["node"] == "busy", "others cannot undo what slurm has said"
    assert "slurm reports it busy" in fleet.lines()["node"]["reason"]

    done = signed(fleet, {**withdrawal, "reporter": "slurm"}).raise_for_status().json()
    assert done["value"][0]["status"] == "withdrawn"
    replayed = signed(fleet, busy).raise_for_status().json()["value"][0]
    assert (replayed["status"], replayed["busy_until"]) == ("unchanged", None), "an older message undoes no newer one"
    assert fleet.verdicts()["node"] == "idle"


@pytest.mark.parametrize("door", ["with a key", "signed"])
def test_every_fault_of_a_report_is_named_at_once(fleet: FleetSide, door: str) -> None:
    wrong: dict[str, Any] = {
        "reports": [
            {"machine": "vm1", "busy_until": "2026-05-01T12:00:00"},
            {"machine": fleet.id("x"), "environment": "ml1", "busy_until": None, "reason": "x" * 201},
            {"environment": "ml1"},
        ]
    }
    if door == "signed":
        wrong |= {"reporter": "Slurm!", "at": rfc3339(now_of(fleet))}
    answer = signed(fleet, wrong) if door == "signed" else report(fleet, *wrong["reports"])
    assert answer.status_code == 422
    pointers = {fault["pointer"] for fault in answer.json()["errors"]}
    assert report(fleet).status_code == 422, "without reports"
    expected = {"/reports/0/machine", "/reports/0/busy_until", "/reports/1/reason", "/reports/2/busy_until"}
    assert pointers == (expected | {"/reporter"} if door == "signed" else expected)
