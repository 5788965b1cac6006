"""Roles and permissions, and ownership of environments."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from dormouse.access.roles import (
    Caller,
    Channel,
    ChatPerson,
    Permission,
    Role,
    highest,
    may_act,
    may_report_on,
    owns,
    read_chat_users,
    require_admin,
    require_can_own,
    require_own,
    require_permission,
)
from dormouse.errors import NotAllowed

ALICE, BOB = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
# Every role that is sufficient for each permission.
ENOUGH: dict[Permission, set[Role | None]] = {
    Permission.NOTHING: {None, *Role},
    Permission.LOOK: {Role.VIEWER, Role.USER, Role.OPERATOR, Role.ADMIN},
    Permission.REPORT: {Role.USER, Role.OPERATOR, Role.ADMIN},
    Permission.OWN: {Role.USER, Role.OPERATOR, Role.ADMIN},
    Permission.OPERATE: {Role.OPERATOR, Role.ADMIN},
}


def caller(role: Role | None, object_id: str = "") -> Caller:
    return Caller("alice", Channel.TOKEN, role, object_id)


def allowed(check: Callable[[], None]) -> bool:
    try:
        check()
    except NotAllowed:
        return False
    return True


@pytest.mark.parametrize("right", Permission)
@pytest.mark.parametrize("role", [None, *Role])
def test_a_permission_requires_its_role_or_a_higher_one(right: Permission, role: Role | None) -> None:
    assert allowed(lambda: require_permission(caller(role), right)) is (role in ENOUGH[right])


@pytest.mark.parametrize("right", Permission)
def test_the_app_role_for_reports_allows_nothing_else(right: Permission) -> None:
    reporter = replace(caller(None), reports=True)
    expected = right in (Permission.NOTHING, Permission.REPORT)
    assert allowed(lambda: require_permission(reporter, right)) is expected
    assert may_report_on(reporter, "anyone")
    assert not may_report_on(caller(Role.USER), "")


@pytest.mark.parametrize("role", [None, *Role])
def test_require_admin_accepts_only_admins(role: Role | None) -> None:
    assert allowed(lambda: require_admin(caller(role), "That")) is (role is Role.ADMIN)


def test_a_refusal_names_the_required_and_the_actual_role() -> None:
    with pytest.raises(NotAllowed, match=r"requires the role operator; your role is none\."):
        require_permission(caller(None), Permission.OPERATE)
    with pytest.raises(NotAllowed, match=r"requires the role operator; your role is viewer\."):
        require_permission(caller(Role.VIEWER), Permission.OPERATE)
    with pytest.raises(NotAllowed, match=r"^That requires the role admin; your role is user\."):
        require_admin(caller(Role.USER), "That")
    with pytest.raises(NotAllowed, match=r"your role is none\."):
        require_admin(caller(None), "That")


@pytest.mark.parametrize(
    ("mine", "owner", "own"), [(ALICE, ALICE, True), (ALICE, BOB, False), (ALICE, "", False), ("", ALICE, False)]
)
def test_ownership_is_decided_by_object_id(mine: str, owner: str, own: bool) -> None:
    assert owns(caller(Role.USER, mine), owner) is own


def test_a_caller_without_an_object_id_owns_nothing() -> None:
    nameless = caller(Role.USER)
    assert not owns(nameless, "")
    assert not may_act(nameless, "")
    with pytest.raises(NotAllowed):
        require_own(nameless, "")


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("owner", [ALICE, BOB, ""])
def test_operators_act_on_everything_and_users_on_what_they_own(role: Role | None, owner: str) -> None:
    everything = role in (Role.OPERATOR, Role.ADMIN)
    assert may_act(caller(role, ALICE), owner) is (everything or (role is Role.USER and owner == ALICE))


@pytest.mark.parametrize("role", [Role.USER, Role.OPERATOR, Role.ADMIN])
@pytest.mark.parametrize("object_id", [ALICE, ""])
def test_only_callers_who_can_own_an_environment_can_create_one(role: Role, object_id: str) -> None:
    assert allowed(lambda: require_can_own(caller(role, object_id))) is (role is not Role.USER or object_id == ALICE)


def test_chat_users_have_a_role_and_optionally_an_object_id() -> None:
    teams = f"teams:{ALICE.upper()}=operator"
    assert read_chat_users(f" slack:U1=user:{BOB.upper()}, ,{teams},generic:Ann=viewer") == {
        "slack:U1": ChatPerson(Role.USER, BOB),
        f"teams:{ALICE}": ChatPerson(Role.OPERATOR),
        "generic:Ann": ChatPerson(Role.VIEWER),
    }


@pytest.mark.parametrize("text", ["slack:U1", "slack:U1=chief", "mail:U1=user", "slack:U1=user:not-an-id", "slack:=user"])
def test_invalid_chat_users_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not like slack:"):
        read_chat_users(f"slack:U2=user, {text}")


@pytest.mark.parametrize(
    ("names", "role"),
    [([], None), (["chief"], None), (["user", "viewer"], Role.USER), (["admin", "viewer", "chief"], Role.ADMIN)],
)
def test_the_highest_of_several_roles_applies(names: list[str], role: Role | None) -> None:
    assert highest(names) is role
