"""Recorded histories under today's orchestrators: replayed as after a deployment, with every request of an activity read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

import activities
from dormouse import serialization
from local.host.durable.answers import OrchestratorFailed, ask
from local.host.durable.events import Event, EventType
from local.host.durable.replay import Replay
from local.host.durable.rows import Instance
from local.host.durable.store import Store
from local.host.durable.tasks import NonDeterministic
from local.host.functions.worker import Worker

LAST = (EventType.EXECUTION_COMPLETED, EventType.EXECUTION_TERMINATED)
EXPECTS = {one.__name__: get_type_hints(one)["request"] for one in (*activities.ALL, *activities.BY_DISPATCHER)}


@dataclass(frozen=True, slots=True)
class History:
    """An instance, and what it has done so far."""

    instance: Instance
    events: list[Event]


def histories_of(store: Store) -> list[History]:
    """Every instance that has begun."""
    found = [History(instance, store.history(instance.id)) for instance in store.instances()]
    return [history for history in found if history.events]


def faults_of(history: History, worker: Worker) -> Iterator[str]:
    """Why an instance with this history could not go on under today's app, at any moment of it."""
    instance = history.instance
    function = worker.find(instance.name, "orchestrationTrigger")
    if function is None:
        yield f"there is no orchestrator {instance.name}"
        return
    yield from _unreadable(history.events)
    events = [event for event in history.events if event["EventType"] not in LAST]
    try:
        answer = ask(worker, function, instance, events)
        Replay(answer.actions).run(events)
    except (NonDeterministic, OrchestratorFailed) as error:
        yield f"{instance.name}: {error}"
    else:
        if answer.error and instance.status != "Failed":
            yield f"{instance.name}: {answer.error}"


def _unreadable(events: list[Event]) -> Iterator[str]:
    """Activities that today's app does not have, or whose recorded request it cannot read: each may be pending."""
    for event in events:
        if event["EventType"] != EventType.TASK_SCHEDULED:
            continue
        name, given = event["Name"], json.loads(event["Input"] or "null")
        if name not in EXPECTS:
            yield f"there is no activity {name}"
            continue
        try:
            serialization.decode(EXPECTS[name], given)
        except ValueError as error:
            yield f"{name} cannot read the request {_short(given)}: {error}"


def _short(content: Any) -> str:
    return json.dumps(content)[:200]
