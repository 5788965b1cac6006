"""Lifecycle: the states, and the commands that each allows."""

import pytest

from dormouse.errors import CommandNotPossible
from dormouse.lifecycle import POWER_VERBS, TAKES, State, Verb, folded, require, satisfied, state_of


def test_every_state_has_its_commands_and_allows_deletion() -> None:
    assert set(TAKES) == set(State)
    assert all(Verb.DELETE in verbs for verbs in TAKES.values())


def test_stopped_but_billed_is_a_state_of_its_own() -> None:
    assert state_of("PowerState/stopped") is State.STOPPED_BILLED
    assert state_of("PowerState/deallocated") is State.STOPPED
    assert satisfied(State.STOPPED, Verb.STOP)
    assert not satisfied(State.STOPPED_BILLED, Verb.STOP)


def test_an_impossible_command_is_refused_with_the_possible_ones() -> None:
    with pytest.raises(CommandNotPossible, match="start"):
        require(State.STOPPED, Verb.RESTART)


@pytest.mark.parametrize("state", State)
def test_resources_in_the_same_state_give_the_environment_that_state(state: State) -> None:
    assert folded([state]) is state
    assert folded([state, state, state]) is state


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ([State.RUNNING, State.STOPPED], State.PARTIAL),
        ([State.STOPPED, State.STOPPED_BILLED], State.PARTIAL),
        ([State.RUNNING, State.STARTING, State.UNKNOWN], State.PARTIAL),
        ([State.RUNNING, State.ABSENT], State.INCOMPLETE),
        ([State.ABSENT, State.STOPPED, State.RUNNING], State.INCOMPLETE),
    ],
)
def test_resources_in_different_states_make_an_environment_partial_and_a_missing_one_makes_it_incomplete(
    states: list[State], state: State
) -> None:
    assert folded(states) is state


def test_an_environment_without_power_has_no_power_state() -> None:
    with pytest.raises(ValueError, match="without power"):
        folded([])


@pytest.mark.parametrize("verb", sorted(POWER_VERBS))
@pytest.mark.parametrize("state", State)
def test_an_environment_without_power_takes_no_power_command_in_any_state(verb: Verb, state: State) -> None:
    with pytest.raises(CommandNotPossible, match=f"shared cannot {verb}: none of its resources can be started or stopped"):
        require(state, verb, subject="shared", has_power=False)


def test_an_environment_without_power_can_be_provisioned_and_deleted() -> None:
    for verb in (Verb.PROVISION, Verb.DELETE):
        require(State.READY, verb, has_power=False)


def test_a_partial_environment_can_be_started_and_stopped_but_not_restarted() -> None:
    for verb in (Verb.START, Verb.STOP):
        require(State.PARTIAL, verb)
        assert not satisfied(State.PARTIAL, verb)
    with pytest.raises(CommandNotPossible, match="partial cannot restart"):
        require(State.PARTIAL, Verb.RESTART)
