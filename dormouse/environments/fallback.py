"""What follows from a lack of capacity: which placement comes next, and how it is told. Pure.

https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/allocation-failure
"""

import re
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from dormouse.environments.attempts import Attempt
from dormouse.environments.results import Refusal, RefusalReason
from dormouse.resources.placement import Placement

# These are about a region, unless the message names zones ("... not available in location 'eastus2' zones '1,2'").
OF_A_REGION = frozenset({"AllocationFailed", "SkuNotAvailable", "SKUNotAvailable", "AksCapacityHeavyUsage"})
ZONES = re.compile(r"\bzones? '?\d", re.IGNORECASE)
OVERCONSTRAINED, ZONE = "Overconstrained", "availability zone"


class Placed(Protocol):
    """Anything that has a placement."""

    @property
    def placement(self) -> Placement:
        """Where it would be."""


P = TypeVar("P", bound=Placed)


def lacks_capacity(refusals: Sequence[Refusal]) -> bool:
    """Whether a lack of capacity, and nothing else, is what Azure refused."""
    return bool(refusals) and all(refusal.reason is RefusalReason.NO_CAPACITY for refusal in refusals)


def worth_trying(others: Iterable[P], failed: Placement, refusals: Sequence[Refusal]) -> list[P]:
    """The other placements, without those that Azure's refusal concerns, too.

    If a size has no capacity in a whole region, its zones have none. A zone is given up before a size: the order of the
    placements says so.
    """
    everywhere = any(_is_of_a_region(refusal) for refusal in refusals)
    same = (failed.region, failed.size)
    return [one for one in others if not (everywhere and (one.placement.region, one.placement.size) == same)]


def attempt_of(placement: Placement, refusals: Sequence[Refusal], *, tried: bool = True) -> Attempt:
    """The record of an attempt that was refused, or, unless `tried`, of a placement that the preflight ruled out."""
    first = refusals[0]
    return Attempt(placement, first.code or first.reason, first.detail, tried)


def _is_of_a_region(refusal: Refusal) -> bool:
    if refusal.code.startswith(OVERCONSTRAINED):
        return ZONE not in refusal.detail.lower()
    return refusal.code in OF_A_REGION and not ZONES.search(refusal.detail)
