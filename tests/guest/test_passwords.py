"""The scripts that change a password: what they do in a real shell, and that no secret can be seen in them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dormouse.guest.password_change import change_script, check_script, hash_of, password_found
from tests.conftest import unchecked

PASSWORD, VERSION = "aB3-_.+=aB3-_.+=aB3-_.+=", "0123456789abcdef0123456789abcdef"
USER = "azureuser"
LINE = f"{USER}:{hash_of(PASSWORD, VERSION)}"

CHPASSWD = """#!/bin/sh
printf '%s\\n' "$@" >> "$HOME/arguments"
[ -e "$HOME/readonly" ] && { echo "chpasswd: cannot lock /etc/shadow" >&2; exit 1; }
cat > "$HOME/shadow"
"""
GETENT = """#!/bin/sh
printf '%s\\n' "$@" >> "$HOME/arguments"
[ "$1" = shadow ] && [ "$2" = azureuser ] && printf '%s:20000:0:99999:7:::\\n' "$(cat "$HOME/shadow")"
"""


def test_hashes_are_those_of_openssl() -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        unchecked("openssl", "that hashes of passwords are those of another implementation")
    for password, salt in ((PASSWORD, "0123456789abcdef"), ("ä" * 40, "x./Y"), ("p" * 64, "s")):
        command = [str(openssl), "passwd", "-6", "-salt", salt, password]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert hash_of(password, salt) == done.stdout.strip()


class Machine:
    """A machine with one account, whose tools are scripts."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "shadow").write_text(f"{USER}:$6$old$hash")
        for name, text in (("chpasswd", CHPASSWD), ("getent", GETENT)):
            (home / name).write_text(text)
            (home / name).chmod(0o755)

    def run(self, script: str) -> str:
        """The output of a script in the shell in which Azure runs it."""
        path = {"PATH": f"{self.home}:/usr/bin:/bin", "HOME": str(self.home)}
        done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, env=path, check=False)
        return done.stdout + done.stderr

    @property
    def shadow(self) -> str:
        return (self.home / "shadow").read_text().strip()

    @property
    def arguments(self) -> str:
        return (self.home / "arguments").read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_password_is_set_and_confirmed_without_being_seen(machine: Machine) -> None:
    script = change_script(USER, PASSWORD, VERSION)
    output = machine.run(script)
    assert (password_found(output), machine.shadow) == ("current", LINE)
    assert PASSWORD not in script + output
    assert "$6$" not in machine.arguments + output, "not even the hash"


def test_a_change_that_failed_is_noticed(machine: Machine) -> None:
    (machine.home / "readonly").touch()
    assert password_found(machine.run(change_script(USER, PASSWORD, VERSION))) == "other"


def test_a_check_tells_the_version_and_changes_nothing(machine: Machine) -> None:
    assert password_found(machine.run(check_script(USER, PASSWORD, VERSION))) == "other"
    assert machine.shadow == f"{USER}:$6$old$hash"
    (machine.home / "shadow").write_text(LINE)
    assert password_found(machine.run(check_script(USER, PASSWORD, VERSION))) == "current"
    assert password_found(machine.run(check_script(USER, "another", VERSION))) == "other"
    (machine.home / "shadow").write_text(LINE.replace(":", ":!", 1))
    assert password_found(machine.run(check_script(USER, PASSWORD, VERSION))) == "other", "a locked account"


@pytest.mark.parametrize("output", ["", "dormouse-password", "dormouse-password perhaps", "x dormouse-password current"])
def test_an_output_that_does_not_say_it_is_no_confirmation(output: str) -> None:
    assert password_found(output) == ""
