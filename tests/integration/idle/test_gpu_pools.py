"""A GPU pool in sweeps: an idle runner gives back its node, a message brings one, and what is not known keeps it.

One environment lives through all of it.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dormouse.clock import MINUTE, parse_moment, rfc3339
from local.sandbox import Ground, temporary_ground
from tests.fleet import lines_of_the_report, sweep_ended, warm_up
from tests.support import ROOT, AzureSide, ControlPlane, until

SPEED = 120.0
RIGHTS: list[dict[str, Any]] = [{"role": "reader"}, {"actions": ["*"]}]
POOL = "Microsoft.ContainerService/managedClusters/agentPools"
EXAMPLE: dict[str, Any] = json.loads((ROOT / "examples" / "runner-cluster.json").read_text())
SOON = {"window": "5m", "grace": "0m", "lead": "5m"}
SPEC: dict[str, Any] = {**{key: value for key, value in EXAMPLE.items() if key != "object_store"}, "idle": SOON}
QUEUE = "10.0.0.4:15672"
TOTALS = 'HTTP/1.0 200 OK\r\n\r\n{{"queue_totals":{{"messages_ready":{},"messages_unacknowledged":{}}}}}'


class Runners:
    """The two sides of a runner cluster: its queue and its pool in Azure, and what sweeps see."""

    def __init__(self, control_plane: ControlPlane, azure: AzureSide) -> None:
        self.control_plane, self.azure = control_plane, azure

    @property
    def pool(self) -> dict[str, Any]:
        (pool,) = (one for one in self.azure.of_type("rc1", POOL) if one["name"] == "gpu")
        return dict(pool)

    @property
    def settings(self) -> dict[str, Any]:
        known: dict[str, Any] = self.pool["properties"]
        return {name: known.get(name) for name in ("enableAutoScaling", "count", "minCount", "maxCount")}

    def queue(self, ready: int, unacknowledged: int = 0) -> None:
        """So many messages are in the queue; the watch sees it at its next look."""
        self._answer(TOTALS.format(ready, unacknowledged))

    def queue_is_silent(self) -> None:
        self._answer("HTTP/1.0 401 Unauthorized\r\n\r\n")

    def _answer(self, text: str) -> None:
        self.azure.client.put("/peers", json={"address": QUEUE, "answer": text}).raise_for_status()

    def sweep(self) -> dict[str, Any]:
        """One sweep; returns its line about the pool."""
        client = self.control_plane.client
        sweep_ended(client, client.post("/sweeps", json={}))
        (line,) = (one for one in lines_of_the_report(client) if one["kind"] == "node_pool")
        return line

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Sweep until a line is as awaited; returns it."""
        lines: list[dict[str, Any]] = []

        def found() -> bool:
            lines.append(self.sweep())
            return holds(lines[-1])

        until(found, lambda: f"it is never so: {lines[-1]}")
        return lines[-1]

    def notices(self) -> list[str]:
        """The events that people were told of, about the pool."""
        told, own = self.azure.client.get("/messages").json()["value"], self.pool["id"].lower()
        return [one["body"]["event"] for one in told if (one["body"]["machine"] or "").lower() == own]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        with running.simulation() as simulation:
            simulation.put("/permissions", json={"assignments": RIGHTS}).raise_for_status()
        with running.client() as client:
            warm_up(client)
        yield running


def _sleep_on(runners: Runners, seen: dict[str, Any]) -> None:
    """The second period of sleep: it ends with a message, with a hold, and at last with the stop of everything."""
    plane, client = runners.control_plane, runners.control_plane.client
    # While its nodes run: without them, the health checks of this change would wait for an hour.
    seen["opted in"] = plane.follow(plane.put("rc1", {**SPEC, "stop_after": "30m"}))
    runners.until(lambda line: bool(line["state"] == "stopped"))
    runners.until(lambda line: "the whole environment rc1" in (line["next_action_text"] or ""))
    seen["planned"] = plane.get("rc1")
    runners.until(lambda line: bool(line["next_action"] == "warn"))
    seen["warned to stop"] = runners.azure.client.get("/messages").json()["value"][-1]["body"]
    runners.queue(1)
    seen["woken"] = runners.until(lambda line: bool(line["state"] == "running"))
    runners.queue(0)
    runners.until(lambda line: bool(line["state"] == "stopped"))
    client.post("/environments/rc1/hold", json={"for": "1h", "reason": "a look"}).raise_for_status()
    seen["held asleep"] = [runners.sweep(), plane.get("rc1")["planned"]]
    client.post("/environments/rc1/hold", json={"for": 0}).raise_for_status()
    seen["unheld"] = runners.sweep()
    until(lambda: runners.sweep() and is_at_rest(plane.get("rc1")), "it is not stopped")
    seen["all stopped"] = plane.get("rc1")
    seen["after"] = runners.sweep()
    seen["stop"] = plane.client.get("/operations", params={"environment": "rc1"}).json()["value"][0]
    seen["all notices"] = runners.azure.client.get("/messages").json()["value"]
    asked = plane.post("rc1", "start")
    seen["rest"], seen["started again"] = asked.json()["note"], plane.follow(asked)
    seen["settings again"] = runners.settings


