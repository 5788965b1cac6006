"""The rows of the overview: environments with their machines and machines outside environments, filtered and sorted."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial

from dormouse.environments.operations import EnvironmentRecord
from dormouse.idle.report import ReportRow
from dormouse.idle.verdict import VerdictKind
from dormouse.ids import verb_of
from dormouse.lifecycle import State, Verb, folded
from dormouse.services.lists.selection import Entry, Selection, Value

# What keeps an environment awake comes first; within it, the first machine that has such a verdict.
AWAKE_FIRST = (
    VerdictKind.BUSY,
    VerdictKind.HELD,
    VerdictKind.SCHEDULED_ON,
    VerdictKind.YOUNG,
    VerdictKind.UNKNOWN,
    VerdictKind.BLOCKED,
    VerdictKind.UNSTOPPABLE,
    VerdictKind.UNMANAGED,
    VerdictKind.IDLE,
    VerdictKind.STOPPED_BILLED,
    VerdictKind.EVICTED,
    VerdictKind.STOPPED,
)
NOT_JUDGED = "not_judged"


class Order(StrEnum):
    """By what the overview is sorted; what needs attention, happens soonest or is longest unchanged comes first."""

    NAME = "name"
    ATTENTION = "attention"
    NEXT = "next"
    SINCE = "since"
    OWNER = "owner"


# What people should look at first: what is billed without use, and what is not known; then what is awake for a reason.
ATTENTION_FIRST = (
    VerdictKind.STOPPED_BILLED,
    VerdictKind.UNKNOWN,
    VerdictKind.BLOCKED,
    VerdictKind.EVICTED,
    VerdictKind.IDLE,
    NOT_JUDGED,
    VerdictKind.HELD,
    VerdictKind.YOUNG,
    VerdictKind.BUSY,
    VerdictKind.SCHEDULED_ON,
    VerdictKind.UNSTOPPABLE,
    VerdictKind.UNMANAGED,
    VerdictKind.STOPPED,
)


@dataclass(frozen=True)  # without slots: what is cached needs a place
class Item:
    """An environment or a machine outside environments, as the records show it."""

    id: str
    name: str
    record: EnvironmentRecord | None
    rows: Sequence[ReportRow]
    operation: str

    @cached_property
    def leading(self) -> ReportRow | None:
        """The machine that keeps it awake, or the first one; None if no sweep has seen one."""
        if len(self.rows) == 1:
            return self.rows[0]
        return min(self.rows, key=lambda row: AWAKE_FIRST.index(row.verdict), default=None)

    @property
    def verdict(self) -> str:
        """The verdict, or `not_judged`."""
        return self.leading.verdict if self.leading else NOT_JUDGED

    @property
    def state(self) -> State:
        """The state at the last sweep, or what the running operation is bringing about."""
        match verb_of(self.operation) if self.operation else None:
            case Verb.DELETE:
                return State.DELETING
            case Verb.PROVISION if not self.rows:
                return State.CREATING
            case Verb.START if all(row.state is State.STOPPED for row in self.rows):
                return State.STARTING
            case Verb.STOP | Verb.HIBERNATE:
                return State.STOPPING
        if self.rows:
            return folded([row.state for row in self.rows])
        return State.READY if self.record and self.record.ready else State.UNKNOWN


def items_of(records: Iterable[EnvironmentRecord], rows: Iterable[ReportRow], operations: Mapping[str, str]) -> list[Item]:
    """Every environment with its machines, and every other machine of the report."""
    known = {record.name: record for record in records}
    machines: dict[str, list[ReportRow]] = {name: [] for name in known}
    found = []
    for row in rows:
        if row.environment in machines:
            machines[row.environment].append(row)
        elif not row.environment:  # those of an environment that is gone are no longer of interest
            found.append(Item(row.id, row.name, None, (row,), ""))
    found += [Item(name, name, record, machines[name], operations.get(name, "")) for name, record in known.items()]
    return found


def matching(items: Iterable[Item], selection: Selection) -> list[Item]:
    """The items that pass the search and the filter."""
    return [item for item in items if selection.allows(partial(getattr, item), _searched(item))]


def counted(items: Iterable[Item]) -> dict[str, int]:
    """The number of items by verdict."""
    return dict(sorted(Counter(str(item.verdict) for item in items).items()))


def entry_of(item: Item, order: Order) -> Entry[Item]:
    """An item with the value that it is sorted by."""
    return Entry(VALUES[order](item), f"{item.name} {item.id}", item)


def _searched(item: Item) -> Iterator[str]:
    """The texts of an item that are searched; only those that are needed are made."""
    record, first = item.record, item.leading
    yield from (item.id, item.name, item.state, item.verdict)
    yield from (record.owner, record.blueprint, record.region) if record else ()
    yield from (first.region, first.size) if first else ()


VALUES: dict[Order, Callable[[Item], Value]] = {
    Order.NAME: lambda item: item.name,
    Order.ATTENTION: lambda item: -1 if item.operation else ATTENTION_FIRST.index(item.verdict),
    Order.NEXT: lambda item: min((row.next_action_at for row in item.rows if row.next_action_at), default=None),
    Order.SINCE: lambda item: (item.leading.since if item.leading else 0.0) or None,
    Order.OWNER: lambda item: item.record.owner.lower() if item.record else None,
}
