"""A history as the management API shows it (Azure/azure-functions-durable-extension, DurableOrchestrationStatus).

A scheduled task is shown together with its result, and internal events are omitted.
"""

import json
from collections.abc import Sequence
from typing import Any

from local.host.durable.events import Event, EventType

NAMES = {
    EventType.EXECUTION_STARTED: "ExecutionStarted",
    EventType.EXECUTION_COMPLETED: "ExecutionCompleted",
    EventType.EXECUTION_TERMINATED: "ExecutionTerminated",
    EventType.TASK_SCHEDULED: "TaskScheduled",
    EventType.TASK_COMPLETED: "TaskCompleted",
    EventType.TASK_FAILED: "TaskFailed",
    EventType.SUB_ORCHESTRATION_CREATED: "SubOrchestrationInstanceCreated",
    EventType.SUB_ORCHESTRATION_COMPLETED: "SubOrchestrationInstanceCompleted",
    EventType.SUB_ORCHESTRATION_FAILED: "SubOrchestrationInstanceFailed",
    EventType.TIMER_CREATED: "TimerCreated",
    EventType.TIMER_FIRED: "TimerFired",
    EventType.EVENT_SENT: "EventSent",
    EventType.EVENT_RAISED: "EventRaised",
    EventType.GENERIC: "GenericEvent",
    EventType.EXECUTION_SUSPENDED: "ExecutionSuspended",
    EventType.EXECUTION_RESUMED: "ExecutionResumed",
}
SCHEDULED = (EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED)
ENDED = (
    EventType.TASK_COMPLETED,
    EventType.TASK_FAILED,
    EventType.SUB_ORCHESTRATION_COMPLETED,
    EventType.SUB_ORCHESTRATION_FAILED,
)
INNER = ("EventType", "EventId", "IsPlayed", "TaskScheduledId", "TimerId", "OrchestrationInstance", "ParentInstance")


def picture(history: Sequence[Event], *, outputs: bool, inputs: bool) -> list[dict[str, Any]]:
    """The events to show, with results only if `outputs`, and with inputs only if `inputs`."""
    begun = {item["EventId"]: item for item in history if item["EventType"] in SCHEDULED}
    ended = {item["TaskScheduledId"] for item in history if item["EventType"] in ENDED}
    shown = []
    for item in history:
        kind = EventType(item["EventType"])
        if kind not in NAMES or (kind in SCHEDULED and item["EventId"] in ended):
            continue
        shown.append(_shown(kind, item, begun, outputs=outputs, inputs=inputs))
    return shown


def _shown(kind: EventType, item: Event, begun: dict[int, Event], *, outputs: bool, inputs: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"EventType": NAMES[kind]}
    told |= {name: value for name, value in item.items() if name not in INNER}
    if kind is EventType.EXECUTION_STARTED:
        told["FunctionName"] = told.pop("Name")
        told.pop("Version"), told.pop("Tags")
    scheduled = begun.get(item.get("TaskScheduledId", -1)) if kind in ENDED else None
    if scheduled is not None:
        told |= {"ScheduledTime": scheduled["Timestamp"], "FunctionName": scheduled["Name"], "Input": scheduled["Input"]}
    for name, wanted in (("Result", outputs), ("Input", inputs)):
        if name in told:
            told[name] = parsed(told[name])
            if not wanted:
                del told[name]
    return told


def parsed(text: str | None) -> Any:
    """JSON text as a value; what is not JSON stays text."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
