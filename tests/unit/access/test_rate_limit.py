"""How often one caller may ask: as much at once as in a minute, then evenly, and nobody for anybody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.access.rate_limit import MOST_CALLERS, RateLimit, read_rate_limit
from dormouse.errors import TooManyRequests
from dormouse.http.openapi.document import problems_of
from dormouse.http.routes import ROUTES
from dormouse.services.use_cases import Limit


def admitted(pace: RateLimit, caller: str, now: float) -> bool:
    try:
        pace.check(caller, now)
    except TooManyRequests:
        return False
    return True


def test_a_minutes_worth_may_come_at_once_and_the_rest_evenly() -> None:
    pace = RateLimit(60)
    assert [admitted(pace, "alice", 0.0) for _ in range(61)] == [True] * 60 + [False]
    assert admitted(pace, "bob", 0.0)
    assert not admitted(pace, "alice", 0.9)
    assert admitted(pace, "alice", 1.9)


def test_who_is_refused_is_told_when_to_come_back() -> None:
    pace = RateLimit(2)
    pace.check("alice", 0.0)
    pace.check("alice", 0.0)
    with pytest.raises(TooManyRequests) as refused:
        pace.check("alice", 10.0)
    assert refused.value.seconds == pytest.approx(20.0)
    assert admitted(pace, "alice", 30.1)


@given(st.integers(1, 100), st.integers(0, 100), st.floats(0.0, 1e9))
def test_whoever_waits_ever_so_long_has_no_more_than_a_minutes_worth_at_once(rate: int, at_once: int, pause: float) -> None:
    pace, most = RateLimit(rate, at_once), at_once or rate
    first = sum(admitted(pace, "alice", 0.0) for _ in range(most + 5))
    later = 60.0 * most / rate + 1 + pause
    assert (first, sum(admitted(pace, "alice", later) for _ in range(most + 5))) == (most, most)


@given(st.lists(st.floats(0.0, 30.0), max_size=200), st.integers(1, 100))
def test_nobody_gets_more_than_a_minutes_worth_and_what_has_come_since(pauses: list[float], rate: int) -> None:
    pace, now, passed = RateLimit(rate), 0.0, 0
    for pause in pauses:
        now += pause
        passed += admitted(pace, "alice", now)
    assert passed <= rate + now * rate / 60 + 1e-6


def test_a_clock_that_goes_back_does_no_harm() -> None:
    pace = RateLimit(2)
    assert admitted(pace, "alice", 100.0)
    assert admitted(pace, "alice", 50.0)
    assert not admitted(pace, "alice", 50.0)


def test_of_a_crowd_of_callers_those_who_came_last_are_remembered() -> None:
    pace = RateLimit(1)
    assert admitted(pace, "alice", 100.0)
    for number in range(MOST_CALLERS):
        assert admitted(pace, f"caller {number}", 100.0)
    assert not admitted(pace, "caller 1", 100.0)
    assert not admitted(pace, f"caller {MOST_CALLERS - 1}", 100.0)
    assert admitted(pace, "alice", 100.0), "she was forgotten, so that a crowd takes no more memory than this"


def test_looks_are_paced_apart_from_commands_and_little_at_once() -> None:
    pace = read_rate_limit(300)
    assert sum(admitted(pace, "alice", 0.0) for _ in range(1000)) == 60
    assert 98 <= sum(admitted(pace, "alice", tenth / 10) for tenth in range(1, 101) for _ in range(6)) <= 100
    assert all(admitted(pace, "poller", number / 5) for number in range(600))
    # Every look is two reads, and what may be asked of Resource Manager in ten seconds is 500.
    assert (60 + 100) * 2 < 250 + 10 * 25


def test_what_costs_calls_of_azure_or_of_the_price_list_is_paced() -> None:
    paced = {route.template for route in ROUTES if route.use_case.limit is not Limit.NONE}
    assert {"environments", "environments/{name}", "blueprints", "blueprints/{name}", "machines/adopt", "sweeps"} <= paced
    for route in ROUTES:
        assert (TooManyRequests in problems_of(route)) == (route.template in {*paced, "heartbeats"})
