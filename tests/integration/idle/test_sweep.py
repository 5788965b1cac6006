"""The sweep acts: it warns, rechecks, stops, verifies and records; it touches no other machine."""

import csv
import io

import httpx
import pytest

from dormouse.clock import parse_moment
from tests.fleet import CPU_SIZE, SOON, FleetSide, machine, sweep_ended
from tests.integration.idle.test_false_stops import sweep_for
from tests.support import until

MINUTE = 60


def lead_over(fleet: FleetSide, name: str) -> None:
    """Sweep until the machine is no longer only warned."""

    def decided() -> bool:
        fleet.sweep()
        return fleet.power(name) != "running" or fleet.lines()[name]["next_action"] == "withdraw"

    until(decided, "nothing was decided")


def test_only_the_idle_machine_is_warned_and_then_stopped(fleet: FleetSide) -> None:
    fleet.load(
        idle=machine(idle=f"{SOON}, sessions=active", inside={"logins": 1, "connections": 1}),
        training=machine(inside={"gpu_percent": "91..99", "gpu_processes": 1}),
        silent=machine(agent=False),
        stranger=machine(idle=None),
    )
    assert fleet.verdicts() == {"idle": "idle", "training": "busy", "silent": "unknown"}
    assert fleet.power("idle") == "running", "a dry run changes nothing"
    assert fleet.warnings("idle") == []

    fleet.sweep()
    line = fleet.lines()["idle"]
    assert (line["verdict"], line["next_action"]) == ("idle", "warn")
    assert fleet.power("idle") == "running"
    until(lambda: bool(fleet.warnings("idle")), "the agent has not shown the warning")
    lead_over(fleet, "idle")
    assert {name: fleet.power(name) for name in fleet.names} == {
        "idle": "deallocated",
        "training": "running",
        "silent": "running",
        "stranger": "running",
    }

    (operation,) = fleet.operations("idle")
    assert (operation["verb"], operation["outcome"], operation["requested_by"]) == ("stop", "succeeded", "sweep (idle)")
    assert "GPU <= 0 %" in operation["reason"]
    assert [notice["event"] for notice in fleet.notices("idle")] == ["warned", "stopped"]
    assert fleet.sweep()["summary"]["verdicts"]["stopped"] >= 1
    until(lambda: fleet.sweep()["summary"]["saved_amount"] > 0, "sleep saves nothing")


def test_work_that_begins_after_the_warning_keeps_the_machine_awake(fleet: FleetSide) -> None:
    fleet.load(worker=machine(idle="window=5m, grace=0m, lead=30m"))
    fleet.sweep()
    fleet.signals("worker", gpu_percent=88)
    until(lambda: fleet.verdicts()["worker"] == "busy", "work is not seen")
    fleet.sweep()
    assert fleet.lines()["worker"]["next_action"] == "withdraw"
    until(lambda: fleet.sweep() is not None and fleet.lines()["worker"]["next_action"] is None, "still withdrawing")
    assert fleet.power("worker") == "running"
    assert fleet.operations("worker") == []


def test_the_recheck_detects_work_that_begins_between_verdict_and_stop(fleet: FleetSide) -> None:
    fleet.load(late=machine(idle="window=5m, grace=0m, lead=0m"))
    # The heartbeat is read before Azure Monitor is queried; while that takes its time, work begins.
    fleet.spoil(effect="slow", path="metrics:getBatch", seconds=240, times=1)
    accepted = fleet.control_plane.post("/sweeps")
    until(lambda: fleet.simulation.get("/faults").json()["value"][0]["spoilt"] == 1, "no metrics were queried")
    fleet.signals("late", gpu_percent=88, gpu_processes=1)
    sweep_ended(fleet.control_plane, accepted)
    assert fleet.lines()["late"]["verdict"] == "idle", "the verdict rests on what was known before"
    assert fleet.power("late") == "running"
    (operation,) = fleet.operations("late")
    assert (operation["outcome"], "GPU at 88 %" in operation["reason"]) == ("cancelled", True)


