"""Selections: what a list is narrowed to, in which order it comes, and where its next page begins. Pure."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dormouse.errors import InvalidRequest

T = TypeVar("T")
Value = str | float | None

NOT_OURS = "The cursor does not come from this list, or from one with another order."


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked of a list: the values that each filter allows, words to search for, and an order.

    `sort` names a column, with a `-` before it for the opposite order; "" is the usual order of the list.
    """

    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    search: str = ""
    sort: str = ""

    @property
    def narrows(self) -> bool:
        """Whether anything is left out of the list."""
        return bool(self.filters or self.search)

    @property
    def column(self) -> str:
        """The column that the list is sorted by, or "" for its usual order."""
        return self.sort.removeprefix("-")

    def needs(self, *columns: str) -> bool:
        """Whether a filter or the order needs one of these columns."""
        return any(column in self.filters or column == self.column for column in columns)

    def only(self, *columns: str) -> "Selection":
        """The filters of these columns alone, without search and order."""
        return Selection({name: allowed for name, allowed in self.filters.items() if name in columns})

    def allows(self, value_of: Callable[[str], Value], searched: Iterable[Value]) -> bool:
        """Whether an item passes all filters, and each word of the search is in one of the texts; case does not matter."""
        for column, allowed in self.filters.items():
            if str(value_of(column) or "").lower() not in allowed:
                return False
        if not self.search:
            return True
        texts = [str(text or "").lower() for text in searched]
        return all(any(word in text for text in texts) for word in self.search.lower().split())


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """An item of a list, the value that it is sorted by, and its key, which is unique and breaks ties."""

    value: Value
    key: str
    item: T


@dataclass(frozen=True, slots=True)
class Chosen(Generic[T]):
    """One page of a selection: its items, where the next one begins ("" at the end), and how many there are in all."""

    items: Sequence[T]
    after: str
    total: int


def page_of(entries: Iterable[Entry[T]], sort: str, *, limit: int, after: str) -> Chosen[T]:
    """The entries of one page; those without a value come last in either order. Raises InvalidRequest for a strange cursor.

    A cursor names the last entry, not a number: what appears or goes between two pages shifts nothing.
    """
    descending = sort.startswith("-")
    known = sorted(entries, key=lambda entry: entry.key)
    present = sorted((one for one in known if one.value is not None), key=_value, reverse=descending)
    ordered = present + [one for one in known if one.value is None]
    begin = 0
    if after:
        value, key = _position(after, sort)
        begin = next((n for n, one in enumerate(ordered) if _is_after(one, value, key, descending)), len(ordered))
    shown = ordered[begin : begin + limit]
    more = len(ordered) > begin + limit
    return Chosen([one.item for one in shown], _cursor(shown[-1], sort) if more else "", len(ordered))


def _value(entry: Entry[T]) -> str | float:
    assert entry.value is not None
    return entry.value


def _is_after(entry: Entry[T], value: Value, key: str, descending: bool) -> bool:  # noqa: FBT001 - one of two orders
    if entry.value is None or value is None:
        return entry.value is None and (value is not None or entry.key > key)
    if entry.value == value:
        return entry.key > key
    try:
        return (entry.value > value) != descending  # type: ignore[operator]
    except TypeError:
        raise InvalidRequest(NOT_OURS) from None


def _cursor(entry: Entry[T], sort: str) -> str:
    return json.dumps([sort, entry.value, entry.key])


def _position(after: str, sort: str) -> tuple[Value, str]:
    try:
        known, value, key = json.loads(after)
    except (ValueError, TypeError):
        raise InvalidRequest(NOT_OURS) from None
    if known != sort or not isinstance(key, str) or not (value is None or isinstance(value, str | float | int)):
        raise InvalidRequest(NOT_OURS)
    return value, key
