"""Findings of reconciliation as callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dormouse.clock import moment_text
from dormouse.reconcile.findings import BETWEEN_PASSES, BETWEEN_TRIES, ORPHANS, Finding, FindingKind, Policy
from dormouse.services.views.money import Money
from dormouse.services.views.schema import NOON, OPERATION, VM, Moment, moment, schema
from dormouse.text.doc import doc

PROOF = "The record of ml1, which ml1-delete-01JABCDEFGHJKMNPQRSTVWXYZ0 ended, named it"
LATER = "A pass after {at} confirms it if it is still there"
REPORTED = "Nothing: RECONCILE is `report`"
UNPROVEN = "Nothing: no record proves that it is ours. Check it, and delete it yourself"
NOWHERE = "Nothing: it is of no environment whose lock a deletion could take. Check it, and delete it yourself"
DELETED = "It is deleted together with the rest of the environment, once all of that is confirmed and proven"
AGAIN = "A deletion was tried at {at}; it is tried again after {then} if nothing has changed"
RELEASED = "The next pass releases the lock if it is still without an operation"
MISSING = "Nothing, until its spec is applied or it is deleted"
BLOCKED = "Nothing: recover or purge it"


@schema("Finding")
@dataclass(frozen=True, slots=True)
class FindingView:
    """Something that exists without a record, or is recorded and gone: what, since when, and what will be done."""

    kind: Annotated[
        FindingKind,
        doc(
            "What it is: `resource`, `secret`, `role_assignment` and `custom_role` have no environment; `soft_deleted` "
            "reserves a name; a `missing_environment` was deleted outside Dormouse; a `lock` has no operation.",
            "resource",
        ),
    ]
    id: Annotated[str, doc("The resource ID, or the name of the secret, environment or lock.", VM)]
    environment: Annotated[str | None, doc("The environment that it names; null if it names none.", "ml1")]
    state: Annotated[
        str, doc("`suspected` after one pass; `confirmed` by a later one, an hour after the first or more.", "confirmed")
    ]
    why: Annotated[str, doc("Why it is a finding.", "Its tags name the environment ml1, of which there is no record")]
    proof: Annotated[
        str | None, doc("What proves that this deployment made it; null: nothing, and it is not deleted.", PROOF)
    ]
    since: Annotated[Moment | None, doc("When a pass saw it first.", NOON)]
    next_action: Annotated[str, doc("What will be done with it, and when.", REPORTED)]
    per_month: Annotated[
        Money | None,
        doc("Its list price in a month of 730 hours; null if unknown or not billed.", {"amount": 3.65, "currency": "USD"}),
    ]
    operation: Annotated[str | None, doc("The operation that has tried to delete it; null if none has.", OPERATION)]

    @classmethod
    def of(cls, one: Finding, policy: Policy, per_month: Money | None) -> FindingView:
        """A finding as callers see it."""
        seen = one.sighting
        return cls(
            kind=seen.kind,
            id=seen.id,
            environment=seen.environment or None,
            state="confirmed" if one.confirmed else "suspected",
            why=seen.why,
            proof=seen.proof or None,
            since=moment(one.first_seen),
            next_action=next_action_of(one, policy),
            per_month=per_month,
            operation=one.operation or None,
        )


@schema("FindingList")
@dataclass(frozen=True, slots=True)
class FindingList:
    """One page of what the last pass of reconciliation has found."""

    value: Annotated[tuple[FindingView, ...], doc("The findings on this page.", [])]
    next: Annotated[str | None, doc("The URL of the next page; null on the last page.", "/api/reconcile?limit=50&after=NTA")]
    as_of: Annotated[Moment | None, doc("When the last pass looked; null before the first one.", NOON)]
    policy: Annotated[Policy, doc("What is done with confirmed orphans: the setting RECONCILE.", "report")]
    problems: Annotated[tuple[str, ...], doc("What the last pass could not read, and why.", [])]


def next_action_of(one: Finding, policy: Policy) -> str:
    """What will be done with a finding, and when."""
    kind = one.sighting.kind
    others = {FindingKind.MISSING_ENVIRONMENT: MISSING, FindingKind.SOFT_DELETED: BLOCKED, FindingKind.LOCK: RELEASED}
    if not one.confirmed:
        return LATER.format(at=moment_text(one.first_seen + BETWEEN_PASSES))
    if kind not in ORPHANS:
        return others[kind]
    if not one.sighting.proof:
        return UNPROVEN
    if not one.deletable:
        return NOWHERE
    if policy is Policy.REPORT:
        return REPORTED
    if one.tried_at:
        return AGAIN.format(at=moment_text(one.tried_at), then=moment_text(one.tried_at + BETWEEN_TRIES))
    return DELETED
