"""One episode of an orchestration: its new messages, the orchestrator's response, and the consequences of both."""

import json
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from local.clock import timestamp
from local.host.durable.answers import Answer, OrchestratorFailed, Replays
from local.host.durable.events import Event, EventType, event
from local.host.durable.replay import Replay
from local.host.durable.rows import ENDED, Instance
from local.host.durable.tasks import Decision, NonDeterministic, Unsupported
from local.host.functions.worker import Worker

PAUSING = {EventType.EXECUTION_SUSPENDED: "Suspended", EventType.EXECUTION_RESUMED: "Running"}


@dataclass(slots=True)
class Episode:
    """The result of an episode: events to append, work to begin, and the new state of the instance."""

    status: str
    events: list[Event] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    output: str | None = None
    custom_status: str | None = None
    cancelled: list[int] = field(default_factory=list)
    continued: bool = False
    next_input: str | None = None
    unheard: list[Event] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether the instance has ended."""
        return self.status in ENDED


LARGEST_STATUS = 16 * 1024


def run_episode(
    worker: Worker,
    asks: Replays,
    instance: Instance,
    history: list[Event],
    messages: list[Event],
    now: datetime,
    limit: int,
) -> Episode:
    """Run the orchestrator over its history and its new messages; any error fails the instance.

    `limit` is the number of actions that one generation may schedule.
    """
    fresh = [event(EventType.ORCHESTRATOR_STARTED, now), *messages]
    end = next((item for item in messages if item["EventType"] == EventType.EXECUTION_TERMINATED), None)
    if end is not None:
        return _over("Terminated", fresh, _json_or_text(end.get("Input")), now)
    if messages and messages[0]["EventType"] in PAUSING:
        # The orchestrator is not called: only the suspension or resumption is recorded.
        return Episode(PAUSING[messages[0]["EventType"]], [*fresh, event(EventType.ORCHESTRATOR_COMPLETED, now)])
    function = worker.find(instance.name, "orchestrationTrigger")
    if function is None:
        return _failed(instance, fresh, f"The function '{instance.name}' doesn't exist.", now)
    # The last "orchestrator started" marks where the new events begin.
    try:
        answer = asks.ask(function, instance, history, fresh)
        replay = Replay(answer.actions[:limit]).run([*history, *fresh])
    except (NonDeterministic, Unsupported, OrchestratorFailed) as error:
        return _failed(instance, fresh, str(error), now)
    if _count(answer.actions) > limit:
        return _failed(instance, fresh, f"It schedules more than {limit} actions (maxOrchestrationActions).", now)
    episode = _episode(instance, answer, replay, fresh, now)
    if answer.custom_status is not None:
        episode.custom_status = json.dumps(answer.custom_status)
        size = len(json.dumps(answer.custom_status, ensure_ascii=False).encode("utf-16-le", "surrogatepass"))
        if size > LARGEST_STATUS:
            # https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-custom-orchestration-status
            words = f"The custom status must not exceed 16 KB in UTF-16, and is {size} bytes."
            return _failed(instance, fresh, words, now)
    return episode


def _count(actions: list[dict[str, Any]]) -> int:
    """The number of calls in the actions; calls in a task_all or task_any count individually."""
    return sum(_count(action["compoundActions"]) if "compoundActions" in action else 1 for action in actions)


def failure(kind: EventType, now: datetime, task: int, reason: str, details: str) -> Event:
    """The event that reports the failure of a task to its orchestration."""
    return event(kind, now, TaskScheduledId=task, Reason=reason, Details=details)


def _episode(instance: Instance, answer: Answer, replay: Replay, fresh: list[Event], now: datetime) -> Episode:
    decisions = [addressed(decision, instance) for decision in replay.decisions]
    events = [*fresh, *(_scheduled(decision, now) for decision in decisions)]
    over = answer.done or answer.error is not None or replay.continued is not None
    if not over or not replay.settled:
        # It has returned, but a call is pending: the official host waits for it before it ends the instance.
        events.append(event(EventType.ORCHESTRATOR_COMPLETED, now))
        return Episode("Running", events, decisions, cancelled=replay.cancelled)
    if answer.error is not None:
        ended = _failed(instance, events, answer.error, now)
    elif replay.continued is not None:
        given = replay.continued.get("input")
        raw = json.dumps(given) if given is not None else None
        ended = Episode("Running", continued=True, next_input=raw, unheard=replay.carried)
    else:
        ended = _over("Completed", events, json.dumps(answer.output), now)
    # Signals to entities are sent even by an orchestrator that ends with them.
    ended.decisions = [decision for decision in decisions if decision.kind is EventType.EVENT_SENT]
    return ended


def _failed(instance: Instance, events: list[Event], error: str, now: datetime) -> Episode:
    return _over("Failed", events, f"Orchestrator function '{instance.name}' failed: {error}", now)


def _over(status: str, events: list[Event], output: str, now: datetime) -> Episode:
    completed = event(EventType.EXECUTION_COMPLETED, now, OrchestrationStatus=status, Result=output)
    return Episode(status, [*events, completed, event(EventType.ORCHESTRATOR_COMPLETED, now)], output=output)


def addressed(decision: Decision, instance: Instance) -> Decision:
    """A decision in its stored form: a child has its ID, and a call of an entity names the caller."""
    if decision.kind is EventType.SUB_ORCHESTRATION_CREATED:
        return replace(decision, instance=decision.instance or f"{instance.execution}:{decision.identifier}")
    if decision.kind is not EventType.EVENT_SENT:
        return decision
    said = {
        **json.loads(decision.input or "{}"),
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{instance.execution}:{decision.identifier}")),
        "signal": decision.signal,
        "parent": instance.id,
        "parentExecution": instance.execution,
    }
    return replace(decision, input=json.dumps(said))


def _scheduled(decision: Decision, now: datetime) -> Event:
    if decision.kind is EventType.TIMER_CREATED and decision.fire_at is not None:
        return event(decision.kind, now, decision.identifier, FireAt=timestamp(decision.fire_at))
    more: dict[str, Any] = {"Name": decision.name, "Input": decision.input}
    if decision.instance:
        more["InstanceId"] = decision.instance
    return event(decision.kind, now, decision.identifier, **more)


def _json_or_text(text: str | None) -> str:
    try:
        json.loads(text or "")
    except ValueError:
        return json.dumps(text or "")
    return text or ""
