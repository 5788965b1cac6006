"""The rate limit per caller: a burst of one minute's allowance, then a steady rate; callers do not affect each other."""

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


def test_a_burst_of_one_minutes_allowance_is_allowed_and_then_a_steady_rate() -> None:
    pace = RateLimit(60)
    assert [admitted(pace, "alice", 0.0) for _ in range(61)] == [True] * 60 + [False]
    assert admitted(pace, "bob", 0.0)
    assert not admitted(pace, "alice", 0.9)
    assert admitted(pace, "alice", 1.9)


def test_a_rejected_caller_is_told_when_to_retry() -> None:
    pace = RateLimit(2)
    pace.check("alice", 0.0)
    pace.check("alice", 0.0)
    with pytest.raises(TooManyRequests) as refused:
        pace.check("alice", 10.0)
    assert refused.value.seconds == pytest.approx(20.0)
    assert admitted(pace, "alice", 30.1)


@given(st.integers(1, 100), st.integers(0, 100), st.floats(0.0, 1e9))
def test_the_burst_never_exceeds_one_minutes_allowance(rate: int, at_once: int, pause: float) -> None:
    pace, most = RateLimit(rate, at_once), at_once or rate
    first = sum(admitted(pace, "alice", 0.0) for _ in range(most + 5))
    later = 60.0 * most / rate + 1 + pause
    assert (first, sum(admitted(pace, "alice", later) for _ in range(most + 5))) == (most, most)


@given(st.lists(st.floats(0.0, 30.0), max_size=200), st.integers(1, 100))
def test_the_total_never_exceeds_burst_plus_refill(pauses: list[float], rate: int) -> None:
    pace, now, passed = RateLimit(rate), 0.0, 0
    for pause in pauses:
        now += pause
        passed += admitted(pace, "alice", now)
    assert passed <= rate + now * rate / 60 + 1e-6


def test_a_clock_that_goes_back_adds_no_allowance() -> None:
    pace = RateLimit(2)
    assert admitted(pace, "alice", 100.0)
    assert admitted(pace, "alice", 50.0)
    assert not admitted(pace, "alice", 50.0)


def test_only_the_most_recent_callers_are_tracked() -> None:
    pace = RateLimit(1)
    assert admitted(pace, "alice", 100.0)
    for number in range(MOST_CALLERS):
        assert admitted(pace, f"caller {number}", 100.0)
    assert not admitted(pace, "caller 1", 100.0)
    assert not admitted(pace, f"caller {MOST_CALLERS - 1}", 100.0)
    assert admitted(pace, "alice", 100.0), "she was forgotten, so that a crowd takes no more memory than this"


def test_reads_have_their_own_limit_with_a_small_burst() -> None:
    pace = read_rate_limit(300)
    assert sum(admitted(pace, "alice", 0.0) for _ in range(1000)) == 60
    assert 98 <= sum(admitted(pace, "alice", tenth / 10) for tenth in range(1, 101) for _ in range(6)) <= 100
    assert all(admitted(pace, "poller", number / 5) for number in range(600))
    # Every read costs two Azure reads; Resource Manager allows 500 in ten seconds.
    assert (60 + 100) * 2 < 250 + 10 * 25


def test_routes_that_call_azure_or_the_price_list_are_rate_limited() -> None:
    paced = {route.template for route in ROUTES if route.use_case.limit is not Limit.NONE}
    assert {"environments", "environments/{name}", "blueprints", "blueprints/{name}", "machines/adopt", "sweeps"} <= paced
    for route in ROUTES:
        assert (TooManyRequests in problems_of(route)) == (
            route.template in {*paced, "heartbeats", "machines/activity/signed"}
        )
