"""Schedules, leases, adoption, policies of environments, and sweeps by timer."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dormouse.clock import parse_moment
from local.sandbox import Ground
from tests.fleet import CPU_SIZE, FleetSide, caught_up, machine
from tests.support import WORKSTATION, ControlPlane, until


def now_there(fleet: FleetSide) -> datetime:
    """The present simulated time, rounded to the minute."""
    fleet.sweep(dry_run=True)
    as_of = fleet.control_plane.get("/machines/idle-report").json()["as_of"]
    return datetime.fromisoformat(as_of).astimezone(UTC)


def around(moment: datetime, begin: int, end: int) -> str:
    """On-hours every day between two offsets in minutes from a time."""
    first, last = (f"{moment + timedelta(minutes=minutes):%H:%M}" for minutes in (begin, end))
    return f"mon-sun {first}-{last} UTC"


def test_a_schedule_acts_at_its_transitions_and_never_on_past_ones(fleet: FleetSide) -> None:
    now = now_there(fleet)
    on_soon, off_soon, past = around(now, 15, 600), around(now, -300, 20), around(now, -600, -5)
    policy = "off"
    fleet.load(
        rises=machine(idle=policy, power="deallocated", tags={"dormouse-schedule": on_soon}),
        rests=machine(idle="lead=1m, grace=6h", tags={"dormouse-schedule": off_soon}),
        late=machine(idle=policy, tags={"dormouse-schedule": past}),
        works=machine(idle="enabled=false, lead=1m", inside={"gpu_percent": 90}, tags={"dormouse-schedule": off_soon}),
    )
    fleet.sweep()
    assert (fleet.power("rises"), fleet.power("rests"), fleet.power("late")) == ("deallocated", "running", "running")
    assert fleet.lines()["rests"]["verdict"] == "scheduled_on"

    def acted() -> bool:
        fleet.sweep()
        return (fleet.power("rises"), fleet.power("rests")) == ("running", "deallocated")

    until(acted, "the schedules were not kept")
    assert fleet.power("late") == "running", "it was running after hours when its schedule was first seen"
    assert fleet.power("works") == "running", "a schedule does not stop a busy machine"
    ended = "scheduled hours ended"
    until(lambda: fleet.sweep() and ended in fleet.lines()["works"]["next_action_text"], "it is not explained")
    assert fleet.operations("rises")[0]["requested_by"] == "sweep (schedule)"

    # A user starts it after hours: that holds until the next transition.
    fleet.simulation.post("/machines/start", json={"id": fleet.id("rests")}).raise_for_status()
    for _ in range(10):
        fleet.sweep()
    assert fleet.power("rests") == "running"


def test_a_lease_stops_even_a_busy_machine(fleet: FleetSide) -> None:
    fleet.load(guest=machine(inside={"gpu_percent": 50}))
    fleet.sweep()
    body = {"machine": fleet.id("guest"), "for": "5m"}
    assert fleet.control_plane.post("/machines/extend", json=body).json()["lease"]["then"] == "stop"
    longer = fleet.control_plane.post("/machines/extend", json={**body, "for": "8m"}).json()["lease"]
    refused = fleet.control_plane.post("/machines/extend", json={**body, "then": "delete"})
    assert refused.status_code == 400, "a lease cannot delete an adopted machine"

    def over() -> bool:
        fleet.sweep()
        return fleet.power("guest") == "deallocated"

    until(over, "the lease never ran out")
    (operation,) = fleet.operations("guest")
    assert parse_moment(operation["began_at"]) >= parse_moment(longer["until"])
    assert [notice["event"] for notice in fleet.notices("guest")] == ["warned", "stopped"]


def test_adopting_installs_the_agent_and_releasing_removes_it(fleet: FleetSide) -> None:
    fleet.load(foundling=machine(idle=None, agent=False))
    assert fleet.verdicts() == {}
    planned = fleet.control_plane.post("/machines/adopt?dry_run=true", json={"machine": fleet.id("foundling")}).json()
    assert (planned["would"], planned["tags"]) == ("adopt", {"dormouse-idle": "on", "dormouse-deployment": "main"})
    body = {"machine": fleet.id("foundling"), "idle": "window=6h"}
    plane = ControlPlane(fleet.control_plane)
    adopted = plane.follow(fleet.control_plane.post("/machines/adopt", json=body))
    assert adopted["outcome"] == "succeeded", adopted
    assert [(step["name"], step["state"]) for step in adopted["steps"]] == [("tag", "done"), ("agent", "done")]
    caught_up(fleet.simulation)
    until(lambda: fleet.verdicts().get("foundling") == "unknown", "it is not watched")

    def reported() -> bool:
        fleet.sweep(dry_run=True)
        return "cpu_cores" in fleet.lines()["foundling"]["measurements"]

    until(reported, "its agent does not report")

    released = plane.follow(fleet.control_plane.post("/machines/release", json={"machine": fleet.id("foundling")}))
    assert released["outcome"] == "succeeded", released
    until(lambda: fleet.verdicts() == {}, "it is still watched")
    rows = fleet.simulation.get("/rows", params={"table": "heartbeats"}).json()["value"]
    assert [row for row in rows if row["RowKey"].endswith(":foundling")] == []

    assert fleet.control_plane.post("/machines/adopt", json={"machine": "x", "idle": "windw=3"}).status_code == 422
    nowhere = {"machine": fleet.id("nobody")}
    assert fleet.control_plane.post("/machines/adopt", json=nowhere).status_code == 404


def test_adopting_replaces_tags_written_in_another_case(fleet: FleetSide) -> None:
    fleet.load(odd=machine(idle=None, agent=False, tags={"Dormouse-Idle": "off", "team": "a"}))
    assert fleet.verdicts() == {"odd": "unmanaged"}
    body = {"machine": fleet.id("odd"), "idle": "window=2h", "agent": False}
    adopted = ControlPlane(fleet.control_plane).follow(fleet.control_plane.post("/machines/adopt", json=body))
    assert adopted["outcome"] == "succeeded", adopted
    (there,) = fleet.simulation.get("/resources", params={"below": fleet.id("odd").lower()}).json()["value"]
    assert there["tags"] == {"dormouse-idle": "window=2h", "dormouse-deployment": "main", "team": "a"}


def test_an_environment_is_watched_by_the_policy_in_its_spec(fleet: FleetSide) -> None:
    plane = ControlPlane(fleet.control_plane)
    spec = {**WORKSTATION, "idle": {"window": "5m", "grace": "0m", "lead": "1m"}}
    assert plane.put("watched", {**spec, "idle": {"window": "1m"}}).status_code == 422
    assert plane.put("watched", {**spec, "schedule": "monday"}).status_code == 422
    plane.up("watched", spec)
    held = fleet.control_plane.post("/environments/watched/hold", json={"for": "2h", "reason": "demo"})
    assert held.json()["hold"]["reason"] == "demo"
    assert plane.get("watched")["hold"]["reason"] == "demo"
    assert fleet.control_plane.post("/environments/watched/hold", json={"for": 240}).status_code == 422
    shorter = fleet.control_plane.post("/environments/watched/hold", json={"for": "1h", "reason": "shorter"}).json()
    assert (shorter["hold"]["reason"], shorter["kept"]) == ("demo", "longer")
    longer = fleet.control_plane.post("/environments/watched/hold", json={"for": "3 hours", "reason": "demo"}).json()
    assert round(parse_moment(longer["hold"]["until"]) - parse_moment(longer["hold"]["since"])) == 3 * 3600
    assert longer["kept"] is None
    shown = plane.get("watched")["spec"]
    assert shown["idle"]["window"] == "5m"
    assert plane.put("watched", shown).status_code == 200, "what is shown can be sent again"
    numbers = plane.put("watched", {**spec, "idle": {"window": 5}})
    assert (numbers.status_code, numbers.json()["errors"][0]["pointer"]) == (422, "/idle/window")
    fleet.sweep()
    assert plane.get("watched")["verdict"] == "held"
    fleet.control_plane.post("/environments/watched/hold", json={"for": 0})

    def asleep() -> bool:
        fleet.sweep()
        return bool(plane.get("watched")["state"] == "stopped")

    until(asleep, "it never fell asleep")
    trail = fleet.control_plane.get("/operations", params={"environment": "watched"}).json()["value"]
    assert (trail[0]["verb"], trail[0]["requested_by"]) == ("stop", "sweep (idle)")

    # Changing the policy is a change like any other; so is a lease that deletes.
    changed = plane.provision("watched", {**spec, "idle": {"enabled": False}})
    assert changed["outcome"] == "succeeded"
    assert plane.get("watched")["spec"]["idle"]["enabled"] is False
    assert plane.put("watched", {**spec, "idle": {"enabled": False}}).status_code == 200
    fleet.control_plane.post("/environments/watched/extend", json={"for": "1m", "then": "delete"}).raise_for_status()

    def gone() -> bool:
        fleet.sweep()
        return fleet.control_plane.get("/environments/watched").status_code == 404

    until(gone, "the lease has not ended it")


def test_a_missed_timer_is_caught_up_and_a_sweep_continues_after_a_crash(tmp_path: Path) -> None:
    estate = tmp_path / "estate.json"
    sleepy = machine(idle="window=5m, grace=0m, lead=0m", size=CPU_SIZE, agent=False)
    estate.write_text(json.dumps({"machines": [{"id": f"night/m{number}", **sleepy} for number in range(5)]}))
    ground = Ground(tmp_path / "home", speed=120, estate=estate)
    ground.start()
    try:
        with ground.client() as client, ground.simulation() as simulation:
            fleet = FleetSide(client, simulation, group="night", names=[f"m{number}" for number in range(5)])
            # The timer starts the first sweep; it is interrupted while it stops machines.
            until(lambda: "deallocating" in {fleet.power(name) for name in fleet.names}, "the timer never sweeps")
            ground.host.kill()
            ground.host.start()
            until(lambda: {fleet.power(name) for name in fleet.names} == {"deallocated"}, "they are not stopped")

            def closed() -> bool:
                trail = client.get("/operations?limit=200").json()["value"]
                # If the host comes back so late that a decision no longer holds, the next sweep decides again.
                acted = [item["outcome"] for item in trail if not (item["reason"] or "").startswith("Nothing was done.")]
                return acted == ["succeeded"] * 5

            until(closed, "the trail is not whole, or something was done twice")
    finally:
        ground.stop()
