"""The Durable engine: runs orchestrators an episode at a time, calls activities, fires timers, and forgets nothing."""

import asyncio
import json
import logging
import re
import sqlite3
import traceback
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

from local.clock import Clock, moment, timestamp
from local.host.episodes import Episode, failure, run_episode
from local.host.events import Event, EventType, event, execution_started
from local.host.store import Alarm, Instance, Store, Work
from local.host.worker import Worker

log = logging.getLogger(__name__)

MISSING = "The function '{name}' doesn't exist, is disabled, or is not {kind} function."
OVERDUE = 0.0
GOOD_ID = re.compile(r"(?!@)[^/\\#?\x00-\x1f\x7f-\x9f]{1,256}")


class Engine:
    """Everything durable that one app does."""

    def __init__(self, worker: Worker, store: Store, clock: Clock, limits: "Limits") -> None:
        """Nothing runs before `run`."""
        self._worker, self._store, self._clock = worker, store, clock
        self._activities = asyncio.Semaphore(limits.activities)
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._histories: dict[str, list[Event]] = {}

    def resume(self) -> None:
        """Take up everything that was under way when the host ended; must be called inside a running loop."""
        for work in self._store.work():
            self._spawn(self._do(work))
        for alarm in self._store.alarms():
            self._spawn(self._ring(alarm))
        for identifier in self._store.with_messages():
            self._wake(identifier)

    async def close(self) -> None:
        """Stop at once, as a host that is killed would: what is under way is done again after `resume`."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self, name: str, identifier: str | None, raw_input: str | None) -> str:
        """Start an instance and answer its id; raises KeyError if one of that id is running, ValueError if it cannot be."""
        if self._worker.find(name, "orchestrationTrigger") is None:
            raise ValueError(MISSING.format(name=name, kind="an orchestrator"))
        chosen = identifier or uuid.uuid4().hex
        if not GOOD_ID.fullmatch(chosen):
            raise ValueError(f"{chosen!r} cannot be the id of an instance.")
        existing = self._store.instance(chosen)
        if existing and not existing.ended:
            raise KeyError(f"An Orchestration instance with the status {existing.status} already exists.")
        with self._store.transaction():
            self._store.purge(chosen)
            self._histories.pop(chosen, None)
            self._create(chosen, name, raw_input, None)
        self._wake(chosen)
        return chosen

    def raise_event(self, identifier: str, name: str, raw_data: str) -> None:
        """Tell a running instance that something has happened outside."""
        self._tell(identifier, event(EventType.EVENT_RAISED, self._clock.now(), Name=name, Input=raw_data))

    def terminate(self, identifier: str, reason: str) -> None:
        """End a running instance as it stands; its children and activities go on."""
        self._tell(identifier, event(EventType.EXECUTION_TERMINATED, self._clock.now(), Input=reason))

    def _tell(self, identifier: str, item: Event) -> None:
        with self._store.transaction():
            self._store.send(identifier, None, item)
        self._wake(identifier)

    def _create(self, identifier: str, name: str, raw_input: str | None, parent: dict[str, Any] | None) -> None:
        now, execution = self._clock.now(), uuid.uuid4().hex
        text = json.dumps(parent) if parent else None
        made = timestamp(now)
        self._store.save(Instance(identifier, execution, name, "Pending", raw_input, None, None, made, made, text))
        started = execution_started(now, name, raw_input, identifier, execution, parent)
        self._store.send(identifier, execution, started)

    def _wake(self, identifier: str) -> None:
        if identifier not in self._busy:
            self._busy.add(identifier)
            self._spawn(self._episodes(identifier))

    async def _episodes(self, identifier: str) -> None:
        try:
            await asyncio.sleep(0)  # what has arrived in the same moment becomes one episode
            while self._store.inbox(identifier):
                woken = self._episode(identifier)
                for other in woken:
                    self._wake(other)
                await asyncio.sleep(0)
        finally:
            self._busy.discard(identifier)

    def _episode(self, identifier: str) -> list[str]:
        """Run one episode whole, in one transaction, and answer which other instances have messages now."""
        instance, messages = self._store.instance(identifier), self._store.inbox(identifier)
        if instance is None or instance.ended:
            with self._store.transaction():
                self._store.take(messages)
            return []
        mine = [message.event for message in messages if message.execution in (None, instance.execution)]
        history = self._histories.get(identifier) or self._store.history(identifier)
        episode = run_episode(self._worker, instance, history, mine, self._clock.now())
        try:
            with self._store.transaction():
                self._store.take(messages)
                woken, started = self._commit(instance, len(history), episode)
        except (ValueError, TypeError, sqlite3.DataError) as error:
            # What cannot be written down must not leave the instance running for ever.
            episode = Episode("Failed", output=f"The orchestration cannot be recorded: {type(error).__name__}")
            with self._store.transaction():
                self._store.take(messages)
                woken, started = self._commit(instance, len(history), episode)
        self._histories[identifier] = [] if episode.continued else [*history, *episode.events]
        for job in started:
            self._spawn(job)
        if episode.ended:
            self._histories.pop(identifier, None)
        return woken

    def _commit(self, instance: Instance, length: int, episode: Episode) -> tuple[list[str], list[Any]]:
        woken: list[str] = []
        jobs: list[Any] = []
        changed = replace(
            instance,
            status=episode.status,
            output=episode.output,
            custom_status=episode.custom_status or instance.custom_status,
            updated=timestamp(self._clock.now()),
        )
        if episode.continued:
            return self._continue_as_new(changed, episode), jobs
        self._store.append(instance.id, length, episode.events)
        self._store.save(changed)
        for decision in episode.decisions:
            if decision.kind is EventType.TASK_SCHEDULED:
                work = self._store.schedule_work(changed, decision.identifier, decision.name, decision.input)
                jobs.append(self._do(work))
            elif decision.kind is EventType.TIMER_CREATED and decision.fire_at is not None:
                fire_at = timestamp(decision.fire_at)
                jobs.append(self._ring(self._store.set_alarm(changed, decision.identifier, fire_at)))
            else:
                woken.append(
                    self._create_child(changed, decision.identifier, decision.name, decision.input, decision.instance)
                )
        if episode.ended:
            woken += self._tell_parent(changed)
        return woken, jobs

    def _continue_as_new(self, instance: Instance, episode: Episode) -> list[str]:
        execution = uuid.uuid4().hex
        parent = json.loads(instance.parent) if instance.parent else None
        fresh = replace(instance, execution=execution, input=episode.next_input, output=None)
        now = self._clock.now()
        self._store.forget_history(instance.id)
        self._store.save(fresh)
        started = execution_started(now, instance.name, episode.next_input, instance.id, execution, parent)
        self._store.send(instance.id, execution, started)
        for item in episode.unheard:
            self._store.send(instance.id, execution, item)
        return []

    def _create_child(self, parent: Instance, task: int, name: str, given: str | None, identifier: str) -> str:
        child = identifier or f"{parent.execution}:{task}"
        origin = {
            "InstanceId": parent.id,
            "ExecutionId": parent.execution,
            "TaskScheduleId": task,
            "Name": parent.name,
            "OrchestrationInstance": {"InstanceId": parent.id, "ExecutionId": parent.execution},
        }
        existing = self._store.instance(child)
        unknown = self._worker.find(name, "orchestrationTrigger") is None
        if unknown or (existing is not None and not existing.ended):
            reason = (
                MISSING.format(name=name, kind="an orchestrator") if unknown else f"Instance {child} is running already."
            )
            failed = failure(EventType.SUB_ORCHESTRATION_FAILED, self._clock.now(), task, reason, "")
            self._store.send(parent.id, parent.execution, failed)
            return parent.id
        self._store.purge(child)
        self._histories.pop(child, None)
        self._create(child, name, given, origin)
        return child

    def _tell_parent(self, child: Instance) -> list[str]:
        if not child.parent:
            return []
        parent = json.loads(child.parent)
        now, task = self._clock.now(), parent["TaskScheduleId"]
        if child.status == "Completed":
            item = event(EventType.SUB_ORCHESTRATION_COMPLETED, now, TaskScheduledId=task, Result=child.output or "null")
        else:
            item = failure(EventType.SUB_ORCHESTRATION_FAILED, now, task, child.output or child.status, "")
        self._store.send(parent["InstanceId"], parent["ExecutionId"], item)
        return [str(parent["InstanceId"])]

    async def _do(self, work: Work) -> None:
        async with self._activities:
            item = await self._outcome(work)
        with self._store.transaction():
            if self._store.finish_work(work):
                self._store.send(work.instance, work.execution, item)
        self._wake(work.instance)

    async def _outcome(self, work: Work) -> Event:
        function = self._worker.find(work.name, "activityTrigger")
        if function is None:
            reason = MISSING.format(name=work.name, kind="an activity")
            return failure(EventType.TASK_FAILED, self._clock.now(), work.task, reason, "")
        try:
            result = await self._worker.call_activity(function, work.input)
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # whatever it raises is news for its orchestration
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # the host itself is ending: the activity is called again after the next start
            reason = f"Activity function '{work.name}' failed:  {type(error).__name__}: {error}"
            return failure(EventType.TASK_FAILED, self._clock.now(), work.task, reason, traceback.format_exc())
        return event(EventType.TASK_COMPLETED, self._clock.now(), TaskScheduledId=work.task, Result=result)

    async def _ring(self, alarm: Alarm) -> None:
        fire_at = moment(alarm.fire_at)
        while (left := (fire_at - self._clock.now()) / timedelta(seconds=1)) > OVERDUE:
            await self._clock.sleep(left)
        fired = event(EventType.TIMER_FIRED, self._clock.now(), TimerId=alarm.task, FireAt=alarm.fire_at)
        with self._store.transaction():
            if self._store.strike_alarm(alarm):
                self._store.send(alarm.instance, alarm.execution, fired)
        self._wake(alarm.instance)

    def _spawn(self, job: Any) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("The engine has stumbled.", exc_info=task.exception())


class Limits:
    """How much may run at once, as host.json says."""

    def __init__(self, host_json: dict[str, Any]) -> None:
        """Read the limits of `extensions.durableTask`; the official defaults hold where it says nothing."""
        durable = host_json.get("extensions", {}).get("durableTask", {})
        self.activities = int(durable.get("maxConcurrentActivityFunctions", 10))
