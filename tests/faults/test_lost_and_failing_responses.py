"""Whatever happens to Azure's responses, the result is the same, happens once, and no lock is left.

Each lost response is a branch of one undisturbed run (`harness.py`), from the last moment before it at which no
activity was running.
"""

import itertools
from typing import Any

import pytest

from tests.conftest import PASSED
from tests.faults.cases import lose_every_response
from tests.faults.harness import VERBS, Recording, Workbench, assert_same_end
from tests.support import AzureSide

# The SDK warns of values of unknown types, and of results that arrive after a task_any has ended.
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task")

names = (f"f{number}" for number in itertools.count(1))


@pytest.mark.parametrize("verb", VERBS)
def test_losing_any_single_response_does_not_change_the_result(
    workbench: Workbench, side: AzureSide, recordings: dict[str, Recording], verb: str
) -> None:
    lose_every_response(workbench, side, recordings[verb], verb)


# A resize is checked against Azure in the request itself, and refused with 503 while Azure does not answer.
PATIENT = [verb for verb in VERBS if verb != "resize"]
HARD: dict[str, dict[str, Any]] = {
    "throttled": {"status": 429, "code": "TooManyRequests", "message": "slow down", "retry_after": 3},
    "stumbling": {"status": 503, "code": "ServerTimeout", "message": "try again"},
    "hanging up before it has done anything": {"effect": "drop"},
    "hanging up after it has done it": {"effect": "lose"},
}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("how", HARD)
def test_random_failures_of_two_in_five_requests_do_not_change_the_result(
    workbench: Workbench, side: AzureSide, recordings: dict[str, Recording], how: str, seed: int
) -> None:
    name = next(names)
    workbench.restore(recordings[VERBS[0]].begin)
    for verb in PATIENT:
        for path in ("/subscriptions/", "/secrets"):
            side.spoil(path=path, chance=0.4, seed=seed, **HARD[how])
        done = workbench.command(name, verb)
        side.behave()
        assert_same_end(side, recordings[verb], name, done)
        PASSED[f"{verb}: two answers of five at random, Azure {how}"] += 1


def test_slow_responses_do_not_change_the_result(
    workbench: Workbench, side: AzureSide, recordings: dict[str, Recording]
) -> None:
    name = next(names)
    workbench.restore(recordings[VERBS[0]].begin)
    for verb in VERBS:
        side.spoil(effect="slow", every=3, seconds=4)
        done = workbench.command(name, verb)
        side.behave()
        assert_same_end(side, recordings[verb], name, done)
        PASSED[f"{verb}: every third answer takes four seconds longer"] += 1
