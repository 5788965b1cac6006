from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.resources.graph import critical_path, in_order, levels, ready


@dataclass(frozen=True)
class Thing:
    name: str
    needs: tuple[str, ...] = ()


@st.composite
def acyclic(draw: st.DrawFn) -> list[Thing]:
    """Resources that need only resources with a smaller number, shuffled."""
    count = draw(st.integers(1, 12))
    things = [
        Thing(f"n{number:02}", tuple(f"n{need:02}" for need in draw(st.sets(st.integers(0, number - 1)))) if number else ())
        for number in range(count)
    ]
    return draw(st.permutations(things))


@given(acyclic())
def test_ready_resources_have_their_needs_and_all_get_done(things: list[Thing]) -> None:
    done: set[str] = set()
    while startable := ready(things, done, done):
        assert startable == sorted(startable, key=lambda thing: thing.name)
        assert all(set(thing.needs) <= done for thing in startable)
        done.add(startable[0].name)
    assert done == {thing.name for thing in things}


@given(acyclic())
def test_in_order_puts_needs_first(things: list[Thing]) -> None:
    seen: set[str] = set()
    for thing in in_order(things):
        assert set(thing.needs) <= seen
        seen.add(thing.name)


@given(acyclic(), st.data())
def test_the_critical_path_is_at_least_the_longest_step_and_at_most_all_of_them(
    things: list[Thing], data: st.DataObject
) -> None:
    seconds = {thing.name: data.draw(st.floats(0, 100)) for thing in things}
    path = critical_path(things, seconds)
    assert max(seconds.values()) <= path + 1e-6
    assert path <= sum(seconds.values()) + 1e-6


def test_started_resources_are_not_ready_again() -> None:
    assert ready([Thing("a"), Thing("b", ("a",))], done=set(), started={"a"}) == []


def test_a_cycle_and_an_unknown_need_are_errors() -> None:
    with pytest.raises(ValueError, match="cycle"):
        in_order([Thing("a", ("b",)), Thing("b", ("a",))])
    with pytest.raises(ValueError, match="nobody"):
        in_order([Thing("a", ("nobody",))])


@given(acyclic(), st.data())
def test_levels_have_every_chosen_node_once_and_each_depends_on_earlier_levels_only(
    things: list[Thing], data: st.DataObject
) -> None:
    among = data.draw(st.sets(st.sampled_from([thing.name for thing in things])))
    found = levels(things, among)
    assert sorted(thing.name for level in found for thing in level) == sorted(among)
    assert all(level == sorted(level, key=lambda thing: thing.name) for level in found)
    by_name = {thing.name: thing for thing in things}
    for place, level in enumerate(found):
        earlier = {thing.name for before in found[:place] for thing in before}
        assert all(all_needs(thing, by_name) & among <= earlier for thing in level)


def test_levels_count_what_is_between_the_chosen_nodes_for_nothing() -> None:
    things = [Thing("cluster"), Thing("pool", ("cluster",)), Thing("role", ("pool",)), Thing("runner", ("role",))]
    assert [[thing.name for thing in level] for level in levels(things, {"cluster", "runner"})] == [["cluster"], ["runner"]]
    assert levels(things, set()) == []


def all_needs(thing: Thing, by_name: dict[str, Thing]) -> set[str]:
    """Everything that a thing depends on, directly or not."""
    direct = set(thing.needs)
    return direct.union(*(all_needs(by_name[need], by_name) for need in direct))
