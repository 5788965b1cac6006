"""A checkpoint of the simulated Azure can be restored repeatedly, with its complete state."""

from collections.abc import Iterator

import pytest

from local.azure.checkpoints import Checkpoints
from local.azure.core.store import Store
from local.azure.core.world import World

GROUP = {"id": "/subscriptions/s/resourceGroups/rg", "name": "rg", "type": "Microsoft.Resources/resourceGroups"}


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.close()


def of_a_resource(store: Store) -> tuple[World, Checkpoints]:
    world, checkpoints = World(store, speed=1000.0, seed=1), Checkpoints()
    world.keep(GROUP)
    world.index_everything()
    world.faults.add({"path": "/somewhere"})
    world.throttle.resource_manager("GET", "a")
    checkpoints.take(world)
    return world, checkpoints


def test_restoring_undoes_everything_since_the_checkpoint(store: Store) -> None:
    world, checkpoints = of_a_resource(store)
    for _ in range(2):
        before, level = world.seconds(), world.throttle.levels()[0]["lowest"]
        world.keep({**GROUP, "id": "/subscriptions/s/resourceGroups/other", "name": "other"})
        world.forget(GROUP["id"])
        world.faults.clear()
        world.messages.append({"path": "/hook"})
        world.throttle.resource_manager("GET", "b")
        world.set_clock(before + 86_400)
        checkpoints.restore(world, 0)
        assert [document["name"] for document in world.resources()] == ["rg"]
        assert [*world.indexed()[0]] == [GROUP["id"].lower()]
        assert [fault["path"] for fault in world.faults.listed()] == ["/somewhere"]
        assert not world.messages
        assert world.throttle.levels()[0]["lowest"] == level
        assert world.seconds() < before + 3600


def test_time_continues_from_the_checkpoint_even_after_a_restart(store: Store) -> None:
    world, checkpoints = of_a_resource(store)
    then = world.seconds()
    world.set_clock(then + 86_400)
    checkpoints.restore(world, 0)
    again = World(world.store, speed=1.0, seed=1)
    assert then - 3600 < again.seconds() < then + 3600


def test_time_can_go_on_from_the_checkpoint_once_more_without_a_change_of_state(store: Store) -> None:
    world, checkpoints = of_a_resource(store)
    then = world.seconds()
    checkpoints.restore(world, 0)
    world.faults.add({"path": "/elsewhere"})
    world.set_clock(then + 86_400)
    checkpoints.resume(world, 0)
    assert then - 3600 < world.seconds() < then + 3600
    assert [fault["path"] for fault in world.faults.listed()] == ["/somewhere", "/elsewhere"]


def test_restoring_discards_index_entries_newer_than_the_checkpoint(store: Store) -> None:
    world, checkpoints = of_a_resource(store)
    _, version = world.indexed()
    world.forget(GROUP["id"])
    world.index_everything()
    _, later = world.indexed()
    checkpoints.restore(world, 0)
    assert world.indexed()[1] not in (version, later)


def test_checkpoints_are_refused_at_real_speed(store: Store) -> None:
    world = World(store, speed=1.0, seed=1)
    with pytest.raises(ValueError, match="real speed"):
        Checkpoints().take(world)
