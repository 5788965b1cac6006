"""Sending heartbeats: minutes are kept until they are confirmed, and the response is carried out."""

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

from .filesystem import FileSystem, Unknown, plain
from .heartbeat import Hold, Reply, fit_in_heartbeat, heartbeat, reply_in
from .holds import longest_holds, read_holds
from .http_client import send_request
from .identity import Identity
from .intervals import Intervals, now
from .minutes import UnconfirmedMinutes
from .sessions.sessions import terminals_of_people
from .state import State, write_state
from .system.processes import Processes
from .warnings import WarningWriter

LONGEST_PAUSE = 3600.0
AUTH_ERRORS = (401, 403, 404)
PAYLOAD_ERRORS = (413, 422)
log = logging.getLogger("dormouse")


class HeartbeatRejected(Exception):
    """The control plane rejected the heartbeat."""

    def __init__(self, status: int, retry_after: float) -> None:
        super().__init__(f"the control plane answers {status}")
        self.status = status
        self.retry_after = retry_after


class Sender:
    """Sends the minutes to the control plane, in order, with retries."""

    def __init__(
        self,
        url: str,
        identity: Identity,
        minutes: UnconfirmedMinutes,
        gpu: Callable[[float], tuple[str, str]],
        filesystem: FileSystem,
        intervals: Intervals,
        problems: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._url = f"{url.rstrip('/')}/heartbeats"
        self._identity = identity
        self._minutes = minutes
        self._gpu = gpu
        self._filesystem = filesystem
        self._intervals = intervals
        self._problems = problems
        self._boot = uuid.uuid4().hex
        self._warnings = WarningWriter(filesystem, partial(terminals_of_people, filesystem, Processes(filesystem)))
        self._state = State()
        self._failures = 0
        self._reported_holds: list[Hold] = []
        self._more = False

    def run(self) -> None:
        """Send heartbeats until the process ends."""
        time.sleep(self._intervals.minute / 6)  # until every source has been read
        while True:
            self._pause(self.send())

    def send(self) -> float:
        """Send one heartbeat; returns the pause before the next one in seconds."""
        try:
            reply = self._send_heartbeat()
        except HeartbeatRejected as refused:
            self._record_failure(str(refused))
            return self._after_refusal(refused)
        except (Unknown, ValueError, OSError) as error:
            self._record_failure(plain(error))
            return self._back_off()
        if self._failures:
            log.warning("the control plane responds again")
        self._failures = 0
        self._state = State(answered=now(), hold=reply.hold)
        write_state(self._filesystem, self._state)
        shown_now = bool(reply.warning and self._warnings.show(reply.warning))
        if reply.confirmed and self._more:
            return self._intervals.tick
        if shown_now:  # the lead counts from the report that a warning was shown
            return self._intervals.minute / 6
        return min(LONGEST_PAUSE, max(self._intervals.minute / 6, reply.next_in_seconds))

    def _send_heartbeat(self) -> Reply:
        machine, token = self._identity.machine(), self._identity.token()
        moment = now()
        waiting, shown = self._minutes.oldest_first(), self._warnings.unreported()
        minutes = fit_in_heartbeat(waiting)
        self._more = len(minutes) < len(waiting)
        self._reported_holds = longest_holds(read_holds(self._filesystem, moment))
        body = heartbeat(
            machine=machine,
            boot=self._boot,
            minutes=minutes,
            gpu=self._gpu(moment),
            holds=self._reported_holds,
            shown=shown,
            moment=moment,
            problems=self._problems(),
        )
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        answer = send_request(request, seconds=20, most_bytes=1 << 18, use_proxy=True)
        if answer.status != 200:
            raise HeartbeatRejected(answer.status, _retry_after(answer.headers))
        reply = reply_in(answer.content, now())
        if reply.confirmed:
            self._minutes.confirm({minute.sequence for minute in minutes})
            self._warnings.confirm(shown)
        return reply

    def _after_refusal(self, refused: HeartbeatRejected) -> float:
        if refused.status in AUTH_ERRORS:
            self._identity.forget_token()
            return max(5 * self._intervals.minute, refused.retry_after)
        if refused.status in PAYLOAD_ERRORS:
            self._minutes.forget_older_half()
        return max(self._back_off(), refused.retry_after)

    def _back_off(self) -> float:
        """Exponential backoff from 15 seconds to 10 minutes, with jitter."""
        most_jitter = 1.5
        longest = 10 * self._intervals.minute / most_jitter
        doubled = 2.0 ** min(self._failures - 1, 10)
        pause = min(longest, self._intervals.minute / 4 * doubled)
        return pause * random.uniform(1.0, most_jitter)  # noqa: S311 - jitter needs no secure randomness

    def _record_failure(self, problem: str) -> None:
        if problem != self._state.problem:
            log.warning("heartbeat failed: %s", problem)
        self._failures += 1
        self._state = replace(self._state, problem=problem)
        write_state(self._filesystem, self._state)

    def _pause(self, seconds: float) -> None:
        """Wait, counting suspension; a changed hold ends the pause, so that its owner soon sees the response."""
        until = now() + seconds
        while now() < until:
            time.sleep(max(0.0, min(until - now(), 5 * self._intervals.tick)))
            if not self._failures and self._holds_have_changed():
                return

    def _holds_have_changed(self) -> bool:
        moment = now()
        return longest_holds(read_holds(self._filesystem, moment)) != [
            each for each in self._reported_holds if each.until > moment
        ]


def _retry_after(headers: Message) -> float:
    """The seconds of a Retry-After header; a date counts from the Date header of the same response."""
    said = headers.get("Retry-After", "")
    try:
        seconds = float(said) if said.isdigit() else _between(headers.get("Date", ""), said)
    except (TypeError, ValueError):
        return 0.0
    return min(LONGEST_PAUSE, max(0.0, seconds))


def _between(earlier: str, later: str) -> float:
    return (parsedate_to_datetime(later) - parsedate_to_datetime(earlier)).total_seconds()
