"""Blueprints as callers see them, and whether the control plane is up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from dormouse.services.views.money import ASLEEP, BY_USE, UNPRICED, Money
from dormouse.services.views.schema import NOON, Moment, schema
from dormouse.text.doc import doc

SIZE = "Standard_NV6ads_A10_v5"


@schema("Blueprint")
@dataclass(frozen=True, slots=True)
class BlueprintView:
    """A blueprint: its parameters, its defaults, and what it costs in the region that the caller named."""

    name: Annotated[str, doc("The name.", "workstation")]
    summary: Annotated[str, doc("What it builds, in a sentence.", "One GPU machine with a desktop over RDP.")]
    parameters: Annotated[dict[str, Any], doc("The JSON Schema of its parameters.", {"type": "object", "properties": {}})]
    defaults: Annotated[dict[str, Any], doc("The values of parameters that are left out.", {"size": SIZE})]
    sizes: Annotated[tuple[str, ...], doc("The VM sizes that the price is for; empty if there are none.", [SIZE])]
    region: Annotated[str | None, doc("The region that the price is for; null if none was named.", "polandcentral")]
    price_per_hour: Annotated[
        Money | None,
        doc("The pay-as-you-go price per hour; null without a region, or if unknown.", {"amount": 0.59, "currency": "USD"}),
    ]
    price_covers: Annotated[
        str, doc("What the price includes, and what is billed in addition.", "computing while it is allocated")
    ]
    price_asleep_per_hour: Annotated[Money | None, ASLEEP] = None
    unpriced: Annotated[tuple[str, ...], UNPRICED] = ()
    billed_by_use: Annotated[tuple[str, ...], BY_USE] = ()


@schema("BlueprintList")
@dataclass(frozen=True, slots=True)
class BlueprintList:
    """One page of blueprints, sorted by name."""

    value: Annotated[tuple[BlueprintView, ...], doc("The blueprints on this page.", [])]
    next: Annotated[str | None, doc("The URL of the next page; null on the last page.", "/api/blueprints?limit=1&after=MWE")]
    problems: Annotated[tuple[str, ...], doc("What could not be read, and why.", [])]


@schema("Health")
@dataclass(frozen=True, slots=True)
class Health:
    """That the control plane is up; signed messages must carry a timestamp close to its `time`."""

    status: Annotated[str, doc("Always `ok`.", "ok")]
    time: Annotated[Moment, doc("The time by its clock.", NOON)]
