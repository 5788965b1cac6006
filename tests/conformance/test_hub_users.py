"""Named users of the real JupyterHub: added, removed and added again while the kernels of others run on."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dormouse.environments.results import Check
from dormouse.guest.user_change import UserLogin, users_found, users_script
from tests.conformance.hub_machine import PASSWORD, HubMachine, Metadata, accounts, run, served
from tests.conformance.test_jupyterhub import need_a_hub

EVE, FAY = (f"dm{os.getpid()}-{name}" for name in ("eve", "fay"))
FIRST, SECOND = "1" * 32, "2" * 32


def login_of(name: str, version: str = FIRST, *, sudo: bool = False) -> UserLogin:
    return UserLogin(name, sudo, f"{PASSWORD} of {name} {version}", version)


def password_of(name: str, version: str = FIRST) -> str:
    return login_of(name, version).password


@pytest.fixture(scope="module")
def hub() -> Iterator[HubMachine]:
    """A hub that runs, with the named user Eve, whose account the setup has made; only root can check it."""
    need_a_hub()
    folder = Path(tempfile.mkdtemp(prefix="dormouse-hub-"))
    folder.chmod(0o755)
    with served(Metadata()) as port:
        machine = HubMachine(folder, Metadata(), port, named=(EVE,), others=[FAY])
        try:
            machine.set_up()
            machine.settings(rstudio=False, sudo=True)
            yield machine
        finally:
            machine.clear()


def change(hub: HubMachine, *users: UserLogin) -> bool:
    """Change the users of the machine; returns whether the hub was restarted."""
    said, restarts = hub.change_users(users_script(users))
    assert users_found(said)[0] is Check.PASSED, said
    return restarts


def status_of(hub: HubMachine, name: str, password: str) -> int:
    """The HTTP status of a login: 302 for one that works."""
    with hub.client() as client:
        return hub.log_in(client, name, password).status_code


def known_to(hub: HubMachine) -> list[str]:
    """The users in the database of the hub."""
    script = (
        "import sqlite3, sys; print(*[row[0] for row in sqlite3.connect(sys.argv[1]).execute('select name from users')])"
    )
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", script, str(hub.folder / "data" / "jupyterhub.sqlite")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_named_users_come_and_go_while_the_kernels_of_others_run_on(hub: HubMachine) -> None:
    # The setup: an account without a password, with a home of its own that others cannot read, and no way to become root.
    assert hub.users_program() == "dormouse-users passed 1 users have accounts"
    assert hub.users_program() == "dormouse-users passed 1 users have accounts", "the setup may run again"
    assert run("passwd", "--status", EVE).split()[1] == "L"
    home = Path("/home") / EVE
    assert (home.stat().st_mode & 0o777, home.stat().st_uid) == (0o750, accounts()[EVE])
    assert not list((hub.folder / "sudoers.d").iterdir())
    # The first passwords, before the hub runs.
    assert change(hub, login_of(EVE)) is False
    hub.start()
    assert status_of(hub, EVE, password_of(EVE)) == 302
    assert status_of(hub, EVE, "another") == 403
    assert status_of(hub, hub.other, PASSWORD) == 403, (
        "an account of the machine with its own password, which is not in the list"
    )

    with hub.client() as anas, hub.client() as eves:
        ana, eve = hub.open_kernel(anas), hub.open_kernel(eves, EVE, password_of(EVE))
        (home / "notes.txt").write_text("kept")
        for pid in (ana["kernel"], eve["kernel"]):
            assert "NoNewPrivs:\t0" in Path(f"/proc/{pid}/status").read_text(), "the spec allows sudo in notebooks"

        # Fay is added, and may become root.
        assert status_of(hub, FAY, password_of(FAY)) == 403
        assert change(hub, login_of(EVE), login_of(FAY, sudo=True)) is True
        assert status_of(hub, FAY, password_of(FAY)) == 302
        assert (hub.work_of(hub.allowed), hub.work_of(EVE)) == (ana, eve)
        sudoers = hub.folder / "sudoers.d" / f"92-dormouse-{FAY}"
        assert sudoers.read_text() == f"{FAY} ALL=(ALL) NOPASSWD:ALL\n"
        assert sudoers.stat().st_mode & 0o777 == 0o440
        assert change(hub, login_of(EVE), login_of(FAY)) is False, "the hub need not know about sudo"
        assert not sudoers.exists()
        assert (hub.work_of(hub.allowed), hub.work_of(EVE)) == (ana, eve)

        # Eve is removed: what she runs ends, and neither her password nor her cookie opens anything.
        assert change(hub, login_of(FAY)) is True
        assert hub.processes_of(EVE, "") == []
        assert hub.work_of(hub.allowed) == ana, "the kernel of another user runs on"
        assert status_of(hub, EVE, password_of(EVE)) == 403
        assert eves.get("/hub/home").url.path == "/hub/login"
        assert anas.get("/hub/home").url.path == "/hub/home"
        assert EVE not in known_to(hub)
        shadow = run("getent", "shadow", EVE).split(":")
        assert shadow[1].startswith("!"), "no password opens it"
        assert shadow[7] == "1", "nor does a key for SSH: the account has expired"
        assert (home / "notes.txt").read_text() == "kept"

    # Eve comes back, with another password and the same home.
    assert change(hub, login_of(EVE, SECOND), login_of(FAY)) is True
    assert status_of(hub, EVE, password_of(EVE)) == 403
    assert status_of(hub, EVE, password_of(EVE, SECOND)) == 302
    assert (home / "notes.txt").read_text() == "kept"
    assert hub.work_of(hub.allowed) == ana


def test_a_password_that_users_have_changed_stays_until_the_vault_has_another_one(hub: HubMachine) -> None:
    assert change(hub, login_of(EVE, SECOND), login_of(FAY)) is False
    run("chpasswd", given=f"{FAY}:of-her-own\n")
    assert change(hub, login_of(EVE, SECOND), login_of(FAY)) is False
    assert status_of(hub, FAY, "of-her-own") == 302
    with hub.client() as fays:
        assert hub.log_in(fays, FAY, "of-her-own").status_code == 302
        assert change(hub, login_of(EVE, SECOND), login_of(FAY, SECOND)) is False
        fays.follow_redirects = True
        assert fays.get("/hub/home").url.path == "/hub/home", "a rotation leaves open sessions open, and says so"
    assert status_of(hub, FAY, "of-her-own") == 403
    assert status_of(hub, FAY, password_of(FAY, SECOND)) == 302


def test_an_account_of_the_system_is_not_taken_over(hub: HubMachine) -> None:
    before = hub.settings(), run("getent", "shadow", "daemon")
    said, restarts = hub.change_users(users_script([login_of("daemon"), login_of(EVE, SECOND)]))
    result, detail = users_found(said)
    assert (result, restarts) == (Check.FAILED, False)
    assert detail == "daemon is a system account; choose another name"
    assert (hub.settings(), run("getent", "shadow", "daemon")) == before


def test_a_change_that_was_interrupted_is_completed_by_the_next_one_and_leaves_the_administrator(hub: HubMachine) -> None:
    hub.program("systemctl", "exit 1")
    done = subprocess.run(
        ["/bin/sh", "-c", users_script(())], env=hub.environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert users_found(done.stdout)[0] is Check.FAILED
    assert json.loads((hub.folder / "etc/jupyterhub/users.json").read_text())["restart"] is True
    assert change(hub) is True, "the hub that still lets them in is restarted now"
    assert not {EVE, FAY} & set(known_to(hub))
    assert status_of(hub, FAY, password_of(FAY, SECOND)) == 403
    assert status_of(hub, hub.allowed, PASSWORD) == 302
    assert hub.settings()["users"] == [hub.allowed]


def test_only_root_can_read_what_the_program_remembers(hub: HubMachine) -> None:
    path = hub.folder / "etc/jupyterhub/users.json"
    assert path.stat().st_mode & 0o077 == 0
    assert "$6$" not in path.read_text()