@pytest.fixture(scope="module")
def told(ground: Ground) -> Iterator[dict[str, Any]]:
    """What happened to the pool, moment by moment."""
    with ground.client() as client, ground.simulation() as simulation:
        runners = Runners(ControlPlane(client), AzureSide(simulation))
        runners.control_plane.up("rc1", SPEC)
        seen: dict[str, Any] = {"runners": runners}
        runners.queue(0, 1)
        seen["working"] = runners.until(lambda line: line["verdict"] == "busy")
        runners.queue_is_silent()
        seen["silent"] = runners.until(lambda line: line["verdict"] == "unknown" and "queue is not known" in line["reason"])
        seen["silent settings"] = runners.settings
        runners.queue(0)
        client.post("/environments/rc1/hold", json={"for": "1h", "reason": "a demo"}).raise_for_status()
        seen["held"] = runners.until(lambda line: line["verdict"] == "held")
        client.post("/environments/rc1/hold", json={"for": 0}).raise_for_status()
        end = rfc3339(parse_moment(client.get("/health").json()["time"]) + 300 * MINUTE)
        said = {"reports": [{"environment": "rc1", "busy_until": end, "reason": "a booking"}]}
        client.post("/machines/activity", json=said).raise_for_status()
        seen["reported"] = [runners.until(lambda line: line["verdict"] == "busy"), *(runners.sweep() for _ in range(4))]
        client.post("/machines/activity", json={"reports": [{"environment": "rc1", "busy_until": None}]}).raise_for_status()
        seen["warned"] = runners.until(lambda line: bool(line["next_action"] == "warn"))
        seen["asleep"] = runners.until(lambda line: bool(line["state"] == "stopped"))
        seen["asleep settings"] = runners.settings
        seen["still asleep"] = [runners.sweep(), runners.sweep()]
        seen["not opted in"] = runners.control_plane.get("rc1")["planned"]
        seen["still settings"] = runners.settings
        seen["hosts"] = {one["name"]: one for one in lines_of_the_report(client) if one["kind"] == "virtual_machine"}
        runners.queue(1)
        seen["awake"] = runners.until(lambda line: bool(line["state"] == "running"))
        seen["awake settings"] = runners.settings
        runners.queue(0)
        runners.until(lambda line: bool(line["state"] == "stopped"))
        asked = runners.control_plane.post("rc1", "start")
        seen["note"], seen["started"] = asked.json().get("note"), runners.control_plane.follow(asked)
        seen["started settings"] = runners.settings
        _sleep_on(runners, seen)
        yield seen
        runners.azure.as_before()


def test_what_is_reported_busy_from_outside_keeps_the_nodes_of_a_pool_without_work(told: dict[str, Any]) -> None:
    lines = told["reported"]
    assert {(line["verdict"], line["state"], line["next_action"]) for line in lines} == {("busy", "running", None)}
    assert all("function-key reports it busy until" in line["reason"] for line in lines)
    assert all(line["reason"].endswith(": a booking.") for line in lines)
    assert told["warned"]["verdict"] == "idle", "it is judged by its own signals again"


def test_a_message_that_is_being_worked_on_is_use(told: dict[str, Any]) -> None:
    assert "its queue has 0 messages that wait and 1 that are being worked on" in told["working"]["reason"]


def test_a_queue_that_cannot_be_read_keeps_the_nodes(told: dict[str, Any]) -> None:
    assert told["silent"]["verdict"] == "unknown"
    assert told["silent settings"] == {"enableAutoScaling": True, "count": 1, "minCount": 0, "maxCount": 2}


def test_a_hold_of_the_environment_keeps_the_nodes(told: dict[str, Any]) -> None:
    assert (told["held"]["hold"]["reason"], told["held"]["state"]) == ("a demo", "running")


def test_a_runner_without_work_is_warned_and_its_pool_is_scaled_to_zero(told: dict[str, Any]) -> None:
    runners: Runners = told["runners"]
    reason = told["warned"]["reason"]
    assert reason == "Idle for 5 minutes: it holds 1 node, and no sweep saw work on a GPU, and its queue was empty."
    assert told["asleep settings"] == {"enableAutoScaling": False, "count": 0, "minCount": None, "maxCount": None}
    assert runners.notices()[:2] == ["warned", "stopped"]
    operations = runners.control_plane.client.get("/operations", params={"environment": "rc1"}).json()["value"]
    ended = [one for one in operations if one["requested_by"] == "sweep (idle)"]
    assert {(one["verb"], one["outcome"]) for one in ended} == {("stop", "succeeded")}
    assert told["asleep"]["saved_amount"] >= 0


