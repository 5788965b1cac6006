"""Partial responses of Azure Monitor: how far each part reaches, and which parts are unreadable."""

import asyncio
import json
from typing import Any

import pytest
from azure.monitor.querymetrics.aio import MetricsClient

from dormouse.clock import rfc3339
from dormouse.cloud.clients import Cloud
from dormouse.cloud.metrics import BETWEEN_CALLS, METRIC_NAMES, HostEvidence, HostMetrics, Question
from dormouse.lifecycle import State
from dormouse.resources.compute.machines import VirtualMachine, machine_id
from tests.unit.twins import SETTINGS, HttpAnswer, stopped_clock

NOW = 1_800_000_000.0
LAST = int(NOW // 60) - 3
WINDOW = 5


def machine(name: str) -> VirtualMachine:
    return VirtualMachine(machine_id("s", "g", name), name, "s", "g", "westeurope", "Standard_D4s_v5", State.RUNNING)


def value_of(identifier: str, last: int) -> dict[str, Any]:
    data = [{"timeStamp": rfc3339(minute * 60), "maximum": 1.0, "total": 60.0} for minute in range(last - 20, last + 1)]
    metrics = [{"name": {"value": name}, "timeseries": [{"data": data}]} for name in METRIC_NAMES]
    return {"resourceid": identifier, "value": metrics}


class Monitor(MetricsClient):
    """Azure Monitor that rejects a batch with a bad machine, and has newer data when it is queried later for one machine."""

    def __init__(self, *, bad: str = "", later: int = 0, stalled: str = "", broken: str = "") -> None:
        self.bad, self.later, self.stalled, self.broken = bad, later, stalled, broken

    async def send_request(self, request: Any, **_: Any) -> Any:
        asked: list[str] = json.loads(request.content)["resourceids"]
        if any(self.bad and identifier.endswith(f"/{self.bad}") for identifier in asked):
            return HttpAnswer(400, "no")
        values = [
            value_of(each, LAST - 60 if each.endswith(f"/{self.stalled}") else LAST + self.later * (len(asked) == 1))
            for each in asked
        ]
        for value in values:
            if value["resourceid"].endswith(f"/{self.broken}"):
                value["value"] = [{"name": None}]
        return HttpAnswer(200, {"values": [*values, None, {"value": []}]})


class Measured(Cloud):
    """A cloud in which one monitor serves every region."""

    def __init__(self, monitor: Monitor) -> None:
        super().__init__(SETTINGS, stopped_clock(0.0))
        self._monitor = monitor

    def metrics(self, region: str) -> Monitor:
        return self._monitor


def told(monitor: Monitor, *names: str) -> dict[str, HostEvidence]:
    outside = asyncio.run(HostMetrics(Measured(monitor)).of([Question(machine(name), WINDOW) for name in names], NOW))
    return {name: outside[machine(name).id.lower()] for name in names}


def whole(outside: HostEvidence) -> bool:
    return not outside.problem and all(None not in track.window for track in outside.tracks.values())


@pytest.mark.parametrize("later", range(BETWEEN_CALLS + 1))
def test_retried_parts_of_a_batch_leave_no_gap_in_the_others(later: int) -> None:
    outside = told(Monitor(bad="m0", later=later), "m0", "m1", "m2", "m3")
    assert "rejected the query for m0 (HTTP 400: no)" in outside.pop("m0").problem
    assert all(whole(one) for one in outside.values())


def test_a_machine_without_recent_data_is_not_measured() -> None:
    monitor = Monitor(bad="m0", stalled="m1")
    outside = told(monitor, "m0", "m1", "m2", "m3")
    assert whole(outside["m2"])
    assert not whole(outside["m1"]), "its window ends where the data of its region end"
    assert outside["m1"].end == outside["m2"].end


def test_unreadable_data_of_one_machine_do_not_affect_the_others() -> None:
    outside = told(Monitor(broken="m1"), "m0", "m1", "m2")
    assert "returned data for m1 that cannot be parsed" in outside["m1"].problem
    assert whole(outside["m0"])
    assert whole(outside["m2"])


class Scattered(Monitor):
    """Azure Monitor whose minutes come in two parts, the newer ones first and backwards, and without one in the middle.

    With `strange`, one of them is years older.
    """

    def __init__(self, *, strange: bool = False) -> None:
        super().__init__()
        self.strange = strange

    async def send_request(self, request: Any, **_: Any) -> Any:
        answer = await super().send_request(request)
        for metric in answer.content["values"][0]["value"]:
            data = [{**one, "maximum": float(place)} for place, one in enumerate(metric["timeseries"][0]["data"])]
            old = [{**data[0], "timeStamp": rfc3339(0.0)}] if self.strange else []
            metric["timeseries"] = [{"data": data[:-3:-1]}, {"data": [*old, *data[:-3]]}, {}]
        return answer


def test_minutes_are_placed_by_their_timestamps() -> None:
    outside = told(Scattered(), "m0")["m0"]
    assert outside.tracks["cpu_percent"].window == (16.0, 17.0, None, 19.0, 20.0)
    assert outside.end == (LAST + 1) * 60
    assert "cannot be parsed" in told(Scattered(strange=True), "m0")["m0"].problem


class Short(Monitor):
    """Azure Monitor that has only the last three minutes, such as of a machine that was just created."""

    async def send_request(self, request: Any, **_: Any) -> Any:
        answer = await super().send_request(request)
        for metric in answer.content["values"][0]["value"]:
            metric["timeseries"] = [{"data": metric["timeseries"][0]["data"][-3:]}]
        return answer


def test_minutes_before_the_first_answered_one_are_not_known() -> None:
    assert told(Short(), "m0")["m0"].tracks["cpu_percent"].window == (None, None, 1.0, 1.0, 1.0)


class OneWayMissing(Monitor):
    """Azure Monitor that does not know the outgoing traffic of one minute of the window."""

    async def send_request(self, request: Any, **_: Any) -> Any:
        answer = await super().send_request(request)
        for metric in answer.content["values"][0]["value"]:
            if metric["name"]["value"] == "Network Out Total":
                data = [*metric["timeseries"][0]["data"]]
                data[-3] = {"timeStamp": data[-3]["timeStamp"]}
                metric["timeseries"] = [{"data": data}]
        return answer


def test_a_minute_of_which_one_way_is_not_known_is_not_known() -> None:
    outside = told(OneWayMissing(), "m0")["m0"]
    network, disk = (outside.tracks[f"{name}_bytes_per_second"].window for name in ("network", "disk"))
    assert [place for place, value in enumerate(network) if value is None] == [len(network) - 3]
    assert set(network) - {None} == set(disk) == {2.0}, "both ways together, a second"
