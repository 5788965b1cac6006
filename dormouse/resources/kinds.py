"""Kinds of resource: what is known about each without asking Azure. Pure.

`activities.resources.registry` has the requests to Azure under the same names.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from dormouse.lifecycle import State
from dormouse.resources.billing.meters import Charge
from dormouse.resources.plan import Resource

# A resource as Azure shows it: the JSON object of the response.
Observed: TypeAlias = Mapping[str, Any]
Outputs: TypeAlias = Mapping[str, str]


class ChangeAction(StrEnum):
    """What must be done so that an existing resource is as planned; `immutable`: it cannot be done to it as it is now."""

    UPDATE = "update"
    NONE = "none"
    IMMUTABLE = "immutable"


@dataclass(frozen=True, slots=True)
class Difference:
    """A property of an existing resource that differs from the plan: its name in specs (`disk.size_gib`), and both values.

    `obstacle` is why Azure never changes it to the planned value ("": it does); with `needs_stop`, it does so only while
    the resource is stopped, and this one is not.
    """

    field: str
    observed: str
    planned: str
    obstacle: str = ""
    needs_stop: bool = False

    @property
    def blocks(self) -> bool:
        """Whether it cannot be changed now."""
        return self.needs_stop or bool(self.obstacle)


@dataclass(frozen=True, slots=True)
class Change:
    """What must be done so that an existing resource is as planned, and which of its properties differ, if that is known."""

    action: ChangeAction
    differences: tuple[Difference, ...] = ()

    @classmethod
    def of(cls, differences: Iterable[Difference]) -> "Change":
        """The change that these differences need; it is made as a whole or not at all."""
        found = tuple(differences)
        if not found:
            return NONE
        return cls(ChangeAction.IMMUTABLE if any(one.blocks for one in found) else ChangeAction.UPDATE, found)


NONE, UPDATE = Change(ChangeAction.NONE), Change(ChangeAction.UPDATE)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A way into an environment: protocol, host, TCP port, the command or URL that opens it, and the account ("": none)."""

    kind: str
    host: str
    port: int
    command: str
    username: str = ""


@dataclass(frozen=True, slots=True)
class PriceQuery:
    """What is billed by the hour while a resource has power: a number of VMs of one size, `spot` or regular ones."""

    size: str
    count: int = 1
    spot: bool = False


Diff: TypeAlias = Callable[[Resource, Observed], Change]


def failed_or_as_put(resource: Resource, observed: Observed) -> Change:
    """An existing resource is put again only if Azure shows that its last change failed."""
    return UPDATE if provisioning_of(observed) == "failed" else NONE


def always_as_put(resource: Resource, observed: Observed) -> Change:
    """An existing resource is never put again."""
    return NONE


def id_of(resource: Resource) -> str:
    """The resource ID."""
    return resource.id


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """What is known about a kind of resource without asking Azure; a capability that is left out is skipped.

    `type` and `api_version` are those of Azure Resource Manager ("": it is not managed there); `action_type` is the type in
    the names of its actions, if it differs. `diff` compares an existing resource with the plan. `power_state` is None for a
    kind that cannot be stopped, and `unstoppable` says why a single resource cannot ("": it can). `hibernated`: whether the
    memory of a stopped one is kept. `billing` is what is billed while it has power, `charges` what is billed as long as it
    exists, from what records keep of it, `charged` the words for the latter, and `by_use` what is billed by use.
    `sizes` counts the VM
    sizes that it takes (less than 0: gives back), `implied` lists what Azure creates along with it, `takes_along` names the
    needed resources that Azure deletes together with it, `label` names it to people, and `checks` names the preflight
    checks of the kind.

    `repeatable`: an existing one may be put again as a whole; any other is put only if `diff` says so. `resizable`: a
    stopped one can have another size. `needs_power`: it can be put only while what it needs is running. `probed`: whether
    the health of a resource can be checked from inside. `suspends`: it is suspended before what it needs is stopped or
    deleted, and resumed after that was started; `suspended`: whether an existing one is. `soft_deleted`: Azure keeps it
    recoverable for a while after its deletion.
    `rotatable`: it is a secret that can be renewed. `snapshots`: a snapshot of it can be kept. `login_secrets` names the
    secrets with the passwords of a resource. `scripted_field`: it is put by a script inside the machine that contains it,
    whose output says what came of it, and follows this field of specs ("": it is put by a request to Azure). `public_name`:
    its name is part of a public endpoint, so that Azure rejects reserved words in it. `added`: Azure adds it by itself, so
    that it is never put. `attached`: it is about another resource, and nothing needs it: once a spec has dropped it, it is
    deleted before everything else. `rest`: the seconds between the end of a stop and the next start. `still_billed` names
    what is billed while it is stopped, beside disks, IP addresses and storage ("": nothing). `actions`: the rights that it
    needs besides reading, writing and deleting.
    """

    name: str
    type: str = ""
    api_version: str = ""
    action_type: str = ""
    diff: Diff = failed_or_as_put
    outputs: Callable[[Observed], Outputs] = lambda observed: {}
    power_state: Callable[[Observed], State] | None = None
    problem: Callable[[Observed], str] = lambda observed: ""
    unstoppable: Callable[[Observed], str] = lambda observed: ""
    hibernated: Callable[[Observed], bool] = lambda observed: False
    endpoints: Callable[[Resource, Outputs], Sequence[Endpoint]] | None = None
    billing: Callable[[Resource, Observed | None], PriceQuery | None] = lambda resource, observed: None
    charges: Callable[[Resource], Sequence[Charge]] | None = None
    charged: str = ""
    by_use: str = ""
    sizes: Callable[[Resource], Mapping[str, int]] = lambda resource: {}
    implied: Callable[[Resource], Sequence[Resource]] = lambda resource: ()
    takes_along: Callable[[Resource], Sequence[str]] = lambda resource: ()
    label: Callable[[Resource], str] = id_of
    checks: tuple[str, ...] = ()
    repeatable: bool = True
    resizable: bool = False
    needs_power: bool = False
    probed: Callable[[Resource], bool] | None = None
    suspends: bool = False
    suspended: Callable[[Observed], bool] | None = None
    soft_deleted: bool = False
    rotatable: bool = False
    snapshots: bool = False
    login_secrets: Callable[[Resource], Sequence[str]] = lambda resource: ()
    scripted_field: str = ""
    public_name: bool = False
    rest: float = 0.0
    still_billed: str = ""
    added: bool = False
    attached: bool = False
    actions: tuple[str, ...] = ()

    @property
    def rights(self) -> tuple[str, ...]:
        """The Azure actions that the control plane's identity needs: to read, write and delete it, and `actions`.

        https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations
        """
        kind = self.action_type or self.type
        verbs = ("read", "delete") if self.added else ("read", "write", "delete")
        managed = tuple(f"{kind}/{action}" for action in verbs) if kind else ()
        return managed + self.actions


def provisioning_of(observed: Observed) -> str:
    """The provisioning state of a resource in lower case, or ""."""
    properties = observed.get("properties")
    return str(properties.get("provisioningState", "")).lower() if isinstance(properties, Mapping) else ""
