"""Accounts of named users in simulated machines: what a script changes, and on which machines it can."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from dormouse.guest.cloud_init import cloud_config
from dormouse.guest.password_change import change_script, check_script, password_found
from dormouse.guest.user_change import UserLogin, users_found, users_script
from dormouse.resources.features import GuestSetup, JupyterHub
from local.azure.vms.guest import Guest
from tests.simulator.served import served
from tests.simulator.services.test_graph import machine

SETUP = GuestSetup("ana", (JupyterHub(("ana", "ben")),))
OLD, NEW = "1" * 32, "2" * 32


def login(name: str, version: str = OLD) -> UserLogin:
    return UserLogin(name, False, f"{name} {version}", version)


def after(folder: Path, config: str, *scripts: str) -> tuple[list[str], dict[str, Any]]:
    """What these scripts print one after the other on a machine with this cloud-config, and what is inside it then."""

    async def story() -> tuple[list[str], dict[str, Any]]:
        async with served(folder) as azure:
            world = azure.world
            made: dict[str, Any] = machine("vm")
            inside = {"osProfile": {"adminUsername": "ana"}, "networkProfile": {"networkInterfaces": []}, "vmId": "one"}
            made |= {"properties": {**made["properties"], **inside}, "_power": "running"}
            made["_custom_data"] = base64.b64encode(config.encode()).decode()
            found, said = Guest(world, made).first_boot(world.seconds() - 600), []
            for script in scripts:
                guest = Guest(world, found)
                said.append(guest.run(script)[0])
                found = guest.with_accounts or found
            return said, found["_guest"]

    return asyncio.run(story())


def test_a_password_stays_until_its_version_is_another_one(tmp_path: Path) -> None:
    both, one = users_script([login("ben"), login("eve")]), users_script([login("eve", NEW)])
    changed = change_script("ben", "of his own", "3" * 32)
    check = check_script("ben", "of his own", "3" * 32)
    said, inside = after(tmp_path, cloud_config(SETUP), both, changed, both, check, one)
    assert [word for word, _ in map(users_found, (said[0], said[2], said[4]))] == ["passed"] * 3
    assert password_found(said[1]) == password_found(said[3]) == "current", "the same version changes nothing"
    assert inside["hub"]["users"] == ["ana", "eve"]
    assert {name: (account["locked"], account["version"]) for name, account in inside["accounts"].items()} == {
        "ben": (True, OLD),
        "eve": (False, NEW),
    }


def test_a_locked_account_has_no_password_that_works(tmp_path: Path) -> None:
    check = check_script("ben", login("ben").password, OLD)
    said, _ = after(tmp_path, cloud_config(SETUP), users_script([login("ben")]), check, users_script(()), check)
    assert [password_found(text) for text in (said[1], said[3])] == ["current", "other"]


@pytest.mark.parametrize("program", ["/usr/local/sbin/dormouse-hub-users", "allow_existing_users = False"])
def test_a_machine_that_lacks_something_keeps_its_users(tmp_path: Path, program: str) -> None:
    config = cloud_config(SETUP)
    assert program in config
    said, inside = after(tmp_path, config.replace(program, "another"), users_script([login("eve")]))
    assert "ben" in inside["hub"]["users"]
    assert users_found(said[0])[0] == ("passed" if "=" in program else "failed")
