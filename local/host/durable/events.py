"""History events of an orchestration: their numbers and shapes (Azure/durabletask, DurableTask.Core/History)."""

from datetime import datetime
from enum import IntEnum
from typing import Any

from local.clock import timestamp

Event = dict[str, Any]


class EventType(IntEnum):
    """What happened."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_SENT = 14
    EVENT_RAISED = 15
    GENERIC = 17
    EXECUTION_SUSPENDED = 19
    EXECUTION_RESUMED = 20


class ActionType(IntEnum):
    """What an orchestrator schedules."""

    CALL_ACTIVITY = 0
    CALL_ACTIVITY_WITH_RETRY = 1
    CALL_SUB_ORCHESTRATOR = 2
    CALL_SUB_ORCHESTRATOR_WITH_RETRY = 3
    CONTINUE_AS_NEW = 4
    CREATE_TIMER = 5
    WAIT_FOR_EXTERNAL_EVENT = 6
    CALL_ENTITY = 7
    CALL_HTTP = 8
    SIGNAL_ENTITY = 9
    WHEN_ANY = 11
    WHEN_ALL = 12


def event(kind: EventType, now: datetime, identifier: int = -1, **fields: Any) -> Event:
    """One event; `identifier` is set on events that schedule something."""
    return {
        "EventType": int(kind),
        "EventId": identifier,
        "IsPlayed": False,
        "Timestamp": timestamp(now),
        **fields,
    }


def execution_started(
    now: datetime,
    name: str,
    raw_input: str | None,
    instance: str,
    execution: str,
    parent: dict[str, Any] | None,
    version: str | None,
) -> Event:
    """The first event of an execution; the SDK reads the version of the instance here."""
    return event(
        EventType.EXECUTION_STARTED,
        now,
        Name=name,
        Input=raw_input,
        Version=version,
        Tags=None,
        OrchestrationInstance={"InstanceId": instance, "ExecutionId": execution},
        ParentInstance=parent,
    )
