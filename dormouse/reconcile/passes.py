"""Inputs and results of a pass of reconciliation, and of the deletion of what it has confirmed."""

from dataclasses import dataclass, field

from dormouse.reconcile.findings import Sighting
from dormouse.resources.plan import Resource

RECONCILE = "reconcile"


@dataclass(frozen=True, slots=True)
class FormerEnvironment:
    """An environment without a record: its recorded resources, and the operation that ended it, at `at`.

    The record of an operation that has named a resource proves that this deployment made it. Tags do not.
    """

    name: str
    region: str
    operation: str
    at: float
    resources: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class PassRequest:
    """Input of the orchestration `reconcile`: the locks that no operation holds, those released, and what was not read.

    `began` is when the pass was requested (seconds since 1970); to its activities, when it began.
    """

    by: str = "timer"
    locks: tuple[Sighting, ...] = ()
    released: tuple[str, ...] = ()
    locks_unread: str = ""
    began: float = 0.0


@dataclass(frozen=True, slots=True)
class OrphanDeletion:
    """Input of `delete_orphans`: the operation, the environment that the orphans name, and these as they were confirmed."""

    operation: str
    environment: str
    orphans: tuple[Sighting, ...]
    accepted_at: float = 0.0


@dataclass(frozen=True, slots=True)
class OrphanStep:
    """Input of the activity that deletes one resource: the deletion that it is part of, and the resource."""

    deletion: OrphanDeletion
    resource: Resource


@dataclass(frozen=True, slots=True)
class OrphanCheck:
    """What is deleted right now, each resource after those that it needs; or why nothing is ("": nothing prevents it)."""

    resources: tuple[Resource, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class PassResult:
    """What a pass has found: what is to be deleted, by environment, the message to people or "", and what was not read."""

    deletions: dict[str, tuple[Sighting, ...]] = field(default_factory=dict)
    digest: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PassEnd:
    """Input of the activity that ends a pass: when it began (seconds since 1970), what it found, and what it has deleted."""

    began: float
    result: PassResult
    by: str = "timer"
    deleted: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    released: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PassHead:
    """The last pass: when it looked (seconds since 1970), and what it could not read."""

    as_of: float
    problems: tuple[str, ...] = ()