def test_a_snooze_link_acts_only_when_its_button_is_pressed(fleet: FleetSide) -> None:
    fleet.load(dear=machine(idle="window=5m, grace=0m, lead=30m"))
    fleet.sweep()
    (notice,) = fleet.notices("dear")
    assert "dear" in notice["text"]
    link = notice["snooze_url"]
    looked = httpx.get(link)  # as a chat that previews links does
    assert (looked.status_code, "<button>" in looked.text) == (200, True)
    assert fleet.verdicts()["dear"] == "idle"

    clicked = httpx.post(link)
    assert (clicked.status_code, "stays awake" in clicked.text) == (200, True)
    line = fleet.sweep() and fleet.lines()["dear"]
    assert (line["verdict"], line["hold"]["by"]) == ("held", "snooze link")
    assert httpx.post(link).status_code == 404, "the warning is over, and so is its link"
    assert httpx.post(link[:-3] + "AAA").status_code == 404


def test_a_hold_expires_and_is_capped(fleet: FleetSide) -> None:
    fleet.load(held=machine(), inside=machine())
    fleet.sweep(dry_run=True)
    refused = fleet.control_plane.post("/machines/hold", json={"machine": fleet.id("held"), "for": "2h"})
    assert refused.status_code == 404, "a dry run stores nothing, so this machine is not known yet"
    fleet.sweep()
    body = {"machine": fleet.id("held"), "for": "30d", "reason": "a long one"}
    answer = fleet.control_plane.post("/machines/hold", json=body).raise_for_status().json()
    assert round((parse_moment(answer["hold"]["until"]) - parse_moment(answer["hold"]["since"])) / MINUTE) == 7 * 24 * 60
    wish = {"id": fleet.id("inside"), "by": "alice", "reason": "thesis", "for_seconds": 7200}
    fleet.simulation.post("/machines/awake", json=wish).raise_for_status()
    until(lambda: fleet.verdicts() == {"held": "held", "inside": "held"}, "the machines are not held")
    assert "by alice (on inside)" in fleet.lines()["inside"]["reason"]

    released = {"machine": fleet.id("held"), "for": 0}
    assert fleet.control_plane.post("/machines/hold", json=released).json()["hold"] is None
    assert fleet.verdicts()["held"] == "idle"


@pytest.mark.parametrize(("rule", "ends"), [("keep", "running"), ("proceed", "deallocated")])
def test_the_policy_decides_what_follows_an_undelivered_warning(fleet: FleetSide, rule: str, ends: str) -> None:
    fleet.spoil(effect="refuse", path="/dormouse", kind="hooks.localhost", status=503)
    fleet.load(lonely=machine(idle=f"{SOON}, undeliverable={rule}", size=CPU_SIZE, agent=False))
    sweep_for(fleet, 6)  # several times the lead
    assert fleet.power("lonely") == ends
    if ends == "running":
        line = fleet.lines()["lonely"]
        assert (line["next_action"], "answered HTTP 503" in line["next_action_text"]) == ("warn", True)
    # Once notifications can be delivered again, the machine is stopped.
    fleet.simulation.delete("/faults")
    lead_over(fleet, "lonely")
    assert fleet.power("lonely") == "deallocated"


def test_a_refused_stop_is_notified_once_and_does_not_affect_other_machines(fleet: FleetSide) -> None:
    now = "window=5m, grace=0m, lead=0m"
    fleet.load(sick=machine(idle=now), well=machine(idle=now))
    fleet.spoil(path="sick/deallocate", status=403, code="AuthorizationFailed", message="no right to do this")
    fleet.sweep()
    assert (fleet.power("sick"), fleet.power("well")) == ("running", "deallocated")
    for _ in range(3):
        fleet.sweep()
    assert len(fleet.operations("sick")) == 1, "it is left alone for a while"
    assert "The last attempt failed" in fleet.lines()["sick"]["next_action_text"]
    (notice,) = fleet.notices("sick")
    assert (notice["event"], "no right to do this" in notice["text"]) == ("stop not confirmed", True)


