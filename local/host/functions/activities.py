"""Activities: each is called at least once, with the concurrency limit of host.json."""

import asyncio
import json
import traceback
from collections.abc import Callable

from local.clock import Clock
from local.host.configuration import HostJson
from local.host.durable.episodes import failure
from local.host.durable.events import Event, EventType, event
from local.host.durable.replay import HTTP_ACTIVITY
from local.host.durable.rows import Work
from local.host.durable.store import Store
from local.host.functions.http_calls import call_http
from local.host.functions.worker import MISSING, Worker


class Activities:
    """The activities that orchestrations have scheduled."""

    def __init__(
        self,
        worker: Worker,
        store: Store,
        clock: Clock,
        configuration: HostJson,
        *,
        wake: Callable[[str], None],
        client: Callable[[], str],
    ) -> None:
        """`wake` is called with the instance that has a message; `client` is the durable client binding of activities."""
        self._worker, self._store, self._clock, self._wake, self._client = worker, store, clock, wake, client
        self._places = asyncio.Semaphore(configuration.extensions.durable_task.max_concurrent_activity_functions)
        limit = configuration.function_timeout
        self._seconds = limit.total_seconds() if limit else None

    async def do(self, work: Work) -> None:
        """Call one, and send its result to its orchestration."""
        async with self._places:
            item = await self._outcome(work)
        with self._store.transaction():
            if self._store.finish_work(work):
                self._store.send(work.instance, work.execution, item)
        self._wake(work.instance)

    async def _outcome(self, work: Work) -> Event:
        try:
            async with asyncio.timeout(self._seconds) as limit:
                result = await self._result(work)
        except Missing as error:
            return failure(EventType.TASK_FAILED, self._clock.now(), work.task, str(error), "")
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # any error is passed to the orchestration
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # the host itself is stopping: the activity is called again after the next start
            reason = f"Activity function '{work.name}' failed:  {type(error).__name__}: {error}"
            if limit.expired():
                reason = f"Timeout value of {self._seconds} s exceeded by function: {work.name}"
            return failure(EventType.TASK_FAILED, self._clock.now(), work.task, reason, traceback.format_exc())
        return event(EventType.TASK_COMPLETED, self._clock.now(), TaskScheduledId=work.task, Result=result)

    async def _result(self, work: Work) -> str:
        if work.name == HTTP_ACTIVITY:
            return json.dumps(await call_http(json.loads(work.input or "{}"), self._clock.sleep))
        function = self._worker.find(work.name, "activityTrigger")
        if function is None:
            raise Missing(MISSING.format(name=work.name, kind="an activity"))
        return await self._worker.call_activity(function, work.input, self._client() if function.clients else "")


class Missing(Exception):
    """The app has no such activity."""
