"""The faults and user actions that some hazards need: each sets up its situation and cleans up afterwards."""

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import httpx

from dormouse.clock import HOUR, rfc3339
from local.azure.server import ACTIVITY, HOOKS, TABLES
from tests.fleet import caught_up
from tests.hazards.corpus import QUIET, Hazard
from tests.hazards.fleet import Fleet, Name, identifier_of
from tests.support import until

Setting = Callable[[Fleet, Hazard], Iterator[None]]
MACHINES = "Microsoft.Compute/virtualMachines"
GETTING_METRICS, ASKING_GRAPH = "metrics:getBatch", "Microsoft.ResourceGraph"
# Where the sweep records that it has claimed a machine: between the decision and the recheck.
TRAIL = "/operations"
# For how long the sweep is held there: agents report what happens then within a minute, in real time at once.
KEPT = 240.0
AUDIENCE = "api://dormouse"


def _names(hazard: Hazard) -> list[Name]:
    return [(hazard.name, str(machine["id"])) for machine in hazard.machines]


@contextlib.contextmanager
def _fault(fleet: Fleet, **fault: Any) -> Iterator[None]:
    fleet.azure.post("/faults", json=fault).raise_for_status()
    try:
        yield
    finally:
        fleet.azure.delete("/faults").raise_for_status()


def _agent(fleet: Fleet, name: Name, *, runs: bool) -> None:
    fleet.azure.post("/machines/agent", json={"id": identifier_of(name), "agent": runs}).raise_for_status()


