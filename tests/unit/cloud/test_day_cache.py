"""What is kept for a day: fetched once for concurrent requests, and not asked for again soon after a failure."""

import asyncio

import pytest

from dormouse.cloud.day_cache import DayCache
from dormouse.errors import CloudUnavailable


class Source:
    """Values that are fetched, and how often; it fails while `broken`. `now` is what the cache takes for the time."""

    def __init__(self, most: int = 10) -> None:
        self.asked: list[str] = []
        self.broken = False
        self.now: float = 0.0
        self.cache = DayCache[str, str](most, "The source", lambda: self.now)

    async def get(self, key: str) -> str:
        return await self.cache.get(key, lambda: self._fetch(key))

    async def _fetch(self, key: str) -> str:
        self.asked.append(key)
        await asyncio.sleep(0)
        if self.broken:
            raise CloudUnavailable("no answer")
        return key.upper()


def test_concurrent_requests_share_one_fetch() -> None:
    source = Source()

    async def ask() -> list[str]:
        return await asyncio.gather(*(source.get("a") for _ in range(5)))

    assert (asyncio.run(ask()), source.asked) == (["A"] * 5, ["a"])


def test_after_a_failure_nothing_is_fetched_for_a_minute_and_known_values_are_served() -> None:
    source = Source()
    assert asyncio.run(source.get("a")) == "A"
    source.broken = True
    with pytest.raises(CloudUnavailable, match="no answer"):
        asyncio.run(source.get("b"))
    with pytest.raises(CloudUnavailable, match="The source did not answer within the last minute; retry later"):
        asyncio.run(source.get("b"))
    assert (asyncio.run(source.get("a")), source.asked) == ("A", ["a", "b"])
    source.broken, source.now = False, 61.0
    assert asyncio.run(source.get("b")) == "B"


def test_a_value_is_fetched_again_after_a_day() -> None:
    source = Source()
    for now in (0.0, 86_399.0, 86_401.0):
        source.now = now
        asyncio.run(source.get("a"))
    assert source.asked == ["a", "a"]


def test_the_least_recently_used_value_is_dropped_first() -> None:
    source = Source(most=2)

    async def ask() -> None:
        for key in "abacab":
            await source.get(key)

    asyncio.run(ask())
    assert source.asked == ["a", "b", "c", "b"]
