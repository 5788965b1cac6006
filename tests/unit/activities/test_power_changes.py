"""What Azure Compute is asked for when the power of a machine changes."""

import asyncio
from typing import Any

import pytest

from activities.resources.compute import begin_power_change
from dormouse.cloud.clients import Cloud
from dormouse.environments.operations import ChangePower
from dormouse.environments.results import Progress, Stage
from dormouse.lifecycle import Verb
from tests.unit.twins import SETTINGS, stopped_clock

ELSEWHERE = "0d0e5e00-0000-4000-8000-000000000002"


class Recording(Cloud):
    """A cloud that writes down which long operation is begun, of whom and how."""

    def __init__(self) -> None:
        super().__init__(SETTINGS, stopped_clock(0.0))
        self.begun: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.subscriptions: list[str] = []

    def compute_in(self, subscription: str) -> Any:
        self.subscriptions.append(subscription)
        return super().compute_in(subscription)

    async def begin(self, begin: Any, *request: Any, **options: Any) -> Progress:
        self.begun.append((begin.__name__, request, options))
        return Progress.done()


def begun(request: ChangePower) -> Recording:
    cloud = Recording()

    async def begin() -> None:
        assert (await begin_power_change(request, cloud)).stage is Stage.DONE
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
def test_only_a_stop_hibernates_and_only_if_it_is_asked_to(
    verb: Verb, hibernate: bool, asked: str, options: dict[str, Any]
) -> None:
    assert begun(ChangePower("x", "ml1", verb, "g", "vm", hibernate=hibernate)).begun == [(asked, ("g", "vm"), options)]


@pytest.mark.parametrize(("subscription", "asked"), [("", SETTINGS.azure_subscription_id), (ELSEWHERE, ELSEWHERE)])
def test_a_machine_is_changed_in_its_own_subscription(subscription: str, asked: str) -> None:
    assert begun(ChangePower("x", "ml1", Verb.STOP, "g", "vm", subscription)).subscriptions == [asked]
