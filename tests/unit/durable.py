"""The context of Durable Functions in memory: runs orchestrations with plain functions in place of activities.

Time passes only while an orchestration waits: for a timer, an event, or an activity that is said to take time.
"""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_type_hints

from dormouse import serialization

START = datetime(2026, 5, 1, tzinfo=UTC)
NEVER = math.inf
Activity = Callable[..., Any]
Story = Generator[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an activity: seconds since the start, its name, and its request."""

    at: float
    activity: str
    request: Any


@dataclass(slots=True)
class Task:
    """What an orchestration waits for: when it ends, and with which result; an exception is raised."""

    context: "DurableContext"
    ends_at: float
    result: Any = None
    is_cancelled: bool = False

    @property
    def is_completed(self) -> bool:
        return self.ends_at <= self.context.seconds

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class DurableContext:
    """An orchestration context: `activities` answers each call with a typed result, or raises when all retries failed.

    `seconds_of` says how long an activity takes, by its name, `events` when an event arrives and with which data, and
    `children` has the orchestrators that may be called.
    """

    activities: Mapping[Any, Callable[[Any], Any]] = field(default_factory=dict)
    seconds_of: Callable[[str, Any], float] = lambda name, request: 0.0
    events: Mapping[str, tuple[float, Any]] = field(default_factory=dict)
    children: Sequence[Callable[[Any], Story]] = ()
    request: Any = None
    seconds: float = 0.0
    calls: list[Call] = field(default_factory=list)
    statuses: list[Any] = field(default_factory=list)
    instance_id: str = "instance"

    def run(self, story: Story) -> Any:
        """The result of an orchestration."""
        try:
            task = next(story)
            while True:
                assert task.ends_at < NEVER, "the orchestration waits for what never comes"
                self.seconds = max(self.seconds, task.ends_at)
                failed = isinstance(task.result, Exception)
                task = story.throw(task.result) if failed else story.send(task.result)
        except StopIteration as end:
            return end.value

    def requests(self, activity: Activity) -> list[Any]:
        """What an activity was called with, in order."""
        return [call.request for call in sorted(self.calls, key=lambda call: call.at) if call.activity == activity.__name__]

    def times(self, activity: Activity) -> list[float]:
        """When an activity was called, in seconds since the start."""
        return sorted(call.at for call in self.calls if call.activity == activity.__name__)

    @property
    def current_utc_datetime(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def get_input(self) -> Any:
        return serialization.encode(self.request)

    def set_custom_status(self, status: Any) -> None:
        self.statuses.append(status)

    def call_activity_with_retry(self, name: str, retry_options: Any, input_: Any = None) -> Task:
        known = {each.__name__: each for each in self.activities}
        assert name in known, f"{name} was not expected"
        activity = known[name]
        kind = next(iter(get_type_hints(activity).values()))
        request = serialization.decode(kind, input_)
        self.calls.append(Call(self.seconds, name, request))
        ends_at = self.seconds + self.seconds_of(name, request)
        try:
            return Task(self, ends_at, serialization.encode(self.activities[activity](request)))
        except OSError as error:  # what the SDK raises when the retries are used up
            return Task(self, ends_at, Exception(str(error)))

    def call_sub_orchestrator(self, name: str, input_: Any = None, instance_id: str | None = None) -> Task:
        (orchestrator,) = [each for each in self.children if each.__name__ == name]
        child = DurableContext(
            self.activities, self.seconds_of, self.events, self.children, input_, self.seconds, self.calls
        )
        result: Any
        try:
            result = child.run(orchestrator(child))
        except RuntimeError as error:  # a crash of the child
            result = error
        return Task(self, child.seconds, result)

    def create_timer(self, fire_at: datetime) -> Task:
        return Task(self, max(self.seconds, (fire_at - START).total_seconds()))

    def wait_for_external_event(self, name: str) -> Task:
        at, data = self.events.get(name, (NEVER, None))
        return Task(self, max(self.seconds, at), data)

    def task_all(self, activities: Sequence[Task]) -> Task:
        failed = [task for task in activities if isinstance(task.result, Exception)]
        if failed:  # the first failure ends it, while the others go on
            return min(failed, key=lambda task: task.ends_at)
        return Task(self, max(task.ends_at for task in activities), [task.result for task in activities])

    def task_any(self, activities: Sequence[Task]) -> Task:
        first = min(activities, key=lambda task: task.ends_at)
        return Task(self, first.ends_at, first)
