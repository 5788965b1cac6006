"""What the kernel knows of one process beside its name and its parent."""

from __future__ import annotations

import os
from pathlib import Path

from ..filesystem import Places

# In /proc/PID/stat, counted behind the name: the ticks spent in the program and in the kernel on its behalf.
USER_TICKS, SYSTEM_TICKS = 11, 12


def words_of(places: Places, pid: int) -> list[str]:
    """The words of its command line; none if it is gone or a thread of the kernel."""
    return _split(places, f"/proc/{pid}/cmdline")


def environment_of(places: Places, pid: int) -> dict[str, str]:
    """The environment that it was started with; empty where that cannot be read."""
    pairs = (text.partition("=") for text in _split(places, f"/proc/{pid}/environ"))
    return {name: value for name, found, value in pairs if found}


def owner_of(places: Places, pid: int) -> int | None:
    """The number of the user that it runs as; None if it is gone."""
    try:
        return places.at(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None


def cpu_ticks_of(places: Places, pid: int) -> int | None:
    """The processor time that it has used, in ticks; None where that cannot be read."""
    try:
        fields = places.text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])
    except (OSError, ValueError, IndexError):
        return None


def waits_in(places: Places, pid: int) -> str:
    """The function of the kernel in which its main thread waits; "" where that is not told."""
    try:
        return places.text(f"/proc/{pid}/wchan").strip()
    except OSError:
        return ""


def number_inside(places: Places, pid: int) -> int:
    """Its number as it sees it itself, which is another one in a container."""
    try:
        lines = places.text(f"/proc/{pid}/status").splitlines()
        return next((int(line.split()[-1]) for line in lines if line.startswith("NSpid:")), pid)
    except (OSError, ValueError, IndexError):
        return pid


def shares_our_network(places: Places, pid: int) -> bool:
    """Whether it has our ports and addresses, and not those of a container; it has where that cannot be read."""
    theirs, ours = (_target(places.at(f"/proc/{each}/ns/net")) for each in (pid, "self"))
    return not theirs or not ours or theirs == ours


def root_of(places: Places, pid: int) -> str:
    """Where the files that it sees begin: a container has others, and systemd gives us a /tmp of our own."""
    root = f"/proc/{pid}/root"
    return root if places.at(root).is_dir() else ""


def open_files_of(places: Places, pid: int) -> list[str]:
    """The paths of its open files; raises OSError where they cannot be read."""
    return [_target(places.at(f"/proc/{pid}/fd/{name}")) for name in places.names(f"/proc/{pid}/fd")]


def _target(link: Path) -> str:
    """What a link of the kernel leads to, "" if it is gone; `Path.readlink` is not in Python 3.8."""
    try:
        return os.readlink(link)  # noqa: PTH115
    except OSError:
        return ""


def _split(places: Places, path: str) -> list[str]:
    try:
        content = places.at(path).read_bytes()
    except OSError:
        return []
    return [word.decode("utf-8", "replace") for word in content.split(b"\0") if word]
