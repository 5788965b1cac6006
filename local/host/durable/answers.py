"""The response of an orchestrator: what it is given, and what its return value or its exception says."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from local.host.durable.events import Event
from local.host.durable.rows import Instance
from local.host.functions.worker import Function, Worker

LABEL = "\n\n$OutOfProcData$:"


class OrchestratorFailed(Exception):
    """The orchestrator failed without returning its actions."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of an orchestrator: its actions, and whether it has returned, failed, or continues."""

    actions: list[dict[str, Any]]
    done: bool
    output: Any
    error: str | None
    custom_status: Any


class Replays:
    """Asks an orchestrator as the official host asks one of Python: with its whole history in every episode."""

    def __init__(self, worker: Worker) -> None:
        """Use this worker."""
        self._worker = worker

    def ask(self, function: Function, instance: Instance, history: Sequence[Event], fresh: Sequence[Event]) -> Answer:
        """The response of an orchestrator to new events; raises OrchestratorFailed if it returns no actions."""
        return ask(self._worker, function, instance, [*played(history), *fresh])

    def forget(self, identifier: str) -> None:
        """An instance has ended, or its history has changed."""


def played(history: Sequence[Event]) -> list[Event]:
    """Events of earlier episodes, as an orchestrator is given them."""
    return [{**item, "IsPlayed": True} for item in history]


def ask(worker: Worker, function: Function, instance: Instance, history: list[Event]) -> Answer:
    """The response of an orchestrator to a history; raises OrchestratorFailed if it returns no actions."""
    context = context_of(instance, history)
    return answer_of(lambda: worker.call_orchestrator(function, context))


def context_of(instance: Instance, history: list[Event]) -> dict[str, Any]:
    """The context that the official host gives an orchestrator."""
    return {
        "history": history,
        "input": json.loads(instance.input) if instance.input else None,
        "instanceId": instance.id,
        "parentInstanceId": json.loads(instance.parent)["InstanceId"] if instance.parent else None,
        "isReplaying": len(history) > 2,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
    }


def answer_of(call: Callable[[], str]) -> Answer:
    """What a call of an orchestrator returns, or raises with its actions; raises OrchestratorFailed if there are none."""
    try:
        return _read(json.loads(call()), None)
    except (Exception, SystemExit) as error:  # the SDK reports a failed orchestrator by raising
        text, label, data = str(error).rpartition(LABEL)
        if not label or isinstance(error, SystemExit):
            words = f"{type(error).__name__}: {error}".encode(errors="backslashreplace").decode()
            raise OrchestratorFailed(words) from error
        said = json.loads(data)
        # A lone surrogate cannot be stored.
        words = text.encode(errors="backslashreplace").decode()
        return _read(said, words or type(error).__name__)


def _read(said: dict[str, Any], error: str | None) -> Answer:
    actions = said.get("actions") or [[]]
    return Answer(actions[0], bool(said["isDone"]), said.get("output"), error, said.get("customStatus"))
