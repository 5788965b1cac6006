"""A cache of what changes rarely and is slow to fetch: kept for a day, and not asked for again soon after a failure."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from dormouse.clock import DAY, MINUTE
from dormouse.errors import CloudUnavailable

K = TypeVar("K")
V = TypeVar("V")


class DayCache(Generic[K, V]):
    """Values by key; concurrent requests for one share one fetch, and the least recently used are dropped first."""

    def __init__(self, most: int, source: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Keep at most so many values; `source` is named while it is not asked again because it failed a moment ago."""
        self._most, self._source, self._monotonic = most, source, monotonic
        self._known = OrderedDict[K, tuple[float, V]]()
        # A lock exists as long as a request waits for it.
        self._locks = WeakValueDictionary[K, asyncio.Lock]()
        self._failed_until = 0.0

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]]) -> V:
        """The value of a key, fetched at most once a day; raises CloudUnavailable, for a minute without a fetch."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            now = self._monotonic()
            if key in self._known and now < self._known[key][0]:
                self._known.move_to_end(key)
                return self._known[key][1]
            if now < self._failed_until:
                raise CloudUnavailable(f"{self._source} did not answer within the last minute; retry later.")
            try:
                value = await fetch()
            except CloudUnavailable:
                self._failed_until = now + MINUTE
                raise
            self._known[key] = (now + DAY, value)
            self._known.move_to_end(key)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
            return value
