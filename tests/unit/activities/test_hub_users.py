"""Requests for the named users of a machine: hashes go in, and the output of the script decides."""

import asyncio
from typing import Any

import pytest

from activities.resources.hub_users import PAUSE, get_users, put_users, read_users
from dormouse.blueprints.catalog import plan_for
from dormouse.blueprints.data_science import DataScienceSpec
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import RefusalReason
from dormouse.guest.password_change import hash_of
from dormouse.resources.plan import Resource
from tests.unit.azure import Azure, cloud_over
from tests.unit.builders import target

VERSION, PASSWORD = "0123456789abcdef0123456789abcdef", "aB3-_.+=aB3-_.+=aB3-_.+="
RESTARTS = "Cannot modify extensions in the VM when the VM is not running."
BUSY: Any = (409, {"error": {"code": "OperationNotAllowed", "message": RESTARTS}}, {})


def users_of(*names: str) -> Resource:
    body = {"blueprint": "data-science", "region": "westeurope", "allow_from": ["203.0.113.7/32"]}
    spec = DataScienceSpec.model_validate({**body, "users": [{"name": name} for name in names]})
    return plan_for(spec, target()).resource("users")


def put(users: Resource, *, update: bool = False, run: Any = (202, None, {})) -> tuple[Answer, Azure]:
    secrets: dict[str, Any] = {
        f"GET /secrets/{name}": (200, {"id": f"https://v.vault.azure.net/secrets/{name}/{VERSION}", "value": PASSWORD}, {})
        for name in users.settings.values()
    }
    path = users.id.rpartition("/")[0]
    azure = Azure({}, {**secrets, f"POST {path}/runCommand": run})
    return asyncio.run(put_users(PutRequest(users, update=update), cloud_over(azure))), azure


def output(*lines: str) -> dict[str, Any]:
    return {"properties": {"output": {"value": [{"message": "\n".join(("[stdout]", *lines, "[stderr]"))}]}}}


def test_the_machine_gets_hashes_and_no_passwords() -> None:
    _, azure = put(users_of("ben"))
    script = "\n".join(azure.sent[-1]["script"])
    assert f"ben - {VERSION} {hash_of(PASSWORD, VERSION)}" in script
    assert PASSWORD not in script


def test_a_machine_that_restarts_is_asked_again() -> None:
    answer, _ = put(users_of("ben"), run=BUSY)
    assert answer == Pending(PAUSE, detail="The machine takes no command now.")


def test_a_new_machine_without_users_needs_no_script_and_one_that_had_some_does() -> None:
    answer, azure = put(users_of())
    assert (answer, azure.asked) == (Done(), [])
    _, azure = put(users_of(), update=True)
    assert len(azure.asked) == 1


def test_the_output_of_the_script_decides() -> None:
    users = users_of("ben")
    assert read_users(users, output("dormouse-users passed 1 users can log in")) == Done()
    waiting = read_users(users, output("dormouse-users waiting the first boot is still in progress"))
    assert waiting == Pending(PAUSE, detail="the first boot is still in progress")
    failed = read_users(users, output("dormouse-users failed gdm is an account of the system"))
    assert isinstance(failed, Refused)
    assert failed.refusal.reason is RefusalReason.FAILED_LATE
    assert "gdm is an account of the system" in failed.refusal.detail
    assert isinstance(read_users(users, {}), Refused), "what says nothing is no confirmation"


@pytest.mark.parametrize(("status", "exists"), [(200, True), (404, False)])
def test_users_exist_as_long_as_their_machine_does(status: int, exists: bool) -> None:
    users = users_of("ben")
    path = users.id.rpartition("/")[0]
    body = {"id": path} if exists else {"error": {"code": "ResourceNotFound", "message": "no"}}
    azure = Azure({}, {f"GET {path}": (status, body, {})})
    found = asyncio.run(get_users(users.recorded(), cloud_over(azure)))
    assert (found is not None) is exists
