"""Rewinding a failed instance: its failures are removed from its history, and it continues from there.

(Azure/azure-functions-durable-extension, DurableClient.RewindAsync; as there, histories in which a retry or a timer followed
the failure cannot be rewound: they fail again, as non-deterministic.)
"""

import json
from dataclasses import replace
from datetime import datetime

from local.host.durable.events import Event, EventType, event
from local.host.durable.rows import Instance
from local.host.durable.store import Store

FAILURES = (EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED, EventType.EXECUTION_COMPLETED)


def rewind(store: Store, identifier: str, reason: str, now: datetime) -> list[str]:
    """Rewind an instance and the failed children that made it fail; returns the instances that now have messages.

    To be called inside a transaction.
    """
    instance = store.instance(identifier)
    if instance is None:
        return []
    history = store.history(identifier)
    failed = {item["TaskScheduledId"] for item in history if item["EventType"] in FAILURES[:2]}
    woken: list[str] = []
    kept = []
    for item in history:
        kind = item["EventType"]
        again = item.get("EventId") in failed
        if kind in FAILURES or (kind == EventType.TASK_SCHEDULED and again):
            continue
        if kind == EventType.SUB_ORCHESTRATION_CREATED and again:
            child = store.instance(item["InstanceId"])
            if child is None or child.status != "Failed" or not _is_child(child, instance, item["EventId"]):
                continue  # it is created again
            woken += rewind(store, child.id, reason, now)
        kept.append(item)
    kept = [item for item in kept if not _is_lost(item, kept)]
    for item in kept:
        if item["EventType"] == EventType.TIMER_CREATED and not _has_ended(item, kept):
            store.set_alarm(instance, item["EventId"], item["FireAt"])
    store.forget_history(identifier)
    store.append(identifier, 0, kept)
    store.save(replace(instance, status="Running", output=None))
    store.send(identifier, instance.execution, event(EventType.GENERIC, now, Data=f"Rewound: {reason}"))
    return [*woken, identifier]


def _is_lost(item: Event, history: list[Event]) -> bool:
    """Whether an activity's result was dropped when its instance failed: the activity is called again."""
    return item["EventType"] == EventType.TASK_SCHEDULED and not _has_ended(item, history)


def _has_ended(item: Event, history: list[Event]) -> bool:
    key = "TimerId" if item["EventType"] == EventType.TIMER_CREATED else "TaskScheduledId"
    return any(other.get(key) == item["EventId"] for other in history)


def _is_child(child: Instance, parent: Instance, task: int) -> bool:
    origin = json.loads(child.parent) if child.parent else {}
    known = (origin.get("InstanceId"), origin.get("ExecutionId"), origin.get("TaskScheduleId"))
    return known == (parent.id, parent.execution, task)