def test_a_stop_that_does_not_take_effect_is_reported_as_not_confirmed(fleet: FleetSide) -> None:
    fleet.load(stuck=machine(idle="window=5m, grace=0m, lead=0m"))
    fleet.spoil(effect="fail", method="POST", path="stuck/deallocate", code="InternalExecutionError", message="it broke")
    fleet.sweep()
    (operation,) = fleet.operations("stuck")
    assert (operation["outcome"], fleet.power("stuck")) == ("failed", "running")
    assert "NOT CONFIRMED" in operation["reason"]
    assert "it broke" in operation["reason"]


def test_a_machine_shut_down_from_inside_is_deallocated(fleet: FleetSide) -> None:
    fleet.load(halted=machine(power="stopped"), frozen=machine(power="stopped", ephemeral_disk=True))
    assert fleet.verdicts() == {"halted": "stopped_billed", "frozen": "stopped_billed"}

    def deallocated() -> bool:
        fleet.sweep()
        return fleet.power("halted") == "deallocated"

    until(deallocated, "it is still billed")
    assert fleet.power("frozen") == "stopped"
    assert fleet.operations("halted")[0]["requested_by"] == "sweep (stopped_billed)"


def test_a_machine_is_hibernated_if_it_can_be_and_its_policy_says_so(fleet: FleetSide) -> None:
    at_once = "window=5m, grace=0m, lead=0m"
    policy = f"{at_once}, action=hibernate"
    fleet.load(
        dreamer=machine(idle=policy, hibernation=True),
        plain=machine(idle=policy),
        unasked=machine(idle=at_once, hibernation=True),
    )
    fleet.sweep()
    assert {name: fleet.power(name) for name in fleet.names} == dict.fromkeys(fleet.names, "deallocated")
    assert {name: fleet.hibernated(name) for name in fleet.names} == {"dreamer": True, "plain": False, "unasked": False}
    assert [operation["outcome"] for operation in fleet.operations("plain")] == ["succeeded"], "nothing was refused"


def test_a_machine_shut_down_from_inside_is_not_hibernated(fleet: FleetSide) -> None:
    fleet.load(halted=machine(idle="action=hibernate", hibernation=True, power="stopped"))

    def deallocated() -> bool:
        fleet.sweep()
        return fleet.power("halted") == "deallocated"

    until(deallocated, "it is still billed")
    assert not fleet.hibernated("halted")
    assert [operation["outcome"] for operation in fleet.operations("halted")] == ["succeeded"], "nothing was refused"


def test_a_machine_locked_by_another_operation_is_left_alone(fleet: FleetSide) -> None:
    fleet.load(taken=machine(idle="window=5m, grace=0m, lead=0m"))
    fleet.sweep(dry_run=True)
    fleet.spoil(method="PATCH", path="/taken", status=429, code="TooManyRequests", retry_after=2000, times=1)
    adoption = fleet.control_plane.post("/machines/adopt", json={"machine": fleet.id("taken"), "idle": SOON, "agent": False})
    assert adoption.status_code == 202
    problems = fleet.sweep()["summary"]["problems"]
    assert [f"taken is locked by operation {adoption.json()['operation']}"] == [p for p in problems if p.startswith("taken")]
    assert fleet.power("taken") == "running"


def test_two_sweeps_never_act_concurrently(fleet: FleetSide) -> None:
    fleet.load(one=machine())
    fleet.spoil(effect="slow", path="metrics:getBatch", seconds=120, times=1)
    first = fleet.control_plane.post("/sweeps")
    second = fleet.control_plane.post("/sweeps")
    assert (second.status_code, second.headers["Location"]) == (409, first.headers["Location"])
    looking = fleet.control_plane.post("/sweeps", json={"dry_run": True})
    assert looking.status_code == 202, "a dry run does not conflict with a sweep"
    sweep_ended(fleet.control_plane, first)
    sweep_ended(fleet.control_plane, looking)
    assert fleet.sweep()["state"] == "ended"


