"""Wishes that the machine stays awake: anybody may leave one in a folder, and the owner of the file is who wishes."""

from __future__ import annotations

import json
import math
import os
import pwd
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from .heartbeat import Hold
from .places import Places, Unknown, plain, read_note

WISHES = "/run/dormouse/awake.d"
LONGEST_SECONDS = 7 * 86400.0
MOST_FILES = 1000
SLACK_SECONDS = 5.0


@dataclass(frozen=True)
class Wish:
    """What a file says: from when on (in seconds since the machine booted), for how long, and why."""

    made: float
    seconds: float
    reason: str


def wish(places: Places, moment: float, seconds: float, reason: str) -> None:
    """Leave a wish in the caller's name instead of earlier ones; raises OSError."""
    folder = places.at(WISHES)
    earlier = _own_files(folder)
    # A name that nobody can guess can also not be taken by somebody else before.
    name = f"{os.getuid()}-{secrets.token_hex(8)}"
    hidden = folder / f".{name}"
    hidden.write_text(json.dumps(asdict(Wish(moment, seconds, plain(reason)))), encoding="utf-8")
    hidden.replace(folder / name)
    for path in earlier:
        path.unlink()


def withdraw(places: Places) -> int:
    """Take the caller's wishes back; how many there were."""
    own = _own_files(places.at(WISHES))
    for path in own:
        path.unlink()
    return len(own)


def wishes(places: Places, moment: float) -> list[Hold]:
    """What people wish at this moment, one wish each: the one that was made last."""
    latest: dict[int, Wish] = {}
    for name in places.names(WISHES)[:MOST_FILES]:
        if not name.startswith("."):
            try:
                note = read_note(places.at(f"{WISHES}/{name}"))
                found = _wish_in(note.content, moment)
            except (OSError, ValueError):
                continue  # a link, a pipe, too long, nonsense, or taken back a moment ago
            if note.owner not in latest or latest[note.owner].made < found.made:
                latest[note.owner] = found
    holds = [Hold(_name_of(owner), each.reason, each.made + each.seconds) for owner, each in sorted(latest.items())]
    return [hold for hold in holds if hold.until > moment]


def _wish_in(content: bytes, moment: float) -> Wish:
    try:
        said = json.loads(content)
        made, seconds, reason = float(said["made"]), float(said["seconds"]), plain(said["reason"])
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise Unknown("this is not a wish") from error
    if not (math.isfinite(made) and made <= moment + SLACK_SECONDS and seconds > 0):
        raise Unknown("this wish was not made before now")
    return Wish(made, min(seconds, LONGEST_SECONDS), reason)


def _own_files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.lstat().st_uid == os.getuid()]


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
