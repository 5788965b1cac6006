"""What recorded resources are billed for: machines, charges as long as they exist, and use. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from dormouse.resources.billing.meters import Charge
from dormouse.resources.kinds import PriceQuery
from dormouse.resources.plan import Resource
from dormouse.resources.registry import kind_of

COVERS = "computing while it is allocated, and disks, addresses and other fees as long as they exist"


@dataclass(frozen=True, slots=True)
class Billed:
    """What an environment is billed for: machines while they are allocated, charges as long as resources exist, and use."""

    machines: tuple[PriceQuery, ...] = ()
    charges: tuple[Charge, ...] = ()
    by_use: tuple[str, ...] = ()

    @property
    def covers(self) -> str:
        """What a price of all of this includes, and what is billed by use on top."""
        return f"{COVERS}; billed by use on top: {', '.join(self.by_use)}" if self.by_use else COVERS


def billed_in(resources: Iterable[Resource]) -> Billed:
    """What recorded resources are billed for; those that only earlier plans have named may be gone, and do not count."""
    kinds = [(one, kind_of(one)) for one in resources if not one.superseded]
    machines = [query for one, kind in kinds if (query := kind.billing(one, None))]
    charges = [charge for one, kind in kinds if kind.charges for charge in kind.charges(one)]
    by_use = dict.fromkeys(kind.by_use for _, kind in kinds if kind.by_use)
    return Billed(tuple(machines), tuple(charges), tuple(by_use))
