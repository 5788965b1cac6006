"""What has not ended in the days for which histories are kept is ended, parents first, and seldom told so again."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from dormouse.clock import DAY, HOUR
from dormouse.services.durable_client import ENDED, STATUS, UNENDED, DurableClient
from dormouse.services.retention import end_overdue, retain
from tests.unit.twins import MemoryTables, Orchestrations, reads_of

NOW = 1_800_000_000.0
BORDER = NOW - 30 * DAY
OPERATION = "e-stop-01HX0000000000000000000000"


def instance(identifier: str, created: float, runtime: Any = STATUS.Running) -> DurableOrchestrationStatus:
    at = datetime.fromtimestamp(created, UTC).isoformat()
    return DurableOrchestrationStatus("", identifier, at, at, runtimeStatus=runtime.value)


def hub_of(*instances: DurableOrchestrationStatus) -> Orchestrations:
    return Orchestrations(statuses={one.instance_id: one for one in instances})


def ended(hub: Orchestrations, now: float = NOW) -> list[str]:
    """What is told to end at this moment."""
    hub.terminated.clear()
    asyncio.run(end_overdue(DurableClient(hub), reads_of(MemoryTables(), now=now)))
    return hub.terminated


@pytest.mark.parametrize("runtime", STATUS)
def test_only_what_has_not_ended_is_ended(runtime: Any) -> None:
    hub = hub_of(instance("a", BORDER - HOUR, runtime), instance("b", BORDER + HOUR, runtime))
    assert ended(hub) == ([] if runtime in ENDED else ["a"])
    assert {*UNENDED, *ENDED} == set(STATUS)


def test_parents_are_ended_before_their_children_and_strangers_are_left_alone() -> None:
    old = [f"{OPERATION}:vm", OPERATION, "sweep-2", "@counter@a", "a stranger's ID"]
    hub = hub_of(*(instance(name, BORDER - HOUR) for name in old), instance("sweep-1", BORDER - 4 * DAY + HOUR))
    assert ended(hub) == ["sweep-1", OPERATION, f"{OPERATION}:vm", "sweep-2"]


def test_what_receives_nothing_is_told_ever_more_seldom() -> None:
    """For a year, every hour: it stays, and so does each message to it."""
    hub = hub_of(instance(OPERATION, BORDER))
    told = [hour for hour in range(365 * 24) if ended(hub, NOW + hour * HOUR)]
    assert sorted({hour // 24 for hour in told}) == [0, 1, 3, 7, 15, 31, 63, 127, 255]
    assert len(told) == 9 * 24


def test_one_that_cannot_be_ended_does_not_keep_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class Gone(Orchestrations):
        async def terminate(self, instance_id: str, reason: str) -> None:
            if instance_id == "a":
                raise Exception("The operation failed with an unexpected status code 500")
            await super().terminate(instance_id, reason)

    hub = Gone(statuses={name: instance(name, BORDER - HOUR) for name in ("a", "b")})
    with caplog.at_level(logging.WARNING):
        assert ended(hub) == ["b"]
    assert "b is ended. It did not end in 30 days." in caplog.text
    assert "a is ended" not in caplog.text


def test_without_a_list_histories_are_deleted_all_the_same() -> None:
    class Slow(Orchestrations):
        async def get_status_by(self, *, created_time_to: datetime, runtime_status: Any) -> list[DurableOrchestrationStatus]:
            raise TimeoutError("too slow")

    hub = Slow(statuses={"a": instance("a", BORDER - HOUR)})
    asyncio.run(retain(DurableClient(hub), reads_of(MemoryTables(), now=NOW)))
    assert hub.terminated == []
    assert hub.purged