def test_the_report_is_available_in_pages_and_as_csv(fleet: FleetSide) -> None:
    fleet.load(b=machine(), a=machine(inside={"jobs": 1}))
    fleet.sweep()
    page = fleet.control_plane.get("/machines", params={"limit": 1}).json()
    assert len(page["value"]) == 1
    assert page["next"]
    rest = fleet.control_plane.get(page["next"].removeprefix("/api")).json()
    assert rest["value"][0]["id"] != page["value"][0]["id"]
    report = fleet.control_plane.get("/machines/idle-report").json()
    assert report["summary"]["machines"] >= 2
    text = fleet.control_plane.get("/machines/idle-report", params={"format": "csv"})
    assert text.headers["Content-Type"].startswith("text/csv")
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(text.text))}
    assert (rows["a"]["verdict"], rows["b"]["verdict"]) == ("busy", "idle")
    busy = fleet.control_plane.get("/machines", params={"verdict": "busy"}).json()["value"]
    assert {line["verdict"] for line in busy} == {"busy"}
    for query in ({"verdict": "lazy"}, {"after": "x"}, {"limit": "0"}):
        assert fleet.control_plane.get("/machines", params=query).status_code == 400
    assert fleet.control_plane.get("/sweeps/sweep-0").status_code == 404


def test_every_attempt_to_stop_rechecks_first(fleet: FleetSide) -> None:
    fleet.load(shaky=machine(idle="window=5m, grace=0m, lead=0m"))
    fleet.spoil(effect="drop", method="POST", path="shaky/deallocate", times=20)
    accepted = fleet.control_plane.post("/sweeps")
    until(lambda: fleet.simulation.get("/faults").json()["value"][0]["spoilt"] >= 1, "no stop was attempted")
    fleet.signals("shaky", gpu_percent=95, gpu_processes=1)
    sweep_ended(fleet.control_plane, accepted)
    assert fleet.power("shaky") == "running"
    assert fleet.operations("shaky")[0]["outcome"] in ("cancelled", "failed")


def test_a_snooze_link_never_shortens_a_hold(fleet: FleetSide) -> None:
    fleet.load(both=machine(idle="window=5m, grace=0m, lead=30m"))
    fleet.sweep()
    (notice,) = fleet.notices("both")
    asked = {"machine": fleet.id("both"), "for": "5d", "reason": "long"}
    until = fleet.control_plane.post("/machines/hold", json=asked).json()["hold"]["until"]
    assert httpx.post(notice["snooze_url"]).status_code == 200
    fleet.sweep()
    assert fleet.lines()["both"]["hold"]["until"] == until
    assert httpx.post(notice["snooze_url"]).status_code == 404


def test_a_tag_does_not_make_a_machine_part_of_an_environment(fleet: FleetSide) -> None:
    now = "window=5m, grace=0m, lead=0m"
    fleet.load(
        odd=machine(idle=now, tags={"dormouse": "team/a"}),
        liar=machine(idle=now, tags={"dormouse": ":sweep"}),
        claims=machine(idle=now, tags={"dormouse": "ours"}),
    )
    fleet.sweep()
    assert {fleet.power(name) for name in fleet.names} == {"deallocated"}
    assert [len(fleet.operations(name)) for name in fleet.names] == [1, 1, 1], "each under its own name"


def test_overlong_numbers_are_400(fleet: FleetSide) -> None:
    for path in ("/machines", "/machines/idle-report", "/operations"):
        assert fleet.control_plane.get(path, params={"limit": "9" * 5000}).status_code == 400
    assert fleet.control_plane.get("/machines", params={"after": "9" * 5000}).status_code == 400


def test_many_alerts_are_combined_into_one_message(fleet: FleetSide) -> None:
    now = "window=5m, grace=0m, lead=0m"
    fleet.load(**{f"m{number}": machine(idle=now) for number in range(7)})
    fleet.sweep()
    told = [item["body"] for item in fleet.simulation.get("/messages").json()["value"]]
    (folded,) = [body for body in told if body["event"] == "many"]
    assert (folded["name"], all(f"m{number}: stopped" in folded["text"] for number in range(7))) == ("7 machines", True)
    assert {fleet.power(name) for name in fleet.names} == {"deallocated"}
