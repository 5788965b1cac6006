"""Requests for vaults, workspaces, registries, custom roles, budgets and accounts, against Azure in memory."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from activities.resources.identity import get_role_assignment, put_role_assignment
from activities.resources.platform.budgets import put_budget
from activities.resources.platform.custom_roles import delete_role
from activities.resources.platform.monitoring import delete_workspace, put_workspace
from activities.resources.platform.registries import registry_names_are_free
from activities.resources.platform.vaults import list_deleted_vaults, purge_vault, put_vault
from dormouse.blueprints.catalog import plan_for
from dormouse.blueprints.ml_shared import MLSharedSpec
from dormouse.cloud.plain_requests import list_at
from dormouse.environments.answers import Answer, Done, Pending, Refused
from dormouse.environments.operations import OperationRecord
from dormouse.environments.requests import PutRequest
from dormouse.environments.results import RefusalReason
from dormouse.errors import CloudUnavailable
from dormouse.lifecycle import Verb
from dormouse.records.environments import Records
from dormouse.resources.identity import role_assignment_at
from dormouse.resources.naming import name_of
from dormouse.resources.platform.identities import user_assigned_identity
from dormouse.resources.platform.vaults import KEY_VAULT
from tests.unit.azure import Azure, cloud_over
from tests.unit.builders import SUBSCRIPTION, ULID, target
from tests.unit.twins import SETTINGS, MemoryTables

T = TypeVar("T")
SPEC = MLSharedSpec.model_validate(
    {"blueprint": "ml-shared", "region": "westeurope", "stage": "dev", "budget": {"amount": 9}}
)
PLAN = plan_for(SPEC, target())
VAULT, LOGS, ROLE = (PLAN.resource(name) for name in ("vault", "logs", "model-developer"))
REGISTRY, BUDGET = PLAN.resource("staging"), PLAN.resource("budget")
ROOT = f"/subscriptions/{SUBSCRIPTION}"
DELETED = f"{ROOT}/providers/Microsoft.KeyVault"
TENANT = {ROOT: {"tenantId": "t-1"}}
MINE = {"vaultId": VAULT.id, "location": "westeurope", "tags": {"dormouse-operation": f"ml1-provision-{ULID}"}}
HELD: tuple[int, Any, dict[str, str]] = (
    409,
    {"error": {"code": "ConflictError", "message": "exists in deleted state."}},
    {},
)
OURS = replace(SETTINGS, azure_subscription_id=SUBSCRIPTION)


def ran(request: Awaitable[T]) -> T:
    async def awaited() -> T:
        return await request

    return asyncio.run(awaited())


def put(azure: Azure) -> Answer:
    return ran(put_vault(PutRequest(VAULT), cloud_over(azure, settings=OURS)))


def test_a_vault_is_put_in_the_tenant_of_the_subscription() -> None:
    azure = Azure(TENANT)
    assert put(azure) == Done()
    assert azure.sent[-1]["properties"]["tenantId"] == "t-1"
    assert "createMode" not in azure.sent[-1]["properties"]


def test_a_deleted_vault_with_the_same_id_is_recovered_and_then_put_again() -> None:
    path = f"{DELETED}/locations/westeurope/deletedVaults/{name_of(VAULT.id)}"
    azure = Azure({**TENANT, path: {"properties": MINE}}, {f"PUT {VAULT.id}": HELD})
    answer = put(azure)
    assert isinstance(answer, Refused), "the twin refuses also the recovery"
    assert [one["properties"].get("createMode") for one in azure.sent if one] == [None, "recover"]


def test_the_name_of_a_deleted_vault_of_others_is_not_taken() -> None:
    path = f"{DELETED}/locations/westeurope/deletedVaults/{name_of(VAULT.id)}"
    other = {**MINE, "vaultId": f"{ROOT}/resourceGroups/theirs/x", "scheduledPurgeDate": "2026-12-07"}
    azure = Azure({**TENANT, path: {"properties": other}}, {f"PUT {VAULT.id}": HELD})
    answer = put(azure)
    assert isinstance(answer, Refused)
    assert answer.refusal.reason is RefusalReason.NAME_TAKEN
    assert "/theirs/x" in answer.refusal.detail
    assert "2026-12-07" in answer.refusal.detail
    assert len([one for one in azure.asked if one.startswith("PUT")]) == 1


def test_a_vault_that_was_purged_between_is_refused_as_azure_says() -> None:
    answer = put(Azure(TENANT, {f"PUT {VAULT.id}": HELD}))
    assert isinstance(answer, Refused)
    assert answer.refusal.reason is RefusalReason.SOFT_DELETED


def test_only_deleted_vaults_in_the_group_of_the_environment_and_of_its_operations_are_ours() -> None:
    tables = MemoryTables()
    operation = OperationRecord(f"ml1-provision-{ULID}", "ml1", Verb.PROVISION, "ann", "")
    ran(Records(tables).remember_operation(operation))
    others = [
        {**MINE, "vaultId": VAULT.id.replace("rg-dormouse-ml1/", "rg-dormouse-ml10/")},
        {**MINE, "tags": {"dormouse-operation": f"ml1-provision-{ULID[:-1]}1"}},
        {**MINE, "tags": None},
    ]
    listed = [{"properties": one} for one in (MINE, *others)]
    azure = Azure({f"{DELETED}/deletedVaults": {"value": listed}})
    cloud = cloud_over(azure, tables, OURS)
    (found,) = ran(list_deleted_vaults("ml1", cloud))
    assert KEY_VAULT.label(found) == KEY_VAULT.label(VAULT), "a deletion waits for what it has deleted"
    purging = f"POST {DELETED}/locations/westeurope/deletedVaults/{found.name}/purge"
    azure.answers = {purging.lower(): (202, None, {"Location": f"{OURS.azure_resource_manager_url}/x", "Retry-After": "5"})}
    answer = ran(purge_vault(found, cloud))
    assert isinstance(answer, Pending)
    azure.answers = {purging.lower(): (404, {"error": {"code": "DeletedVaultNotFound", "message": "gone"}}, {})}
    assert ran(purge_vault(found, cloud)) == Done()


@pytest.mark.parametrize(
    ("shown", "state", "puts", "pending"),
    [
        (None, "Creating", 1, "url"),
        (None, "Restoring", 1, "again"),
        ("Restoring", "", 0, "again"),
        ("Succeeded", "Updating", 1, "url"),
    ],
)
def test_a_workspace_that_azure_restores_is_put_once_more(shown: str | None, state: str, puts: int, pending: str) -> None:
    azure = Azure({LOGS.id: {"properties": {"provisioningState": shown}}} if shown else {})
    azure.answers = {f"PUT {LOGS.id}".lower(): (201, {"properties": {"provisioningState": state}}, {})}
    answer = ran(put_workspace(PutRequest(LOGS), cloud_over(azure)))
    assert isinstance(answer, Pending)
    assert bool(answer.url) is (pending == "url")
    assert len([one for one in azure.asked if one.startswith("PUT")]) == puts


def test_a_workspace_is_deleted_for_good() -> None:
    azure = Azure({})
    assert ran(delete_workspace(LOGS, cloud_over(azure))) == Done()
    assert azure.asked == [f"DELETE {LOGS.id}"]
    assert "force=true" in azure.urls[-1]


@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        ((200, {"nameAvailable": True}, {}), []),
        ((200, {"nameAvailable": False, "reason": "AlreadyExists", "message": "in use"}, {}), [RefusalReason.NAME_TAKEN]),
        ((403, {"error": {"code": "AuthorizationFailed", "message": "no"}}, {}), [RefusalReason.FORBIDDEN]),
    ],
)
def test_the_names_of_new_registries_are_checked(answer: Any, reasons: list[RefusalReason]) -> None:
    path = f"{ROOT}/providers/Microsoft.ContainerRegistry/checkNameAvailability"
    cloud = cloud_over(Azure({}, {f"POST {path}": answer}), settings=OURS)
    changed = replace(REGISTRY, before={"staging.sku": "Basic"})
    found = ran(registry_names_are_free(PLAN, [VAULT, REGISTRY, changed], cloud))
    assert [one.reason for one in found] == reasons


def test_without_an_answer_about_a_name_the_check_was_not_made() -> None:
    path = f"{ROOT}/providers/Microsoft.ContainerRegistry/checkNameAvailability"
    azure = Azure({}, {f"POST {path}": (503, {"error": {"code": "ServerTimeout", "message": "later"}}, {})})
    with pytest.raises(CloudUnavailable):
        ran(registry_names_are_free(PLAN, [REGISTRY], cloud_over(azure, settings=OURS)))


def test_a_role_that_is_still_assigned_is_refused_with_its_assignments() -> None:
    assigned = {"error": {"code": "RoleDefinitionHasAssignments", "message": "There are existing role assignments."}}
    listed = [{"id": f"/a/{n}", "properties": {"roleDefinitionId": ROLE.id.upper() if n else "/other"}} for n in range(13)]
    path = f"{ROOT}/providers/Microsoft.Authorization/roleAssignments"
    azure = Azure({path: {"value": listed}}, {f"DELETE {ROLE.id}": (400, assigned, {})})
    answer = ran(delete_role(ROLE, cloud_over(azure, settings=OURS)))
    assert isinstance(answer, Refused)
    assert "/a/1, /a/2," in answer.refusal.detail
    assert answer.refusal.detail.endswith("/a/10 and 2 more.")
    azure.shows[path.lower()] = {"value": listed[:1]}
    hidden = ran(delete_role(ROLE, cloud_over(azure, settings=OURS)))
    assert isinstance(hidden, Refused)
    assert "look in other subscriptions" in hidden.refusal.detail


def test_a_list_is_read_page_by_page_and_from_this_host_only() -> None:
    base = SETTINGS.azure_resource_manager_url.rstrip("/")
    pages = {
        "/list": {"value": [{"n": 1}], "nextLink": f"{base}/more?x=1"},
        "/more": {"value": [{"n": 2}], "nextLink": "https://evil/x"},
    }
    azure = Azure(pages)
    assert ran(list_at(cloud_over(azure), "/list", "2022-04-01")) == [{"n": 1}, {"n": 2}]
    assert azure.asked == ["GET /list", "GET /more"]


def test_a_new_budget_begins_this_month_and_an_existing_one_keeps_its_beginning() -> None:
    azure = Azure({})
    assert ran(put_budget(PutRequest(BUDGET), cloud_over(azure))) == Done()
    assert azure.sent[-1]["properties"]["timePeriod"] == {"startDate": "1970-01-01T00:00:00Z"}
    assert "eTag" not in azure.sent[-1]
    there = {"eTag": "1", "properties": {"timePeriod": {"startDate": "1969-12-01T00:00:00Z"}}}
    azure = Azure({BUDGET.id: there})
    ran(put_budget(PutRequest(BUDGET), cloud_over(azure)))
    assert azure.sent[-1]["eTag"] == "1"
    assert azure.sent[-1]["properties"]["timePeriod"] == {"startDate": "1969-12-01T00:00:00Z"}


IDENTITY = user_assigned_identity(target())
ELSEWHERE = role_assignment_at(target(), "pull", "r", of=IDENTITY, scope=f"{ROOT}/resourceGroups/shared")


@pytest.mark.parametrize(("principal", "outdated"), [("p-1", False), ("p-2", True), (None, True)])
def test_an_assignment_outside_of_the_environment_is_outdated_with_another_identity(
    principal: str | None, outdated: bool
) -> None:
    shown: dict[str, Any] = {ELSEWHERE.id: {"properties": {"principalId": "p-1"}}}
    if principal:
        shown[IDENTITY.id] = {"id": IDENTITY.id, "properties": {"principalId": principal, "clientId": "c"}}
    found = ran(get_role_assignment(ELSEWHERE, cloud_over(Azure(shown))))
    assert found is not None
    assert found["outdated"] is outdated


def test_an_outdated_assignment_is_deleted_and_put_again() -> None:
    other = {"error": {"code": "RoleAssignmentUpdateNotPermitted", "message": "no"}}
    azure = Azure({}, {f"PUT {ELSEWHERE.id}": (400, other, {})})
    request = PutRequest(ELSEWHERE, {"identity": {"principal_id": "p-2"}})
    answer = ran(put_role_assignment(request, cloud_over(azure)))
    assert isinstance(answer, Pending)
    assert azure.asked == [f"PUT {ELSEWHERE.id}", f"DELETE {ELSEWHERE.id}"]


def test_histories_of_earlier_releases_name_principals_otherwise() -> None:
    request = PutRequest(ELSEWHERE, {"identity": {"principal": "p-1"}})
    azure = Azure({})
    ran(put_role_assignment(request, cloud_over(azure)))
    assert azure.sent[-1]["properties"]["principalId"] == "p-1"


def test_an_assignment_of_a_role_that_azure_does_not_know_yet_is_repeated() -> None:
    early = {"error": {"code": "RoleDefinitionDoesNotExist", "message": "The specified role definition does not exist."}}
    azure = Azure({}, {f"PUT {ELSEWHERE.id}": (404, early, {})})
    request = PutRequest(ELSEWHERE, {"identity": {"principal_id": "p-1"}})
    assert isinstance(ran(put_role_assignment(request, cloud_over(azure))), Pending)
