"""Rate limits: how often one caller may ask for what costs calls of Azure, so many at once and then evenly."""

from collections import OrderedDict

from dormouse.clock import MINUTE
from dormouse.errors import TooManyRequests

MOST_CALLERS = 10_000


class RateLimit:
    """What each caller has left, in the memory of this process: of several instances, each counts for itself."""

    def __init__(self, a_minute: int, at_once: int = 0) -> None:
        """Allow every caller so many requests a minute, and so many of them at once (0: as many as in a minute)."""
        self._a_second, self._most = a_minute / MINUTE, float(at_once or a_minute)
        self._left = OrderedDict[str, tuple[float, float]]()

    def check(self, caller: str, now: float) -> None:
        """Count a request at a moment (seconds since 1970); raises TooManyRequests, which says when to come back."""
        left, since = self._left.pop(caller, (self._most, now))
        left = min(self._most, left + max(0.0, now - since) * self._a_second)
        admitted = left >= 1
        self._left[caller] = (left - 1 if admitted else left, now)
        while len(self._left) > MOST_CALLERS:
            self._left.popitem(last=False)
        if not admitted:
            raise TooManyRequests((1 - left) / self._a_second)


def read_rate_limit(a_minute: int) -> RateLimit:
    """The pace of reading single things from Azure, for callers that may send so many commands a minute.

    It is twice theirs, so that polling goes on, but little at once: a look is two reads, and Resource Manager allows a
    subscription 250 at once and then 25 a second
    (https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling).
    """
    return RateLimit(2 * a_minute, max(10, a_minute // 5))
