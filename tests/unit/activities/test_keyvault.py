"""Passwords: long, mixed, safe to type."""

import asyncio
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.resources.keyvault import (
    delete_password,
    get_password,
    new_password,
    purge_password,
    put_password,
    renew_password,
    restore_password,
)
from dormouse.blueprints.catalog import plan_for
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.requests import PutRequest, SecretRequest
from dormouse.environments.results import RefusalReason
from tests.unit.azure import Azure, cloud_over
from tests.unit.builders import target, workstation_spec

PASSWORD = plan_for(workstation_spec(), target()).resource("password")
NAME, PATH = PASSWORD.id.removeprefix("secrets/"), f"/{PASSWORD.id}"
GONE: tuple[int, Any, dict[str, str]] = (404, {"error": {"code": "SecretNotFound", "message": "no"}}, {})
STORED = {"id": f"https://v.vault.azure.net{PATH}/1", "value": "it is not told"}


@given(st.builds(new_password))
def test_a_password_is_long_mixed_and_safe_to_type(password: str) -> None:
    assert len(password) >= 20
    assert all(
        set(password) & set(kind) for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.+=")
    )
    assert not set(password) & set("'\"`$\\ !&<>|;#%")


def put(existing: tuple[str, ...] = (), **answers: tuple[int, Any, dict[str, str]]) -> tuple[Answer, Azure]:
    """What comes of putting the password of an environment, some of whose resources existed before."""
    paths = {"get": f"GET {PATH}", "set": f"PUT {PATH}", "recover": f"POST /deletedsecrets/{NAME}/recover"}
    azure = Azure({}, {f"GET {PATH}": GONE, **{paths[name]: answer for name, answer in answers.items()}})
    return asyncio.run(put_password(PutRequest(PASSWORD, existing=existing), cloud_over(azure))), azure


def test_a_password_is_made_once_and_leaves_only_to_the_vault() -> None:
    answer, azure = put(set=(200, STORED, {}))
    assert answer == Done()
    assert azure.asked == [f"GET {PATH}", f"PUT {PATH}"]
    body = azure.sent[-1]
    assert (len(body["value"]), body["contentType"], body["tags"]) == (24, "password", PASSWORD.body["tags"])
    again, repeated = put(get=(200, STORED, {}))
    assert (again, repeated.asked) == (Done(), [f"GET {PATH}"])


def test_the_password_of_a_vm_that_exists_is_recovered_and_never_made_anew() -> None:
    answer, azure = put(("vm",), recover=(200, {}, {}))
    assert isinstance(answer, Pending), "the vault needs time to recover a secret"
    assert azure.asked == [f"GET {PATH}", f"POST /deletedsecrets/{NAME}/recover"]


def test_a_purged_password_of_a_vm_that_exists_is_a_conflict() -> None:
    answer, _ = put(("vm",), recover=(404, {"error": {"code": "SecretNotFound", "message": "no"}}, {}))
    assert isinstance(answer, Refused)
    assert answer.refusal.reason is RefusalReason.CONFLICT
    assert "was purged" in answer.refusal.detail


def test_a_deleted_secret_of_the_same_name_is_recovered_instead_of_set() -> None:
    deleted = {"error": {"code": "Conflict", "message": "Secret x is currently in a deleted but recoverable state."}}
    answer, azure = put(set=(409, deleted, {}), recover=(200, {}, {}))
    assert isinstance(answer, Pending)
    assert azure.asked[-1] == f"POST /deletedsecrets/{NAME}/recover"


@pytest.mark.parametrize(("what", "code"), [("deleted", "ObjectIsBeingDeleted"), ("recovered", "ObjectIsBeingRecovered")])
@pytest.mark.parametrize("more", ["", " and cannot be re-created; retry later"])
def test_a_secret_whose_name_is_still_being_deleted_or_recovered_is_set_later(what: str, code: str, more: str) -> None:
    text = f"Secret x is currently being {what}{more}."
    moving = {"error": {"code": "Conflict", "message": text, "innererror": {"code": code}}}
    answer, azure = put(set=(409, moving, {}))
    assert isinstance(answer, Pending)
    assert azure.asked == [f"GET {PATH}", f"PUT {PATH}"]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (409, "Secret x is currently being deleted."),
        (409, "Secret x is currently being recovered."),
        (400, "Secret exists already: x"),
    ],
)
def test_a_secret_that_is_on_its_way_is_waited_for(status: int, message: str) -> None:
    answer, azure = put(("vm",), recover=(status, {"error": {"code": "Conflict", "message": message}}, {}))
    assert isinstance(answer, Pending)
    assert azure.asked[-1] == f"POST /deletedsecrets/{NAME}/recover"


