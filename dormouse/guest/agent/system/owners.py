"""Who owns a file: a person, who also owns what the subordinate ids of their user namespaces own."""

from __future__ import annotations

import pwd

from ..filesystem import Places, plain

SUBORDINATE = "/etc/subuid"
LONGEST_NAME = 64  # in a heartbeat


class Owners:
    """The people behind user ids, as the machine knows them at this moment."""

    def __init__(self, places: Places) -> None:
        self._ranges = _ranges(places)

    def person_of(self, user: int) -> int:
        """The user id of the person to whom a user id belongs: itself, or that of whose subordinate id it is."""
        for first, count, person in self._ranges:
            if first <= user < first + count and not _is_known(user):
                return person
        return user


def name_of(user: int) -> str:
    """The name of a user, in plain text and not longer than a heartbeat takes."""
    try:
        return plain(pwd.getpwuid(user).pw_name, LONGEST_NAME)
    except KeyError:
        return f"user {user}"


def _ranges(places: Places) -> list[tuple[int, int, int]]:
    """The ranges of subordinate ids: first id, how many, and whose; none where there is no such file."""
    try:
        lines = places.text(SUBORDINATE).splitlines()
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
