"""The time until Slack gets its response to a command: verified, stored, and started as an orchestration by then."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from benchmarks.figures import Figure, Room, at_most
from dormouse.access.signatures import slack_signature
from local.azure.server import TABLES
from local.sandbox import SLACK_SECRET, Ground, temporary_ground

SPEED = 1.0  # requests take as long as in real time, and a current signature is also one of simulated time
SECONDS_PER_CALL = 0.03  # the additional time of each request to a table: real ones take 10 to 20 ms
WARM_UP, ONE_BY_ONE, AT_ONCE, BURSTS = 20, 300, 50, 4
PATIENCE = 120.0
# It takes the whole path and needs no environment. `status` would query Resource Graph, which allows three queries a second.
COMMAND = "stop ml1"
# The promise, in milliseconds.
P99 = 500.0


@dataclass(frozen=True, slots=True)
class Found:
    """Milliseconds until commands were answered."""

    first: float
    far: Sequence[float]
    burst: Sequence[float]
    near: Sequence[float]


def measure() -> Room:
    """Milliseconds to the response, for sequential and for concurrent commands."""
    with temporary_ground(speed=SPEED, timers=False, agents=False) as ground, ground.simulation() as azure:
        slack = Slack(ground, azure)
        azure.post("/faults", json={"effect": "slow", "kind": TABLES, "seconds": SECONDS_PER_CALL}).raise_for_status()
        first, *_ = slack.say(WARM_UP)
        far = slack.say(ONE_BY_ONE)
        burst = [took for _ in range(BURSTS) for took in slack.say(AT_ONCE, at_once=True)]
        azure.delete("/faults").raise_for_status()
        near = slack.say(ONE_BY_ONE)
    return _room(Found(first, far, burst, near))


def _room(found: Found) -> Room:
    middle, worst = statistics.median(found.far), _p99(found.far)
    figures = (
        at_most("a command, answered, 99th percentile", worst, P99, " ms"),
        Figure("the same, median", f"{middle:.4g} ms"),
        Figure(f"the same, {AT_ONCE} at once, 99th percentile", f"{_p99(found.burst):.4g} ms"),
        Figure("the same, the first of a process", f"{found.first:.4g} ms"),
        Figure("the same, tables not slowed down, 99th percentile", f"{_p99(found.near):.4g} ms"),
    )
    return Room("chat", {"p50_ms": round(middle, 1), "p99_ms": round(worst, 1)}, figures)


def _p99(took: Sequence[float]) -> float:
    return statistics.quantiles(took, n=100)[-1]


class Slack:
    """Slack: sends commands and receives replies."""

    def __init__(self, ground: Ground, azure: httpx.Client) -> None:
        """Send to this sandbox, and check with the simulation whether replies arrived."""
        self._ground, self._azure, self._said = ground, azure, 0

    def say(self, count: int, *, at_once: bool = False) -> list[float]:
        """Send commands and wait until all were carried out; returns the milliseconds until each response."""
        numbers = range(self._said, self._said + count)
        self._said += count
        limits = httpx.Limits(max_connections=None)
        with (
            httpx.Client(base_url=self._ground.api, limits=limits, timeout=PATIENCE, trust_env=False) as client,
            ThreadPoolExecutor(count if at_once else 1) as threads,
        ):
            took = list(threads.map(lambda number: self._answered(client, number), numbers))
        self._wait_until_all_were_told()
        return took

    def _answered(self, client: httpx.Client, number: int) -> float:
        fields = {
            "user_id": "UOPERATOR",
            "trigger_id": f"trigger-{number}",
            "response_url": f"{self._ground.app_environment['SLACK_HOOKS_URL']}/commands/{number}",
            "text": COMMAND,
        }
        body, timestamp = urlencode(fields).encode(), str(int(time.time()))
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": slack_signature(SLACK_SECRET, timestamp, body),
        }
        begun = time.perf_counter()
        answer = client.post("/chatops/slack", content=body, headers=headers)
        took = time.perf_counter() - begun
        answer.raise_for_status()
        return took * 1000

    def _wait_until_all_were_told(self) -> None:
        """Wait for the later replies, each at its own URL: only an accepted and started command gets one."""
        deadline = time.monotonic() + PATIENCE
        expected = {f"/commands/{number}" for number in range(self._said)}
        while missing := expected - {message["path"] for message in self._azure.get("/messages").json()["value"]}:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(missing)} of {self._said} commands got no later reply, for example {min(missing)}")
            time.sleep(0.2)
