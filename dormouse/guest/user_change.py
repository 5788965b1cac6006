"""The script that makes the accounts of a machine those of the named users of JupyterHub, and tells what came of it.

It carries the hashes of their passwords, which /etc/shadow stores anyway, and only on standard input of the program.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dormouse.environments.results import Check
from dormouse.guest.files import READY_PATH
from dormouse.guest.password_change import hash_of

MARK = "dormouse-users "
SUDO, NO_SUDO = "sudo", "-"
NO_USERS = "passed an earlier release built the machine, without users"
TOO_OLD = "failed an earlier release built the machine, without users; delete it and create it again"
# Machines of earlier releases have no such program; others have it once the first boot has written it.
CHANGE = """if [ -n "$(command -v dormouse-hub-users)" ]; then
dormouse-hub-users apply <<'DORMOUSE'
@LINES@DORMOUSE
elif test -e @READY@; then
printf '%s\\n' 'dormouse-users @OLD@'
else
printf '%s\\n' 'dormouse-users waiting the first boot is still in progress'
fi
"""


@dataclass(frozen=True, slots=True)
class UserLogin:
    """A named user: whether they can become root, and their password in a version of its secret."""

    name: str
    sudo: bool
    password: str
    version: str


def users_script(users: Sequence[UserLogin]) -> str:
    """Let exactly these users log in, besides the administrator, and tell whether they can."""
    lines = "".join(f"{_line(user)}\n" for user in users)
    text = CHANGE.replace("@READY@", READY_PATH).replace("@OLD@", TOO_OLD if users else NO_USERS)
    return text.replace("@LINES@", lines)


def users_found(output: str) -> tuple[Check, str]:
    """What the output of the script says: the result, and its detail; an output that says nothing has failed."""
    said = [line.removeprefix(MARK).strip() for line in output.splitlines() if line.startswith(MARK)]
    word, _, detail = said[-1].partition(" ") if said else ("", "", "")
    return (Check(word), detail) if word in list(Check) else (Check.FAILED, "the machine did not confirm its users")


def _line(user: UserLogin) -> str:
    # A password is set when the version of its secret is another one than before, so that users can change their own.
    return f"{user.name} {SUDO if user.sudo else NO_SUDO} {user.version} {hash_of(user.password, user.version)}"
