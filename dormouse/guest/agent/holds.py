"""Holds set on the machine: each user can write a file to a shared folder; a hold belongs to the owner of its file."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, zip_longest
from pathlib import Path

from .durations import DAY
from .filesystem import FileSystem, Unknown, plain, read_small_file
from .heartbeat import Hold
from .system.owners import Owners, name_of

HOLDS_FOLDER = "/run/dormouse/awake.d"
LONGEST_SECONDS = 7 * DAY
MOST_FILES = 1000  # read at a time
MOST_PER_PERSON = 20
MOST_HOLDS = 20  # in one heartbeat
SLACK_SECONDS = 5.0


@dataclass(frozen=True)
class HoldFile:
    """The content of a file: when the hold was set (seconds since boot), for how long, and why."""

    made: float
    seconds: float
    reason: str

    @property
    def until(self) -> float:
        """When the hold ends, in seconds since boot."""
        return self.made + self.seconds


def set_hold(filesystem: FileSystem, moment: float, seconds: float, reason: str) -> HoldFile | None:
    """Set a hold of the calling user; returns their earlier hold if that lasts longer and stays. Raises OSError."""
    folder = filesystem.at(HOLDS_FOLDER)
    earlier = _own_files(folder)
    made = HoldFile(moment, seconds, plain(reason))
    longer = [found for found in _readable(filesystem, earlier, moment) if found.until > made.until]
    if longer:
        return max(longer, key=lambda each: each.until)
    # An unpredictable name, so that no other user can create the file first.
    name = f"{os.getuid()}-{secrets.token_hex(8)}"
    hidden = folder / f".{name}"
    hidden.write_text(json.dumps(asdict(made)), encoding="utf-8")
    hidden.chmod(0o644)
    hidden.replace(folder / name)
    for path in earlier:
        path.unlink()
    return None


def remove_holds(filesystem: FileSystem) -> int:
    """Remove the holds of the calling user; returns how many there were."""
    own = _own_files(filesystem.at(HOLDS_FOLDER))
    for path in own:
        path.unlink()
    return len(own)


def read_holds(filesystem: FileSystem, moment: float) -> list[Hold]:
    """The current holds, one for each user: the one that lasts longest."""
    owners, longest = Owners(filesystem), dict[int, HoldFile]()
    for path in round_robin(_files_by_user(filesystem, owners)):
        try:
            note = read_small_file(Path(path))
            found = _parse_hold(note.content, moment)
        except (OSError, ValueError):
            continue  # a link, a pipe, too long, invalid, or just removed
        person = owners.person_of(note.owner)
        if person not in longest or longest[person].until < found.until:
            longest[person] = found
    holds = [Hold(name_of(person), each.reason, each.until) for person, each in sorted(longest.items())]
    return [hold for hold in holds if hold.until > moment]


def longest_holds(holds: list[Hold]) -> list[Hold]:
    """The holds that last longest, as many as a heartbeat can carry."""
    kept = sorted(holds, key=lambda hold: hold.until, reverse=True)[:MOST_HOLDS]
    return [hold for hold in holds if hold in kept]


def round_robin(files: Mapping[int, Sequence[tuple[float, str]]]) -> list[str]:
    """The files to read: the newest of each user, then the second newest of each user, and so on.

    Many files of one user therefore do not displace the holds of others.
    """
    newest = [sorted(files[person], reverse=True)[:MOST_PER_PERSON] for person in sorted(files)]
    turns = chain.from_iterable(zip_longest(*newest))
    return [file[1] for file in turns if file][:MOST_FILES]


def _files_by_user(filesystem: FileSystem, owners: Owners) -> dict[int, list[tuple[float, str]]]:
    files: dict[int, list[tuple[float, str]]] = {}
    try:
        entries = list(os.scandir(filesystem.at(HOLDS_FOLDER)))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    for entry in entries:
        if not entry.name.startswith("."):
            try:
                seen = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # just removed
            files.setdefault(owners.person_of(seen.st_uid), []).append((seen.st_mtime, entry.path))
    return files


def _readable(filesystem: FileSystem, files: list[Path], moment: float) -> Iterator[HoldFile]:
    for path in files:
        try:
            found = _parse_hold(read_small_file(path).content, moment)
        except (OSError, ValueError):
            continue  # not a valid hold
        if not path.name.startswith("."):
            yield found


def _parse_hold(content: bytes, moment: float) -> HoldFile:
    try:
        said = json.loads(content)
        made, seconds, reason = float(said["made"]), float(said["seconds"]), plain(said["reason"])
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise Unknown("invalid hold") from error
    if not (math.isfinite(made) and made <= moment + SLACK_SECONDS and seconds > 0):
        raise Unknown("the hold was set in the future")
    return HoldFile(made, min(seconds, LONGEST_SECONDS), reason)


def _own_files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.lstat().st_uid == os.getuid()]
