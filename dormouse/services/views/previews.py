"""Previews of commands on environments, and the results of commands that start nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from dormouse.lifecycle import State, Verb
from dormouse.services.views.money import Money
from dormouse.services.views.operations import RefusalView
from dormouse.services.views.placements import REGION, SIZE, ZONE
from dormouse.services.views.resources import DROPPED
from dormouse.services.views.schema import OPERATION, SECRET, VM, schema
from dormouse.text.doc import doc

Change: TypeAlias = Literal["create", "change", "nothing"]
ResourceAction: TypeAlias = Literal["create", "update", "unchanged"]


@schema("PlannedResource")
@dataclass(frozen=True, slots=True)
class PlannedResource:
    """A resource of a plan, and what applying the plan would do with it."""

    name: Annotated[str, doc("The name of the resource in the plan.", "vm")]
    kind: Annotated[str, doc("The kind of resource.", "virtual_machine")]
    id: Annotated[str | None, doc("The Azure resource ID; null for what has none.", VM)]
    needs: Annotated[tuple[str, ...], doc("The resources that must exist before this one.", ["nic", "password"])]
    action: Annotated[ResourceAction, doc("What would be done with it.", "create")]


@schema("PlannedAlternative")
@dataclass(frozen=True, slots=True)
class PlannedAlternative:
    """A placement that would be tried if Azure had no capacity for those before it."""

    region: Annotated[str, REGION]
    size: Annotated[str | None, SIZE]
    zone: Annotated[str | None, ZONE]
    price_per_hour: Annotated[
        Money | None,
        doc("The list price per hour, for Spot VMs that of today; null if unknown.", {"amount": 1.18, "currency": "USD"}),
    ]


@schema("ApplyPreview")
@dataclass(frozen=True, slots=True)
class ApplyPreview:
    """What a PUT would do: the plan, its price, and what would be refused."""

    environment: Annotated[str, doc("The name of the environment.", "ml1")]
    blueprint: Annotated[str, doc("The blueprint.", "workstation")]
    region: Annotated[str, doc("The Azure region.", "polandcentral")]
    would: Annotated[Change, doc("What would be done with the environment.", "create")]
    resources: Annotated[tuple[PlannedResource, ...], doc("The resources of the plan, in an order that works.", [])]
    price_per_hour: Annotated[
        Money | None,
        doc("The list price per hour, for Spot VMs that of today; null if unknown.", {"amount": 0.59, "currency": "USD"}),
    ]
    price_per_month: Annotated[
        Money | None,
        doc("The same for a month of 730 hours; null if unknown.", {"amount": 430.7, "currency": "USD"}),
    ]
    price_covers: Annotated[
        str, doc("What the price includes, and what is billed in addition.", "computing while it is allocated")
    ]
    refusals: Annotated[tuple[RefusalView, ...], doc("What Azure would refuse, as far as it can be checked before.", [])]
    warnings: Annotated[
        tuple[str, ...],
        doc("What could not be checked before.", "Not checked before: quota suffices (…). Azure decides while it builds."),
    ]
    alternatives: Annotated[
        tuple[PlannedAlternative, ...],
        doc("What would be tried, in this order, if Azure had no capacity for the plan.", []),
    ]
    drift: Annotated[tuple[str, ...], DROPPED] = ()


@schema("PowerPreview")
@dataclass(frozen=True, slots=True)
class PowerPreview:
    """What a command would do, and the state of the environment now."""

    environment: Annotated[str, doc("The name of the environment.", "ml1")]
    would: Annotated[Verb, doc("What would be done.", "stop")]
    state: Annotated[State, doc("Its state now.", "running")]


@schema("ResizePreview")
@dataclass(frozen=True, slots=True)
class ResizePreview:
    """What a resize would do, the price of the new size, and what Azure would refuse."""

    environment: Annotated[str, doc("The name of the environment.", "ml1")]
    would: Annotated[Verb, doc("What would be done.", "resize")]
    state: Annotated[State, doc("Its state now.", "stopped")]
    size: Annotated[str, doc("The new VM size.", "Standard_NV12ads_A10_v5")]
    restarts: Annotated[bool, doc("Whether it would be stopped and started again.", False)]
    price_per_hour: Annotated[
        Money | None,
        doc("The list price of the new size per hour; null if unknown.", {"amount": 1.18, "currency": "USD"}),
    ]
    refusals: Annotated[tuple[RefusalView, ...], doc("What Azure would refuse, as far as it can be checked before.", [])]
    warnings: Annotated[
        tuple[str, ...],
        doc("What could not be checked before.", "Not checked before: quota suffices (…). Azure decides while it builds."),
    ]


@schema("DeletePreview")
@dataclass(frozen=True, slots=True)
class DeletePreview:
    """What a deletion would remove: the resources that the plans have named, and groups if nothing else is in them."""

    environment: Annotated[str, doc("The name of the environment.", "ml1")]
    would: Annotated[Verb, doc("What would be done.", "delete")]
    resources: Annotated[tuple[str, ...], doc("The IDs of the resources that the plans have named.", [VM])]
    snapshots: Annotated[tuple[str, ...], doc("The IDs of the snapshots that would be taken first, and kept.", [])] = ()


@schema("AlreadyDeleted")
@dataclass(frozen=True, slots=True)
class AlreadyDeleted:
    """An environment that was deleted before."""

    name: Annotated[str, doc("The name of the environment.", "ml1")]
    state: Annotated[State, doc("Always `absent`.", "absent")]
    last_operation: Annotated[str, doc("The ID of the last operation on it.", OPERATION)]


@schema("PasswordLocation")
@dataclass(frozen=True, slots=True)
class PasswordLocation:
    """Where a password is kept; read it from Key Vault with your own permissions."""

    secret_uri: Annotated[str, doc("The URI of the Key Vault secret.", SECRET)]
