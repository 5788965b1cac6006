"""The state of the simulated Azure: JSON documents in one SQLite file, or only in memory."""

import json
import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Document = dict[str, Any]
WRITE = "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET document = excluded.document"


class Store:
    """Documents by shelf and key; keys are compared in lower case, as Azure compares names."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        """Open or create the file and read it completely; ":memory:" keeps nothing after the end."""
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            "CREATE TABLE IF NOT EXISTS documents (shelf TEXT, key TEXT, document TEXT, PRIMARY KEY (shelf, key))"
        )
        self._shelves: dict[str, dict[str, Document]] = {}
        self._in_order: dict[str, list[str]] = {}  # the keys of a shelf, while none is new and none was deleted
        for shelf, key, text in self._db.execute("SELECT shelf, key, document FROM documents ORDER BY rowid"):
            self._shelves.setdefault(shelf, {})[key] = json.loads(text)

    def get(self, shelf: str, key: str) -> Document | None:
        """The document with this key, or None; change it only through `put`."""
        return self._shelves.get(shelf, {}).get(key.lower())

    def put(self, shelf: str, key: str, document: Document) -> Document:
        """Write a document."""
        documents = self._shelves.setdefault(shelf, {})
        if key.lower() not in documents:
            self._in_order.pop(shelf, None)
        documents[key.lower()] = document
        self._db.execute(WRITE, (shelf, key.lower(), json.dumps(document)))
        return document

    def put_all(self, shelf: str, documents: Mapping[str, Document]) -> None:
        """Write many documents in one transaction."""
        lower = {key.lower(): document for key, document in documents.items()}
        rows = [(shelf, key, json.dumps(document)) for key, document in lower.items()]
        self._db.execute("BEGIN")
        self._db.executemany(WRITE, rows)
        self._db.execute("COMMIT")
        self._in_order.pop(shelf, None)
        self._shelves.setdefault(shelf, {}).update(lower)

    def delete(self, shelf: str, key: str) -> None:
        """Delete a document, if it exists."""
        self._in_order.pop(shelf, None)
        self._shelves.get(shelf, {}).pop(key.lower(), None)
        self._db.execute("DELETE FROM documents WHERE shelf = ? AND key = ?", (shelf, key.lower()))

    def items(self, shelf: str) -> Iterator[tuple[str, Document]]:
        """Every document of a shelf, with its key."""
        return iter(list(self._shelves.get(shelf, {}).items()))

    def between(self, shelf: str, first: str, last: str) -> list[Document]:
        """The documents of a shelf whose keys are at least `first` and at most `last`, in the order of their keys."""
        documents = self._shelves.get(shelf, {})
        keys = self._in_order.get(shelf)
        if keys is None:
            keys = self._in_order[shelf] = sorted(documents)
        return [documents[key] for key in keys[bisect_left(keys, first) : bisect_right(keys, last)]]

    def everything(self) -> dict[str, dict[str, Document]]:
        """Every shelf, with its documents."""
        return self._shelves

    def replace_everything(self, shelves: dict[str, dict[str, Document]]) -> None:
        """Replace all documents by these, in one transaction."""
        rows = [(shelf, key, json.dumps(item)) for shelf, items in shelves.items() for key, item in items.items()]
        self._db.execute("BEGIN")
        self._db.execute("DELETE FROM documents")
        self._db.executemany(WRITE, rows)
        self._db.execute("COMMIT")
        self._shelves, self._in_order = shelves, {}

    def close(self) -> None:
        """Close the file."""
        self._db.close()