def agents_killed(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    for name in _names(hazard):
        _agent(fleet, name, runs=False)
    fleet.pass_minutes(11.5)
    yield


def agents_are_restarted(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    for name in _names(hazard):
        _agent(fleet, name, runs=False)
        _agent(fleet, name, runs=True)
    fleet.pass_minutes(6)
    yield


def _late(minutes: int) -> Setting:
    def late(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
        fleet.azure.put("/metrics/lag", json={"minutes": minutes}).raise_for_status()
        yield
        fleet.azure.put("/metrics/lag", json={"minutes": 3}).raise_for_status()

    return late


def _failing(**fault: Any) -> Setting:
    def failing(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
        with _fault(fleet, **fault):
            yield

    return failing


def one_query_is_refused(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    with _fault(fleet, path=GETTING_METRICS, status=503, code="ServiceUnavailable", times=1):
        fleet.sweep(dry_run=True)
        found = Counter(line["verdict"] for name, line in fleet.lines().items() if name[0] == hazard.name)
        assert found == {"unknown": 1, "idle": 2}
        yield


def _stop_of_one(**fault: Any) -> Setting:
    """Stopping the machine "bad" fails, and a notification is sent."""

    def stop_of_one(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
        with _fault(fleet, method="POST", path=f"/{hazard.name}/providers/{MACHINES}/bad/deallocate", **fault):
            yield
        told = [message for message in fleet.messages() if message["machine"] == identifier_of((hazard.name, "bad"))]
        assert [message["event"] for message in told] == ["stop not confirmed"]

    return stop_of_one


def _meanwhile(deed: Callable[[Fleet, Hazard], None], *, first: Callable[[Fleet, Hazard], None] | None = None) -> Setting:
    """Something happens while the sweep that has decided to act is held before the recheck."""

    def meanwhile(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
        if first:
            first(fleet, hazard)
        with _fault(fleet, effect="slow", kind=TABLES, path=TRAIL, seconds=KEPT, times=1):
            waiting = Thread(target=_when_it_is_kept, args=(fleet, hazard, deed))
            waiting.start()
            yield
            waiting.join()
        assert _names(hazard)[0] not in fleet.touched()

    return meanwhile


def _when_it_is_kept(fleet: Fleet, hazard: Hazard, deed: Callable[[Fleet, Hazard], None]) -> None:
    with fleet.ground.simulation() as azure:  # a connection of its own for its own thread
        until(lambda: azure.get("/faults").json()["value"][0]["spoilt"] == 1, "nothing is decided")
    deed(fleet, hazard)


def _start_by_hand(fleet: Fleet, hazard: Hazard) -> None:
    fleet.azure.post("/machines/start", json={"id": identifier_of(_names(hazard)[0])}).raise_for_status()


def _shut_down(fleet: Fleet, hazard: Hazard) -> None:
    fleet.azure.post("/machines/shutdown", json={"id": identifier_of(_names(hazard)[0])}).raise_for_status()


def _delete(fleet: Fleet, hazard: Hazard) -> None:
    fleet.azure.post("/resources/vanish", json={"id": identifier_of(_names(hazard)[0])}).raise_for_status()


def _work(fleet: Fleet, hazard: Hazard) -> None:
    fleet.change(_names(hazard)[0], {"inside": {"gpu_percent": 97}})


def _hold(fleet: Fleet, hazard: Hazard) -> None:
    body = {"machine": identifier_of(_names(hazard)[0]), "for": "1h", "reason": "a demo"}
    fleet.plane.post("/machines/hold", json=body).raise_for_status()


def _report(fleet: Fleet, hazard: Hazard) -> None:
    end = rfc3339(fleet.ground.clock.seconds() + HOUR)
    report = {"machine": identifier_of(_names(hazard)[0]), "busy_until": end, "reason": "job 42"}
    fleet.plane.post("/machines/activity", json={"reports": [report]}).raise_for_status()


def _seen_as_billed_for_a_while(fleet: Fleet, hazard: Hazard) -> None:
    fleet.sweep()
    fleet.pass_minutes(11)


def webhooks_refuse(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    with _fault(fleet, kind=HOOKS, status=500):
        fleet.sweep()
        fleet.pass_minutes(4)  # an agent shows the warning, and reports that it did
        fleet.sweep()
        fleet.pass_minutes(11)
        yield


def a_webhook_delivers_the_warning(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    fleet.sweep()
    fleet.pass_minutes(3)
    fleet.sweep()
    (name,) = _names(hazard)
    assert [m["event"] for m in fleet.messages() if m["machine"] == identifier_of(name)] == ["warned"]
    assert name not in fleet.touched()
    fleet.pass_minutes(3)
    yield


def the_control_plane_is_down(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    fleet.ground.host.kill()
    fleet.pass_minutes(15)
    fleet.ground.host.start()
    caught_up(fleet.azure)
    yield


def the_control_plane_is_killed(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    with _fault(fleet, effect="slow", kind=TABLES, path=TRAIL, seconds=KEPT, times=1):
        fleet.plane.post("/sweeps").raise_for_status()
        until(lambda: fleet.azure.get("/faults").json()["value"][0]["spoilt"] == 1, "nothing is decided")
        fleet.ground.host.kill()
    fleet.ground.host.start()
    caught_up(fleet.azure)
    yield


def _beat(fleet: Fleet, name: Name, ages: list[float], *, gpu: Callable[[int], float] = lambda _: 0.0) -> dict[str, Any]:
    """A heartbeat of quiet minutes that ended so many seconds ago; `gpu` has the GPU load of some of them."""
    quiet = dict.fromkeys(QUIET["inside"], 0.0)
    minutes = [
        {
            "sequence": number,
            "age_seconds": age,
            "signals": {
                signal: {"max": value, "p95": value} for signal, value in {**quiet, "gpu_percent": gpu(number)}.items()
            },
        }
        for number, age in enumerate(ages)
    ]
    about = {"version": 1, "machine": identifier_of(name), "boot": "b" * 32, "uptime_seconds": 86400.0, "gpu": "ok"}
    return {**about, "minutes": minutes}


def _posted(fleet: Fleet, by: Name, beat: dict[str, Any]) -> httpx.Response:
    """The response to a heartbeat sent with the token of a machine."""
    asked = fleet.azure.post("/machines/token", json={"id": identifier_of(by), "audience": AUDIENCE}).raise_for_status()
    bearer = {"Authorization": f"Bearer {asked.json()['access_token']}"}
    return fleet.plane.post("/heartbeats", json=beat, headers=bearer)


def old_heartbeats_are_replayed(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    (name,) = _names(hazard)
    beat = _beat(fleet, name, [60.0 * ago for ago in range(40, -1, -1)])
    _posted(fleet, name, beat).raise_for_status()
    fleet.sweep(dry_run=True)
    assert fleet.lines()[name]["verdict"] == "idle"
    fleet.pass_minutes(12)
    _posted(fleet, name, beat).raise_for_status()
    yield


def heartbeats_come_late_from_a_fast_clock(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    late = random.Random(1)
    for name in _names(hazard):
        ages = [ago * 60.6 + late.uniform(0, 20) for ago in range(60, -1, -1)]
        worked = 60 - 28 if name[1] == "working" else -1
        beat = _beat(fleet, name, ages, gpu=lambda number, worked=worked: 80.0 if number == worked else 0.0)  # type: ignore[misc]
        _posted(fleet, name, beat).raise_for_status()
    yield


def one_reports_about_another(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    victim, liar = _names(hazard)
    assert _posted(fleet, liar, _beat(fleet, victim, [60.0 * ago for ago in range(40, -1, -1)])).status_code == 403
    yield


def the_link_is_clicked(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    fleet.sweep()
    (link,) = [m["snooze_url"] for m in fleet.messages() if m["machine"] == identifier_of(_names(hazard)[0])]
    httpx.get(link, trust_env=False).raise_for_status()  # a chat previews it
    fleet.sweep(dry_run=True)
    assert fleet.lines()[_names(hazard)[0]]["verdict"] == "idle"
    httpx.post(link, trust_env=False).raise_for_status()
    fleet.pass_minutes(6)
    yield


def it_is_held(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    with _fault(fleet, path=GETTING_METRICS, status=529):
        fleet.sweep()  # it is listed, but nothing is known of it yet
    _hold(fleet, hazard)
    yield


def _lease(fleet: Fleet, name: Name, lasts: str) -> None:
    fleet.plane.post("/machines/extend", json={"machine": identifier_of(name), "for": lasts}).raise_for_status()


def _warned_of_its_lease(fleet: Fleet, hazard: Hazard) -> Name:
    (name,) = _names(hazard)
    fleet.sweep()
    _lease(fleet, name, "10m")
    fleet.pass_minutes(6)
    fleet.sweep()
    assert [told["event"] for told in fleet.messages() if told["machine"] == identifier_of(name)] == ["warned"]
    assert name not in fleet.touched()
    return name


def a_lease_ends(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    _warned_of_its_lease(fleet, hazard)
    fleet.pass_minutes(6)
    yield


def a_lease_is_extended(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    _lease(fleet, _warned_of_its_lease(fleet, hazard), "8h")
    fleet.pass_minutes(6)
    yield


def it_is_started_after_hours(fleet: Fleet, hazard: Hazard) -> Iterator[None]:
    fleet.sweep()
    fleet.pass_minutes(9)
    fleet.sweep()
    assert _names(hazard)[0] in fleet.touched()
    _start_by_hand(fleet, hazard)
    fleet.pass_minutes(2)
    caught_up(fleet.azure)
    yield


SETTINGS: dict[str, Setting] = {
    "agents are killed": agents_killed,
    "agents are restarted": agents_are_restarted,
    "Azure Monitor is 8 minutes late": _late(8),
    "Azure Monitor is 15 minutes late": _late(15),
    "Azure Monitor is overloaded": _failing(path=GETTING_METRICS, status=529, code="Overloaded"),
    "Azure Monitor refuses one query": one_query_is_refused,
    "metrics may not be read": _failing(path=GETTING_METRICS, status=403, code="AuthorizationFailed"),
    "Resource Graph is overloaded": _failing(path=ASKING_GRAPH, status=429, code="RateLimiting"),
    "Resource Graph is briefly overloaded": _failing(path=ASKING_GRAPH, status=429, code="RateLimiting", times=3),
    "one machine may not be stopped": _stop_of_one(status=403, code="AuthorizationFailed"),
    "stopping one machine fails late": _stop_of_one(effect="fail", status=409, code="InternalExecutionError"),
    "it is started between decision and action": _meanwhile(_start_by_hand, first=_seen_as_billed_for_a_while),
    "it is shut down between decision and action": _meanwhile(_shut_down),
    "it is held between decision and action": _meanwhile(_hold),
    "it is reported busy between decision and action": _meanwhile(_report),
    "the activity service is down": _failing(kind=ACTIVITY, status=503),
    "work begins between decision and action": _meanwhile(_work),
    "one machine is deleted between decision and action": _meanwhile(_delete),
    "webhooks refuse": webhooks_refuse,
    "a webhook delivers the warning": a_webhook_delivers_the_warning,
    "the control plane is down for 15 minutes": the_control_plane_is_down,
    "the control plane is killed between decision and action": the_control_plane_is_killed,
    "old heartbeats are replayed": old_heartbeats_are_replayed,
    "heartbeats come late and from a fast clock": heartbeats_come_late_from_a_fast_clock,
    "one machine reports about another": one_reports_about_another,
    "the snooze link is clicked": the_link_is_clicked,
    "it is held for an hour": it_is_held,
    "a lease ends": a_lease_ends,
    "a lease is extended after its warning": a_lease_is_extended,
    "it is started after hours": it_is_started_after_hours,
}
