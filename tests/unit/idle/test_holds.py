"""Holds and leases: no hold is longer than allowed, and holds and leases change only as requested."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dormouse.clock import MINUTE
from dormouse.idle.heartbeats.agent_record import HoldOnMachine
from dormouse.idle.holds import (
    LONGEST_LEASE,
    SNOOZE,
    HoldRequest,
    LeaseRequest,
    keeps_longer,
    longest_hold,
    with_hold,
    with_lease,
)
from dormouse.idle.tracking import Hold, Lease, LeaseAction
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
def test_no_hold_lasts_longer_than_the_longest_allowed(own: int | None, made: list[HoldOnMachine], longest: int) -> None:
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


def test_a_hold_set_on_a_machine_names_user_and_machine() -> None:
    hold = longest_hold(None, [HoldOnMachine("bob", "demo", NOW, NOW + 60)], "vm7", NOW, LONGEST)
    assert hold == Hold("bob (on vm7)", "demo", NOW, NOW + 60)


def test_an_expired_hold_does_not_count() -> None:
    over = Hold("alice", "", NOW - 60, NOW)
    assert longest_hold(over, [HoldOnMachine("bob", "", NOW - 60, NOW)], "vm", NOW, LONGEST) is None


def test_a_duration_of_zero_removes_a_hold_and_a_lease() -> None:
    memory = with_lease(
        with_hold(remembered(), asked_hold("2h", "demo"), "alice", NOW, LONGEST), asked_lease("8h"), "alice", NOW
    )
    assert memory.hold == Hold("alice", "demo", NOW, NOW + 7200)
    assert with_hold(memory, asked_hold(0), "alice", NOW, LONGEST).hold is None
    assert with_lease(memory, asked_lease("0"), "alice", NOW).lease is None


@given(st.integers(1, LONGEST), st.integers(1, LONGEST), st.integers(0, LONGEST), st.sampled_from(["alice", "bob"]))
def test_a_new_hold_never_shortens_an_existing_one(first: int, second: int, later: int, by: str) -> None:
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


def test_of_two_holds_with_the_same_end_the_newer_one_applies() -> None:
    stands = with_hold(remembered(), asked_hold("2h"), "alice", NOW, LONGEST)
    after = with_hold(stands, asked_hold("1h"), "bob", NOW + 3600, LONGEST)
    assert after.hold == Hold("bob", "", NOW + 3600, NOW + 7200)


def test_a_capped_hold_is_replaced_by_a_newer_capped_hold() -> None:
    week = with_hold(remembered(), asked_hold("30d"), "alice", NOW, LONGEST)
    again = with_hold(week, asked_hold("30d"), "bob", NOW + 60, LONGEST)
    assert again.hold == Hold("bob", "", NOW + 60, NOW + 60 + LONGEST * MINUTE)


@given(st.integers(1, LONGEST_LEASE), st.integers(1, LONGEST_LEASE), st.floats(0, 1e6))
def test_a_repeated_lease_counts_from_the_new_request(first: int, second: int, later: float) -> None:
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
def test_an_invalid_lease_is_rejected(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LeaseRequest.model_validate(wrong)


def test_a_hold_ends_after_the_requested_time_or_the_longest_one() -> None:
    held = with_hold(remembered(), asked_hold("2h", "  a long run\n"), "alice", NOW, longest=180)
    assert held.hold == Hold("alice", "a long run", NOW, NOW + 120 * MINUTE)
    assert with_hold(remembered(), asked_hold("4h"), "alice", NOW, longest=180).hold == Hold(
        "alice", "", NOW, NOW + 180 * MINUTE
    )


def test_an_earlier_hold_that_lasts_longer_stays() -> None:
    held = with_hold(remembered(), asked_hold("2h"), "alice", NOW, LONGEST)
    for later, stays in ((0, True), (59, True), (60, False), (61, False)):
        after = with_hold(held, asked_hold("1h"), "bob", NOW + later * MINUTE, LONGEST)
        assert keeps_longer(held, asked_hold("1h"), NOW + later * MINUTE, LONGEST) is stays
        assert (after == held) is stays
    assert not keeps_longer(remembered(), asked_hold("1h"), NOW, LONGEST)
    assert not keeps_longer(held, asked_hold(0), NOW, LONGEST), "ending a hold ends the longest one as well"


def test_a_lease_ends_after_the_requested_time() -> None:
    leased = with_lease(remembered(), asked_lease("8h"), "alice", NOW)
    assert leased.lease == Lease(NOW + 480 * MINUTE, LeaseAction.STOP, "alice", NOW)
    again = with_lease(leased, asked_lease("90d", "delete"), "bob", NOW + 60)
    assert again.lease == Lease(NOW + 60 + 90 * 86400, LeaseAction.DELETE, "bob", NOW + 60)
    assert LeaseRequest.model_validate({"for": "1h"}).then == "stop"


def test_of_several_holds_the_one_that_ends_last_counts() -> None:
    own = Hold("alice", "", NOW - 60, NOW + 600)
    shorter, longer = HoldOnMachine("bob", "", NOW, NOW + 300), HoldOnMachine("eve", "", NOW - 60, NOW + 900)
    assert longest_hold(own, [], "vm", NOW, LONGEST) == own
    assert longest_hold(own, [shorter], "vm", NOW, LONGEST) == own
    assert longest_hold(own, [longer, shorter], "vm", NOW, LONGEST) == Hold("eve (on vm)", "", NOW - 60, NOW + 900)
    assert longest_hold(None, [shorter], "vm", NOW, LONGEST) == Hold("bob (on vm)", "", NOW, NOW + 300)
    assert longest_hold(None, [], "vm", NOW, LONGEST) is None


def test_a_hold_on_the_machine_is_capped_from_when_it_was_set() -> None:
    endless = HoldOnMachine("bob", "", NOW - 60 * MINUTE, NOW + 1e9)
    assert longest_hold(None, [endless], "vm", NOW, longest=90) == Hold("bob (on vm)", "", NOW - 3600, NOW + 30 * MINUTE)
    assert longest_hold(None, [endless], "vm", NOW, longest=60) is None


def test_the_link_in_a_warning_keeps_a_machine_awake_for_two_hours() -> None:
    assert SNOOZE == 120


def test_the_reason_of_a_hold_is_optional_and_has_at_most_300_characters() -> None:
    assert HoldRequest.model_validate({"for": "2h"}).reason == ""
    assert len(asked_hold("2h", "r" * 300).reason) == 300
    with pytest.raises(ValidationError):
        asked_hold("2h", "r" * 301)
