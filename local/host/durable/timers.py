"""Durable timers: one task sleeps until the next of them is due, however many there are."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from local.clock import Clock, moment
from local.host.durable.events import EventType, event
from local.host.durable.rows import Alarm
from local.host.durable.store import Store


class Alarms:
    """Every durable timer of the host."""

    def __init__(self, store: Store, clock: Clock, wake: Callable[[str], None]) -> None:
        """`wake` is called with the instance that has a message."""
        self._store, self._clock, self._wake = store, clock, wake
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Take new timers into account: one of them may be the next."""
        self._changed.set()

    async def run(self) -> None:
        """Fire each timer once and not before its time, until cancelled."""
        while True:
            self._changed.clear()
            alarm = self._store.next_alarm()
            if alarm is None:
                await self._changed.wait()
                continue
            left = (moment(alarm.fire_at) - self._clock.now()) / timedelta(seconds=1)
            if left > 0:
                await self._sleep(left)
            else:
                self._fire(alarm)
                await asyncio.sleep(0)

    async def _sleep(self, simulated_seconds: float) -> None:
        try:
            async with asyncio.timeout(simulated_seconds / self._clock.speed):
                await self._changed.wait()
        except TimeoutError:
            return

    def _fire(self, alarm: Alarm) -> None:
        fired = event(EventType.TIMER_FIRED, self._clock.now(), TimerId=alarm.task, FireAt=alarm.fire_at)
        with self._store.transaction():
            if self._store.strike_alarm(alarm):
                self._store.send(alarm.instance, alarm.execution, fired)
        self._wake(alarm.instance)
