"""Sums of lines: by environment, owner, blueprint, day or part. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from dormouse.costs.ledger import UNATTRIBUTED, CostLine, Sort
from dormouse.costs.query import GroupBy

SMALLEST_AMOUNT, SMALLEST_HOURS = Decimal("0.0001"), Decimal("0.01")


@dataclass(slots=True)
class Tally:
    """Amounts and hours of some lines, exact until they are rounded."""

    amounts: dict[Sort, Decimal] = field(default_factory=dict)
    hours: dict[Sort, Decimal] = field(default_factory=dict)
    machines: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)
    blueprints: set[str] = field(default_factory=set)
    days: set[str] = field(default_factory=set)
    unpriced: set[str] = field(default_factory=set)
    assumed: bool = False
    per_hour: Decimal | None = None

    def add(self, line: CostLine) -> None:
        """Add a line; one without a known price counts hours only, and is named."""
        self.amounts[line.sort] = self.amounts.get(line.sort, Decimal()) + line.amount
        self.hours[line.sort] = self.hours.get(line.sort, Decimal()) + line.hours
        self.assumed = self.assumed or line.assumed
        self.environments.add(line.environment)
        self.owners.add(line.owner)
        self.blueprints.add(line.blueprint)
        self.days.add(line.day)
        if line.machine:
            self.machines.add(line.machine)
        if line.per_hour is not None:
            self.per_hour = line.per_hour
        elif line.hours:
            self.unpriced.add(line.label)

    def amount(self, *sorts: Sort) -> Decimal:
        """The sum of these sorts of lines."""
        return sum((self.amounts.get(sort, Decimal()) for sort in sorts), Decimal())

    @property
    def spent(self) -> Decimal:
        """What was spent."""
        return self.amount(Sort.COMPUTING, Sort.FEE)


def tallied(lines: Iterable[CostLine], group_by: GroupBy) -> tuple[Tally, dict[str, Tally]]:
    """All lines together, and by the key of what a row stands for."""
    total, rows = Tally(), dict[str, Tally]()
    for line in lines:
        total.add(line)
        rows.setdefault(key_of_line(line, group_by), Tally()).add(line)
    return total, rows


def key_of_line(line: CostLine, group_by: GroupBy) -> str:
    """The key of the row that a line belongs to."""
    keys = {
        GroupBy.ENVIRONMENT: line.environment,
        GroupBy.OWNER: line.owner,
        GroupBy.BLUEPRINT: line.blueprint,
        GroupBy.DAY: line.day,
        GroupBy.PART: line.part,
        GroupBy.ENVIRONMENT_DAY: f"{line.environment or UNATTRIBUTED} {line.day}",
    }
    return keys[group_by] or UNATTRIBUTED


def rounded(amount: Decimal, smallest: Decimal = SMALLEST_AMOUNT) -> float:
    """An amount as it is shown: rounded once, half to even."""
    return float(amount.quantize(smallest, ROUND_HALF_EVEN))


def rounded_hours(hours: Decimal) -> float:
    """Hours as they are shown."""
    return rounded(hours, SMALLEST_HOURS)
