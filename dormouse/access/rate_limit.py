"""Rate limits for requests that call Azure: a token bucket for each caller."""

from collections import OrderedDict

from dormouse.clock import MINUTE
from dormouse.errors import TooManyRequests

MOST_CALLERS = 10_000


class RateLimit:
    """A token bucket for each caller, in the memory of this process: every instance of the app counts separately."""

    def __init__(self, a_minute: int, at_once: int = 0) -> None:
        """Allow every caller `a_minute` requests per minute, in bursts of at most `at_once` (0: `a_minute`)."""
        self._limit, self._a_second, self._most = a_minute, a_minute / MINUTE, float(at_once or a_minute)
        self._left = OrderedDict[str, tuple[float, float]]()

    def check(self, caller: str, now: float) -> None:
        """Count a request at `now` (seconds since 1970); raises TooManyRequests with the seconds to wait."""
        left, since = self._left.pop(caller, (self._most, now))
        left = min(self._most, left + max(0.0, now - since) * self._a_second)
        admitted = left >= 1
        self._left[caller] = (left - 1 if admitted else left, now)
        while len(self._left) > MOST_CALLERS:
            self._left.popitem(last=False)
        if not admitted:
            raise TooManyRequests(self._limit, (1 - left) / self._a_second)


def read_rate_limit(a_minute: int) -> RateLimit:
    """The rate limit for requests that read one environment from Azure, given the limit for commands per minute.

    It is twice the limit for commands, so that polling continues, in small bursts: such a request makes two reads, and
    Resource Manager allows a subscription bursts of 250 reads and then 25 reads per second
    (https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling).
    """
    return RateLimit(2 * a_minute, max(10, a_minute // 5))
