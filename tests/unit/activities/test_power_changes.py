"""The requests to Azure Compute that change the power of a machine."""

import asyncio
from typing import Any

import pytest

from activities.resources.generic import change_resource_power
from dormouse.cloud.clients import Cloud
from dormouse.environments.answers import Answer, Done
from dormouse.environments.requests import PowerRequest
from dormouse.lifecycle import Verb
from dormouse.resources.compute.machines import machine_id
from dormouse.resources.plan import Resource
from tests.unit.twins import SETTINGS, stopped_clock

ELSEWHERE = "0d0e5e00-0000-4000-8000-000000000002"


class Recording(Cloud):
    """A cloud that records which long-running operation is begun, in which subscription and how."""

    def __init__(self) -> None:
        super().__init__(SETTINGS, stopped_clock(0.0))
        self.begun: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.subscriptions: list[str] = []

    def compute_in(self, subscription: str) -> Any:
        self.subscriptions.append(subscription)
        return super().compute_in(subscription)

    async def begin(self, begin: Any, *request: Any, **options: Any) -> Answer:
        self.begun.append((begin.__name__, request, options))
        return Done()


def begun(verb: Verb, *, hibernate: bool = False, subscription: str = SETTINGS.azure_subscription_id) -> Recording:
    cloud = Recording()
    vm = Resource("vm", "virtual_machine", machine_id(subscription, "g", "vm"))

    async def begin() -> None:
        assert await change_resource_power(PowerRequest(vm, verb, hibernate), cloud) == Done()
        await cloud.close()

    asyncio.run(begin())
    return cloud


@pytest.mark.parametrize(
    ("verb", "hibernate", "asked", "options"),
    [
        (Verb.STOP, False, "begin_deallocate", {}),
        (Verb.STOP, True, "begin_deallocate", {"hibernate": True}),
        (Verb.START, False, "begin_start", {}),
        (Verb.START, True, "begin_start", {}),
        (Verb.RESTART, True, "begin_restart", {}),
    ],
)
def test_only_a_stop_can_hibernate_and_only_if_requested(
    verb: Verb, hibernate: bool, asked: str, options: dict[str, Any]
) -> None:
    assert begun(verb, hibernate=hibernate).begun == [(asked, ("g", "vm"), options)]


@pytest.mark.parametrize("subscription", [SETTINGS.azure_subscription_id, ELSEWHERE])
def test_power_changes_are_sent_to_the_machines_own_subscription(subscription: str) -> None:
    assert begun(Verb.STOP, subscription=subscription).subscriptions == [subscription]