def test_whether_a_secret_exists_is_told_without_its_value() -> None:
    azure = Azure({PATH: STORED})
    assert asyncio.run(get_password(PASSWORD, cloud_over(azure))) == {"name": NAME}
    assert asyncio.run(get_password(PASSWORD, cloud_over(Azure({})))) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, Done), (204, Done), (404, Done), (429, Pending), (409, Pending), (503, Pending), (403, Refused)],
)
def test_deleting_and_purging_a_secret_ends_when_it_is_gone(status: int, kind: type[Answer]) -> None:
    for act, path in ((delete_password, PATH), (purge_password, f"/deletedsecrets/{NAME}")):
        azure = Azure({}, {f"DELETE {path}": (status, {}, {})})
        assert isinstance(asyncio.run(act(PASSWORD, cloud_over(azure))), kind)
        assert azure.asked == [f"DELETE {path}"]


OPERATION, VAULT = "ml1-rotate-password-01M80AKRESFYRXQ716J26R1AX0", "https://v.vault.azure.net"
SECRET_REQUEST = SecretRequest(OPERATION, PASSWORD)


def stored(azure: Azure) -> list[Any]:
    """What was sent to the vault to be stored."""
    return [body for body in azure.sent if body]


def bundle(version: str, value: str = "it is not told", **tags: str) -> tuple[int, Any, dict[str, str]]:
    """A version of the secret as the vault shows it."""
    return 200, {"id": f"{VAULT}{PATH}/{version}", "value": value, "tags": tags, "attributes": {"enabled": True}}, {}


def test_a_renewal_stores_a_new_version_that_names_the_operation_and_the_one_before() -> None:
    azure = Azure({}, {f"GET {PATH}": bundle("v1", dormouse="ml1"), f"PUT {PATH}": bundle("v2")})
    answer = asyncio.run(renew_password(SECRET_REQUEST, cloud_over(azure)))
    assert isinstance(answer, Done)
    assert answer.outputs["previous"] == "v1"
    (body,) = stored(azure)
    assert (len(body["value"]), body["value"] in str(answer)) == (24, False)
    assert body["tags"] == {
        "dormouse": "ml1",
        "dormouse-rotation": OPERATION,
        "dormouse-previous": "v1",
        "dormouse-password-since": "1970-01-01T00:00:00Z",
    }


def test_a_renewal_that_runs_twice_makes_one_version() -> None:
    made = bundle("v2", **{"dormouse-rotation": OPERATION, "dormouse-previous": "v1"})
    azure = Azure({}, {f"GET {PATH}": made})
    answer = asyncio.run(renew_password(SECRET_REQUEST, cloud_over(azure)))
    assert (answer, stored(azure)) == (Done({"previous": "v1", "current": "v2"}), [])


def test_a_restoration_stores_the_earlier_password_once() -> None:
    wanted = SecretRequest(OPERATION, PASSWORD, "v1")
    newest = bundle("v2", "new", **{"dormouse-rotation": OPERATION})
    azure = Azure({}, {f"GET {PATH}/v1": bundle("v1", "old"), f"GET {PATH}": newest, f"PUT {PATH}": bundle("v3")})
    answer = asyncio.run(restore_password(wanted, cloud_over(azure)))
    assert isinstance(answer, Done)
    assert ([body["value"] for body in stored(azure)], "old" in str(answer)) == (["old"], False)
    made = bundle("v3", "old", **{"dormouse-rotation": f"{OPERATION} restored", "dormouse-previous": "v2"})
    again = Azure({}, {f"GET {PATH}/v1": bundle("v1", "old"), f"GET {PATH}": made})
    assert asyncio.run(restore_password(wanted, cloud_over(again))) == Done({"previous": "v2", "current": "v3"})
    assert stored(again) == []


@pytest.mark.parametrize(
    ("tags", "since"),
    [
        ({}, "2026-05-01T12:00:00Z"),
        ({"dormouse-password-since": "2026-01-01T00:00:00Z"}, "2026-01-01T00:00:00Z"),
    ],
)
def test_a_restored_password_is_as_old_as_it_is(tags: dict[str, str], since: str) -> None:
    _, earlier, _ = bundle("v1", "old", **tags)
    earlier["attributes"]["created"] = 1_777_636_800
    newest = bundle("v2", "new", **{"dormouse-password-since": "2026-11-01T00:00:00Z"})
    azure = Azure({}, {f"GET {PATH}/v1": (200, earlier, {}), f"GET {PATH}": newest, f"PUT {PATH}": bundle("v3")})
    asyncio.run(restore_password(SecretRequest(OPERATION, PASSWORD, "v1"), cloud_over(azure)))
    assert [body["tags"]["dormouse-password-since"] for body in stored(azure)] == [since]


def test_a_secret_that_does_not_exist_is_not_renewed() -> None:
    azure = Azure({}, {f"GET {PATH}": GONE})
    answer = asyncio.run(renew_password(SECRET_REQUEST, cloud_over(azure)))
    assert isinstance(answer, Refused)
    assert (answer.refusal.reason, stored(azure)) == (RefusalReason.NOT_FOUND, [])
