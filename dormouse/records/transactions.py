"""Changes to many rows, cut into transactions: sets of at most 100 rows that are written together or not at all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DOCUMENT = "Document"
# A property holds 32,767 characters of UTF-16, of which one of ours may take two.
LONGEST_PART = 16_000
NEW = "new"
MOST_ROWS = 100
# Azure takes 4 MiB; from 1 MiB on, aiohttp warns that one request holds up all others.
LARGEST_TRANSACTION = 1_000_000
AROUND_A_ROW, AROUND_A_VALUE, LONGEST_ESCAPE = 1000, 50, 9


@dataclass(frozen=True, slots=True)
class Change:
    """A row to be written: whatever was there before, or only if it is unchanged since `etag`, or only if it is `NEW`."""

    key: str
    document: str
    etag: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)

    def entity(self, partition: str) -> dict[str, Any]:
        """The row as Table Storage takes it."""
        return {"PartitionKey": partition, "RowKey": self.key, **parts_of(DOCUMENT, self.document), **self.columns}

    def operation(self, partition: str) -> tuple[Any, ...]:
        """The change as one operation of a transaction."""
        from azure.core import MatchConditions
        from azure.data.tables import UpdateMode

        if self.etag == NEW:
            return "create", self.entity(partition)
        if not self.etag:
            return "upsert", self.entity(partition), {"mode": UpdateMode.REPLACE}
        unchanged = {"etag": self.etag, "match_condition": MatchConditions.IfNotModified}
        return "update", self.entity(partition), {"mode": UpdateMode.REPLACE, **unchanged}

    def size(self, partition: str) -> int:
        """About how many bytes the change takes up in a transaction, rather too many than too few."""
        entity = self.entity(partition)
        address = LONGEST_ESCAPE * (len(partition) + len(self.key))
        return AROUND_A_ROW + address + len(json.dumps(entity)) + AROUND_A_VALUE * len(entity)


def parts_of(name: str, text: str) -> dict[str, str]:
    """A text cut into as many properties of a row as it needs, which sort in its order; most texts need one."""
    begins = range(0, max(len(text), 1), LONGEST_PART)
    return {f"{name}{number:03}" if number else name: text[at : at + LONGEST_PART] for number, at in enumerate(begins)}


def text_in(name: str, columns: Mapping[str, str]) -> str:
    """The text that was cut into properties of this name."""
    return "".join(columns[each] for each in sorted(columns) if each.removeprefix(name).isdigit() or each == name)


def transactions(partition: str, changes: Sequence[Change]) -> list[list[Change]]:
    """The changes in their order, in as few sets as fit; raises ValueError for a row that is to be changed twice."""
    if len({change.key for change in changes}) < len(changes):
        raise ValueError("a row can be changed once at a time")
    sets: list[list[Change]] = []
    room = 0
    for change in changes:
        size = change.size(partition)
        if not sets or size > room or len(sets[-1]) == MOST_ROWS:
            sets.append([])
            room = LARGEST_TRANSACTION
        sets[-1].append(change)
        room -= size
    return sets
