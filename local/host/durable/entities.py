"""Durable entities: each processes one batch of operations at a time, in order of arrival.

(Azure/azure-functions-durable-extension, Bindings/EntityTriggerAttributeBindingProvider.cs, Listener/TaskEntityShim.cs)
"""

import asyncio
import json
import logging
from typing import Any

from local.clock import Clock, timestamp
from local.host.durable.events import Event, EventType, event
from local.host.durable.rows import Entity, Message
from local.host.durable.store import Store
from local.host.functions.worker import Worker

log = logging.getLogger(__name__)


def entity_id(name: str, key: str) -> str:
    """The instance ID of an entity."""
    return f"@{name.lower()}@{key}"


def is_entity(identifier: str) -> bool:
    """Whether an instance ID is that of an entity."""
    return identifier.startswith("@")


def name_and_key(identifier: str) -> tuple[str, str]:
    """The name and the key in an entity's instance ID."""
    name, _, key = identifier[1:].partition("@")
    return name, key


class Entities:
    """Every entity of the host."""

    def __init__(self, worker: Worker, store: Store, clock: Clock, *, batch: int, places: int) -> None:
        """At most `batch` operations are passed at once, to at most `places` entities concurrently."""
        self._worker, self._store, self._clock, self._batch = worker, store, clock, batch
        self._places = asyncio.Semaphore(places)

    def known(self, name: str) -> bool:
        """Whether the app has such entities."""
        return self._worker.find(name, "entityTrigger") is not None

    async def work(self, identifier: str) -> list[str]:
        """Let an entity process its messages; returns the instances that now have a response."""
        messages = self._store.inbox(identifier)[: self._batch]
        name, key = name_and_key(identifier)
        function, before = self._worker.find(name, "entityTrigger"), self._store.entity(identifier)
        operations = [message.event for message in messages]
        if function is None:
            said = _failures(len(operations), f"The entity function '{name}' doesn't exist.", before)
        else:
            batch = [{"name": item["op"], "input": item["input"], "isSignal": item["signal"]} for item in operations]
            state = before.state if before else None
            context = {"self": {"name": name, "key": key}, "exists": before is not None, "state": state, "batch": batch}
            try:
                async with self._places:
                    said = json.loads(await self._worker.call_entity(function, json.dumps(context)))
            except (Exception, SystemExit, asyncio.CancelledError) as error:  # the error is passed to the callers
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                    raise  # the host itself is stopping
                log.exception("The entity %s has failed.", identifier)
                said = _failures(len(operations), f"{type(error).__name__}: {error}", before)
        return self._written(identifier, messages, said)

    def _written(self, identifier: str, messages: list[Message], said: dict[str, Any]) -> list[str]:
        now, woken = self._clock.now(), []
        with self._store.transaction():
            self._store.take(messages)
            if said["entityExists"]:
                self._store.save_entity(Entity(identifier, said["entityState"], timestamp(now)))
            else:
                self._store.delete_entity(identifier)
            for message, result in zip(messages, said["results"], strict=True):
                item = message.event
                if not item["signal"]:
                    answer = event(EventType.EVENT_RAISED, now, Name=item["id"], Input=json.dumps(_answer(result)))
                    self._store.send(item["parent"], item["parentExecution"], answer)
                    woken.append(str(item["parent"]))
        return woken


def operation(name: str, raw_input: str | None) -> Event:
    """An operation from outside an orchestration; no response is expected."""
    return {"op": name, "input": raw_input or "null", "signal": True, "id": "", "parent": None, "parentExecution": None}


def _answer(result: dict[str, Any]) -> dict[str, Any]:
    return {"result": result["result"], **({"exceptionType": "Error"} if result["isError"] else {})}


def _failures(count: int, reason: str, before: Entity | None) -> dict[str, Any]:
    results = [{"isError": True, "result": json.dumps(reason)} for _ in range(count)]
    return {"entityExists": before is not None, "entityState": before.state if before else None, "results": results}
