"""No false stop: missing data protect a machine, and changes by users count until the last moment."""

from datetime import datetime, timedelta

import pytest

from tests.fleet import CPU_SIZE, FleetSide, caught_up, machine, sweep_ended, until_moment
from tests.support import until

AT_ONCE = "window=5m, grace=0m, lead=0m"
WORKS_OUTSIDE = {"cpu_percent": "88..95"}
MONITOR = "metrics:getBatch"
BETWEEN_SWEEPS = timedelta(minutes=1)


def moment(fleet: FleetSide, minutes: float = 0.0) -> datetime:
    """The control plane's time, some minutes from now."""
    now = fleet.control_plane.get("/health").json()["time"]
    return datetime.fromisoformat(now) + timedelta(minutes=minutes)


def hours_that_end(fleet: FleetSide, minutes: float) -> str:
    """On-hours that began an hour ago and end in some minutes."""
    begin, end = moment(fleet, -60), moment(fleet, minutes)
    return f"mon-sun {begin:%H:%M}-{end:%H:%M} UTC"


def sweep_for(fleet: FleetSide, minutes: float) -> None:
    """Sweep again and again until the given number of minutes has passed, more often than the timer does."""
    end = moment(fleet, minutes)
    while (now := moment(fleet)) <= end:
        fleet.sweep()
        until_moment(fleet.control_plane, (now + BETWEEN_SWEEPS).timestamp())


def test_a_schedule_stops_nothing_while_azure_monitor_is_unavailable(fleet: FleetSide) -> None:
    tags = {"dormouse-schedule": hours_that_end(fleet, 2)}
    fleet.load(worker=machine(idle=None, agent=False, size=CPU_SIZE, host=WORKS_OUTSIDE, tags=tags))
    fleet.spoil(path=MONITOR, status=529, code="TooManyRequests")
    sweep_for(fleet, 36)
    assert fleet.power("worker") == "running"
    assert fleet.operations("worker") == []
    told = [notice["text"] for notice in fleet.notices("worker")]
    assert len(told) == 1, "the blocked schedule is reported once a day"
    assert "is blocked. Not stopped or started by its schedule, because " in told[0]


def test_metrics_are_read_again_right_before_stopping_a_machine_without_an_agent(fleet: FleetSide) -> None:
    fleet.load(outside=machine(idle=AT_ONCE, agent=False, size=CPU_SIZE))
    fleet.spoil(effect="slow", path="/operations", seconds=60, times=1)  # the write with which a sweep claims the machine
    accepted = fleet.control_plane.post("/sweeps")
    until(lambda: fleet.simulation.get("/faults").json()["value"][0]["spoilt"] >= 1, "the machine is not claimed")
    fleet.spoil(path=MONITOR, status=529, code="TooManyRequests")
    sweep_ended(fleet.control_plane, accepted)
    assert fleet.power("outside") == "running"
    (operation,) = fleet.operations("outside")
    assert (operation["outcome"], "Azure Monitor" in operation["reason"]) == ("cancelled", True)


def opt_out(fleet: FleetSide, name: str, tags: dict[str, str]) -> None:
    """Write these tags as a user does in the portal."""
    fleet.simulation.put("/resources/tags", json={"id": fleet.id(name), "tags": tags}).raise_for_status()


def test_opting_out_between_verdict_and_stop_prevents_the_stop(fleet: FleetSide) -> None:
    answers = {
        "off": {"dormouse-idle": "off"},
        "taken": {},
        "longer": {"dormouse-idle": "window=2h, grace=0m, lead=0m"},
        "kept": {"dormouse-idle": AT_ONCE, "dormouse-keep": "yes"},
        "misspelt": {"dormouse-idle": AT_ONCE, "dormouse_keep": "yes"},
        "unreadable": {"dormouse-idle": "of"},
        "scheduled": {"dormouse-idle": AT_ONCE, "dormouse-schedule": "mon-sun 00:00-24:00 UTC"},
    }
    fleet.load(**{name: machine(idle=AT_ONCE) for name in (*answers, "control")})
    fleet.spoil(effect="slow", path=MONITOR, seconds=60, times=1)  # after the tags were read for the verdict
    accepted = fleet.control_plane.post("/sweeps")
    until(lambda: fleet.simulation.get("/faults").json()["value"][0]["spoilt"] == 1, "nothing was measured")
    for name, tags in answers.items():
        opt_out(fleet, name, tags)
    sweep_ended(fleet.control_plane, accepted)
    assert {name: fleet.power(name) for name in fleet.names} == {
        **dict.fromkeys(answers, "running"),
        "control": "deallocated",
    }
    for name in answers:
        (operation,) = fleet.operations(name)
        assert (operation["outcome"], operation["reason"].startswith("Nothing was done. ")) == ("cancelled", True)


