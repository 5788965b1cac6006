"""Role assignments: their names are derived from their content."""

import asyncio
from typing import Any

import pytest

from activities.resources.identity import put_role_assignment
from dormouse.blueprints.catalog import plan_for
from dormouse.environments.answers import Answer, Done, Refused
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import RefusalReason
from dormouse.resources.identity import assignment_id
from dormouse.resources.naming import name_of
from tests.unit.azure import Azure, cloud_over
from tests.unit.builders import target, workstation_spec

ROLE = plan_for(workstation_spec(), target()).resource("role")
EXISTS = {"error": {"code": "RoleAssignmentExists", "message": "The role assignment already exists."}}


def test_the_name_of_a_role_assignment_is_derived_from_its_content() -> None:
    name = name_of(assignment_id("/subscriptions/S/x", "P", "r"))
    assert name == name_of(assignment_id("/Subscriptions/s/X", "p", "R"))
    assert name != name_of(assignment_id("/subscriptions/s/x", "p2", "r"))


def assigned(status: int, body: Any, existing: tuple[str, ...] = ()) -> tuple[Answer, Azure]:
    """What Azure's answer to a role assignment comes to, for a VM that is among `existing` or new."""
    path = assignment_id(ROLE.settings["scope"], "p-1", ROLE.settings["role"])
    azure = Azure({}, {f"PUT {path}": (status, body, {})})
    request = PutRequest(ROLE, {"vm": {"principal_id": "p-1"}}, existing)
    return asyncio.run(put_role_assignment(request, cloud_over(azure))), azure


def test_a_role_is_assigned_to_the_identity_of_the_resource_that_it_reads() -> None:
    answer, azure = assigned(201, {"id": "/x"})
    assert answer == Done({"id": assignment_id(ROLE.settings["scope"], "p-1", ROLE.settings["role"])})
    assert azure.sent == [
        {
            "properties": {
                "roleDefinitionId": ROLE.settings["role"],
                "principalId": "p-1",
                "principalType": "ServicePrincipal",
            }
        }
    ]


@pytest.mark.parametrize(
    ("status", "body", "existing", "created"),
    [
        (201, {}, ("vm",), True),
        (200, {}, ("vm",), False),
        (409, EXISTS, ("vm",), False),
        (409, EXISTS, ("storage",), True),
        (200, {}, (), True),
    ],
)
def test_the_id_of_an_assignment_is_known_to_the_rollback_only_if_this_operation_created_it(
    status: int, body: dict[str, Any], existing: tuple[str, ...], created: bool
) -> None:
    answer, _ = assigned(status, body, existing)
    assert isinstance(answer, Done)
    assert bool(answer.outputs) is created


def test_an_assignment_that_azure_forbids_is_refused() -> None:
    answer, _ = assigned(403, {"error": {"code": "AuthorizationFailed", "message": "no"}})
    assert isinstance(answer, Refused)
    assert answer.refusal.reason is RefusalReason.FORBIDDEN
