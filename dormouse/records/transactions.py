"""Changes to many rows, split into transactions of at most 100 rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DOCUMENT = "Document"
# A property holds 32,767 UTF-16 code units; a character may take two.
LONGEST_PART = 16_000
NEW = "new"
MOST_ROWS = 100
# Azure allows 4 MiB; above 1 MiB, aiohttp warns that the body blocks the event loop.
LARGEST_TRANSACTION = 1_000_000
AROUND_A_ROW, AROUND_A_VALUE, LONGEST_ESCAPE = 1000, 50, 9


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row to write: unconditionally, only if it still has `etag`, or only if it is `NEW`."""

    key: str
    document: str
    etag: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)

    def entity(self, partition: str) -> dict[str, Any]:
        """The row as a Table Storage entity."""
        return {"PartitionKey": partition, "RowKey": self.key, **parts_of(DOCUMENT, self.document), **self.columns}

    def operation(self, partition: str) -> tuple[Any, ...]:
        """The change as an operation of a transaction."""
        from azure.core import MatchConditions
        from azure.data.tables import UpdateMode

        if self.etag == NEW:
            return "create", self.entity(partition)
        if not self.etag:
            return "upsert", self.entity(partition), {"mode": UpdateMode.REPLACE}
        unchanged = {"etag": self.etag, "match_condition": MatchConditions.IfNotModified}
        return "update", self.entity(partition), {"mode": UpdateMode.REPLACE, **unchanged}

    def size(self, partition: str) -> int:
        """An upper estimate of the bytes that the change takes in a transaction."""
        entity = self.entity(partition)
        address = LONGEST_ESCAPE * (len(partition) + len(self.key))
        return AROUND_A_ROW + address + len(json.dumps(entity)) + AROUND_A_VALUE * len(entity)


def parts_of(name: str, text: str) -> dict[str, str]:
    """A text split into as many row properties as it needs, named so that they sort in order; most texts need one."""
    begins = range(0, max(len(text), 1), LONGEST_PART)
    return {f"{name}{number:03}" if number else name: text[at : at + LONGEST_PART] for number, at in enumerate(begins)}


def text_in(name: str, columns: Mapping[str, str]) -> str:
    """The text that was split into properties with this name."""
    return "".join(columns[each] for each in sorted(columns) if each.removeprefix(name).isdigit() or each == name)


def transactions(partition: str, changes: Sequence[RowChange]) -> list[list[RowChange]]:
    """The changes in order, in as few transactions as possible; raises ValueError if a row is changed twice."""
    if len({change.key for change in changes}) < len(changes):
        raise ValueError("a row occurs twice in the changes")
    sets: list[list[RowChange]] = []
    room = 0
    for change in changes:
        size = change.size(partition)
        if not sets or size > room or len(sets[-1]) == MOST_ROWS:
            sets.append([])
            room = LARGEST_TRANSACTION
        sets[-1].append(change)
        room -= size
    return sets
