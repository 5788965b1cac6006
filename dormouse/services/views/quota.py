"""Quotas that do not suffice, as callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dormouse.environments.quota import PORTAL, QuotaShortage
from dormouse.services.views.schema import schema
from dormouse.text.doc import doc


@schema("Quota")
@dataclass(frozen=True, slots=True)
class QuotaView:
    """The numbers of a quota that does not suffice; those that Azure did not say are null."""

    limit: Annotated[int | None, doc("The limit.", 24)]
    used: Annotated[int | None, doc("How much of it is in use.", 24)]
    left: Annotated[int | None, doc("How much of it is free.", 0)]
    needed: Annotated[int | None, doc("How much more the request needs.", 8)]
    new_limit: Annotated[int | None, doc("The smallest limit that would suffice.", 32)]
    link: Annotated[str, doc("The page of the Azure portal on which to ask for more.", PORTAL)]

    @classmethod
    def of(cls, quota: QuotaShortage | None) -> QuotaView | None:
        """The numbers as callers see them; None for a refusal that is about no quota."""
        return cls(quota.limit, quota.used, quota.left, quota.needed, quota.new_limit, quota.link) if quota else None
