"""Holds and leases: nobody keeps a machine awake for longer than anybody may, and nobody's lease ends without a word."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dormouse.clock import MINUTE
from dormouse.idle.agent_record import HoldOnMachine
from dormouse.idle.holds import (
    LONGEST_LEASE,
    HoldRequest,
    LeaseRequest,
    keeps_longer,
    longest_hold,
    with_hold,
    with_lease,
)
from dormouse.idle.tracking import Hold, LeaseAction
from tests.unit.builders import NOW, remembered

LONGEST = 7 * 24 * 60
inside = st.builds(
    HoldOnMachine,
    by=st.just("bob"),
    reason=st.just(""),
    since=st.floats(NOW - 1e6, NOW),
    until=st.floats(NOW - 1e6, NOW + 1e9),
)


def asked_hold(text: Any, reason: str = "") -> HoldRequest:
    return HoldRequest.model_validate({"for": text, "reason": reason})


def asked_lease(text: Any, then: str = "stop") -> LeaseRequest:
    return LeaseRequest.model_validate({"for": text, "then": then})


@given(st.none() | st.integers(1, 999_999), st.lists(inside, max_size=5), st.integers(1, LONGEST))
def test_no_hold_lasts_longer_than_anybody_may_ask_for(own: int | None, made: list[HoldOnMachine], longest: int) -> None:
    memory = with_hold(remembered(), asked_hold(f"{own or 0}m"), "alice", NOW, longest)
    hold = longest_hold(memory.hold, made, "vm", NOW, longest)
    if hold is None:
        assert not own
        assert all(min(one.until, one.since + longest * MINUTE) <= NOW for one in made)
        return
    assert NOW < hold.until <= hold.since + longest * MINUTE
    assert hold.until <= NOW + longest * MINUTE
    for one in made:
        assert hold.until >= min(one.until, one.since + longest * MINUTE)
    if memory.hold:
        assert hold.until >= memory.hold.until


def test_who_holds_a_machine_from_inside_is_named_with_the_machine() -> None:
    hold = longest_hold(None, [HoldOnMachine("bob", "demo", NOW, NOW + 60)], "vm7", NOW, LONGEST)
    assert hold == Hold("bob (on vm7)", "demo", NOW, NOW + 60)


def test_a_hold_that_is_over_is_none() -> None:
    over = Hold("alice", "", NOW - 60, NOW)
    assert longest_hold(over, [HoldOnMachine("bob", "", NOW - 60, NOW)], "vm", NOW, LONGEST) is None


def test_asking_for_nothing_ends_a_hold_and_a_lease() -> None:
    memory = with_lease(
        with_hold(remembered(), asked_hold("2h", "demo"), "alice", NOW, LONGEST), asked_lease("8h"), "alice", NOW
    )
    assert memory.hold == Hold("alice", "demo", NOW, NOW + 7200)
    assert with_hold(memory, asked_hold(0), "alice", NOW, LONGEST).hold is None
    assert with_lease(memory, asked_lease("0"), "alice", NOW).lease is None


@given(st.integers(1, LONGEST), st.integers(1, LONGEST), st.integers(0, LONGEST), st.sampled_from(["alice", "bob"]))
def test_a_hold_never_makes_the_one_that_stands_shorter(first: int, second: int, later: int, by: str) -> None:
    now = NOW + later * MINUTE
    stands = with_hold(remembered(), asked_hold(f"{first}m", "thesis"), "alice", NOW, LONGEST)
    asked = asked_hold(f"{second}m", "quick look")
    after = with_hold(stands, asked, by, now, LONGEST)
    assert stands.hold is not None
    assert after.hold is not None
    assert after.hold.until == max(NOW + first * MINUTE, now + second * MINUTE)
    assert keeps_longer(stands, asked, now, LONGEST) is (after.hold == stands.hold)
    assert not keeps_longer(after, asked_hold(0), now, LONGEST)
    assert with_hold(after, asked_hold(0), by, now, LONGEST).hold is None


def test_of_two_holds_that_end_together_the_later_one_counts() -> None:
    stands = with_hold(remembered(), asked_hold("2h"), "alice", NOW, LONGEST)
    after = with_hold(stands, asked_hold("1h"), "bob", NOW + 3600, LONGEST)
    assert after.hold == Hold("bob", "", NOW + 3600, NOW + 7200)


def test_a_hold_that_is_capped_does_not_count_as_longer_than_allowed() -> None:
    week = with_hold(remembered(), asked_hold("30d"), "alice", NOW, LONGEST)
    again = with_hold(week, asked_hold("30d"), "bob", NOW + 60, LONGEST)
    assert again.hold == Hold("bob", "", NOW + 60, NOW + 60 + LONGEST * MINUTE)


@given(st.integers(1, LONGEST_LEASE), st.integers(1, LONGEST_LEASE), st.floats(0, 1e6))
def test_a_lease_that_is_asked_for_again_counts_from_then(first: int, second: int, later: float) -> None:
    memory = with_lease(
        with_lease(remembered(), asked_lease(f"{first}m"), "alice", NOW),
        asked_lease(f"{second}m", "delete"),
        "bob",
        NOW + later,
    )
    assert memory.lease is not None
    assert memory.lease.until == NOW + later + second * MINUTE
    assert (memory.lease.then, memory.lease.by) == (LeaseAction.DELETE, "bob")


@pytest.mark.parametrize(
    "wrong",
    [
        {"for": -1},
        {"for": 2},
        {"for": 120.0},
        {"for": "2"},
        {"for": True},
        {"for": None},
        {"for": 1e999},
        {"for": "91d"},
        {"for": "soon"},
        {},
        {"for": "1h", "then": "sell"},
        {"for": "1h", "more": 1},
    ],
)
def test_a_lease_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LeaseRequest.model_validate(wrong)
