"""How often one caller may ask for what costs calls of Azure: as much at once as in a minute, and then evenly."""

from collections import OrderedDict

from environments.errors import TooManyRequests
from environments.moments import MINUTE

MOST_CALLERS = 10_000


class Pace:
    """What each caller has left, in the memory of this process: of several instances, each counts for itself."""

    def __init__(self, a_minute: int) -> None:
        """Allow every caller so many requests a minute."""
        self._most, self._left = float(a_minute), OrderedDict[str, tuple[float, float]]()

    def admit(self, caller: str, now: float) -> None:
        """Count a request at a moment (seconds since 1970); raises TooManyRequests, which says when to come back."""
        left, since = self._left.pop(caller, (self._most, now))
        left = min(self._most, left + max(0.0, now - since) * self._most / MINUTE)
        admitted = left >= 1
        self._left[caller] = (left - 1 if admitted else left, now)
        while len(self._left) > MOST_CALLERS:
            self._left.popitem(last=False)
        if not admitted:
            raise TooManyRequests((1 - left) * MINUTE / self._most)
