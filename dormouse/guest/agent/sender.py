"""Heartbeats: sending what was seen, keeping it until it is confirmed, and doing what the answer asks for."""

from __future__ import annotations

import logging
import random
import time
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import partial

from .filesystem import Places, Unknown, plain
from .heartbeat import Hold, Reply, fitting, heartbeat, reply_in
from .holds import longest_lasting, wishes
from .http_client import ask
from .identity import Identity
from .intervals import Pace, now
from .minutes import Unconfirmed
from .sessions.sessions import terminals_of_people
from .state import State, write_state
from .system.processes import Processes
from .warnings import Announcer

LONGEST_PAUSE = 3600.0
NOT_LET_IN = (401, 403, 404)
NOT_DIGESTED = (413, 422)
log = logging.getLogger("dormouse")


class Refused(Exception):
    """The control plane did not take the heartbeat."""

    def __init__(self, status: int, retry_after: float) -> None:
        super().__init__(f"the control plane answers {status}")
        self.status = status
        self.retry_after = retry_after


class Delivery:
    """Brings the minutes to the control plane, in order, however long that takes."""

    def __init__(
        self,
        url: str,
        identity: Identity,
        minutes: Unconfirmed,
        gpu: Callable[[float], tuple[str, str]],
        places: Places,
        pace: Pace,
        problems: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._url = f"{url.rstrip('/')}/heartbeats"
        self._identity = identity
        self._minutes = minutes
        self._gpu = gpu
        self._places = places
        self._pace = pace
        self._problems = problems
        self._boot = uuid.uuid4().hex
        self._announcer = Announcer(places, partial(terminals_of_people, places, Processes(places)))
        self._state = State()
        self._failures = 0
        self._wishes: list[Hold] = []
        self._more = False

    def run(self) -> None:
        """Send for ever."""
        time.sleep(self._pace.minute / 6)  # until every source has been looked at
        while True:
            self._pause(self.send())

    def send(self) -> float:
        """Send one heartbeat; how long to wait before the next one."""
        try:
            reply = self._exchange()
        except Refused as refused:
            self._trouble(str(refused))
            return self._after_refusal(refused)
        except (Unknown, ValueError, OSError) as error:
            self._trouble(plain(error))
            return self._back_off()
        if self._failures:
            log.warning("the control plane answers again")
        self._failures = 0
        self._state = State(answered=now(), hold=reply.hold)
        write_state(self._places, self._state)
        if reply.warning:
            self._announcer.show(reply.warning)
        if reply.confirmed and self._more:
            return self._pace.tick
        return min(LONGEST_PAUSE, max(self._pace.minute / 6, reply.next_in_seconds))

    def _exchange(self) -> Reply:
        machine, token = self._identity.machine(), self._identity.token()
        moment = now()
        waiting, shown = self._minutes.oldest_first(), self._announcer.unreported()
        minutes = fitting(waiting)
        self._more = len(minutes) < len(waiting)
        self._wishes = longest_lasting(wishes(self._places, moment))
        body = heartbeat(
            machine=machine,
            boot=self._boot,
            minutes=minutes,
            gpu=self._gpu(moment),
            holds=self._wishes,
            shown=shown,
            moment=moment,
            problems=self._problems(),
        )
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        answer = ask(request, seconds=20, most_bytes=1 << 18, through_proxy=True)
        if answer.status != 200:
            raise Refused(answer.status, _retry_after(answer.headers))
        reply = reply_in(answer.content, now())
        if reply.confirmed:
            self._minutes.confirm({minute.sequence for minute in minutes})
            self._announcer.confirm(shown)
        return reply

    def _after_refusal(self, refused: Refused) -> float:
        if refused.status in NOT_LET_IN:
            self._identity.forget_token()
            return max(5 * self._pace.minute, refused.retry_after)
        if refused.status in NOT_DIGESTED:
            self._minutes.forget_older_half()
        return max(self._back_off(), refused.retry_after)

    def _back_off(self) -> float:
        """From a quarter of a minute to ten minutes, and not together with all other machines."""
        most_jitter = 1.5
        longest = 10 * self._pace.minute / most_jitter
        doubled = 2.0 ** min(self._failures - 1, 10)
        pause = min(longest, self._pace.minute / 4 * doubled)
        return pause * random.uniform(1.0, most_jitter)  # noqa: S311 - nothing secret hangs on it

    def _trouble(self, problem: str) -> None:
        if problem != self._state.problem:
            log.warning("no heartbeat: %s", problem)
        self._failures += 1
        self._state = replace(self._state, problem=problem)
        write_state(self._places, self._state)

    def _pause(self, seconds: float) -> None:
        """Wait, by the clock that counts sleep; a new hold ends the pause, so that its owner soon sees the answer."""
        until = now() + seconds
        while now() < until:
            time.sleep(max(0.0, min(until - now(), 5 * self._pace.tick)))
            if not self._failures and self._holds_have_changed():
                return

    def _holds_have_changed(self) -> bool:
        moment = now()
        return longest_lasting(wishes(self._places, moment)) != [each for each in self._wishes if each.until > moment]


def _retry_after(headers: Message) -> float:
    """The seconds that the control plane wants to be left alone; a date counts from the date of the answer itself."""
    said = headers.get("Retry-After", "")
    try:
        seconds = float(said) if said.isdigit() else _between(headers.get("Date", ""), said)
    except (TypeError, ValueError):
        return 0.0
    return min(LONGEST_PAUSE, max(0.0, seconds))


def _between(earlier: str, later: str) -> float:
    return (parsedate_to_datetime(later) - parsedate_to_datetime(earlier)).total_seconds()
