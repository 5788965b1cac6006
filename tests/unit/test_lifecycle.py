"""Lifecycle: which states there are, and which commands each takes."""

import pytest

from dormouse.errors import CommandNotPossible
from dormouse.lifecycle import TAKES, State, Verb, require, satisfied, state_of


def test_every_state_says_what_it_takes_and_can_always_be_deleted() -> None:
    assert set(TAKES) == set(State)
    assert all(Verb.DELETE in verbs for verbs in TAKES.values())


def test_stopped_but_billed_is_a_state_of_its_own() -> None:
    assert state_of("PowerState/stopped") is State.STOPPED_BILLED
    assert state_of("PowerState/deallocated") is State.STOPPED
    assert satisfied(State.STOPPED, Verb.STOP)
    assert not satisfied(State.STOPPED_BILLED, Verb.STOP)


def test_a_command_that_makes_no_sense_is_refused_with_those_that_do() -> None:
    with pytest.raises(CommandNotPossible, match="start"):
        require(State.STOPPED, Verb.RESTART)
