"""The script about named users: what it gives to the program, what it says without one, and that no secret is in it."""

import subprocess

import pytest

from dormouse.environments.results import Check
from dormouse.guest.features import jupyterhub
from dormouse.guest.password_change import hash_of
from dormouse.guest.setup_script import setup_script
from dormouse.guest.user_change import UserLogin, users_found, users_script
from dormouse.resources.features import GuestSetup, JupyterHub

PASSWORD, VERSION = "aB3-_.+=aB3-_.+=aB3-_.+=", "0123456789abcdef0123456789abcdef"
USERS = (UserLogin("ben", False, PASSWORD, VERSION), UserLogin("eve", True, f"{PASSWORD}2", VERSION))
SHELLS = (["/bin/sh", "-c"], ["/bin/bash", "--restricted", "-c"])
PROGRAM = """dormouse-hub-users() { printf 'words %s\\n' "$*"; while read -r line; do printf 'line %s\\n' "$line"; done; }
"""


def said(shell: list[str], script: str, before: str = "") -> str:
    done = subprocess.run(
        [*shell, before + script], capture_output=True, text=True, env={"PATH": "/nonexistent"}, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("shell", SHELLS[1:])
def test_the_program_gets_a_line_with_the_hash_of_each_user(shell: list[str]) -> None:
    script = users_script(USERS)
    assert said(shell, script, PROGRAM).splitlines() == [
        "words apply",
        f"line ben - {VERSION} {hash_of(PASSWORD, VERSION)}",
        f"line eve sudo {VERSION} {hash_of(f'{PASSWORD}2', VERSION)}",
    ]
    assert PASSWORD not in script
    assert said(shell, users_script(()), PROGRAM).splitlines() == ["words apply"], "the last user can be removed"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_machine_without_the_program_is_in_its_first_boot_or_of_an_earlier_release(shell: list[str]) -> None:
    booting, old = (f"test() {{ return {code}; }}\n" for code in (1, 0))
    assert users_found(said(shell, users_script(USERS), booting)) == (Check.WAITING, "the first boot is still in progress")
    result, detail = users_found(said(shell, users_script(USERS), old))
    assert result is Check.FAILED
    assert detail.startswith("an earlier release built the machine, without users")
    assert users_found(said(shell, users_script(()), old))[0] is Check.PASSED, "it has no users, as is asked for"


@pytest.mark.parametrize("output", ["", "dormouse-users", "dormouse-users perhaps", "x dormouse-users passed", "Killed"])
def test_an_output_that_does_not_say_it_is_no_confirmation(output: str) -> None:
    assert users_found(output) == (Check.FAILED, "the machine did not confirm its users")


def test_the_last_word_of_the_program_counts() -> None:
    assert users_found("dormouse-users waiting x\ndormouse-users passed 2 users can log in\n") == (
        Check.PASSED,
        "2 users can log in",
    )


def test_the_setup_adds_the_accounts_before_the_hub_starts() -> None:
    setup = GuestSetup("ana", (JupyterHub(("ana", "ben", "eve"), sudoers=("eve",)),))
    script = setup_script(setup)
    assert script.index(f"\n{jupyterhub.ACCOUNTS}\n") < script.index("systemctl enable --now jupyterhub.service")
    settings = jupyterhub.settings_of(JupyterHub(("ana", "ben", "eve"), sudoers=("eve",)))
    assert (settings["administrator"], settings["users"], settings["sudoers"]) == ("ana", ["ana", "ben", "eve"], ["eve"])
