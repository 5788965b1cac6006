"""Hibernation, ephemeral disks, webhooks, and the lowest level of each throttling bucket."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from local.azure.vms.estate_loader import load
from tests.contract.azure import Azure
from tests.contract.preparation import Preparation
from tests.simulator.served import served
from tests.simulator.test_throttling_and_faults import at_once, error, manage

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    fresh = Azure(tmp_path)
    yield fresh
    fresh.close()


def machine(azure: Azure, **fields: Any) -> None:
    load(azure.world, {"machines": [{"id": "lab/vm", "size": "Standard_D2s_v5", **fields}]})


def simulate(azure: Azure, method: str, path: str) -> Answer:
    return azure.ask("simulation.localhost", method, path, token=False)


def deallocate(azure: Azure, **query: str) -> Answer:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    answer = azure.manage("POST", f"{MACHINE}/deallocate?api-version=2024-07-01{more}")
    azure.finish()
    return answer


def statuses(azure: Azure) -> list[str]:
    return [status["code"] for status in manage(azure, "GET", f"{MACHINE}/instanceView").body["statuses"][1:]]


def test_a_hibernated_machine_resumes_its_session(azure: Azure) -> None:
    machine(azure, hibernation=True, agent=True)
    up = azure.world.resource(MACHINE)["_guest"]["up"]  # type: ignore[index]
    assert deallocate(azure, hibernate="true").status == 202
    assert statuses(azure) == ["PowerState/deallocated", "HibernationState/Hibernated"]
    assert manage(azure, "POST", f"{MACHINE}/start").status == 202
    azure.finish()
    assert statuses(azure) == ["PowerState/running"]
    assert azure.world.resource(MACHINE)["_guest"]["up"] == up  # type: ignore[index]
    assert deallocate(azure).status == 202
    assert statuses(azure) == ["PowerState/deallocated"]


@pytest.mark.parametrize(
    ("fields", "query"),
    [
        ({}, {"hibernate": "true"}),
        ({"hibernation": True, "power": "stopped"}, {"hibernate": "true"}),
        ({"ephemeral_disk": True}, {}),
        ({"ephemeral_disk": True, "hibernation": True}, {"hibernate": "true"}),
    ],
)
def test_an_impossible_hibernation_or_deallocation_changes_nothing(
    azure: Azure, fields: dict[str, Any], query: dict[str, str]
) -> None:
    machine(azure, **fields)
    before = statuses(azure)
    assert error(deallocate(azure, **query)) == (409, "OperationNotAllowed")
    assert statuses(azure) == before


def test_other_ways_to_deallocate_are_not_simulated(azure: Azure) -> None:
    machine(azure)
    assert error(deallocate(azure, forceDeallocate="true")) == (501, "NotSimulated")


def test_a_machine_can_be_created_with_hibernation_enabled(azure: Azure) -> None:
    prepare = Preparation(azure)
    body = prepare.machine(MACHINE, {"properties": {"additionalCapabilities": {"hibernationEnabled": True}}})
    assert prepare.put(MACHINE, body).status == 201
    assert deallocate(azure, hibernate="True").status == 202
    assert statuses(azure)[-1] == "HibernationState/Hibernated"


def test_the_lowest_level_of_each_bucket_is_reported(azure: Azure) -> None:
    machine(azure)
    azure.finish()
    at_once(azure)

    def level(name: str) -> dict[str, Any]:
        return next(item for item in simulate(azure, "GET", "/buckets").body["value"] if item["name"] == name)

    for _ in range(50):
        manage(azure, "GET", GROUP)
    assert level("reads") == {"name": "reads", "size": 250, "lowest": 200, "share_used": 0.2}
    azure.clock.now_at += 60  # it has refilled, and keeps its lowest level
    assert level("reads")["lowest"] == 200
    assert simulate(azure, "DELETE", "/buckets").status == 204
    assert level("reads") == {"name": "reads", "size": 250, "lowest": 250, "share_used": 0.0}


def test_webhook_messages_are_kept_and_can_be_made_to_fail(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path) as azure:
            assert await azure.ask("hooks.localhost", "POST", "/teams/x", {"text": "hello"}, **{"X-Kind": "card"}) == (
                200,
                None,
            )
            assert (await azure.ask("hooks.localhost", "POST", "/slack", "plain"))[0] == 200
            await azure.simulate("POST", "/faults", {"kind": "hooks.localhost", "status": 503, "code": "Busy", "times": 1})
            assert (await azure.ask("hooks.localhost", "POST", "/slack", {}))[0] == 503
            (message,) = (await azure.simulate("GET", "/messages?path=/teams/x"))["value"]
            assert (message["path"], message["body"], message["headers"]["x-kind"]) == (
                "/teams/x",
                {"text": "hello"},
                "card",
            )
            assert message["at"] <= azure.world.text()
            assert len((await azure.simulate("GET", "/messages"))["value"]) == 2
            await azure.simulate("DELETE", "/messages")
            assert (await azure.simulate("GET", "/messages"))["value"] == []

    asyncio.run(story())