def test_a_changed_schedule_is_honoured_right_before_the_stop(fleet: FleetSide) -> None:
    idle = {"dormouse-idle": "enabled=false, lead=0m"}
    # Late enough for the first sweep to run before their end, however slow this computer is.
    tags, over = {**idle, "dormouse-schedule": hours_that_end(fleet, 6)}, moment(fleet, 6)
    fleet.load(
        gone=machine(idle=None, tags=tags), later=machine(idle=None, tags=tags), control=machine(idle=None, tags=tags)
    )
    fleet.sweep()
    until(lambda: moment(fleet) > over, "the hours do not end")
    caught_up(fleet.simulation)
    fleet.spoil(effect="slow", path=MONITOR, seconds=120, times=1)
    accepted = fleet.control_plane.post("/sweeps")
    until(lambda: fleet.simulation.get("/faults").json()["value"][0]["spoilt"] == 1, "nothing was measured")
    opt_out(fleet, "gone", idle)
    opt_out(fleet, "later", {**tags, "dormouse-schedule": hours_that_end(fleet, 90)})
    sweep_ended(fleet.control_plane, accepted)
    assert {name: fleet.power(name) for name in fleet.names} == {
        "gone": "running",
        "later": "running",
        "control": "deallocated",
    }


@pytest.mark.parametrize("policy", ["", "off", AT_ONCE])
def test_invalid_configuration_is_reported_and_protects_the_machine(fleet: FleetSide, policy: str) -> None:
    idle = {"dormouse-idle": policy} if policy else {}
    fleet.load(
        hours=machine(idle=None, tags={**idle, "dormouse-schedule": "Mon-Thurs 08:00-1800 Europe/Londn"}),
        asleep=machine(idle=None, power="deallocated", tags={**idle, "dormouse-schedule": "never ever"}),
        typing=machine(idle=None, tags={**idle, "dormouse-idel": "off"}),
        keep=machine(idle=None, tags={**idle, "dormouse_keep": "yes"}),
    )
    for _ in range(3):
        fleet.sweep()
    lines = fleet.lines()
    assert {name: fleet.power(name) for name in fleet.names} == {
        "hours": "running",
        "asleep": "deallocated",
        "typing": "running",
        "keep": "running",
    }
    for name in fleet.names:
        assert "configuration is invalid" in lines[name]["reason"], lines[name]
        told = [notice["text"] for notice in fleet.notices(name)]
        assert len(told) == 1, told
        assert "neither stopped nor started" in told[0]


def test_a_temporary_azure_conflict_is_reported_and_the_next_sweep_retries(fleet: FleetSide) -> None:
    fleet.load(busy=machine(idle=AT_ONCE))
    words = "Another operation is in progress on the virtual machine."
    fleet.spoil(method="POST", path="busy/deallocate", status=409, code="AnotherOperationInProgress", message=words)
    fleet.sweep()
    (operation,) = fleet.operations("busy")
    assert operation["outcome"] == "cancelled"
    assert f"Azure is temporarily unavailable: {words} (AnotherOperationInProgress)" in operation["reason"]
    assert "The next sweep retries." in operation["reason"]
    fleet.simulation.delete("/faults").raise_for_status()
    fleet.sweep()
    assert fleet.power("busy") == "deallocated"
    assert [notice["event"] for notice in fleet.notices("busy")] == ["stopped"]


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (409, "ScopeLocked", "An Azure lock on the resource, its group or its subscription forbids this"),
        (403, "RequestDisallowedByPolicy", "An Azure policy forbids this; "),
        (403, "DenyAssignmentAuthorizationFailed", "A deny assignment forbids this"),
        (404, "ResourceNotFound", "The resource does not exist."),
    ],
)
def test_a_refused_stop_is_reported_with_its_cause(fleet: FleetSide, status: int, code: str, words: str) -> None:
    fleet.load(locked=machine(idle=AT_ONCE))
    fleet.spoil(method="POST", path="locked/deallocate", status=status, code=code, message="No.")
    fleet.sweep()
    (operation,) = fleet.operations("locked")
    assert words in operation["reason"]
    assert f"Azure's message: No. ({code})" in operation["reason"]


def test_failed_hibernations_are_counted(fleet: FleetSide) -> None:
    fleet.load(dreamer=machine(idle=f"{AT_ONCE}, action=hibernate", hibernation=True))
    fleet.spoil(method="POST", path="dreamer/deallocate", status=409, code="OperationNotAllowed", times=1)
    fleet.sweep()
    rows = fleet.simulation.get("/rows", params={"table": "machines"}).json()["value"]
    (row,) = [str(row) for row in rows if fleet.group in row["RowKey"]]
    assert '"hibernation_failures":1' in row
