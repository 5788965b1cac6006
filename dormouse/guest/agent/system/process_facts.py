"""Facts about one process from /proc."""

from __future__ import annotations

import os
from pathlib import Path

from ..filesystem import FileSystem

# Fields of /proc/PID/stat after the name: CPU ticks in user mode and in kernel mode.
USER_TICKS, SYSTEM_TICKS = 11, 12


def words_of(filesystem: FileSystem, pid: int) -> list[str]:
    """The arguments of its command line; none if it has ended or is a kernel thread."""
    return _split(filesystem, f"/proc/{pid}/cmdline")


def environment_of(filesystem: FileSystem, pid: int) -> dict[str, str]:
    """Its initial environment; empty if it cannot be read."""
    pairs = (text.partition("=") for text in _split(filesystem, f"/proc/{pid}/environ"))
    return {name: value for name, found, value in pairs if found}


def owner_of(filesystem: FileSystem, pid: int) -> int | None:
    """The ID of its user; None if it has ended."""
    try:
        return filesystem.at(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None


def cpu_ticks_of(filesystem: FileSystem, pid: int) -> int | None:
    """Its CPU time in ticks; None if it cannot be read."""
    try:
        fields = filesystem.text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])
    except (OSError, ValueError, IndexError):
        return None


def wait_channel_of(filesystem: FileSystem, pid: int) -> str:
    """The kernel function in which its main thread waits; "" if unknown."""
    try:
        return filesystem.text(f"/proc/{pid}/wchan").strip()
    except OSError:
        return ""


def namespace_pid_of(filesystem: FileSystem, pid: int) -> int:
    """Its process ID in its own namespace, which differs in a container."""
    try:
        lines = filesystem.text(f"/proc/{pid}/status").splitlines()
        return next((int(line.split()[-1]) for line in lines if line.startswith("NSpid:")), pid)
    except (OSError, ValueError, IndexError):
        return pid


def shares_our_network(filesystem: FileSystem, pid: int) -> bool:
    """Whether it is in our network namespace (true if that cannot be read)."""
    theirs, ours = (_target(filesystem.at(f"/proc/{each}/ns/net")) for each in (pid, "self"))
    return not theirs or not ours or theirs == ours


def root_of(filesystem: FileSystem, pid: int) -> str:
    """The path to its root directory, which differs in a container and by our private /tmp."""
    root = f"/proc/{pid}/root"
    return root if filesystem.at(root).is_dir() else ""


def open_files_of(filesystem: FileSystem, pid: int) -> list[str]:
    """The paths of its open files; raises OSError if they cannot be read."""
    return [_target(filesystem.at(f"/proc/{pid}/fd/{name}")) for name in filesystem.names(f"/proc/{pid}/fd")]


def _target(link: Path) -> str:
    """The target of a link, "" if it is gone; `Path.readlink` is not in Python 3.8."""
    try:
        return os.readlink(link)  # noqa: PTH115
    except OSError:
        return ""


def _split(filesystem: FileSystem, path: str) -> list[str]:
    try:
        content = filesystem.at(path).read_bytes()
    except OSError:
        return []
    return [word.decode("utf-8", "replace") for word in content.split(b"\0") if word]
