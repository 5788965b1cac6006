"""The process of the agent: its user and groups, which a process keeps from its start."""

from __future__ import annotations

import re
from pathlib import Path

LISTENER = "Agent.Listener"
GROUP = "docker"


def docker_problem(root: Path, user: str) -> str:
    """Why jobs of the running agent cannot use Docker, or "": they can, there is no Docker, or it cannot be seen.

    A process that was started before its user became a member of the group does not have it.
    https://github.com/actions/runner/issues/411
    """
    group, owner = _number(root / "etc/group", GROUP), _number(root / "etc/passwd", user)
    if group is None or owner is None:
        return ""
    for status in _listeners(root):
        if _numbers(status, "Uid")[:1] == [owner] and group not in _numbers(status, "Groups"):
            return f"the agent runs without the group {GROUP}, so its jobs cannot use Docker; restart the machine"
    return ""


def _listeners(root: Path) -> list[str]:
    """The status texts of the processes with the name of the agent; those that have ended by now are left out."""
    found = []
    for folder in (root / "proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() == LISTENER:
                found.append((folder / "status").read_text())
        except OSError:
            continue
    return found


def _number(file: Path, name: str) -> int | None:
    """The number of an account or group in a file like /etc/group, or None."""
    try:
        lines = [line.split(":") for line in file.read_text().splitlines()]
    except OSError:
        return None
    return next((int(parts[2]) for parts in lines if parts[0] == name and len(parts) > 2 and parts[2].isdigit()), None)


def _numbers(status: str, field: str) -> list[int]:
    """The numbers in a line of /proc/PID/status."""
    line = re.search(rf"^{field}:([\s\d]*?)$", status, re.MULTILINE)
    return [int(number) for number in line[1].split()] if line else []
