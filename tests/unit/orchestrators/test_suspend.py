"""Suspension before a stop or deletion: in parallel, within a time limit, and with the reasons of what was not suspended."""

from activities.operations import poll_operation
from activities.resources.generic import resume_resource, suspend_resource
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.resources.plan import Resource
from orchestrators.environments.suspend import LONGEST_SUSPENSION, resume_all, suspend_all
from orchestrators.progress import DONE, REFUSED, ProgressTracker
from tests.unit.durable import DurableContext

AGENT, RUNNER = Resource("agent", "machine_extension", "/agent"), Resource("runner", "machine_extension", "/runner")
BUSY = Refusal(RefusalReason.CONFLICT, "a job is running")


def context(**answers: Answer) -> DurableContext:
    """A context in which suspending and resuming are answered by the name of the resource."""
    return DurableContext(
        {
            suspend_resource: lambda resource: answers[resource.name],
            resume_resource: lambda resource: answers[resource.name],
            poll_operation: lambda request: Pending(5.0, request.url),
        }
    )


def test_resources_are_suspended_at_once_and_refusals_are_named() -> None:
    there = context(agent=Done(), runner=Refused(BUSY))
    tracker = ProgressTracker(there)
    refusals = there.run(suspend_all(there, [AGENT, RUNNER], tracker))
    assert {name: (refusal.detail, refusal.step) for name, refusal in refusals.items()} == {
        "runner": ("a job is running", "suspend runner")
    }
    assert there.times(suspend_resource) == [0.0, 0.0]
    assert {report.name: report.state for report in tracker.reports} == {"suspend agent": DONE, "suspend runner": REFUSED}


def test_what_is_not_suspended_within_the_time_limit_is_refused() -> None:
    there = context(agent=Pending(5.0, "https://management.azure.com/operations/1"))
    (refusal,) = there.run(suspend_all(there, [AGENT])).values()
    assert (refusal.reason, refusal.detail) == (RefusalReason.GAVE_UP, "Azure did not finish within 5 minutes.")
    assert there.seconds < LONGEST_SUSPENSION.total_seconds() + 60


def test_suspended_resources_are_resumed() -> None:
    there = context(agent=Done())
    assert there.run(resume_all(there, [AGENT])) == {}
    assert there.requests(resume_resource) == [AGENT]
    assert there.requests(suspend_resource) == []


def test_without_resources_nothing_is_asked() -> None:
    there = context()
    assert (there.run(suspend_all(there, [])), there.run(resume_all(there, []))) == ({}, {})
    assert there.calls == []
