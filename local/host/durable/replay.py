"""The host's side of a replay: compares an orchestrator's actions with its history to find new ones and the end.

The official host runs the actions as one coroutine: it makes a call, waits for it, makes the next. So the n-th call is made
only when the one before has ended, task_any ends with the first task that is new in it, and tasks are numbered in the order
in which they are made (azure-functions-durable-extension, Listener/OutOfProcOrchestrationShim.cs; DurableTask.Core,
TaskOrchestrationContext.cs, RetryInterceptor.cs).
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from local.clock import moment
from local.host.durable.events import ActionType, Event, EventType
from local.host.durable.tasks import Decision, NonDeterministic, Task, Unsupported, together

Action = dict[str, Any]

HTTP_ACTIVITY = "BuiltIn::HttpActivity"


SCHEDULING = {
    EventType.TASK_SCHEDULED,
    EventType.SUB_ORCHESTRATION_CREATED,
    EventType.TIMER_CREATED,
    EventType.EVENT_SENT,
}
ENDING = {
    EventType.TASK_COMPLETED: ("TaskScheduledId", False),
    EventType.TASK_FAILED: ("TaskScheduledId", True),
    EventType.SUB_ORCHESTRATION_COMPLETED: ("TaskScheduledId", False),
    EventType.SUB_ORCHESTRATION_FAILED: ("TaskScheduledId", True),
    EventType.TIMER_FIRED: ("TimerId", False),
}


class Replay:
    """One replay: process the history, then read the new decisions."""

    def __init__(self, actions: Sequence[Action]) -> None:
        """`actions` are those that the orchestrator has scheduled since its execution began."""
        self._actions = list(actions)
        self._cursor = 0
        self._current: Task | None = None
        self._next_id = 0
        self._now: datetime | None = None
        self._open: dict[int, Task] = {}
        self._pending: dict[int, Decision] = {}
        self._waiting: dict[str, list[Task]] = {}
        self._early: dict[str, list[Event]] = {}
        self._calls: dict[int, Task] = {}
        self.cancelled: list[int] = []
        self.continued: Action | None = None
        self.carried: list[Event] = []

    def run(self, history: Sequence[Event]) -> "Replay":
        """Process the history in order; raises NonDeterministic or Unsupported."""
        for item in history:
            self._process(item)
        return self

    @property
    def decisions(self) -> list[Decision]:
        """The new decisions, by number."""
        return [self._pending[identifier] for identifier in sorted(self._pending)]

    @property
    def settled(self) -> bool:
        """Whether every call was made and has ended: only then may the orchestration end."""
        current_ended = self._current is None or self._current.ended
        return self._cursor == len(self._actions) and current_ended and not self._open

    def _process(self, item: Event) -> None:
        kind = EventType(item["EventType"])
        if kind is EventType.ORCHESTRATOR_STARTED:
            self._now = moment(item["Timestamp"])
        elif kind is EventType.EXECUTION_STARTED:
            self._advance()
        elif kind in SCHEDULING:
            self._confirm(kind, item)
        elif kind in ENDING:
            key, failed = ENDING[kind]
            task = self._open.pop(item[key], None)
            if task is not None:
                task.end(failed=failed)
        elif kind is EventType.EVENT_RAISED:
            self._raise(item)

    def _confirm(self, kind: EventType, item: Event) -> None:
        if kind is EventType.EVENT_SENT and item["EventId"] in self._calls:
            # The response of an entity comes as an event whose name is the ID of the call.
            call = str(json.loads(item["Input"])["id"])
            self._waiting.setdefault(call, []).append(self._calls.pop(item["EventId"]))
        decision = self._pending.pop(item["EventId"], None)
        named = item.get("Name") or ""
        if decision is None or decision.kind is not kind or decision.name.lower() != named.lower():
            asked = f"{decision.kind.name} {decision.name}".strip() if decision else "nothing"
            raise NonDeterministic(
                f"Non-deterministic orchestrator: number {item['EventId']} was {kind.name} {named}, and is {asked} now."
            )

    def _raise(self, item: Event) -> None:
        name = str(item["Name"]).lower()
        if self.continued is not None:
            self.carried.append(item)  # it came after the call: the next generation receives it
            return
        waiting = self._waiting.get(name)
        if waiting:
            waiting.pop().end()
        else:
            self._early.setdefault(name, []).append(item)

    def _advance(self, _: Task | None = None) -> None:
        while self._cursor < len(self._actions) and (self._current is None or self._current.ended):
            action = self._actions[self._cursor]
            self._cursor += 1
            self._current = self._make(action)
            if not self._current.ended:
                self._current.then(self._advance)
                return

    def _make(self, action: Action) -> Task:
        kind = ActionType(action["actionType"])
        if kind in (ActionType.WHEN_ANY, ActionType.WHEN_ALL):
            return together([self._make(child) for child in action["compoundActions"]], first=kind is ActionType.WHEN_ANY)
        if kind is ActionType.CONTINUE_AS_NEW:
            self.continued = action
            return Task(ended=True)
        return self._single(kind, action)

    def _single(self, kind: ActionType, action: Action) -> Task:
        make: dict[ActionType, Callable[[Action], Task]] = {
            ActionType.CALL_ACTIVITY: self._activity,
            ActionType.CALL_ACTIVITY_WITH_RETRY: lambda given: self._again(given, self._activity),
            ActionType.CALL_SUB_ORCHESTRATOR: self._sub_orchestration,
            ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY: lambda given: self._again(given, self._sub_orchestration),
            ActionType.CREATE_TIMER: lambda given: self._timer(
                moment(given["fireAt"]), cancelled=bool(given.get("isCanceled"))
            ),
            ActionType.WAIT_FOR_EXTERNAL_EVENT: lambda given: self._external_event(str(given["externalEventName"])),
            ActionType.CALL_ENTITY: lambda given: self._entity(given, signal=False),
            ActionType.SIGNAL_ENTITY: lambda given: self._entity(given, signal=True),
            ActionType.CALL_HTTP: self._http,
        }
        if kind not in make:
            raise Unsupported(f"this host does not support the action {kind.name}")
        return make[kind](action)

    def _http(self, action: Action) -> Task:
        return self._schedule(EventType.TASK_SCHEDULED, name=HTTP_ACTIVITY, given=json.dumps(action["httpRequest"]))

    def _activity(self, action: Action) -> Task:
        return self._schedule(EventType.TASK_SCHEDULED, name=action["functionName"], given=_text(action.get("input")))

    def _sub_orchestration(self, action: Action) -> Task:
        return self._schedule(
            EventType.SUB_ORCHESTRATION_CREATED,
            name=action["functionName"],
            # The SDK encodes the input once more than the official host decodes it.
            given=json.dumps(_text(action.get("input"))),
            instance=action.get("instanceId") or "",
            version=action.get("version"),
        )

    def _timer(self, fire_at: datetime, *, cancelled: bool = False) -> Task:
        task = self._schedule(EventType.TIMER_CREATED, fire_at=fire_at)
        if cancelled:
            number = self._next_id - 1
            self.cancelled.append(number)
            del self._open[number]
            task.end()
        return task

    def _entity(self, action: Action, *, signal: bool) -> Task:
        self._schedule(
            EventType.EVENT_SENT,
            name="op",
            # The input of an entity's operation is JSON text in JSON, as the input of a child is.
            given=json.dumps({"op": action["operation"], "input": json.dumps(_text(action.get("input")))}),
            instance=str(action["instanceId"]),
            signal=signal,
        )
        number = self._next_id - 1
        task = self._open.pop(number)
        if signal:
            task.end()
        else:
            self._calls[number] = task
        return task

    def _schedule(
        self,
        kind: EventType,
        *,
        name: str = "",
        given: str | None = None,
        instance: str = "",
        fire_at: datetime | None = None,
        signal: bool = False,
        version: str | None = None,
    ) -> Task:
        identifier, self._next_id = self._next_id, self._next_id + 1
        self._pending[identifier] = Decision(kind, identifier, name, given, instance, fire_at, signal, version)
        task = self._open[identifier] = Task()
        return task

    def _external_event(self, name: str) -> Task:
        early = self._early.get(name.lower())
        if early:
            early.pop(0)
            return Task(ended=True)
        task = Task()
        self._waiting.setdefault(name.lower(), []).append(task)
        return task

    def _again(self, action: Action, make: Callable[[Action], Task]) -> Task:
        options = action["retryOptions"]
        tries = int(options["maxNumberOfAttempts"])
        first = float(options["firstRetryIntervalInMilliseconds"]) / 1000
        growth = float(options.get("backoffCoefficient") or 1.0)
        whole = Task()

        def attempt(number: int) -> None:
            make(action).then(lambda task: decide(task, number))

        def decide(task: Task, number: int) -> None:
            if not task.failed:
                whole.end()
                return
            assert self._now is not None
            last = number + 1 >= tries
            # After the last attempt the official host still creates a timer that fires at once, for old histories.
            pause = 0.0 if last else first * growth**number
            timer = self._timer(self._now + timedelta(seconds=pause))
            timer.then(lambda _: whole.end(failed=True) if last else attempt(number + 1))

        attempt(0)
        return whole


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
