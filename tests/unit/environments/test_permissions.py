"""What the roles of an identity allow."""

import pytest

from dormouse.environments.permissions import RolePermission, missing_actions, permissions_named_in, unreadable

WRITE, DELETE = "Microsoft.Compute/virtualMachines/write", "Microsoft.Compute/virtualMachines/delete"


@pytest.mark.parametrize(
    ("actions", "not_actions", "allowed"),
    [
        (("*",), (), True),
        (("Microsoft.Compute/*",), (), True),
        (("microsoft.compute/VIRTUALMACHINES/write",), (), True),
        (("Microsoft.Compute/*/write",), (), True),
        (("*/read",), (), False),
        (("Microsoft.Compute/virtualMachines",), (), False),
        (("Microsoft.Compute/virtualMachines/write/action",), (), False),
        (("*",), ("Microsoft.Compute/*",), False),
        (("*",), ("Microsoft.Authorization/*/write",), True),
        (("Microsoft+Compute/virtualMachines/write",), (), False),
        ((), (), False),
    ],
)
def test_a_role_allows_actions_by_wildcards_without_its_exceptions(
    actions: tuple[str, ...], not_actions: tuple[str, ...], allowed: bool
) -> None:
    assert RolePermission(actions, not_actions).allows(WRITE) is allowed


def test_one_role_allows_what_another_one_excludes() -> None:
    contributor, vms = RolePermission(("*",), ("Microsoft.Compute/*",)), RolePermission((WRITE,))
    assert missing_actions([DELETE, WRITE, DELETE], [contributor, vms]) == [DELETE]
    assert missing_actions([WRITE], []) == [WRITE]


DISKS, CARDS = "Microsoft.Compute/disks", "Microsoft.Network/networkInterfaces"
CONTRIBUTOR = ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/elevateAccess/Action")


@pytest.mark.parametrize(
    ("roles", "unseen"),
    [
        ([RolePermission(("*/read",))], []),
        ([RolePermission(("*/Read",))], []),
        ([RolePermission(("*",), CONTRIBUTOR)], []),
        ([RolePermission((f"{DISKS}/write",)), RolePermission(("*/read",))], []),
        ([], [DISKS, CARDS, "other types"]),
        ([RolePermission(("*/read",), (f"{DISKS}/read",))], [DISKS, "other types"]),
        ([RolePermission(("*",), ("Microsoft.Storage/*",))], ["other types"]),
        ([RolePermission((f"{DISKS}/read", f"{CARDS}/*"))], ["other types"]),
        ([RolePermission(("Microsoft.Compute/*/read", "Microsoft.Network/*"))], ["other types"]),
    ],
)
def test_only_a_role_that_reads_everything_proves_that_nothing_is_hidden(
    roles: list[RolePermission], unseen: list[str]
) -> None:
    assert unreadable([DISKS, CARDS, DISKS], roles) == unseen


def test_a_message_without_a_permission_names_none() -> None:
    assert permissions_named_in("The client has no access.") == ""
