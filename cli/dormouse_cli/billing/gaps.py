"""Our estimates beside what was billed, by environment and day. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from dormouse_cli.billing.exports import BilledRow
from dormouse_cli.errors import UsageError

ALARM_PERCENT = Decimal(5)
TAG = "dormouse"
SMALLEST_ALARM = Decimal("0.01")


@dataclass(slots=True)
class Gap:
    """An environment on a day: our estimate, its list price in the export, and what was billed."""

    environment: str
    day: date
    ours: Decimal = Decimal()
    list_cost: Decimal = Decimal()
    billed: Decimal = Decimal()
    without_list_cost: bool = False
    is_incomplete: bool = False

    @property
    def compared(self) -> Decimal:
        """What ours is compared with: the list price, because discounts are no error, or else what was billed."""
        return self.billed if self.without_list_cost else self.list_cost

    @property
    def percent(self) -> Decimal | None:
        """How much more (or less) ours is, in percent of what it is compared with; None if that is nothing."""
        return (self.ours - self.compared) / self.compared * 100 if self.compared else None

    @property
    def is_alarm(self) -> bool:
        """Whether the two differ by more than 5 %, and by at least a cent, on a day that is complete in the export."""
        if self.is_incomplete or abs(self.ours - self.compared) < SMALLEST_ALARM:
            return False
        return self.percent is None or abs(self.percent) > ALARM_PERCENT


@dataclass(slots=True)
class Comparison:
    """All gaps, and what of the export is in none of them: other environments' resources, taxes, purchases, corrections."""

    gaps: list[Gap] = field(default_factory=list)
    elsewhere: Decimal = Decimal()
    other_charges: Decimal = Decimal()
    corrections: int = 0


def compare(
    rows: Iterable[BilledRow],
    ours: Mapping[tuple[str, date], Decimal],
    resources: Mapping[str, str],
    currency: str,
) -> Comparison:
    """Compare an export with our estimates by environment and day; `resources` has environments by resource ID.

    The last day of the export is incomplete: Azure adds charges for 8 to 24 hours. Raises UsageError for another currency.
    """
    found, result = dict[tuple[str, date], Gap](), Comparison()
    days = set[date]()
    for row in rows:
        days.add(row.day)
        result.corrections += row.is_correction
        if not row.is_usage:
            result.other_charges += row.billed
            continue
        name = environment_of(row, resources)
        if not name:
            result.elsewhere += row.billed
            continue
        if row.currency != currency:
            raise UsageError(f"The export is in {row.currency or 'no currency'}, our estimates are in {currency}.")
        gap = found.setdefault((name, row.day), Gap(name, row.day))
        gap.billed += row.billed
        gap.list_cost += row.list_cost or Decimal()
        gap.without_list_cost = gap.without_list_cost or row.list_cost is None
    if not days:
        return result
    for (name, day), amount in ours.items():
        if min(days) <= day <= max(days):
            found.setdefault((name, day), Gap(name, day)).ours += amount
    for gap in found.values():
        gap.is_incomplete = gap.day == max(days)
    result.gaps = sorted(found.values(), key=lambda gap: (gap.environment, gap.day))
    return result


def environment_of(row: BilledRow, resources: Mapping[str, str]) -> str:
    """The environment of a row: that which has the resource, or something in it, or else that of its tag."""
    identifier = row.resource
    while identifier.count("/") > 2:
        if identifier in resources:
            return resources[identifier]
        identifier = identifier.rpartition("/")[0]
    return row.tags.get(TAG, "")
