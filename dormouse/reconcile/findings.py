"""Findings of reconciliation, and how a later pass confirms those of an earlier one."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from dormouse.clock import DAY, HOUR
from dormouse.resources.plan import Resource

NAMESPACE = uuid.UUID("3f1c4f0e-0a51-5a3e-8a2c-7f6c1d7a9b40")
# What is seen twice within an hour may be an operation that is under way, or an index that is late.
BETWEEN_PASSES = HOUR
# A deletion that has failed is tried again after a day.
BETWEEN_TRIES = DAY
# The most new findings that one message names.
MOST_NAMED = 10


class FindingKind(StrEnum):
    """What is wrong: something without an environment, an environment without its resources, or a lock without operation."""

    RESOURCE = "resource"
    SECRET = "secret"  # noqa: S105 - the name of a kind
    ROLE_ASSIGNMENT = "role_assignment"
    CUSTOM_ROLE = "custom_role"
    SOFT_DELETED = "soft_deleted"
    MISSING_ENVIRONMENT = "missing_environment"
    LOCK = "lock"


# What can be deleted: the others are reported, and a lock is released.
ORPHANS = frozenset({FindingKind.RESOURCE, FindingKind.SECRET, FindingKind.ROLE_ASSIGNMENT, FindingKind.CUSTOM_ROLE})


class Policy(StrEnum):
    """What is done with confirmed orphans: they are reported, or deleted."""

    REPORT = "report"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something that one pass has seen: its kind and ID, the environment that it names, and why it is a finding.

    `proof` says what proves that this deployment made it ("": nothing does, and it is never deleted), `resource` is what a
    deletion deletes, and `unique` tells it from another one that had the same ID before or gets it later.
    """

    kind: FindingKind
    id: str
    environment: str
    why: str
    proof: str = ""
    unique: str = ""
    region: str = ""
    resource: Resource | None = None

    @property
    def key(self) -> str:
        """The key of its finding: the same for the same kind and ID, in any case of letters."""
        return uuid.uuid5(NAMESPACE, f"{self.kind}|{self.id}".lower()).hex


@dataclass(frozen=True, slots=True)
class Finding:
    """What passes have seen since `first_seen` (seconds since 1970), and when a deletion was tried (0.0: never).

    `seen` counts the passes. `told` is whether people were told of it.
    """

    sighting: Sighting
    first_seen: float
    last_seen: float
    seen: int = 1
    told: bool = False
    tried_at: float = 0.0
    operation: str = ""

    @property
    def confirmed(self) -> bool:
        """Whether a later pass has seen the same thing, an hour or more after the first one."""
        return self.seen > 1 and self.last_seen - self.first_seen >= BETWEEN_PASSES

    @property
    def deletable(self) -> bool:
        """Whether it is a confirmed orphan of which it is proven that this deployment made it."""
        one = self.sighting
        return self.confirmed and one.kind in ORPHANS and bool(one.proof and one.environment and one.resource)

    def may_be_tried(self, now: float) -> bool:
        """Whether this pass has seen it, and no deletion was tried within a day."""
        return self.last_seen == now and (not self.tried_at or now - self.tried_at >= BETWEEN_TRIES)


def merged(
    known: Mapping[str, Finding], seen: Iterable[Sighting], now: float, unseen: frozenset[FindingKind] = frozenset()
) -> dict[str, Finding]:
    """The findings after a pass, by key; those of kinds in `unseen`, which it could not look for, stay as they are.

    A finding that is not seen any more is over. One that differs from the earlier one, in what it is or whose it is, begins
    from the start.
    """
    found = {key: one for key, one in known.items() if one.sighting.kind in unseen}
    for sighting in seen:
        before = known.get(sighting.key)
        if before is None or not _same(before.sighting, sighting):
            found[sighting.key] = Finding(sighting, now, now)
        else:
            found[sighting.key] = replace(before, sighting=sighting, last_seen=now, seen=before.seen + 1)
    return found


def _same(before: Sighting, now: Sighting) -> bool:
    return (before.unique, before.environment) == (now.unique, now.environment)


def digest_of(fresh: Iterable[Finding]) -> str:
    """The text that tells people of new findings in one message, or ""."""
    # An environment that its owner may miss comes before what is left of others.
    ordered = sorted(fresh, key=lambda one: (one.sighting.kind is not FindingKind.MISSING_ENVIRONMENT, one.sighting.id))
    lines = [f"{one.sighting.id}: {one.sighting.why}" for one in ordered]
    if not lines:
        return ""
    more = f" … and {len(lines) - MOST_NAMED} more" if len(lines) > MOST_NAMED else ""
    return f"{len(lines)} new: {' · '.join(lines[:MOST_NAMED])}{more}. `dormouse orphans` lists them."
