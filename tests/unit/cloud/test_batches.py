"""One failing machine never affects the others of its batch, and costs a limited number of requests."""

import asyncio
import math
import random
from collections.abc import Callable, Sequence

import pytest

from dormouse.cloud.batches import Answers, BatchItemRefused, Budget, query_without_refused

MACHINES = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/virtualmachines"
IDS = [f"{MACHINES}/vm{number}" for number in range(50)]
Words = Callable[[Sequence[str]], str]


def silent(bad: Sequence[str]) -> str:
    return "Bad request."


def first_named(bad: Sequence[str]) -> str:
    return f"The resource {bad[0].upper()} was not found."


def all_named(bad: Sequence[str]) -> str:
    return f"Not found: {', '.join(bad)}."


def asked(bad: set[str], words: Words, status: int = 400, budget: int = 1000) -> tuple[Answers[str], int]:
    calls = 0

    async def ask(identifiers: Sequence[str]) -> dict[str, str] | BatchItemRefused:
        nonlocal calls
        calls += 1
        spoilt = [identifier for identifier in identifiers if identifier in bad]
        if spoilt:
            return BatchItemRefused("the batch is not answered", status, words(spoilt))
        return dict.fromkeys(identifiers, "fine")

    answers = asyncio.run(query_without_refused(IDS, ask, Budget(budget)))
    return answers, calls - 1


@pytest.mark.parametrize("words", [silent, first_named, all_named])
@pytest.mark.parametrize("status", [400, 404, 410, 422])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 49, 50])
def test_all_other_machines_of_the_batch_get_their_result(words: Words, status: int, count: int) -> None:
    bad = set(random.Random(count).sample(IDS, count))
    answers, extra = asked(bad, words, status)
    assert set(answers.told) == set(IDS) - bad
    assert {identifier for identifier, refused in answers.refused.items() if refused.blamed} == bad
    assert extra <= count * 2 * math.ceil(math.log2(50))


def test_a_machine_named_in_the_error_costs_one_more_request() -> None:
    assert asked({IDS[7]}, first_named)[1] == 1
    assert asked(set(IDS[7:9]), all_named)[1] == 1


def test_a_name_is_not_confused_with_a_longer_one() -> None:
    answers, _ = asked({IDS[10]}, first_named)
    assert IDS[1] in answers.told


@pytest.mark.parametrize("status", [0, 401, 429, 500, 503, 529])
def test_an_error_about_all_machines_is_not_retried(status: int) -> None:
    answers, extra = asked({IDS[7]}, first_named, status)
    assert (extra, answers.told, set(answers.refused)) == (0, {}, set(IDS))
    assert not any(refused.blamed for refused in answers.refused.values())


def test_no_access_to_one_machine_is_distinguished_from_no_access_to_the_subscription() -> None:
    assert set(asked({IDS[7]}, first_named, 403)[0].told) == set(IDS) - {IDS[7]}
    answers, extra = asked({IDS[7]}, lambda bad: "AuthorizationFailed over scope '/subscriptions/s'", 403)
    assert (extra, answers.told) == (0, {})


def test_a_batch_whose_error_names_every_machine_is_halved() -> None:
    answers, _ = asked({IDS[7]}, lambda bad: f"bad request: {' '.join(IDS)}")
    assert set(answers.told) == set(IDS) - {IDS[7]}


@pytest.mark.parametrize("budget", [0, 1, 2, 3, 10, 20])
def test_the_number_of_extra_requests_is_limited(budget: int) -> None:
    answers, extra = asked(set(IDS), silent, budget=budget)
    assert extra <= budget
    assert set(answers.refused) == set(IDS)
    assert asked({IDS[7]}, first_named, budget=0)[0].refused[IDS[7]].blamed, "it is named all the same"
