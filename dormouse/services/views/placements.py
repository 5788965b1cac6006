"""Where environments are built, and where Azure had no capacity for them, as callers see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dormouse.environments.attempts import Attempt
from dormouse.resources.placement import Placement
from dormouse.services.views.schema import schema
from dormouse.text.doc import doc

REGION = doc("The Azure region.", "swedencentral")
SIZE = doc("The VM size; null if the blueprint has none.", "Standard_NV12ads_A10_v5")
ZONE = doc("The availability zone; null for none in particular.", "2")


@schema("Placement")
@dataclass(frozen=True, slots=True)
class PlacementView:
    """A region, a VM size and an availability zone."""

    region: Annotated[str, REGION]
    size: Annotated[str | None, SIZE]
    zone: Annotated[str | None, ZONE]

    @classmethod
    def of(cls, placement: Placement | None) -> PlacementView | None:
        """A placement as callers see it; None for an environment that is where its spec asks first."""
        return cls(placement.region, placement.size or None, placement.zone or None) if placement else None


@schema("Attempt")
@dataclass(frozen=True, slots=True)
class AttemptView:
    """A placement for which Azure had no capacity, or that was left out."""

    region: Annotated[str, REGION]
    size: Annotated[str | None, SIZE]
    zone: Annotated[str | None, ZONE]
    code: Annotated[str, doc("Azure's error code, or the kind of rejection.", "ZonalAllocationFailed")]
    detail: Annotated[str, doc("What was said.", "Allocation failed. We do not have sufficient capacity …")]
    tried: Annotated[bool, doc("Whether it was tried; false if the preflight ruled it out.", True)]

    @classmethod
    def of(cls, attempt: Attempt) -> AttemptView:
        """An attempt as callers see it."""
        where = attempt.placement
        return cls(where.region, where.size or None, where.zone or None, attempt.code, attempt.detail, attempt.tried)
