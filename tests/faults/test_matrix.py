"""Whatever happens on the way, the same is there at the end, once, and nothing is held.

Each case is a whole command on a host whose power is cut at one place, or against an Azure that spoils one answer. What it
comes to is compared with what an undisturbed run comes to.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import PASSED
from tests.faults.harness import Cut, Done, Workbench, snapshot
from tests.support import AzureSide

# The SDK warns of values whose types it does not know, and of answers that come after an "any of these" has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")

VERBS = ("provision", "stop", "start", "delete")
GONE: dict[str, Any] = {"kinds": {}, "states": set(), "secrets": 0, "locks": []}

names = (f"f{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def undisturbed(workbench: Workbench) -> dict[str, dict[str, Any]]:
    """What is there after each command when nothing happens."""
    name = next(names)
    with workbench.ground.simulation() as client:
        side = AzureSide(client)
        return {verb: _after(workbench, side, name, verb) for verb in VERBS}


def _after(workbench: Workbench, side: AzureSide, name: str, verb: str) -> dict[str, Any]:
    assert workbench.command(name, verb).operation["state"] == "succeeded"
    return snapshot(side, name)


@pytest.mark.parametrize("written", [False, True], ids=["before it is written down", "after it is written down"])
def test_the_power_is_cut_at_every_activity(
    workbench: Workbench, side: AzureSide, undisturbed: dict[str, dict[str, Any]], written: bool
) -> None:
    """Cut before it is written down, an activity that has had its effect runs twice."""
    when = "after it is written down" if written else "before: it runs twice"

    def spoilt(place: int) -> Callable[[str, str], tuple[Done, bool]]:
        def command(name: str, verb: str) -> tuple[Done, bool]:
            done = workbench.command(name, verb, Cut(place, written))
            return done, done.struck

        return command

    _walk(side, undisturbed, spoilt, f"power cut at the n-th activity, {when}")


def test_every_answer_is_lost_once_after_its_effect(
    workbench: Workbench, side: AzureSide, undisturbed: dict[str, dict[str, Any]]
) -> None:
    def spoilt(place: int) -> Callable[[str, str], tuple[Done, bool]]:
        def command(name: str, verb: str) -> tuple[Done, bool]:
            side.spoil(effect="lose", every=place, times=1)
            done = workbench.command(name, verb)
            struck = any(fault["spoilt"] for fault in side.faults())
            side.behave()
            return done, struck

        return command

    _walk(side, undisturbed, spoilt, "the n-th answer of Azure is lost after its effect")


HARD: dict[str, dict[str, Any]] = {
    "throttled": {"status": 429, "code": "TooManyRequests", "message": "slow down", "retry_after": 3},
    "stumbling": {"status": 503, "code": "ServerTimeout", "message": "try again"},
    "hanging up before it has done anything": {"effect": "drop"},
    "hanging up after it has done it": {"effect": "lose"},
}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("how", HARD)
def test_two_answers_of_five_are_spoilt_at_random(
    workbench: Workbench, side: AzureSide, undisturbed: dict[str, dict[str, Any]], how: str, seed: int
) -> None:
    name = next(names)
    for verb in VERBS:
        for path in ("/subscriptions/", "/secrets"):
            side.spoil(path=path, chance=0.4, seed=seed, **HARD[how])
        done = workbench.command(name, verb)
        side.behave()
        _same_end(side, undisturbed, name, verb, done)
        PASSED[f"{verb}: two answers of five at random, Azure {how}"] += 1


def test_a_slow_azure_is_waited_for(workbench: Workbench, side: AzureSide, undisturbed: dict[str, dict[str, Any]]) -> None:
    name = next(names)
    for verb in VERBS:
        side.spoil(effect="slow", every=3, seconds=4)
        done = workbench.command(name, verb)
        side.behave()
        _same_end(side, undisturbed, name, verb, done)
        PASSED[f"{verb}: every third answer takes four seconds longer"] += 1


Spoilt = Callable[[int], Callable[[str, str], tuple[Done, bool]]]


def _walk(side: AzureSide, undisturbed: dict[str, dict[str, Any]], spoilt: Spoilt, what: str) -> None:
    """Spoil the first place of every command, the second, and so on, until each command has fewer places than that."""
    longest: dict[str, int] = dict.fromkeys(VERBS, 1000)
    for place in _places(longest):
        name = next(names)
        for verb in VERBS:
            command = spoilt(place)
            done, struck = command(name, verb)
            _same_end(side, undisturbed, name, verb, done)
            if struck:
                PASSED[f"{verb}: {what}"] += 1
            else:
                longest[verb] = min(longest[verb], place - 1)
    assert min(longest.values()) > 2


def _places(longest: dict[str, int]) -> Iterator[int]:
    for place in itertools.count(1):
        if place > max(longest.values()):
            return
        yield place


def _same_end(side: AzureSide, undisturbed: dict[str, dict[str, Any]], name: str, verb: str, done: Done) -> None:
    assert done.operation["state"] == "succeeded", (name, verb, done.operation)
    assert snapshot(side, name) == undisturbed[verb], (name, verb)
    assert all(step["state"] in ("done", "unchanged") for step in done.operation["steps"]), (name, verb)
    assert done.operation["began_at"] <= done.operation["ended_at"] != "", (name, verb)
    # A command whose route was told that Azure cannot be asked is in the trail as refused, and nothing is left open.
    ended = [operation["state"] for operation in done.trail if operation["verb"] == verb]
    assert ended.count("succeeded") == 1, (name, verb, done.trail)
    assert set(ended) <= {"succeeded", "refused"}, (name, verb, done.trail)
