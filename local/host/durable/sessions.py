"""Extended sessions: an orchestrator stays in memory between episodes, so that an episode costs only what is new in it.

Azure's host has them for .NET; for Python it replays the whole history in every episode, as this one does without them.
With them, it still replays everything after a start, whenever a history has doubled, and at the end; and the result of the
last replay must be the one of the session, or the orchestrator is not deterministic.
https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-perf-and-scale#extended-sessions
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from azure.durable_functions.models import DurableOrchestrationContext
from azure.durable_functions.models.history import HistoryEvent
from azure.durable_functions.models.TaskOrchestrationExecutor import TaskOrchestrationExecutor

from local.host.durable.answers import Answer, Replays, answer_of, context_of, played
from local.host.durable.events import Event
from local.host.durable.rows import Instance
from local.host.durable.tasks import NonDeterministic
from local.host.functions.worker import Function, Worker

# From this many events on, a history that has doubled since it was last replayed is replayed.
SHORT = 16
GENERATOR = "orchestrator_function"  # where the SDK's entry point of an orchestrator has the app's own function


@dataclass(slots=True)
class Session:
    """One orchestrator in memory, and the events that it has seen."""

    executor: Any
    execution: str
    replayed: int
    known: int = 0
    last: list[Event] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """How many events it has seen."""
        return self.known + len(self.last)

    def continues(self, instance: Instance, history: Sequence[Event]) -> bool:
        """Whether it has seen the beginning of this history and nothing else, and no replay is due."""
        same = self.execution == instance.execution and history[self.known : self.seen] == self.last
        return same and len(history) < max(SHORT, 2 * self.replayed)


class Sessions(Replays):
    """Asks an orchestrator that is kept in memory, if it is, with the new events only."""

    def __init__(self, worker: Worker) -> None:
        """Use this worker, and keep none at first."""
        super().__init__(worker)
        self._kept: dict[str, Session] = {}

    def forget(self, identifier: str) -> None:
        """Let go of an instance that has ended, or whose history has changed."""
        self._kept.pop(identifier, None)

    def ask(self, function: Function, instance: Instance, history: Sequence[Event], fresh: Sequence[Event]) -> Answer:
        """The response to new events; raises OrchestratorFailed, or NonDeterministic if a replay differs."""
        if not hasattr(function.code, GENERATOR):
            return super().ask(function, instance, history, fresh)
        session = self._kept.pop(instance.id, None)
        if session is not None and session.continues(instance, history):
            answer = self._continued(function, session.executor, [*played(history[session.seen :]), *fresh])
            over = answer.done or answer.error is not None
            if over and self._replayed(function, instance, [*played(history), *fresh]) != answer:
                raise NonDeterministic("Non-deterministic orchestrator: its last replay differs from its episodes.")
        else:
            session = Session(TaskOrchestrationExecutor(), instance.execution, len(history))
            answer = self._begun(function, session.executor, context_of(instance, [*played(history), *fresh]))
        session.known, session.last = len(history), list(fresh)
        self._kept[instance.id] = session
        return answer

    def _replayed(self, function: Function, instance: Instance, history: list[Event]) -> Answer:
        """The response to a whole history, which is no execution of its own."""
        return answer_of(lambda: str(function.code(json.dumps(context_of(instance, history)))))

    def _begun(self, function: Function, executor: Any, given: dict[str, Any]) -> Answer:
        """The response to a whole history, of an orchestrator that goes on from there."""
        context = DurableOrchestrationContext.from_json(json.dumps(given))
        context._input_expected_type = getattr(function.code, "_df_input_type", None)  # noqa: SLF001 - as the SDK does
        orchestrator = vars(function.code)[GENERATOR]
        begin = partial(executor.execute, context, context.histories, orchestrator)
        return answer_of(lambda: self._worker.run_orchestrator(function, begin))

    def _continued(self, function: Function, executor: Any, events: Sequence[Event]) -> Answer:
        copied = json.loads(json.dumps(events))
        return answer_of(lambda: self._worker.run_orchestrator(function, partial(_go_on, executor, copied)))


def _go_on(executor: Any, events: Sequence[Event]) -> str:
    """Process new events as the SDK processes those of a whole history."""
    for item in events:
        if executor.has_execution_completed:
            break
        executor.process_event(HistoryEvent(**item))
    return str(executor.get_orchestrator_state_str())
