"""The Durable engine: runs orchestrations one episode at a time, and survives crashes."""

import asyncio
import logging
import re
import sqlite3
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from local.clock import Clock
from local.host.configuration import HostJson
from local.host.durable.answers import Replays
from local.host.durable.entities import Entities, entity_id, is_entity, operation
from local.host.durable.episodes import Episode, run_episode
from local.host.durable.events import Event, EventType, event
from local.host.durable.histories import Histories
from local.host.durable.instances import Consequences, Instances
from local.host.durable.rewind import rewind
from local.host.durable.rows import Instance, Message
from local.host.durable.sessions import Sessions
from local.host.durable.store import Store
from local.host.durable.timers import Alarms
from local.host.durable.versions import MISMATCH
from local.host.functions.activities import Activities
from local.host.functions.worker import MISSING, Worker

log = logging.getLogger(__name__)

GOOD_ID = re.compile(r"(?!@)[^/\\#?\x00-\x1f\x7f-\x9f]{1,256}")
LONG_EPISODE, LONGEST_PAUSE = 0.02, 0.5  # seconds
PAUSES = (EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED)


class Engine:
    """The durable state and processing of one app."""

    def __init__(
        self,
        worker: Worker,
        store: Store,
        clock: Clock,
        configuration: HostJson,
        client: Callable[[], str] = str,
        *,
        sessions: bool = False,
    ) -> None:
        """Nothing runs before `take_up`; `client` is the binding of a durable client. With `sessions`, few are replayed."""
        self._worker, self._store, self._clock = worker, store, clock
        self._durable = configuration.extensions.durable_task
        self._activities = Activities(worker, store, clock, configuration, wake=self._wake, client=client)
        self._alarms = Alarms(store, clock, self._wake)
        batch, places = self._durable.max_entity_operation_batch_size, self._durable.max_concurrent_entity_functions
        self._entities = Entities(worker, store, clock, batch=batch, places=places)
        self._versioning = self._durable.versioning
        self._instances = Instances(worker, store, clock, self._versioning)
        self._busy, self._rejected = set[str](), set[str]()
        self._rest: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._asks = Sessions(worker) if sessions else Replays(worker)
        self._histories = Histories(store, self._asks)

    def take_up(self) -> None:
        """Resume everything that was in progress when the host ended; must be called inside a running loop."""
        for work in self._store.work():
            self._spawn(self._activities.do(work))
        self._spawn(self._alarms.run())
        for identifier in self._store.with_messages():
            self._wake(identifier)

    async def close(self) -> None:
        """Stop at once, as a killed host would: what is in progress is repeated after `take_up`."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)  # a task that does not end is not awaited

    def start(self, name: str, identifier: str | None, raw_input: str | None, version: str | None = None) -> str:
        """Start an instance and return its ID; raises KeyError if that ID is running, ValueError if it is invalid.

        Without a version it gets the default one of host.json.
        """
        if self._worker.find(name, "orchestrationTrigger") is None:
            raise ValueError(MISSING.format(name=name, kind="an orchestrator"))
        chosen = identifier or uuid.uuid4().hex
        if not GOOD_ID.fullmatch(chosen):
            raise ValueError(f"{chosen!r} is not a valid instance ID.")
        existing = self._store.instance(chosen)
        if existing and not existing.ended and self._durable.overridable_existing_instance_states != "AnyState":
            raise KeyError(f"An Orchestration instance with the status {existing.status} already exists.")
        with self._store.transaction():
            self._instances.create(chosen, name, raw_input, None, version)
        self._wake(chosen)
        return chosen

    def restart(self, identifier: str, *, new_id: bool) -> str:
        """Start an instance again with the same input and return its ID; raises as `start` does."""
        instance = self._store.instance(identifier)
        if instance is None:
            raise ValueError("InstanceId does not match a valid orchestration instance.")
        return self.start(instance.name, None if new_id else identifier, instance.input)

    def raise_event(self, identifier: str, name: str, raw_data: str) -> None:
        """Send an external event to a running instance."""
        self._tell(identifier, event(EventType.EVENT_RAISED, self._clock.now(), Name=name, Input=raw_data))

    def terminate(self, identifier: str, reason: str) -> None:
        """Terminate a running instance; its children and activities continue."""
        self._tell(identifier, event(EventType.EXECUTION_TERMINATED, self._clock.now(), Input=reason))

    def suspend(self, identifier: str, reason: str) -> None:
        """Suspend an instance: it receives no messages until it is resumed or terminated."""
        self._tell(identifier, event(EventType.EXECUTION_SUSPENDED, self._clock.now(), Input=reason))

    def resume(self, identifier: str, reason: str) -> None:
        """Resume a suspended instance, which then receives the messages it has missed."""
        self._tell(identifier, event(EventType.EXECUTION_RESUMED, self._clock.now(), Input=reason))

    def rewind(self, identifier: str, reason: str) -> None:
        """Rewind a failed instance: it continues as if its failures had not happened."""
        with self._store.transaction():
            woken = rewind(self._store, identifier, reason, self._clock.now())
        self._alarms.changed()
        for other in woken:
            self._histories.forget(other)
            self._wake(other)

    def signal(self, name: str, key: str, what: str, raw_input: str | None) -> None:
        """Signal an entity; raises ValueError if the app has no such entity."""
        if not self._entities.known(name):
            raise ValueError(MISSING.format(name=name, kind="an entity"))
        self._tell(entity_id(name, key), operation(what, raw_input))

    def _tell(self, identifier: str, item: Event) -> None:
        with self._store.transaction():
            self._store.send(identifier, None, item)
        self._wake(identifier)

    def _wake(self, identifier: str) -> None:
        if identifier not in self._busy:
            self._busy.add(identifier)
            self._spawn(self._serve(identifier))

    async def _serve(self, identifier: str) -> None:
        """Process every message in an inbox; only one task does so for an inbox at a time."""
        try:
            await self._collected(identifier)
            while messages := self._deliverable(identifier):
                if is_entity(identifier):
                    follows = Consequences(woken=await self._entities.work(identifier))
                else:
                    begun = time.monotonic()
                    follows = self._episode(identifier, messages)
                    took = time.monotonic() - begun
                    if took > LONG_EPISODE:
                        self._rest[identifier] = begun + 2 * took
                self._follow(follows)
                await self._collected(identifier)
        finally:
            self._busy.discard(identifier)

    async def _collected(self, identifier: str) -> None:
        """Collect messages that arrive together into one episode; the pause is as long as the instance's last episode took.

        So a thousand results do not cause a thousand replays.
        """
        await asyncio.sleep(min(self._rest.pop(identifier, 0.0) - time.monotonic(), LONGEST_PAUSE))

    def _follow(self, follows: Consequences) -> None:
        for work in follows.work:
            self._spawn(self._activities.do(work))
        if follows.timers:
            self._alarms.changed()
        for other in follows.woken:
            self._wake(other)

    def _deliverable(self, identifier: str) -> list[Message]:
        """The messages for the next episode: a suspended instance receives only resume and terminate.

        An instance of a version that this host does not run receives nothing: its messages wait for a host that does.
        """
        messages = self._store.inbox(identifier)
        instance = None if is_entity(identifier) else self._store.instance(identifier)
        if instance is None or instance.ended:
            return messages
        if self._left_alone(instance):
            return []
        kinds = [message.event["EventType"] for message in messages]
        if instance.status == "Suspended":
            waking = (*PAUSES, EventType.EXECUTION_TERMINATED)
            return [message for message, kind in zip(messages, kinds, strict=True) if kind in waking][:1]
        pause = next((place for place, kind in enumerate(kinds) if kind in PAUSES), len(messages))
        return messages[: pause or 1]

    def _left_alone(self, instance: Instance) -> bool:
        if self._versioning.fails or self._versioning.runs(instance.version):
            return False
        if instance.id not in self._rejected:
            self._rejected.add(instance.id)
            words = "%s (%s) has version %s and waits: this host runs %s, with the strategy %s."
            settings = (self._versioning.default or "none", self._versioning.match)
            log.warning(words, instance.id, instance.name, instance.version or "none", *settings)
        return True

    def _episode(self, identifier: str, messages: list[Message]) -> Consequences:
        """Run one complete episode in one transaction."""
        instance = self._store.instance(identifier)
        mine = [m.event for m in messages if instance is not None and m.execution in (None, instance.execution)]
        if instance is None or instance.ended or not mine:
            with self._store.transaction():
                self._store.take(messages)
            return Consequences()
        history = self._histories.of(instance)
        limit = self._durable.max_orchestration_actions
        try:
            if not self._versioning.runs(instance.version):
                episode = Episode("Failed", output=MISMATCH)
            else:
                episode = run_episode(self._worker, self._asks, instance, history, mine, self._clock.now(), limit)
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            # Nothing is awaited there: it is the app's own code.
            log.exception("An orchestrator cannot be called: %s", identifier)
            episode = Episode("Failed", output=f"The orchestrator cannot be called: {type(error).__name__}: {error}")
        try:
            follows = self._committed(instance, messages, len(history), episode)
        except (ValueError, TypeError, sqlite3.DataError) as error:
            # An unserializable result must not leave the instance running for ever.
            episode = Episode("Failed", output=f"The orchestration cannot be recorded: {type(error).__name__}")
            follows = self._committed(instance, messages, len(history), episode)
        if episode.ended or episode.continued:
            self._histories.forget(identifier)
        else:
            self._histories.keep(instance, [*history, *episode.events])
        return follows

    def _committed(self, instance: Instance, messages: list[Message], length: int, episode: Episode) -> Consequences:
        with self._store.transaction():
            self._store.take(messages)
            return self._instances.commit(instance, length, episode)

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("The engine failed.", exc_info=task.exception())
