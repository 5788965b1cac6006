"""A sweep under adverse conditions: what hangs is ended, a stuck machine delays no other, and the latest request counts."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dormouse.clock import parse_moment
from dormouse.idle.sweep import BURST
from local.plain_http import NO_TLS
from local.sandbox import Ground, temporary_ground
from tests.fleet import CPU_SIZE, FleetSide, machine, sweep_ended
from tests.integration.idle.test_false_stops import AT_ONCE, MONITOR, moment
from tests.support import WORKSTATION, ControlPlane, until

SPEC = {**WORKSTATION, "idle": {"window": "5m", "grace": "0m", "lead": "0m"}}
DELETE_SOON = {"for": "1m", "then": "delete"}


def struck(fleet: FleetSide, times: int = 1) -> Callable[[], bool]:
    return lambda: bool(fleet.simulation.get("/faults").json()["value"][-1]["spoilt"] >= times)


def pass_minutes(fleet: FleetSide, minutes: float) -> None:
    end = moment(fleet, minutes)
    until(lambda: moment(fleet) > end, "time does not pass")


def manage(ground: Ground, instance: str, what: str) -> httpx.Response:
    url = f"http://127.0.0.1:{ground.port}/runtime/webhooks/durabletask/instances/{instance}/{what}"
    return httpx.post(url, headers={"x-functions-key": ground.keys["durable"]}, trust_env=False, verify=NO_TLS)


def extend(fleet: FleetSide, name: str, **body: str) -> httpx.Response:
    return fleet.control_plane.post(f"/environments/{name}/extend", json=body)


def test_extending_a_lease_between_verdict_and_deletion_keeps_the_environment(fleet: FleetSide) -> None:
    plane = ControlPlane(fleet.control_plane)
    plane.up("leased", SPEC)
    extend(fleet, "leased", **DELETE_SOON).raise_for_status()
    pass_minutes(fleet, 2)
    fleet.spoil(effect="slow", path=MONITOR, seconds=120, times=1)
    accepted = fleet.control_plane.post("/sweeps")
    until(struck(fleet), "nothing was measured")
    extend(fleet, "leased", **{"for": "8h", "then": "delete"}).raise_for_status()
    sweep_ended(fleet.control_plane, accepted)
    assert plane.get("leased")["lease"]["then"] == "delete"
    (latest, *_) = fleet.control_plane.get("/operations", params={"environment": "leased"}).json()["value"]
    latest = plane.wait(latest["id"])
    assert (latest["verb"], latest["outcome"]) == ("delete", "cancelled")
    assert latest["reason"].startswith("Nothing was deleted. Its lease now ends at ")

    # However long the deletion takes to begin, no other operation gets the lock of the environment.
    extend(fleet, "leased", **DELETE_SOON).raise_for_status()
    pass_minutes(fleet, 2)
    fleet.simulation.delete("/faults").raise_for_status()
    fleet.spoil(effect="slow", path="/operations", seconds=400, times=1)
    accepted = fleet.control_plane.post("/sweeps")
    until(struck(fleet), "the environment is not taken")
    pass_minutes(fleet, 4)
    meanwhile = plane.put("leased", {**SPEC, "allow_from": ["198.51.100.9"]})
    assert meanwhile.status_code == 409, meanwhile.text
    sweep_ended(fleet.control_plane, accepted)

    def gone() -> bool:
        fleet.sweep()
        return fleet.control_plane.get("/environments/leased").status_code == 404

    until(gone, "the lease has not ended it")


def test_a_lease_deletes_an_environment_whose_machine_is_gone(fleet: FleetSide) -> None:
    plane = ControlPlane(fleet.control_plane)
    plane.up("bare", SPEC)
    held = fleet.control_plane.post("/environments/bare/hold", json={"for": "5h"})
    extend(fleet, "bare", **DELETE_SOON).raise_for_status()
    machines = [
        item["id"]
        for item in fleet.simulation.get("/resources").json()["value"]
        if "rg-dormouse" in item["id"].lower() and item["id"].endswith("/vm-bare")
    ]
    fleet.simulation.post("/resources/vanish", json={"id": machines[0]}).raise_for_status()
    pass_minutes(fleet, 2)
    for _ in range(2):
        fleet.sweep()
    assert plane.get("bare")["lease"], "a hold is kept even then"
    assert held.status_code == 200
    fleet.control_plane.post("/environments/bare/hold", json={"for": 0}).raise_for_status()

    def gone() -> bool:
        fleet.sweep()
        return fleet.control_plane.get("/environments/bare").status_code == 404

    until(gone, "the lease has not ended it")


def test_holds_and_leases_set_during_provision_survive_the_first_sweep(fleet: FleetSide) -> None:
    plane = ControlPlane(fleet.control_plane)
    accepted = plane.put("eager", SPEC)
    extend(fleet, "eager", **{"for": "8h", "then": "stop"}).raise_for_status()
    fleet.control_plane.post("/environments/eager/hold", json={"for": "5h"}).raise_for_status()
    fleet.sweep()
    assert plane.follow(accepted)["outcome"] == "succeeded"
    for _ in range(2):
        fleet.sweep()
        seen = plane.get("eager")
        assert seen["lease"] is not None
        assert seen["hold"] is not None
    assert seen["verdict"] == "held"
    plane.down("eager")


def test_a_hanging_sweep_is_ended_and_reported_and_its_machines_are_released(fleet: FleetSide, fleet_ground: Ground) -> None:
    fleet.load(taken=machine(idle=AT_ONCE))
    fleet.spoil(effect="slow", path="taken/deallocate", seconds=60, times=1)
    sweep = fleet.control_plane.post("/sweeps").json()["sweep"]
    until(struck(fleet), "no stop was requested")
    for instance in (f"{sweep}:0", sweep):
        assert manage(fleet_ground, instance, "suspend").status_code == 202
    refused = fleet.control_plane.post("/machines/release", json={"machine": fleet.id("taken")})
    assert refused.status_code == 409
    assert fleet.control_plane.post("/sweeps").status_code == 409
    pass_minutes(fleet, 21)
    fleet.sweep()
    told = [item["body"] for item in fleet.simulation.get("/messages").json()["value"]]
    (notice,) = [body for body in told if body["event"] == "sweep ended"]
    assert sweep in notice["text"]
    assert fleet.operations("taken")[-1]["outcome"] == "lost"
    assert fleet.control_plane.post("/machines/release", json={"machine": fleet.id("taken")}).status_code == 202


def test_an_admin_can_end_a_sweep_and_one_of_its_stops(fleet: FleetSide, fleet_ground: Ground) -> None:
    fleet.load(one=machine(idle=AT_ONCE), two=machine(idle=AT_ONCE))
    fleet.spoil(effect="slow", path="one/deallocate", seconds=60, times=1)
    sweep = fleet.control_plane.post("/sweeps").json()["sweep"]
    until(struck(fleet), "no stop was requested")
    for instance in (f"{sweep}:0", sweep):
        manage(fleet_ground, instance, "suspend")
    admin = {"Authorization": f"Bearer {_token(fleet, 'admin')}"}
    operator = {"Authorization": f"Bearer {_token(fleet, 'operator')}"}
    (operation,) = fleet.operations("two")
    ended = fleet.control_plane.post(f"/operations/{operation['id']}/cancel?force=true", headers=admin)
    assert ended.status_code == 202, ended.text
    assert fleet.operations("two")[0]["outcome"] == "lost"
    release = {"machine": fleet.id("two")}
    assert fleet.control_plane.post("/machines/release", json=release).status_code == 202

    path = f"/operations/{sweep}/cancel"
    assert fleet.control_plane.post(f"{path}?force=true", headers=operator).status_code == 403
    assert fleet.control_plane.post(path, headers=admin).status_code == 409
    assert fleet.control_plane.post(f"{path}?force=true&dry_run=true", headers=admin).json()["operation"] == sweep
    assert fleet.control_plane.post("/sweeps").status_code == 409
    assert fleet.control_plane.post(f"{path}?force=true", headers=admin).status_code == 202
    until(lambda: fleet.control_plane.get(f"/sweeps/{sweep}").json()["state"] != "running", "it goes on")
    assert fleet.sweep()["state"] == "ended"


def _token(fleet: FleetSide, role: str) -> str:
    person = {"name": f"{role}@example.com", "roles": [role]}
    return str(fleet.simulation.post("/people/token", json=person).raise_for_status().json()["access_token"])


def test_a_sweep_without_inventory_is_notified_once_and_is_not_shown_as_an_empty_fleet(fleet: FleetSide) -> None:
    fleet.load(there=machine())
    fleet.sweep()
    fleet.simulation.delete("/messages").raise_for_status()
    fleet.spoil(path="Microsoft.ResourceGraph", status=403, code="AuthorizationFailed", message="no right")
    for _ in range(3):
        problems = fleet.sweep()["summary"]["problems"]
        assert any("cannot list the machines" in problem for problem in problems)
    told = [item["body"]["event"] for item in fleet.simulation.get("/messages").json()["value"]]
    assert told.count("sweep failed") <= 1, "once a day"
    report = fleet.control_plane.get("/machines/idle-report").json()
    assert any(
        "The sweep failed" in problem or "cannot list the machines" in problem for problem in report["summary"]["problems"]
    )


def test_a_machine_is_released_as_soon_as_its_own_stop_is_confirmed(fleet: FleetSide) -> None:
    fleet.load(quick=machine(idle=AT_ONCE), stuck=machine(idle=AT_ONCE))
    fleet.spoil(effect="fail", method="POST", path="stuck/deallocate", code="InternalExecutionError", message="it broke")
    accepted = fleet.control_plane.post("/sweeps")
    sweep_ended(fleet.control_plane, accepted)
    (quick,), (stuck,) = fleet.operations("quick"), fleet.operations("stuck")
    assert (quick["outcome"], stuck["outcome"]) == ("succeeded", "failed")
    # The stop that fails is given up almost five minutes later.
    assert parse_moment(stuck["ended_at"]) - parse_moment(quick["ended_at"]) > 60


def test_a_recreated_machine_without_an_agent_is_stopped(fleet: FleetSide) -> None:
    fleet.load(again=machine(idle=AT_ONCE, size=CPU_SIZE))
    fleet.sweep(dry_run=True)
    fleet.simulation.post("/resources/vanish", json={"id": fleet.id("again")}).raise_for_status()
    pass_minutes(fleet, 3)  # the agent's last report is older than the new machine
    fleet.load(again=machine(idle=AT_ONCE, size=CPU_SIZE, agent=False, created="1m"))

    def asleep() -> bool:
        fleet.sweep()
        return fleet.power("again") == "deallocated"

    until(asleep, "what the agent of another machine said keeps it awake")


def test_one_sweep_stops_more_machines_than_the_burst_limit() -> None:
    with temporary_ground(speed=10, timers=False) as ground, ground.client() as client, ground.simulation() as simulation:
        fleet = FleetSide(client, simulation)
        fleet.load(**{f"m{number:03}": machine(idle=AT_ONCE, size=CPU_SIZE, agent=False) for number in range(BURST + 10)})
        assert fleet.sweep()["summary"]["problems"] == []
        assert {fleet.power(name) for name in fleet.names} == {"deallocated"}
        trail = client.get("/operations?limit=200").raise_for_status().json()["value"]
        assert sorted(operation["environment"] for operation in trail) == [f"{fleet.group}:{name}" for name in fleet.names]
        assert {operation["outcome"] for operation in trail} == {"succeeded"}


def test_a_sweep_does_not_stop_a_machine_whose_operation_was_ended_by_force(fleet: FleetSide) -> None:
    fleet.load(ended=machine(idle=AT_ONCE))
    fleet.spoil(effect="slow", path=MONITOR, seconds=60, times=2)  # for the verdict, and again right before the stop
    accepted = fleet.control_plane.post("/sweeps")
    until(struck(fleet, 2), "nothing was measured again")
    (operation,) = fleet.operations("ended")
    admin = {"Authorization": f"Bearer {_token(fleet, 'admin')}"}
    forced = fleet.control_plane.post(f"/operations/{operation['id']}/cancel?force=true", headers=admin)
    assert forced.status_code == 202, forced.text
    sweep_ended(fleet.control_plane, accepted)
    assert fleet.power("ended") == "running"
    assert fleet.operations("ended")[0]["outcome"] in ("lost", "cancelled")


@pytest.mark.parametrize("verb", ["stop", "delete"])
def test_an_orchestration_without_its_lock_changes_nothing(fleet: FleetSide, fleet_ground: Ground, verb: str) -> None:
    fleet.load(others=machine(idle=AT_ONCE))
    operation = f"others-{verb}-01M8J6VSCP39X6FZZA9HSMQV{'XF' if verb == 'stop' else 'XG'}"
    asked: dict[str, Any] = {"operation": operation, "environment": "others"}
    if verb == "stop":
        asked |= {"verb": "stop", "resources": [{"name": "vm", "kind": "virtual_machine", "id": fleet.id("others")}]}
    name = {"stop": "change_power", "delete": "delete_environment"}[verb]
    url = f"http://127.0.0.1:{fleet_ground.port}/runtime/webhooks/durabletask"
    headers = {"x-functions-key": fleet_ground.keys["durable"]}
    started = httpx.post(
        f"{url}/orchestrators/{name}/{operation}", json=asked, headers=headers, trust_env=False, verify=NO_TLS
    )
    assert started.status_code == 202, started.text

    def output() -> dict[str, str]:
        status = httpx.get(f"{url}/instances/{operation}", headers=headers, trust_env=False, verify=NO_TLS).json()
        return dict(status["output"] or {})

    until(output, "it does not end")
    assert output()["status"] == "cancelled"
    assert "another operation took over the lock of others" in output()["reason"]
    assert fleet.power("others") == "running"
