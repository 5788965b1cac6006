"""Backup files: a line of JSON for the head, one for each row, and one with their number and their hash."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMAT = 1


class BackupError(Exception):
    """A backup cannot be made, read or restored; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class BackupHead:
    """The deployment and the subscription that a backup is of, and when it was made (RFC 3339)."""

    deployment: str
    subscription: str
    made_at: str


@dataclass(frozen=True, slots=True)
class BackupRow:
    """A row of a table: its keys and its text columns."""

    table: str
    partition: str
    key: str
    columns: dict[str, str]


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup file holds."""

    head: BackupHead
    rows: tuple[BackupRow, ...]


def write(path: Path, head: BackupHead, rows: Iterable[BackupRow]) -> int:
    """Write a file that only its owner may read, whole or not at all, over an older one; returns the number of rows."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    digest, count = hashlib.sha256(), 0
    with fresh.open("w", encoding="utf-8", newline="\n") as file:
        for content in ({"format": FORMAT, **asdict(head)}, *map(asdict, rows)):
            line = json.dumps(content, ensure_ascii=False) + "\n"
            digest.update(line.encode())
            file.write(line)
            count += 1
        file.write(json.dumps({"rows": count - 1, "sha256": digest.hexdigest()}) + "\n")
    fresh.replace(path)
    return count - 1


def read(path: Path) -> Backup:
    """The content of a file; raises BackupError unless it is whole."""
    # Texts may contain other separators of lines, which JSON does not escape.
    *lines, end = path.read_text(encoding="utf-8").split("\n") if path.is_file() else [""]
    if not lines:
        raise BackupError(f"{path} is not a backup file.")
    try:
        head, *rows, foot = (json.loads(line) for line in lines)
        digest = hashlib.sha256("".join(f"{line}\n" for line in lines[:-1]).encode()).hexdigest()
        whole = not end and foot == {"rows": len(rows), "sha256": digest}
    except ValueError:
        whole = False
    if not whole:
        raise BackupError(f"{path} is incomplete or was changed; use another backup.")
    return Backup(_head(path, head), tuple(BackupRow(**row) for row in rows))


def _head(path: Path, content: dict[str, Any]) -> BackupHead:
    if content.pop("format", None) != FORMAT:
        raise BackupError(f"{path} was written by another release; restore it with the release that wrote it.")
    return BackupHead(**content)
