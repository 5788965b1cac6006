"""Stores the consequences of an episode: work, timers, children, messages to entities, results for parents."""

import json
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from local.clock import Clock, timestamp
from local.host.durable.entities import is_entity
from local.host.durable.episodes import Episode, failure
from local.host.durable.events import EventType, event, execution_started
from local.host.durable.rows import Instance, Work
from local.host.durable.store import Store
from local.host.durable.tasks import Decision
from local.host.durable.versions import Versioning
from local.host.functions.worker import MISSING, Worker


@dataclass(slots=True)
class Consequences:
    """What follows a commit: instances with messages, activities to call, whether timers were set."""

    woken: list[str] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    timers: bool = False


class Instances:
    """Instances in the store; every method is called inside a transaction."""

    def __init__(self, worker: Worker, store: Store, clock: Clock, versioning: Versioning) -> None:
        self._worker, self._store, self._clock, self._versioning = worker, store, clock, versioning

    def create(
        self, identifier: str, name: str, raw_input: str | None, parent: dict[str, Any] | None, version: str | None = None
    ) -> None:
        """Create an instance, replacing an older one with the same ID; without a version it gets that of host.json."""
        self._store.purge(identifier)
        now, execution = self._clock.now(), uuid.uuid4().hex
        text = json.dumps(parent) if parent else None
        made = timestamp(now)
        known = self._versioning.of_new(version)
        self._store.save(Instance(identifier, execution, name, "Pending", raw_input, None, None, made, made, text, known))
        started = execution_started(now, name, raw_input, identifier, execution, parent, known)
        self._store.send(identifier, execution, started)

    def commit(self, instance: Instance, length: int, episode: Episode) -> Consequences:
        """Store an episode after a history of the given length."""
        follows = Consequences()
        changed = replace(
            instance,
            status=episode.status,
            output=episode.output,
            custom_status=episode.custom_status or instance.custom_status,
            updated=timestamp(self._clock.now()),
        )
        for decision in episode.decisions:
            self._decide(changed, decision, episode, follows)
        self._store.cancel_alarms(changed, episode.cancelled)
        if episode.continued or episode.ended:
            self._store.cancel_all_alarms(instance.id)
        if episode.continued:
            self._continue_as_new(changed, episode)
            return follows
        self._store.append(instance.id, length, episode.events)
        self._store.save(changed)
        if episode.ended:
            follows.woken += self._tell_parent(changed)
        return follows

    def _decide(self, instance: Instance, decision: Decision, episode: Episode, follows: Consequences) -> None:
        if decision.kind is EventType.TASK_SCHEDULED:
            follows.work.append(self._store.schedule_work(instance, decision.identifier, decision.name, decision.input))
        elif decision.kind is EventType.TIMER_CREATED and decision.fire_at is not None:
            if decision.identifier not in episode.cancelled:
                self._store.set_alarm(instance, decision.identifier, timestamp(decision.fire_at))
                follows.timers = True
        elif decision.kind is EventType.EVENT_SENT:
            if is_entity(decision.instance):
                self._store.send(decision.instance, None, json.loads(decision.input or "{}"))
                follows.woken.append(decision.instance)
        else:
            follows.woken.append(self._create_child(instance, decision))

    def _continue_as_new(self, instance: Instance, episode: Episode) -> None:
        execution = uuid.uuid4().hex
        parent = json.loads(instance.parent) if instance.parent else None
        fresh = replace(instance, execution=execution, input=episode.next_input, output=None)
        now = self._clock.now()
        self._store.forget_history(instance.id)
        self._store.save(fresh)
        given = episode.next_input
        # The new execution keeps the version of the instance, whatever host.json says by now.
        started = execution_started(now, instance.name, given, instance.id, execution, parent, instance.version)
        self._store.send(instance.id, execution, started)
        for item in episode.unheard:
            self._store.send(instance.id, execution, item)

    def _create_child(self, parent: Instance, decision: Decision) -> str:
        child, name = decision.instance, decision.name
        origin = {
            "InstanceId": parent.id,
            "ExecutionId": parent.execution,
            "TaskScheduleId": decision.identifier,
            "Name": parent.name,
            "OrchestrationInstance": {"InstanceId": parent.id, "ExecutionId": parent.execution},
        }
        reason = self._objection(parent, child, name)
        if reason:
            failed = failure(EventType.SUB_ORCHESTRATION_FAILED, self._clock.now(), decision.identifier, reason, "")
            self._store.send(parent.id, parent.execution, failed)
            return parent.id
        self.create(child, name, decision.input, origin, decision.version)
        return child

    def _objection(self, parent: Instance, child: str, name: str) -> str:
        if self._worker.find(name, "orchestrationTrigger") is None:
            return MISSING.format(name=name, kind="an orchestrator")
        if is_entity(child):
            return f"{child!r} is not a valid instance ID."
        existing = self._store.instance(child)
        if child == parent.id or (existing is not None and not existing.ended):
            return f"Instance {child} is already running."
        return ""

    def _tell_parent(self, child: Instance) -> list[str]:
        if not child.parent:
            return []
        parent = json.loads(child.parent)
        now, task = self._clock.now(), parent["TaskScheduleId"]
        if child.status == "Completed":
            item = event(EventType.SUB_ORCHESTRATION_COMPLETED, now, TaskScheduledId=task, Result=child.output or "null")
        else:
            item = failure(EventType.SUB_ORCHESTRATION_FAILED, now, task, child.output or child.status, "")
        self._store.send(parent["InstanceId"], parent["ExecutionId"], item)
        return [str(parent["InstanceId"])]
