"""The scripts that give an account of a machine another password, and tell which one it has.

They carry the hash of the password, which /etc/shadow stores anyway. Azure keeps scripts on the disk of the machine:
https://learn.microsoft.com/azure/virtual-machines/linux/run-command
"""

import shlex

# Those of chpasswd: https://www.akkadia.org/drepper/SHA-crypt.txt
LONGEST_SALT, ROUNDS = 16, 5000
MARK = "dormouse-password "
CURRENT, OTHER = "current", "other"
# No command gets the hash as an argument, which other users of the machine could see.
CHANGE = """chpasswd -e <<'DORMOUSE'
@LINE@
DORMOUSE
"""
CHECK = """case "$(getent shadow @USER@)" in
  @PATTERN@:*) printf '%s\\n' 'dormouse-password current' ;;
  *) printf '%s\\n' 'dormouse-password other' ;;
esac
"""


def change_script(username: str, password: str, version: str) -> str:
    """Set the password of an account, then tell whether it has it; `version` is the version of its secret."""
    line = f"{username}:{hash_of(password, version)}"
    return CHANGE.replace("@LINE@", line) + check_script(username, password, version)


def check_script(username: str, password: str, version: str) -> str:
    """Tell whether an account has a password."""
    pattern = shlex.quote(f"{username}:{hash_of(password, version)}")
    return CHECK.replace("@USER@", shlex.quote(username)).replace("@PATTERN@", pattern)


def password_found(output: str) -> str:
    """Which password the account has, in the output of a script: `current`, `other`, or "" if it does not say."""
    said = [line.removeprefix(MARK).strip() for line in output.splitlines() if line.startswith(MARK)]
    return said[-1] if said and said[-1] in (CURRENT, OTHER) else ""


def hash_of(password: str, version: str) -> str:
    """The hash of a password as /etc/shadow stores it; the same one in every run, so that a later check finds it."""
    from passlib.hash import sha512_crypt  # type: ignore[import-untyped]

    return str(sha512_crypt.using(salt=version[:LONGEST_SALT], rounds=ROUNDS).hash(password))
