"""The stop of an environment that sleeps on: decided again, carried out as the command does, and written down once."""

from dataclasses import replace

import pytest

from activities.idle.complete import close_sweep_operation
from activities.idle.execute import claim_machines
from activities.idle.hand_over import recheck_environment_stop, recheck_lease_end
from activities.idle.stopped import note_failed_deletion
from activities.notifications import send_notifications
from activities.operations import poll_operation
from activities.records import close_operation, list_dependents
from activities.resources.generic import change_resource_power, observe_resource
from dormouse import serialization
from dormouse.environments.answers import Answer, Done, Refused
from dormouse.environments.operations import PowerChange
from dormouse.environments.results import OutcomeStatus, Refusal, RefusalReason, ResourceStatus
from dormouse.idle.decision import NextAction
from dormouse.idle.stages.sleep import FailedDeletion
from dormouse.idle.sweep import ActionClaim, ClaimBatch, ClaimResult, EnvironmentStop, LeaseEnd, PageRequest, SweepClosing
from dormouse.idle.tracking import ActionReason
from dormouse.lifecycle import State, Verb
from dormouse.notifications.notification import Delivery, Notification
from dormouse.resources.plan import Resource
from orchestrators.environments.delete import delete_at_lease_end
from orchestrators.idle.execute import execute_actions
from orchestrators.idle.stages import stop_whole_environment
from tests.unit.durable import DurableContext
from tests.unit.idle.clusters.test_node_pools import CLUSTER
from tests.unit.idle.stages.test_stop_after import VM, planned_stop

STOP = "rc1-stop-01M8J8WFS2VXEX4MSYZ4DDW3F4"
PLAN = replace(planned_stop(), verdict_reason="It slept.")
CLUSTER_OF_ALL = Resource("cluster", "managed_cluster", CLUSTER, needs=("vm-queue",))
EVERYTHING = (Resource("vm-queue", "virtual_machine", VM), CLUSTER_OF_ALL)
CHANGE = PowerChange(STOP, "rc1", Verb.STOP, EVERYTHING, checked=False)
NO = Refused(Refusal(RefusalReason.CONFLICT, "an upgrade is running", "OperationNotAllowed"))


class Stop:
    """A stop that was carried out: what the recheck said, and Azure's answer about the cluster."""

    def __init__(self, found: EnvironmentStop | OSError, answer: Answer | None = None, *, told: bool = True) -> None:
        def rechecked(_: ActionClaim) -> EnvironmentStop:
            if isinstance(found, OSError):
                raise found
            return found

        self.context = DurableContext(
            {
                recheck_environment_stop: rechecked,
                change_resource_power: lambda asked: answer or Done() if asked.resource.name == "cluster" else Done(),
                poll_operation: lambda _: Done(),
                observe_resource: lambda one: ResourceStatus(one.name, exists=True, state=State.STOPPED),
                close_sweep_operation: lambda _: told,
                send_notifications: lambda _: Delivery(),
                claim_machines: self._claimed,
            },
            children=(stop_whole_environment,),
            request=ActionClaim(STOP, PLAN, "page", 0.0),
        )

    def _claimed(self, batch: ClaimBatch) -> list[ClaimResult]:
        return [ClaimResult(claim.operation) for claim in batch.claims]

    def run(self) -> "Stop":
        self.context.run(stop_whole_environment(self.context))
        return self

    @property
    def closing(self) -> SweepClosing:
        (closing,) = self.context.requests(close_sweep_operation)
        assert isinstance(closing, SweepClosing)
        return closing

    @property
    def changed(self) -> list[str]:
        return [asked.resource.name for asked in self.context.requests(change_resource_power)]

    @property
    def notices(self) -> list[Notification]:
        return [asked.notification for asked in self.context.requests(send_notifications)]


