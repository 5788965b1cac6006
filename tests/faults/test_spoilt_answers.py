"""Whatever becomes of Azure's answers, the same is there at the end, once, and nothing is held.

Each lost answer is a branch of one undisturbed run (`harness.py`), from the last moment before it at which no activity was
under way.
"""

import itertools
from typing import Any

import pytest

from tests.conftest import PASSED
from tests.faults.harness import VERBS, Recording, Workbench, assert_same_end
from tests.support import AzureSide

# The SDK warns of values whose types it does not know, and of answers that come after an "any of these" has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")

names = (f"f{number}" for number in itertools.count(1))


@pytest.mark.parametrize("verb", VERBS)
def test_every_answer_is_lost_once_after_its_effect(
    workbench: Workbench, side: AzureSide, recordings: dict[str, Recording], verb: str
) -> None:
    recording = recordings[verb]
    for number in itertools.count(1):
        beginning = recording.last_idle_before(number)
        workbench.restore(beginning)
        side.spoil(effect="lose", every=number - recording.answers_at(beginning), times=1)
        done = workbench.finish(recording, beginning)
        (fault,) = side.faults()
        side.behave()
        assert_same_end(side, recording, recording.name, done)
        if not fault["spoilt"]:
            break
        PASSED[f"{verb}: the n-th answer of Azure is lost after its effect"] += 1
    assert number > recording.answers_at(recording.idle[-1])


HARD: dict[str, dict[str, Any]] = {
    "throttled": {"status": 429, "code": "TooManyRequests", "message": "slow down", "retry_after": 3},
    "stumbling": {"status": 503, "code": "ServerTimeout", "message": "try again"},
    "hanging up before it has done anything": {"effect": "drop"},
    "hanging up after it has done it": {"effect": "lose"},
}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("how", HARD)
def test_two_answers_of_five_are_spoilt_at_random(
    workbench: Workbench, side: AzureSide, recordings: dict[str, Recording], how: str, seed: int
) -> None:
    name = next(names)
    workbench.restore(recordings[VERBS[0]].begin)
    for verb in VERBS:
        for path in ("/subscriptions/", "/secrets"):
            side.spoil(path=path, chance=0.4, seed=seed, **HARD[how])
        done = workbench.command(name, verb)
        side.behave()
        assert_same_end(side, recordings[verb], name, done)
        PASSED[f"{verb}: two answers of five at random, Azure {how}"] += 1


def test_a_slow_azure_is_waited_for(workbench: Workbench, side: AzureSide, recordings: dict[str, Recording]) -> None:
    name = next(names)
    workbench.restore(recordings[VERBS[0]].begin)
    for verb in VERBS:
        side.spoil(effect="slow", every=3, seconds=4)
        done = workbench.command(name, verb)
        side.behave()
        assert_same_end(side, recordings[verb], name, done)
        PASSED[f"{verb}: every third answer takes four seconds longer"] += 1
