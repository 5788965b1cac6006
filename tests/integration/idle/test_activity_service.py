"""An activity service is asked in every sweep and before every stop; whatever goes wrong with it keeps machines running."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dormouse.clock import HOUR, parse_moment, rfc3339
from local.azure.services.activity import GROUP
from tests.fleet import FleetSide, machine, sweep_ended
from tests.support import until

CALM, AT_ONCE = "window=5m, grace=0m, lead=30m", "window=5m, grace=0m, lead=0m"
HOST = "activity.localhost"


@pytest.fixture
def observed(fleet: FleetSide) -> Iterator[FleetSide]:
    """A fleet in the resource group that the service is asked about."""
    fleet.group = GROUP
    yield fleet
    fleet.simulation.delete("/activity").raise_for_status()


def says(fleet: FleetSide, name: str, hours: float | None = None, **statement: Any) -> None:
    """Let the service say something of a machine; busy for so many hours, if they are given."""
    if hours is not None:
        now = parse_moment(fleet.control_plane.get("/health").json()["time"])
        statement = {"state": "busy", "busy_until": rfc3339(now + hours * HOUR), **statement}
    fleet.simulation.put("/activity", json={"id": fleet.id(name), **statement}).raise_for_status()


def questions(fleet: FleetSide) -> list[list[str]]:
    """The machines of every question that the service was asked."""
    return [question["machines"] for question in fleet.simulation.get("/activity").json()["value"]]


def test_one_question_about_all_machines_decides_which_may_be_idle(observed: FleetSide) -> None:
    observed.load(
        free=machine(idle=CALM),
        training=machine(idle=CALM),
        unheard=machine(idle=CALM),
        doubtful=machine(idle=CALM),
        working=machine(idle=CALM, inside={"gpu_percent": 95}),
        asleep=machine(idle=CALM, power="deallocated"),
    )
    says(observed, "training", hours=2, reason="evaluation of night 7")
    says(observed, "unheard")
    says(observed, "doubtful", state="unknown")
    says(observed, "working", state="not_busy")
    summary = observed.sweep(dry_run=True)["summary"]
    lines = observed.lines()
    assert {name: line["verdict"] for name, line in lines.items()} == {
        "free": "idle",
        "training": "busy",
        "unheard": "unknown",
        "doubtful": "unknown",
        "working": "busy",
        "asleep": "stopped",
    }
    assert len(questions(observed)) == 1
    assert {one.rpartition("/")[2] for one in questions(observed)[0]} == set(observed.names) - {"asleep"}
    assert lines["free"]["reason"].endswith(f"The activity service {HOST} reports no activity.")
    assert lines["training"]["reason"].startswith(f"In use: the activity service {HOST} reports it busy until ")
    assert lines["training"]["reason"].endswith(": evaluation of night 7.")
    assert lines["training"]["activity"][0]["by"] == f"the activity service {HOST}"
    assert lines["unheard"]["reason"] == f"Kept running, because the activity service {HOST} said nothing about it."
    assert "does not know whether it is in use" in lines["doubtful"]["reason"]
    assert "GPU at 95 %" in lines["working"]["reason"], "that it is not busy is no reason to stop it"
    assert (summary["reported_busy"], summary["unanswered"]) == (1, 1)
    assert summary["problems"] == [f"Machines are kept running, because the activity service {HOST} said nothing about it."]


def test_no_failure_of_the_service_makes_a_machine_idle(observed: FleetSide) -> None:
    observed.load(quiet=machine(idle=CALM))
    assert observed.verdicts() == {"quiet": "idle"}
    fine = {"machine": observed.id("quiet"), "state": "not_busy"}

    def text(*machines: Any, **more: Any) -> str:
        return json.dumps({"id": "ID", "machines": machines, **more})

    answers: dict[str, dict[str, Any]] = {
        "an answer to another question": {"text": text(fine).replace("ID", "other")},
        "no JSON": {"text": "<html>"},
        "a list": {"text": "[]"},
        "no machines": {"text": json.dumps({"id": "ID"})},
        "cut off": {"text": text(fine)[:-3]},
        "a repeated key": {"text": text(fine).replace('"state"', '"state": "busy", "state"')},
        "an unnamed machine": {"text": text(fine, {"state": "not_busy"})},
        "an unknown state": {"text": text({**fine, "state": "idle"})},
        "busy without an end": {"text": text({**fine, "state": "busy"})},
        "busy without a time zone": {"text": text({**fine, "state": "busy", "busy_until": "2100-01-01T00:00:00"})},
        "busy in the past": {"text": text({**fine, "state": "busy", "busy_until": "2020-01-01T00:00:00Z"})},
        "not busy until then": {"text": text({**fine, "busy_until": "2100-01-01T00:00:00Z"})},
        "one answer contradicts another": {"text": text(fine, {**fine, "state": "unknown"})},
        "too much": {"text": text(fine, padding="x" * (2 * 2**20))},
        "an error with a good answer": {"text": text(fine), "status": 500},
        "a redirect with a good answer": {"text": text(fine), "status": 307, "location": f"https://{HOST}/busy"},
        "accepted": {"text": text(fine), "status": 202},
    }
    wrong = {}
    for what, answer in answers.items():
        observed.simulation.put("/activity", json=answer).raise_for_status()
        if observed.verdicts() != {"quiet": "unknown"}:
            wrong[what] = observed.lines()["quiet"]
    observed.simulation.delete("/activity")
    for effect in ("refuse", "drop", "lose"):
        observed.spoil(effect=effect, kind=HOST, status=503)
        if observed.verdicts() != {"quiet": "unknown"}:
            wrong[effect] = observed.lines()["quiet"]
        observed.simulation.delete("/faults")
    assert wrong == {}
    assert observed.verdicts() == {"quiet": "idle"}


def test_people_are_told_once_when_the_service_fails_in_several_sweeps(observed: FleetSide) -> None:
    observed.load(quiet=machine(idle=CALM))
    observed.sweep()
    assert observed.lines()["quiet"]["next_action"] == "warn"
    observed.simulation.delete("/messages")
    observed.spoil(effect="refuse", kind=HOST, status=503)

    def told() -> list[str]:
        messages = observed.simulation.get("/messages", params={"path": "/dormouse"}).json()["value"]
        return [message["body"]["text"] for message in messages if message["body"]["event"] == "activity service failed"]

    for _ in range(2):
        observed.sweep()
    assert observed.lines()["quiet"]["next_action"] is None, "the warning is neither withdrawn nor carried out"
    assert told() == []
    for _ in range(3):
        observed.sweep()
    assert told() == [
        "In 3 sweeps in a row, nothing was known of the activity of 1 machine. Machines are kept running, because the "
        f"activity service {HOST} answered HTTP 503."
    ]
    report = observed.control_plane.get("/machines/idle-report").json()
    assert "answered HTTP 503" in report["summary"]["problems"][0]
    assert report["summary"]["unanswered"] == 1


@pytest.mark.parametrize("afterwards", ["busy", "silent"])
def test_the_service_is_asked_again_right_before_the_stop(observed: FleetSide, afterwards: str) -> None:
    late = f"late-{afterwards}"
    observed.load(**{late: machine(idle=AT_ONCE)})
    observed.spoil(effect="slow", path="metrics:getBatch", seconds=240, times=1)
    accepted = observed.control_plane.post("/sweeps")
    until(lambda: observed.simulation.get("/faults").json()["value"][0]["spoilt"] == 1, "no metrics were queried")
    until(lambda: any(observed.id(late) in machines for machines in questions(observed)), "the service was not asked")
    if afterwards == "busy":
        says(observed, late, hours=1, reason="a restore")
    else:
        observed.spoil(effect="refuse", kind=HOST, status=503)
    sweep_ended(observed.control_plane, accepted)
    assert observed.lines()[late]["verdict"] == "idle", "the verdict rests on what was known before"
    assert observed.power(late) == "running"
    (operation,) = observed.operations(late)
    words = "reports it busy" if afterwards == "busy" else "answered HTTP 503"
    assert (operation["outcome"], words in operation["reason"]) == ("cancelled", True)


def test_a_machine_that_the_service_calls_not_busy_is_stopped_by_its_own_evidence(observed: FleetSide) -> None:
    observed.load(done=machine(idle=AT_ONCE))
    observed.sweep()
    assert observed.power("done") == "deallocated"
    assert len(questions(observed)) == 2, "for the verdict, and for the recheck"
