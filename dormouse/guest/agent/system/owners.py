"""The owners of files; subordinate IDs of user namespaces belong to their user."""

from __future__ import annotations

import pwd

from ..filesystem import FileSystem, plain

SUBORDINATE = "/etc/subuid"
LONGEST_NAME = 64  # in a heartbeat


class Owners:
    """The users behind user IDs, read once."""

    def __init__(self, filesystem: FileSystem) -> None:
        self._ranges = _ranges(filesystem)

    def person_of(self, user: int) -> int:
        """The ID of the user to whom an ID belongs: itself, or the user whose subordinate ID it is."""
        for first, count, person in self._ranges:
            if first <= user < first + count and not _is_known(user):
                return person
        return user


def name_of(user: int) -> str:
    """The name of a user as plain text, short enough for a heartbeat."""
    try:
        return plain(pwd.getpwuid(user).pw_name, LONGEST_NAME)
    except KeyError:
        return f"user {user}"


def _ranges(filesystem: FileSystem) -> list[tuple[int, int, int]]:
    """The ranges of subordinate IDs: first ID, count, and user; none without the file."""
    try:
        lines = filesystem.text(SUBORDINATE).splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        name, _, rest = line.partition(":")
        first, _, count = rest.partition(":")
        if first.isdigit() and count.strip().isdigit():
            person = _number_of(name)
            if person is not None:
                found.append((int(first), int(count), person))
    return found


def _is_known(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _number_of(name: str) -> int | None:
    if name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
