"""Outcomes: the advice for each refusal."""

import pytest

from dormouse.cloud.error_codes import refusal_of
from dormouse.environments.results import ADVICE, Refusal, RefusalReason

# As Azure words them; the names are left out.
CLIENT = "The client '0'"
LINKED = (
    f"{CLIENT} has permission to perform action 'Microsoft.Compute/virtualMachines/write' on scope '/s'; however, it does "
    "not have permission to perform action(s) 'Microsoft.Network/networkInterfaces/join/action' on the linked scope(s) '/n' "
    "(respectively) or the linked scope(s) are invalid."
)
KEY_VAULT = (
    "Caller is not authorized to perform action on resource.\r\nCaller: appid=0;oid=0\r\n"
    "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nResource: '/v'\r\nAssignment: (not found)"
)


def test_every_refusal_reason_has_advice() -> None:
    assert set(ADVICE) == set(RefusalReason)


@pytest.mark.parametrize(
    ("detail", "code", "permission"),
    [
        (
            f"{CLIENT} does not have authorization to perform action 'Microsoft.Compute/virtualMachines/read' over '/s'.",
            "AuthorizationFailed",
            "Microsoft.Compute/virtualMachines/read",
        ),
        (LINKED, "LinkedAuthorizationFailed", "Microsoft.Network/networkInterfaces/join/action on /n"),
        (KEY_VAULT, "Forbidden", "Microsoft.KeyVault/vaults/secrets/getSecret/action"),
    ],
)
def test_a_missing_permission_is_named(detail: str, code: str, permission: str) -> None:
    told = Refusal(RefusalReason.FORBIDDEN, detail, code, azure=True).explained()
    assert told.startswith(f"The control plane's identity needs a role with the permission {permission}. Azure's message: ")


@pytest.mark.parametrize(
    ("actions", "scopes", "named"),
    [
        ("a/write,b/join/action", "/x,/y", "permissions a/write on /x, b/join/action on /y"),
        ("a/write", "/x,/y", "permissions a/write on /x, a/write on /y"),  # as before 2024
        ("a/write,a/write", "/x,/x", "permission a/write on /x"),
        ("a/write,b/write", "/x", "permissions a/write, b/write"),
    ],
)
def test_every_missing_permission_is_named_with_the_resource_that_it_is_missing_on(
    actions: str, scopes: str, named: str
) -> None:
    detail = LINKED.replace("Microsoft.Network/networkInterfaces/join/action", actions).replace("'/n'", f"'{scopes}'")
    told = Refusal(RefusalReason.FORBIDDEN, detail, "LinkedAuthorizationFailed", azure=True).remedy
    assert told == f"The control plane's identity needs a role with the {named}."


@pytest.mark.parametrize(
    ("reason", "code", "advice"),
    [
        (RefusalReason.FORBIDDEN, "AuthorizationFailed", "The control plane's identity lacks the permission"),
        (RefusalReason.FORBIDDEN, "DenyAssignmentAuthorizationFailed", "A deny assignment forbids this"),
        (RefusalReason.NOT_REGISTERED, "MissingSubscriptionRegistration", "The subscription is not registered"),
        (RefusalReason.CONFLICT, "ReadOnlyDisabledSubscription", "The subscription is disabled"),
        (RefusalReason.NOT_FOUND, "SubscriptionNotFound", "Azure does not know the subscription"),
    ],
)
def test_a_refusal_without_a_named_permission_says_what_is_wrong(reason: RefusalReason, code: str, advice: str) -> None:
    refusal = refusal_of(409, code, "No.")
    assert refusal.reason is reason
    assert refusal.explained().startswith(advice)
