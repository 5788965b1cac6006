"""Passwords that are older than the setting allows are rotated by the timer, once for each age, while their machines run."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dormouse.clock import DAY
from local.leaps import leap
from local.sandbox import Ground, temporary_ground
from tests.integration.environments.changes.test_rotate_password import works
from tests.integration.environments.test_secrets import passwords_in_the_vault
from tests.support import AzureSide, ControlPlane, until

DAYS = 30


@pytest.fixture
def strict_ground() -> Iterator[Ground]:
    settings = {"ROTATE_PASSWORDS_AFTER_DAYS": str(DAYS)}
    with temporary_ground(speed=120.0, timers=False, agents=False, settings=settings) as running:
        yield running


def look(ground: Ground) -> None:
    """Run the timer once."""
    master = {"x-functions-key": ground.keys["master"]}
    fired = httpx.post(f"http://127.0.0.1:{ground.port}/admin/functions/rotation_timer", json={}, headers=master)
    assert fired.status_code == httpx.codes.ACCEPTED, fired.text


def rotations(plane: ControlPlane, name: str) -> list[dict[str, Any]]:
    """The rotations of an environment, newest first."""
    listed = plane.client.get("/operations", params={"environment": name}).raise_for_status().json()["value"]
    return [operation for operation in listed if operation["verb"] == "rotate-password"]


def looked(plane: ControlPlane, ground: Ground, name: str, count: int) -> dict[str, Any]:
    """The newest rotation of an environment, after the timer has begun it and it has ended."""
    look(ground)
    until(lambda: len(rotations(plane, name)) == count, f"{name} has not been rotated {count} times")
    return plane.wait(rotations(plane, name)[0]["id"])


def test_old_passwords_are_rotated_once_while_their_machines_run_and_people_are_told(strict_ground: Ground) -> None:
    ground = strict_ground
    with ground.client() as client, ground.simulation() as simulation:
        plane, azure = ControlPlane(client), AzureSide(simulation)
        for name in ("awake", "asleep"):
            plane.up(name)
        assert plane.follow(plane.post("asleep", "stop"))["outcome"] == "succeeded"
        look(ground)

    leap(ground, (DAYS + 1) * DAY)
    with ground.client() as client, ground.simulation() as simulation:
        plane, azure = ControlPlane(client), AzureSide(simulation)
        plane.up("young")
        ended = looked(plane, ground, "awake", 1)
        assert (ended["outcome"], ended["requested_by"], ended["channel"]) == ("succeeded", "timer", "timer")
        assert f"for more than {DAYS} days (try 1 of 3)." in ended["reason"]
        passwords = passwords_in_the_vault(ground, "awake")
        assert len(set(passwords)) == 2
        assert works(azure, "awake", passwords[-1])
        told = [message["body"] for message in azure.messages("/dormouse")]
        until(
            lambda: "password rotated" in str([message["body"] for message in azure.messages("/dormouse")]),
            f"no notification was sent: {told}",
        )

        assert plane.follow(plane.post("asleep", "start"))["outcome"] == "succeeded"
        assert looked(plane, ground, "asleep", 1)["outcome"] == "succeeded", "at the first look after its start"
        look(ground)
        plane.up("later")  # the timer has looked again, and long ago
        assert [len(rotations(plane, name)) for name in ("awake", "asleep", "young")] == [1, 1, 0]
        spoken = "\n".join(map(str, azure.messages("/dormouse")))
        assert not any(password in spoken for password in passwords)


def test_a_rotation_that_fails_leaves_the_age_and_is_tried_again_the_next_day(strict_ground: Ground) -> None:
    ground = strict_ground
    with ground.client() as client:
        ControlPlane(client).up("ml1")
    leap(ground, (DAYS + 1) * DAY)
    with ground.client() as client, ground.simulation() as simulation:
        plane, azure = ControlPlane(client), AzureSide(simulation)
        azure.spoil(method="POST", path="vm-ml1/runCommand", times=1, code="AuthorizationFailed", status=403)
        failed = looked(plane, ground, "ml1", 1)
        assert failed["outcome"] == "failed"
        first, second, third = passwords_in_the_vault(ground, "ml1")
        assert first == third != second, "the newest version has the old password again"
        look(ground)
        plane.up("later")
        assert len(rotations(plane, "ml1")) == 1, "not on the same day"
    leap(ground, 1.1 * DAY)
    with ground.client() as client, ground.simulation() as simulation:
        plane, azure = ControlPlane(client), AzureSide(simulation)
        ended = looked(plane, ground, "ml1", 2)
        assert ended["outcome"] == "succeeded", ended["reason"]
        assert "(try 2 of 3)." in ended["reason"]
        assert works(azure, "ml1", passwords_in_the_vault(ground, "ml1")[-1])
