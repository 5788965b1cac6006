"""What callers may do, by role and ownership: never more than the routes allow."""

import pytest

from dormouse.access.roles import Caller, Channel, Permission, Role
from dormouse.services import use_cases as use
from dormouse.services.views.rights import Me, may_with_environment, may_with_machine, permits
from tests.unit.builders import environment_record

RECORD = environment_record(owner_id="a-1")
EMPTY = environment_record(owner_id="a-1", resources=())
EVERYTHING = ("start", "stop", "restart", "hold", "extend", "delete")
KEEPING = ("hold", "extend")


def caller(role: Role | None, object_id: str = "") -> Caller:
    return Caller("ann", Channel.TOKEN, role, object_id)


@pytest.mark.parametrize(
    ("role", "object_id", "expected"),
    [
        (None, "a-1", ()),
        (Role.VIEWER, "a-1", ()),  # who owns it and lost the role may only look
        (Role.USER, "a-1", EVERYTHING),
        (Role.USER, "b-2", ()),
        (Role.USER, "", ()),
        (Role.OPERATOR, "", EVERYTHING),
        (Role.ADMIN, "b-2", EVERYTHING),
    ],
)
def test_environments_are_changed_by_owners_and_operators(
    role: Role | None, object_id: str, expected: tuple[str, ...]
) -> None:
    assert may_with_environment(caller(role, object_id), RECORD) == expected


def test_what_has_no_machine_can_only_be_deleted() -> None:
    assert may_with_environment(caller(Role.ADMIN), EMPTY) == ("delete",)


@pytest.mark.parametrize("role", [None, *Role])
def test_machines_are_kept_by_those_whom_their_routes_admit(role: Role | None) -> None:
    one = caller(role)
    assert may_with_machine(one, adopted=False) == (KEEPING if permits(one, use.KEEP_MACHINE.permission) else ())
    released = ("release",) if permits(one, use.ADOPT_MACHINE.permission) else ()
    assert may_with_machine(one, adopted=True) == (*may_with_machine(one, adopted=False), *released)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (None, ()),
        (Role.VIEWER, (Permission.LOOK,)),
        (Role.USER, (Permission.LOOK, Permission.OWN)),
        (Role.OPERATOR, (Permission.LOOK, Permission.OWN, Permission.OPERATE)),
        (Role.ADMIN, (Permission.LOOK, Permission.OWN, Permission.OPERATE)),
    ],
)
def test_callers_see_what_their_role_permits(role: Role | None, expected: tuple[Permission, ...]) -> None:
    assert Me.of(caller(role)) == Me("ann", Channel.TOKEN, role, expected)
