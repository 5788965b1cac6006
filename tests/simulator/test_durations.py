"""How long operations of the simulated Azure take: drawn by seed, and with tails as long as the recorded ones."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.azure.core.store import Store
from local.azure.core.world import PACE, World

GROUP, MACHINE = "DELETE Microsoft.Resources/resourceGroups", "PUT Microsoft.Compute/virtualMachines"
MANY = 2000


@contextmanager
def world(*, tails: bool, seed: int = 1) -> Iterator[World]:
    store = Store()
    try:
        yield World(store, speed=1.0, seed=seed, tails=tails)
    finally:
        store.close()


def drawn(operation: str, *, tails: bool, seed: int = 1) -> list[float]:
    with world(tails=tails, seed=seed) as one:
        return [one.draw(operation, f"thing{number}") for number in range(MANY)]


@pytest.mark.parametrize("operation", [GROUP, MACHINE])
def test_with_tails_one_operation_in_ten_takes_unusually_long(operation: str) -> None:
    with world(tails=True) as one:
        figures = one.durations[operation]
    found = drawn(operation, tails=True)
    long = sum(seconds > figures["p90"] for seconds in found)
    assert 0.08 * MANY < long < 0.12 * MANY
    assert 0.9 * figures["p99"] < max(found) <= 1.001 * figures["p99"]


@pytest.mark.parametrize("operation", [GROUP, MACHINE])
def test_without_tails_none_does(operation: str) -> None:
    with world(tails=False) as one:
        assert max(drawn(operation, tails=False)) <= one.durations[operation]["p90"] * 1.001


@pytest.mark.parametrize("tails", [True, False])
def test_the_same_seed_draws_the_same_durations(tails: bool) -> None:
    assert drawn(GROUP, tails=tails) == drawn(GROUP, tails=tails)
    assert drawn(GROUP, tails=tails) != drawn(GROUP, tails=tails, seed=2)


def test_tails_change_only_the_longest_operations() -> None:
    with world(tails=False) as one:
        usual = one.durations[GROUP]["p90"] * 0.999
    both = zip(drawn(GROUP, tails=True), drawn(GROUP, tails=False), strict=True)
    assert all(long == short for long, short in both if short < usual)


def test_a_pace_makes_every_operation_take_as_long_as_that_share_of_the_recorded_ones() -> None:
    with world(tails=False) as one:
        one.store.put("facts", PACE, {"share": 0.99})
        assert one.draw(GROUP, "g") == pytest.approx(one.durations[GROUP]["p99"])
        one.store.put("facts", PACE, {"share": 0.5})
        assert one.draw(GROUP, "g") == pytest.approx(one.durations[GROUP]["p50"])