def test_runners_that_wait_for_nothing_do_not_wake_it(told: dict[str, Any]) -> None:
    assert {(line["verdict"], line["next_action"]) for line in told["still asleep"]} == {("stopped", None)}
    assert told["still settings"] == told["asleep settings"]
    assert told["still asleep"][-1]["saved_amount"] > 0


def test_the_queue_is_not_stopped_although_it_does_nothing(told: dict[str, Any]) -> None:
    (host,) = told["hosts"].values()
    assert host["state"] == "running"
    assert host["reason"] == "In use: needed by aks-rc1."


def test_a_message_gives_the_pool_back_to_the_autoscaler(told: dict[str, Any]) -> None:
    runners: Runners = told["runners"]
    awake = told["awake settings"]
    assert (awake["enableAutoScaling"], awake["minCount"], awake["maxCount"]) == (True, 0, 2)
    assert runners.notices()[2:3] == ["started"]
    operations = runners.control_plane.client.get("/operations", params={"environment": "rc1"}).json()["value"]
    *_, started = (one for one in operations if one["requested_by"] == "sweep (jobs)")
    assert started["outcome"] == "succeeded"
    assert "There is work for it: its queue has 1 messages that wait" in started["reason"]


def test_a_start_brings_the_nodes_back_although_the_environment_runs(told: dict[str, Any]) -> None:
    assert told["started"]["outcome"] == "succeeded", told["started"]["reason"]
    assert told["started settings"]["enableAutoScaling"]
    assert not told["note"], "a stop by a sweep asks for no rest"


def test_without_the_field_only_the_pool_sleeps(told: dict[str, Any]) -> None:
    assert told["not opted in"] is None
    assert told["opted in"]["outcome"] == "succeeded", told["opted in"]["reason"]


def test_an_environment_that_sleeps_on_says_when_it_is_stopped_and_warns_before(told: dict[str, Any]) -> None:
    planned = told["planned"]["planned"]
    assert planned["then"] == "stop"
    assert planned["at"] is not None
    assert "If it sleeps on, the whole environment rc1 is stopped at" in planned["text"]
    assert told["planned"]["spec"]["stop_after"] == "30m"
    warned = told["warned to stop"]
    assert warned["event"] == "warned"
    assert "stopped with its whole cluster and all VMs of the environment rc1 at" in warned["text"]
    assert "Nothing wakes a stopped cluster" in warned["text"]


def test_a_message_in_the_second_period_wakes_the_pool_and_nothing_is_stopped(told: dict[str, Any]) -> None:
    assert told["woken"]["state"] == "running"


def test_a_hold_ends_the_second_period_and_it_begins_again(told: dict[str, Any]) -> None:
    held, planned = told["held asleep"]
    assert (held["hold"]["reason"], planned) == ("a look", None)
    assert told["stop"]["accepted_at"] >= minutes_later(told["unheld"]["as_of"], 29)


def test_after_the_second_period_everything_is_stopped_and_said_to_be(told: dict[str, Any]) -> None:
    stop = told["stop"]
    assert (stop["verb"], stop["outcome"], stop["requested_by"]) == ("stop", "succeeded", "sweep (stop_after)"), stop
    assert "rc1 is stopped, as confirmed by Azure" in stop["reason"]
    assert "still are" in stop["reason"]
    assert "`dormouse start rc1`" in stop["reason"]
    states = {one["kind"]: one["state"] for one in told["all stopped"]["resources"] if one["state"]}
    assert states == {"virtual_machine": "stopped", "managed_cluster": "stopped"}
    notice = next(one["body"] for one in reversed(told["all notices"]) if one["body"]["event"] == "stopped")
    assert notice["text"] == stop["reason"]
    assert told["all stopped"]["planned"] is None
    assert "Work does not wake it" in told["after"]["reason"]


def test_it_starts_again_as_it_was_after_the_rest_that_azure_asks_for(told: dict[str, Any]) -> None:
    assert "Azure asks for a rest" in told["rest"]
    assert told["started again"]["outcome"] == "succeeded", told["started again"]["reason"]
    again = told["settings again"]
    assert (again["enableAutoScaling"], again["minCount"], again["maxCount"]) == (True, 0, 2)


def is_at_rest(environment: dict[str, Any]) -> bool:
    return (environment["state"], environment["operation"]) == ("stopped", None)


def minutes_later(text: str, minutes: int) -> str:
    return rfc3339(parse_moment(text) + minutes * MINUTE)
