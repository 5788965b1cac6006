"""What a pass has read of Azure and of the records, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dormouse.environments.operations import EnvironmentRecord
from dormouse.reconcile.passes import FormerEnvironment


@dataclass(frozen=True, slots=True)
class SeenResource:
    """A resource or resource group as Azure shows it; `unique` is what another one with the same ID would have otherwise."""

    id: str
    tags: Mapping[str, str]
    unique: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class SeenAssignment:
    """A role assignment: its scope, role (a GUID), principal and its kind, and the object ID of who made it."""

    id: str
    scope: str
    role: str
    principal: str
    principal_type: str
    created_by: str
    created_on: str = ""

    @property
    def unique(self) -> str:
        """What another assignment with the same ID would have otherwise."""
        return f"{self.principal} {self.created_on}"


@dataclass(frozen=True, slots=True)
class SeenRole:
    """A custom role: its title, and the object ID of who made it."""

    id: str
    title: str
    created_by: str
    created_on: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The environments on record: those that can be read, the names of all, and those that have ended.

    `locked` are the names that an operation holds now.
    """

    environments: Sequence[EnvironmentRecord] = ()
    names: frozenset[str] = frozenset()
    former: Sequence[FormerEnvironment] = ()
    locked: frozenset[str] = frozenset()

    @property
    def owned(self) -> frozenset[str]:
        """The IDs of all resources of recorded environments, in lower case."""
        return frozenset(one.id.lower() for record in self.environments for one in record.resources if one.id)


@dataclass(frozen=True, slots=True)
class AzureView:
    """What Azure shows; None for what could not be read. `hidden` says why it may hide something ("": it does not).

    `groups` are the IDs of all resource groups in lower case, `identities` the object IDs of all identities of resources.
    """

    deployment: str
    subscription: str
    resources: Sequence[SeenResource] | None = None
    groups: frozenset[str] | None = None
    secrets: Mapping[str, Mapping[str, str]] | None = None
    assignments: Sequence[SeenAssignment] | None = None
    identities: frozenset[str] | None = None
    roles: Sequence[SeenRole] | None = None
    deleted_vaults: Sequence[Mapping[str, Any]] | None = None
    own_principal: str = ""
    hidden: str = ""
    absent_groups: frozenset[str] = field(default_factory=frozenset)
