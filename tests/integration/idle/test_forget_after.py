"""An environment that sleeps on is deleted after two warnings, unless someone asks for it: the whole story of one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from dormouse.clock import DAY, parse_moment, rfc3339
from dormouse.resources.compute.machines import key_of
from local.sandbox import Ground, temporary_ground
from tests.fleet import sweep_ended, warm_up
from tests.support import SUBSCRIPTION, WORKSTATION, AzureSide, ControlPlane, until

# A decision is valid for five minutes: at this speed they are long enough for what a sweep does.
SPEED = 120.0
SPEC = {**WORKSTATION, "idle": {"enabled": False}, "forget_after": "4d", "forget": "snapshot"}
VM = f"{SUBSCRIPTION}/resourceGroups/rg-dormouse-old/providers/Microsoft.Compute/virtualMachines/vm-old"


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A slower ground of these tests' own."""
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        with running.client() as client:
            warm_up(client)
        yield running


@dataclass
class Old:
    """The environment, the records about it, and what sweeps and people said of it."""

    plane: ControlPlane
    azure: AzureSide
    seen: dict[str, Any] = field(default_factory=dict)

    def sweep(self) -> dict[str, Any] | None:
        """What is planned for it after one more sweep."""
        sweep_ended(self.plane.client, self.plane.client.post("/sweeps", json={}))
        planned: dict[str, Any] | None = self.plane.get("old")["planned"]
        return planned

    def days_pass(self, days: float) -> None:
        """Everything on record about it happened so many days earlier."""
        for row in self.azure.rows("machines"):
            if row["RowKey"] == key_of(VM):
                document = _earlier(json.loads(row["properties"]["Document"][1]), days * DAY)
                self.azure.write_row("machines", row["RowKey"], json.dumps(document))
        for row in self.azure.rows("operations"):
            document = json.loads(row["properties"]["Document"][1])
            moments = {name: document[name] for name in ("accepted_at", "began_at", "ended_at") if document.get(name)}
            moved = {name: rfc3339(parse_moment(text) - days * DAY) for name, text in moments.items()}
            self.azure.write_row("operations", row["RowKey"], json.dumps({**document, **moved}), Environment="old")

    def told(self, event: str) -> list[str]:
        found = [one["body"] for one in self.azure.client.get("/messages").json()["value"]]
        return [one["text"] for one in found if one["event"] == event]


def _earlier(document: dict[str, Any], seconds: float) -> dict[str, Any]:
    def moved(known: dict[str, Any], *names: str) -> dict[str, Any]:
        return {**known, **{name: known[name] - seconds for name in names if known.get(name)}}

    changed = moved(document, "first_seen", "state_since")
    changed["sleep"] = moved(document["sleep"], "asked_at", "dormant_since")
    warning = document.get("warning")
    return {**changed, "warning": moved(warning, "given_at", "stop_at", "delivered_at") if warning else None}


@pytest.fixture(scope="module")
def old(ground: Ground) -> Iterator[Old]:
    with ground.client() as client, ground.simulation() as simulation:
        one = Old(ControlPlane(client), AzureSide(simulation))
        seen, plane = one.seen, one.plane
        dry = plane.put("old", SPEC, dry_run="true").json()
        plane.up("old", SPEC)
        seen["warnings"], seen["awake"] = dry["warnings"], one.sweep()
        assert plane.follow(plane.post("old", "stop"))["outcome"] == "succeeded"
        seen["asleep"] = one.sweep()
        one.days_pass(2.5)
        seen["warned"], seen["first"] = one.sweep(), one.told("warned")
        client.post("/environments/old/hold", json={"for": "1h", "reason": "mine"}).raise_for_status()
        seen["held"] = one.sweep()
        client.post("/environments/old/hold", json={"for": 0}).raise_for_status()
        seen["again"] = one.sweep()
        one.days_pass(2.5)
        one.sweep()
        assert plane.follow(plane.post("old", "start"))["outcome"] == "succeeded"
        seen["started"] = one.sweep()
        assert plane.follow(plane.post("old", "stop"))["outcome"] == "succeeded"
        one.sweep()
        one.days_pass(2.5)
        one.sweep()
        one.days_pass(0.8)
        one.azure.spoil(effect="refuse", path="/dormouse", kind="hooks.localhost", status=503)
        seen["before"], seen["nothing yet"] = len(one.told("warned")), one.sweep()
        one.days_pass(3)
        one.sweep()
        seen["not reached"] = one.sweep()
        one.azure.behave()
        one.sweep()
        seen["last"] = one.told("warned")
        one.days_pass(0.9)
        seen["still there"] = one.sweep()
        one.days_pass(0.104)
        sweep_ended(client, client.post("/sweeps", json={}))
        until(lambda: client.get("/environments/old").status_code == 404, "it is not deleted")
        (seen["deletion"],) = (
            operation
            for operation in client.get("/operations", params={"environment": "old"}).json()["value"]
            if operation["verb"] == "delete"
        )
        yield one
        one.azure.as_before()


def test_an_environment_that_runs_has_no_plan_and_the_dry_run_warns(old: Old) -> None:
    assert old.seen["awake"] is None
    assert any("With forget_after=4d, sweeps delete the environment" in one for one in old.seen["warnings"])


def test_asleep_it_says_when_it_is_deleted(old: Old) -> None:
    planned = old.seen["asleep"]
    assert planned["then"] == "delete"
    assert "If no one starts or holds it, the environment old is deleted at" in planned["text"]


def test_the_first_warning_names_what_is_lost_and_when(old: Old) -> None:
    assert old.seen["warned"]["at"] is not None
    (text,) = old.seen["first"]
    assert "deleted with everything in the environment old at" in text
    assert "Lost with it: its disks (" in text
    assert "its passwords in the key vault" in text
    assert "Snapshots of the disks are taken first, and kept." in text


def test_a_hold_and_a_start_begin_the_time_again(old: Old) -> None:
    assert (old.seen["held"], old.seen["started"]) == (None, None)
    first, again = (parse_moment(old.seen[name]["at"]) for name in ("asleep", "again"))
    assert again > first
    assert "If no one starts or holds it" in old.seen["again"]["text"]


def test_a_day_before_there_is_a_second_warning_and_nothing_happens_within_that_day(old: Old) -> None:
    assert len(old.seen["last"]) == old.seen["before"] + 1
    assert old.seen["still there"]["then"] == "delete"
    assert old.seen["still there"]["text"].startswith("A warning was sent. It will be deleted")


def test_an_owner_who_is_not_reached_loses_nothing_however_late_it_is(old: Old) -> None:
    planned = old.seen["not reached"]
    assert planned["text"].startswith("Not deleted with everything in the environment old yet, because the warning was not")
    assert "HTTP 503" in planned["text"]


def test_then_it_is_deleted_like_any_other_and_people_are_told(old: Old) -> None:
    deletion = old.seen["deletion"]
    assert (deletion["outcome"], deletion["requested_by"]) == ("succeeded", "sweep (forget_after)"), deletion
    assert old.azure.resources("old") == []
    kept = [one["id"] for one in old.azure.everything() if one["type"] == "Microsoft.Compute/snapshots"]
    assert len(kept) == 1
    (text,) = old.told("deleted")
    assert text.startswith("It has slept for the forget_after of its spec, and no one started it. old is deleted")
    assert kept[0] in text
