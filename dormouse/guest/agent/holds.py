"""Holds made on the machine: anybody may leave one as a file in a folder, and the owner of the file is who wants it."""

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
from .filesystem import Places, Unknown, plain, read_note
from .heartbeat import Hold
from .system.owners import Owners, name_of

WISHES = "/run/dormouse/awake.d"
LONGEST_SECONDS = 7 * DAY
MOST_FILES = 1000  # read at one look
MOST_PER_PERSON = 20
MOST_HOLDS = 20  # in one heartbeat
SLACK_SECONDS = 5.0


@dataclass(frozen=True)
class Wish:
    """What a file says: from when on (in seconds since the machine booted), for how long, and why."""

    made: float
    seconds: float
    reason: str

    @property
    def until(self) -> float:
        """When it is over, in seconds since the machine booted."""
        return self.made + self.seconds


def wish(places: Places, moment: float, seconds: float, reason: str) -> Wish | None:
    """Leave a hold in the caller's name; one of theirs that lasts longer stays, and is answered. Raises OSError."""
    folder = places.at(WISHES)
    earlier = _own_files(folder)
    made = Wish(moment, seconds, plain(reason))
    longer = [found for found in _readable(places, earlier, moment) if found.until > made.until]
    if longer:
        return max(longer, key=lambda each: each.until)
    # A name that cannot be guessed cannot be taken by another user first.
    name = f"{os.getuid()}-{secrets.token_hex(8)}"
    hidden = folder / f".{name}"
    hidden.write_text(json.dumps(asdict(made)), encoding="utf-8")
    hidden.chmod(0o644)
    hidden.replace(folder / name)
    for path in earlier:
        path.unlink()
    return None


def withdraw(places: Places) -> int:
    """Remove the caller's holds; how many there were."""
    own = _own_files(places.at(WISHES))
    for path in own:
        path.unlink()
    return len(own)


def wishes(places: Places, moment: float) -> list[Hold]:
    """The holds of this moment, one for each person: the one that lasts longest."""
    owners, longest = Owners(places), dict[int, Wish]()
    for path in in_turn(_files_of_people(places, owners)):
        try:
            note = read_note(Path(path))
            found = _wish_in(note.content, moment)
        except (OSError, ValueError):
            continue  # a link, a pipe, too long, nonsense, or removed a moment ago
        person = owners.person_of(note.owner)
        if person not in longest or longest[person].until < found.until:
            longest[person] = found
    holds = [Hold(name_of(person), each.reason, each.until) for person, each in sorted(longest.items())]
    return [hold for hold in holds if hold.until > moment]


def longest_lasting(holds: list[Hold]) -> list[Hold]:
    """As many holds as a heartbeat takes: those that last longest."""
    kept = sorted(holds, key=lambda hold: hold.until, reverse=True)[:MOST_HOLDS]
    return [hold for hold in holds if hold in kept]


def in_turn(files: Mapping[int, Sequence[tuple[float, str]]]) -> list[str]:
    """The files to read, of the files of each person: one of each, then another of each, the newest first.

    So many files of one person, however they are named, displace nothing of others.
    """
    newest = [sorted(files[person], reverse=True)[:MOST_PER_PERSON] for person in sorted(files)]
    turns = chain.from_iterable(zip_longest(*newest))
    return [file[1] for file in turns if file][:MOST_FILES]


def _files_of_people(places: Places, owners: Owners) -> dict[int, list[tuple[float, str]]]:
    files: dict[int, list[tuple[float, str]]] = {}
    try:
        entries = list(os.scandir(places.at(WISHES)))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    for entry in entries:
        if not entry.name.startswith("."):
            try:
                seen = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # removed a moment ago
            files.setdefault(owners.person_of(seen.st_uid), []).append((seen.st_mtime, entry.path))
    return files


def _readable(places: Places, files: list[Path], moment: float) -> Iterator[Wish]:
    for path in files:
        try:
            found = _wish_in(read_note(path).content, moment)
        except (OSError, ValueError):
            continue  # it holds nothing
        if not path.name.startswith("."):
            yield found


def _wish_in(content: bytes, moment: float) -> Wish:
    try:
        said = json.loads(content)
        made, seconds, reason = float(said["made"]), float(said["seconds"]), plain(said["reason"])
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise Unknown("this is not a hold") from error
    if not (math.isfinite(made) and made <= moment + SLACK_SECONDS and seconds > 0):
        raise Unknown("this hold was not made before now")
    return Wish(made, min(seconds, LONGEST_SECONDS), reason)


def _own_files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.lstat().st_uid == os.getuid()]
