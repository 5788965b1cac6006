"""Timer triggers: NCRONTAB schedules with stored state, so that a missed run is caught up once.

(Azure/azure-webjobs-sdk-extensions, Extensions/Timers: TimerListener.cs, ScheduleMonitor.cs, CronSchedule.cs)
"""

import asyncio
import logging
import os
import re
from datetime import datetime, timedelta
from typing import Any

from croniter import croniter

from local.clock import Clock, moment, timestamp
from local.host.durable.store import Store
from local.host.functions.worker import Function, Worker

log = logging.getLogger(__name__)

SETTING = re.compile(r"%([^%]+)%")
SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})")


class Schedule:
    """When a timer fires: an NCRONTAB expression of five or six fields, or an interval like 00:05:00."""

    def __init__(self, expression: str) -> None:
        """Parse an expression; %NAME% stands for an app setting. Raises ValueError."""
        text = SETTING.sub(lambda match: os.environ.get(match[1], match[0]), expression).strip()
        span = SPAN.fullmatch(text)
        self._interval: timedelta | None = None
        if span:
            days, hours, minutes, seconds = (int(part or 0) for part in span.groups())
            self._interval = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
            return
        fields = text.split()
        self._cron = " ".join(fields if len(fields) == 6 else ["0", *fields])
        if not croniter.is_valid(self._cron, second_at_beginning=True):
            raise ValueError(f"{expression!r} is not a schedule")

    def after(self, now: datetime) -> datetime:
        """The next time after this one."""
        if self._interval is not None:
            return now + self._interval
        ahead = croniter(self._cron, now, second_at_beginning=True, day_or=False)
        following: datetime = ahead.get_next(datetime)
        return following


class Timer:
    """One timer trigger."""

    def __init__(self, function: Function, worker: Worker, store: Store, clock: Clock) -> None:
        """Store what to call; raises ValueError for an invalid schedule."""
        self.function, self._worker, self._store, self._clock = function, worker, store, clock
        self._running = asyncio.Lock()
        self.schedule = Schedule(str(function.trigger["schedule"]))
        # The state of schedules that fire more than once a minute is not stored.
        first = self.schedule.after(clock.now())
        frequent = self.schedule.after(first) - first < timedelta(minutes=1)
        self._monitored = function.trigger.get("useMonitor", True) is not False and not frequent
        self._at_start = bool(function.trigger.get("runOnStartup", False))

    async def run(self, client: str) -> None:
        """Fire at once if a run was missed, then according to the schedule, until cancelled."""
        status = self._store.schedule_status(self.function.name) if self._monitored else None
        now = self._clock.now()
        if status and self._was_planned_so(status) and now > moment(status["Next"]):
            await self.fire(client, past_due=True)
        elif self._at_start:
            await self.fire(client, past_due=False)
        elif not status or not self._was_planned_so(status):
            self._remember(None)
        while True:
            following = self.schedule.after(self._clock.now())
            while (left := (following - self._clock.now()).total_seconds()) > 0:
                await self._clock.sleep(min(left, timedelta(days=24).total_seconds()))
            await self.fire(client, past_due=False)

    def _was_planned_so(self, status: dict[str, Any]) -> bool:
        """Whether the stored next time matches today's schedule; after a changed schedule no run counts as missed."""
        return timestamp(self.schedule.after(moment(status["LastUpdated"]))) == str(status["Next"])

    async def fire(self, client: str, *, past_due: bool) -> None:
        """Call the function once, and never concurrently; an error never stops the schedule."""
        async with self._running:
            await self._fire(client, past_due=past_due)

    async def _fire(self, client: str, *, past_due: bool) -> None:
        status = self._store.schedule_status(self.function.name) if self._monitored else None
        payload = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}
        ran_at = self._clock.now()
        try:
            await self._worker.call_timer(self.function, payload, client)
        except (Exception, SystemExit):  # a schedule continues after errors of its function
            log.exception("The timer %s has failed.", self.function.name)
        self._remember(ran_at)

    def _remember(self, last: datetime | None) -> None:
        if not self._monitored:
            return
        now = self._clock.now()
        status: dict[str, Any] = {
            "Last": timestamp(last) if last else "0001-01-01T00:00:00.0000000Z",
            "Next": timestamp(self.schedule.after(last or now)),
            "LastUpdated": timestamp(last or now),
        }
        self._store.save_schedule_status(self.function.name, status)
