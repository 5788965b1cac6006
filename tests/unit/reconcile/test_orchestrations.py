"""A pass tells people once and deletes environment by environment; a deletion stops at the first objection."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from activities.inventory import list_group, read_group
from activities.notifications import send_notifications
from activities.reconcile.delete import claim_orphans, delete_orphan, recheck_orphans
from activities.reconcile.look import end_pass, look_for_findings, note_told
from activities.records import close_operation, holds_lock
from activities.resources.generic import observe_resource
from dormouse import serialization
from dormouse.environments.answers import Done, Refused
from dormouse.environments.results import GroupView, Outcome, OutcomeStatus, Refusal, RefusalReason, ResourceStatus
from dormouse.notifications.notification import Delivery
from dormouse.reconcile.findings import FindingKind, Sighting
from dormouse.reconcile.passes import OrphanCheck, OrphanDeletion, PassEnd, PassRequest, PassResult
from dormouse.resources.plan import Resource
from orchestrators.reconcile.reconcile import delete_orphans, reconcile
from tests.unit.durable import START, DurableContext
from tests.unit.reconcile.views import ADDRESS, ENDED_BY, GROUP, NAME, ended

PLAN = {one.id: one for one in ended().resources}
ORPHANS = tuple(Sighting(FindingKind.RESOURCE, one, NAME, "", "proof", "1", resource=PLAN[one]) for one in (GROUP, ADDRESS))
REQUEST = OrphanDeletion(ENDED_BY, NAME, ORPHANS, 1.0)
HELD = "It has something else in it now."


@dataclass
class Estate:
    """What Azure still shows of an environment, and what its checks say."""

    there: set[str] = field(default_factory=lambda: {GROUP, ADDRESS})
    foreign: list[str] = field(default_factory=list)
    why: str = ""
    refused: str = ""
    holds: bool = True
    closed: list[OutcomeStatus] = field(default_factory=list)

    def check(self, request: OrphanDeletion) -> OrphanCheck:
        resources = tuple(one for key, one in PLAN.items() if key in self.there)
        return OrphanCheck(why=self.why) if self.why else OrphanCheck(resources)

    def delete(self, step: Any) -> Done | Refused:
        if self.refused and step.resource.id == self.refused:
            return Refused(Refusal(RefusalReason.CONFLICT, HELD))
        self.there = {one for one in self.there if not one.startswith(step.resource.id)}
        return Done()

    def group(self, name: str) -> GroupView:
        return GroupView(GROUP, NAME) if GROUP in self.there else GroupView()

    def observe(self, resource: Resource) -> ResourceStatus:
        return ResourceStatus(resource.name, exists=resource.id in self.there)

    def contents(self, group: str) -> list[str]:
        return [*(one for one in self.there if one != GROUP), *self.foreign]

    def close(self, request: Any) -> str:
        self.closed.append(request.outcome.status)
        return str(request.outcome.status)

    @property
    def activities(self) -> dict[Any, Callable[[Any], Any]]:
        return {
            recheck_orphans: self.check,
            delete_orphan: self.delete,
            read_group: self.group,
            observe_resource: self.observe,
            list_group: self.contents,
            holds_lock: lambda request: self.holds,
            close_operation: self.close,
            send_notifications: lambda request: Delivery(),
        }

    def deletion(self) -> tuple[Outcome, list[str]]:
        """The outcome of the deletion, and what was deleted in order."""
        context = DurableContext(self.activities, request=REQUEST)
        answer = context.run(delete_orphans(context))
        return serialization.decode(Outcome, answer), [one.resource.id for one in context.requests(delete_orphan)]


def test_a_group_with_nothing_else_in_it_goes_as_a_whole() -> None:
    outcome, deleted = Estate().deletion()
    assert (outcome.status, deleted) == (OutcomeStatus.SUCCEEDED, [GROUP])
    assert outcome.reason.startswith(f"2 resources without an environment are deleted: {GROUP}, {ADDRESS}.")


def test_a_group_with_something_else_in_it_stays_and_only_what_is_gone_is_said_to_be() -> None:
    outcome, deleted = Estate(foreign=["/theirs"]).deletion()
    assert (outcome.status, deleted) == (OutcomeStatus.SUCCEEDED, [ADDRESS])
    assert outcome.reason.startswith(f"1 resources without an environment are deleted: {ADDRESS}.")
    assert "/theirs" in outcome.reason
    outcome, deleted = Estate(there={GROUP}, foreign=["/theirs"]).deletion()
    assert (outcome.status, deleted) == (OutcomeStatus.CANCELLED, [])
    assert outcome.reason.startswith("Nothing was deleted.")


def test_an_objection_deletes_nothing_and_one_in_between_deletes_nothing_more() -> None:
    outcome, deleted = Estate(why="It is on record again.").deletion()
    assert (outcome.status, deleted) == (OutcomeStatus.CANCELLED, [])
    assert outcome.reason == "Nothing was deleted. It is on record again."
    outcome, deleted = Estate(foreign=["/theirs"], refused=ADDRESS).deletion()
    assert (outcome.status, deleted) == (OutcomeStatus.FAILED, [ADDRESS])
    assert HELD in outcome.reason


def test_the_first_refusal_keeps_what_is_left() -> None:
    both = {ADDRESS, next(one for one in PLAN if "networkInterfaces" in one)}
    estate = Estate(there={GROUP, *both}, foreign=["/theirs"], refused=max(both, key=[*PLAN].index))
    outcome, deleted = estate.deletion()
    assert (outcome.status, deleted) == (OutcomeStatus.FAILED, [estate.refused])


def test_nothing_is_checked_without_the_lock_and_nothing_left_is_a_success() -> None:
    lost = Estate(holds=False)
    outcome, deleted = lost.deletion()
    assert (outcome.status is OutcomeStatus.SUCCEEDED, deleted) == (False, [])
    outcome, deleted = Estate(there=set()).deletion()
    assert (outcome.status, deleted) == (OutcomeStatus.SUCCEEDED, [])


@dataclass
class Night:
    """One pass, and what it finds."""

    result: PassResult
    free: bool = True
    fails: str = ""
    estate: Estate = field(default_factory=Estate)

    def look(self, request: PassRequest) -> PassResult:
        if self.fails:
            raise OSError(self.fails)
        return self.result

    def run(self) -> tuple[PassEnd, DurableContext]:
        activities: dict[Any, Callable[[Any], Any]] = {
            look_for_findings: self.look,
            note_told: lambda request: 1,
            end_pass: lambda request: True,
            claim_orphans: lambda request: self.free,
        }
        context = DurableContext(
            {**self.estate.activities, **activities}, children=[delete_orphans], request=PassRequest(released=("l",))
        )
        context.run(reconcile(context))
        (end,) = context.requests(end_pass)
        return end, context


FOUND = PassResult({NAME: ORPHANS}, "2 new", {"resource": 2})


def test_a_pass_tells_people_and_deletes_and_ends_with_what_came_of_it() -> None:
    end, context = Night(FOUND).run()
    assert context.requests(look_for_findings)[0].began == START.timestamp(), "of the orchestration, in every replay"
    assert [one.notification.text for one in context.requests(send_notifications)][:1] == ["2 new"]
    assert len(context.requests(note_told)) == 1
    (claimed,) = context.requests(claim_orphans)
    assert (claimed.environment, claimed.orphans, claimed.accepted_at) == (NAME, ORPHANS, START.timestamp())
    assert (end.deleted, end.failed, end.released, end.result.deletions) == ((claimed.operation,), (), ("l",), {})


def test_the_operation_of_a_deletion_is_the_same_in_every_replay() -> None:
    first, second = (Night(FOUND).run()[1].requests(claim_orphans)[0].operation for _ in range(2))
    assert first == second


def test_nothing_new_tells_nobody_and_a_lock_that_is_held_deletes_nothing() -> None:
    end, context = Night(PassResult({NAME: ORPHANS}), free=False).run()
    assert (context.requests(send_notifications), context.requests(note_told)) == ([], [])
    assert (context.requests(recheck_orphans), end.deleted, end.failed) == ([], (), ())


@pytest.mark.parametrize("estate", [Estate(why="no"), Estate(refused=GROUP)])
def test_a_deletion_that_did_not_succeed_is_said_to_have_failed(estate: Estate) -> None:
    end, _ = Night(FOUND, estate=estate).run()
    assert (end.deleted, len(end.failed)) == ((), 1)
    assert len(estate.closed) == 1


def test_a_pass_that_fails_says_so() -> None:
    end, _ = Night(FOUND, fails="Azure is away").run()
    assert "Azure is away" in end.result.problems[0]
    assert (end.deleted, end.released) == ((), ("l",))