def test_everything_stops_in_order_and_people_are_told_what_bills_and_how_it_starts() -> None:
    stop = Stop(EnvironmentStop(CHANGE)).run()
    assert stop.changed == ["cluster", "vm-queue"]
    outcome = stop.closing.outcome
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.reason.startswith("It slept. rc1 is stopped, as confirmed by Azure. Its computing is no longer billed;")
    assert outcome.reason.endswith("not even work: start rc1 when it is needed (`dormouse start rc1`).")
    assert [(one.event, one.text) for one in stop.notices] == [("stopped", outcome.reason)]
    assert [step.name for step in stop.closing.steps] == ["stop cluster", "stop vm-queue", "verify"]


@pytest.mark.parametrize("told", [True, False])
def test_a_stop_that_is_no_longer_due_changes_nothing(told: bool) -> None:
    stop = Stop(EnvironmentStop(why="There is work for it."), told=told).run()
    assert (stop.changed, stop.closing.outcome.status) == ([], OutcomeStatus.CANCELLED)
    assert stop.closing.outcome.reason == "Nothing was stopped. There is work for it."
    assert bool(stop.notices) is told


def test_a_refused_stop_fails_and_what_needs_it_stays() -> None:
    stop = Stop(EnvironmentStop(CHANGE), NO).run()
    assert (stop.changed, stop.closing.outcome.status) == (["cluster"], OutcomeStatus.FAILED)
    assert [one.event for one in stop.notices] == ["stop not confirmed"]
    assert "dormouse start" not in stop.closing.outcome.reason


def test_a_recheck_that_never_answers_fails_and_is_written_down() -> None:
    stop = Stop(OSError("no answer")).run()
    assert (stop.changed, stop.closing.outcome.status) == ([], OutcomeStatus.FAILED)


def test_a_sweep_begins_it_under_the_lock_of_the_environment() -> None:
    stop = Stop(EnvironmentStop(CHANGE))
    stop.context.run(execute_actions(stop.context, [PLAN], PageRequest("sweep-1", 0, 1, dry_run=False)))
    (batch,) = stop.context.requests(claim_machines)
    assert [(claim.planned.lock, claim.planned.verb) for claim in batch.claims] == [("rc1", Verb.STOP)]
    assert stop.closing.outcome.status is OutcomeStatus.SUCCEEDED
    assert serialization.decode(SweepClosing, serialization.encode(stop.closing)) == stop.closing


class Deletion:
    """A deletion of an environment that sleeps on, as far as its recheck and what depends on it let it come."""

    def __init__(self, why: str, dependents: list[str], reason: ActionReason = ActionReason.FORGET_AFTER) -> None:
        plan = replace(PLAN, action=NextAction.DELETE, reason=reason)
        self.context = DurableContext(
            {
                recheck_lease_end: lambda _: why,
                list_dependents: lambda _: dependents,
                close_operation: lambda _: "",
                note_failed_deletion: lambda _: "",
                send_notifications: lambda _: Delivery(),
            },
            request=LeaseEnd(ActionClaim("rc1-delete-01M8J8WFS2VXEX4MSYZ4DDW3F4", plan, "page", 0.0)),
        )
        self.context.run(delete_at_lease_end(self.context))
        (self.completion,) = self.context.requests(close_operation)

    @property
    def failures(self) -> list[FailedDeletion]:
        return self.context.requests(note_failed_deletion)


def test_a_deletion_that_is_no_longer_due_is_cancelled_without_a_word() -> None:
    kept = Deletion("It is now on hold by ann.", [])
    assert kept.completion.outcome.status is OutcomeStatus.CANCELLED
    assert (kept.failures, kept.context.requests(send_notifications)) == ([], [])


def test_a_deletion_that_is_refused_waits_before_it_is_tried_again_and_one_of_a_lease_is_as_before() -> None:
    refused = Deletion("", ["ml2"])
    assert refused.completion.outcome.status is OutcomeStatus.REFUSED
    assert [one.machine for one in refused.failures] == [PLAN.machine.id]
    assert Deletion("", ["ml2"], ActionReason.LEASE).failures == []
