"""What makes the real Azure hard: throttling, staleness, names, API versions, capacity, soft delete, and random faults."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.faults import Fault
from local.azure.core.responses import Answer
from local.azure.core.store import Store
from local.azure.core.world import SUBSCRIPTION, StateError, World
from tests.contract.azure import Azure
from tests.contract.preparation import Preparation

ROOT = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{ROOT}/resourceGroups/g"
NETWORK, COMPUTE = f"{GROUP}/providers/Microsoft.Network", f"{GROUP}/providers/Microsoft.Compute"
VAULTS = f"{GROUP}/providers/Microsoft.KeyVault/vaults"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts"
VERSIONS = {"Compute": "2024-07-01", "Network": "2024-05-01", "KeyVault": "2024-11-01", "Storage": "2023-05-01"}


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    fresh = Azure(tmp_path)
    assert fresh.manage("PUT", f"{GROUP}?api-version=2024-11-01", {"location": "polandcentral"}).status == 201
    fresh.finish()
    yield fresh
    fresh.close()


def manage(azure: Azure, method: str, path: str, body: Any = None, version: str = "") -> Answer:
    provider = next((value for name, value in VERSIONS.items() if f"Microsoft.{name}" in path), "2024-11-01")
    return azure.manage(method, f"{path}?api-version={version or provider}", body)


def machine(azure: Azure, name: str = "vm") -> str:
    path = f"{COMPUTE}/virtualMachines/{name}"
    Preparation(azure).make(path)
    return path


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["error"]["code"]


def until_throttled(ask: Callable[[], Answer], most: int) -> tuple[int, Answer]:
    for count in range(most):
        answer = ask()
        if answer.status == 429:
            return count, answer
    raise AssertionError(f"{most} requests were answered")


def at_once(azure: Azure) -> None:
    """Stop time between requests."""
    azure.pass_time = lambda seconds: None  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("method", "size", "header"),
    [("GET", 250, "reads"), ("PUT", 200, "writes"), ("DELETE", 200, "deletes")],
)
def test_resource_manager_throttles_when_its_buckets_are_empty(azure: Azure, method: str, size: int, header: str) -> None:
    at_once(azure)
    body = {"location": "polandcentral"} if method == "PUT" else None
    path = GROUP if method != "DELETE" else f"{GROUP}x"
    first = manage(azure, method, path, body)
    assert first.headers.get(f"x-ms-ratelimit-remaining-subscription-{header}", str(size - 1)) == str(size - 1)
    count, refused = until_throttled(lambda: manage(azure, method, path, body), size + 5)
    assert count == size - 1
    assert error(refused) == (429, "SubscriptionRequestsThrottled")
    assert int(refused.headers["Retry-After"]) >= 1
    azure.clock.now_at += 10
    assert manage(azure, method, path, body).status != 429


def test_compute_throttles_per_machine_and_reports_the_remaining_requests(azure: Azure) -> None:
    path = machine(azure)
    at_once(azure)
    seen = manage(azure, "GET", path)
    assert seen.headers["x-ms-ratelimit-remaining-resource"].startswith("Microsoft.Compute/LowCostGet")
    count, refused = until_throttled(lambda: manage(azure, "GET", f"{path}/instanceView"), 60)
    assert count == 35
    assert error(refused) == (429, "OperationNotAllowed")
    assert refused.body["error"]["details"][0]["code"] == "TooManyRequests"
    assert (
        manage(azure, "GET", f"{COMPUTE}/virtualMachines/another").status == 404
    )  # another machine has a bucket of its own
    azure.clock.now_at += int(refused.headers["Retry-After"])
    assert manage(azure, "GET", path).status == 200


def test_deallocating_a_machine_uses_the_bucket_of_deletions(azure: Azure) -> None:
    path = machine(azure)
    at_once(azure)
    count, _ = until_throttled(lambda: manage(azure, "POST", f"{path}/deallocate"), 20)
    assert count == 12
    assert manage(azure, "POST", f"{path}/start").status == 202


def test_resource_graph_allows_fifteen_queries_in_five_seconds(azure: Azure) -> None:
    at_once(azure)
    path = "/providers/Microsoft.ResourceGraph/resources"

    def ask() -> Answer:
        body = {"query": "resources | project id", "subscriptions": [SUBSCRIPTION]}
        return azure.manage("POST", f"{path}?api-version=2022-10-01", body)

    assert ask().headers["x-ms-user-quota-remaining"] == "14"
    count, refused = until_throttled(ask, 20)
    assert (count, refused.body["error"]["code"]) == (14, "RateLimiting")
    azure.clock.now_at += 5
    assert ask().status == 200


def test_resource_graph_is_some_seconds_behind(azure: Azure) -> None:
    def listed() -> list[str]:
        body = {"query": "resources | project id", "subscriptions": [SUBSCRIPTION]}
        answer = azure.manage("POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01", body)
        return [row["id"] for row in answer.body["data"]]

    at_once(azure)
    path = f"{NETWORK}/networkSecurityGroups/n"
    assert manage(azure, "PUT", path, {"location": "polandcentral"}).status == 201
    assert listed() == []
    azure.clock.now_at += 60
    assert listed() == [path]
    azure.world.forget(path)
    assert listed() == [path]
    azure.clock.now_at += 60
    assert listed() == []


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        (GROUP, "", (400, "MissingApiVersionParameter")),
        (GROUP, "banana", (400, "InvalidApiVersionParameter")),
        (GROUP, "2031-01-01", (400, "InvalidApiVersionParameter")),
        (f"{NETWORK}/virtualNetworks/v", "banana", (400, "InvalidApiVersionParameter")),
        (f"{NETWORK}/virtualNetworks/v", "2031-01-01", (400, "NoRegisteredProviderFound")),
        (f"{NETWORK}/virtualNetworks/v", "2020-04-01", (501, "NotSimulated")),
    ],
)
def test_the_api_version_is_validated(azure: Azure, path: str, version: str, expected: tuple[int, str]) -> None:
    assert error(azure.manage("GET", f"{path}?api-version={version}" if version else path)) == expected


def put(azure: Azure, path: str, **body: Any) -> tuple[int, str]:
    answer = manage(azure, "PUT", path, {"location": "polandcentral", **body})
    return error(answer) if answer.status >= 400 else (answer.status, "")


RULE = {"protocol": "Tcp", "access": "Allow", "direction": "Inbound", "priority": 100, "sourceAddressPrefix": "*"}
RULE |= {"sourcePortRange": "*", "destinationPortRange": "22", "destinationAddressPrefix": "*"}


def rules(**changed: Any) -> dict[str, Any]:
    return {"properties": {"securityRules": [{"name": "r", "properties": {**RULE, **changed}}]}}


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (f"{ROOT}/resourceGroups/a~b", {}, "InvalidResourceGroup"),
        (f"{ROOT}/resourceGroups/ends.", {}, "InvalidResourceGroup"),
        (f"{ROOT}/resourceGroups/h", {"location": "atlantis"}, "LocationNotAvailableForResourceGroup"),
        (f"{NETWORK}/networkSecurityGroups/n!", {}, "InvalidResourceName"),
        (f"{NETWORK}/networkSecurityGroups/n", {"location": "atlantis"}, "LocationNotAvailableForResourceType"),
        (f"{NETWORK}/networkSecurityGroups/n", rules(destinationPortRange="66600"), "SecurityRuleInvalidPortRange"),
        (f"{NETWORK}/networkSecurityGroups/n", rules(sourceAddressPrefix="10.0.0.0/42"), "SecurityRuleInvalidAddressPrefix"),
        (f"{NETWORK}/networkSecurityGroups/n", rules(priority=5), "SecurityRuleInvalidPriority"),
        (f"{NETWORK}/networkSecurityGroups/n", rules(description="x" * 141), "SecurityRuleDescriptionTooLong"),
        (f"{NETWORK}/publicIPAddresses/p", {"properties": {"idleTimeoutInMinutes": 99}}, "PublicIPIdleTimeoutIsOutOfRange"),
        (
            f"{NETWORK}/publicIPAddresses/p",
            {"properties": {"dnsSettings": {"domainNameLabel": "A_B"}}},
            "InvalidDomainNameLabel",
        ),
        (f"{STORAGE}/Has-Capitals", {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}, "AccountNameInvalid"),
        (f"{STORAGE}/nosku", {"kind": "StorageV2"}, "InvalidRequestContent"),
        (f"{VAULTS}/double--hyphen", {"properties": {"sku": {}, "tenantId": "t"}}, "VaultNameNotValid"),
    ],
)
def test_invalid_bodies_are_rejected_with_azures_error_code(
    azure: Azure, path: str, body: dict[str, Any], code: str
) -> None:
    assert put(azure, path, **body) == (400, code)
    assert azure.world.resource(path) is None


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        (f"{NETWORK}/virtualNetworks/v", {"properties": {"enableDdosProtection": True}}, "enableDdosProtection = True"),
        (
            f"{NETWORK}/publicIPAddresses/p",
            {"properties": {"publicIPAddressVersion": "IPv6"}},
            "publicIPAddressVersion = 'IPv6'",
        ),
        (f"{COMPUTE}/virtualMachines/m", {"plan": {"name": "x"}}, "plan"),
        (f"{COMPUTE}/virtualMachines/m", {"properties": {"priority": "Low"}}, "priority = 'Low'"),
        (f"{COMPUTE}/virtualMachines/m", {"properties": {"banana": 1}}, "banana"),
        (f"{STORAGE}/st1", {"kind": "FileStorage"}, "kind = 'FileStorage'"),
    ],
)
def test_an_unsimulated_property_is_501_and_creates_nothing(
    azure: Azure, path: str, body: dict[str, Any], named: str
) -> None:
    answer = manage(azure, "PUT", path, {"location": "polandcentral", **body})
    assert error(answer) == (501, "NotSimulated")
    assert named in answer.body["error"]["message"]
    assert azure.world.resource(path) is None


@pytest.mark.parametrize(("zone", "code"), [("", "AllocationFailed"), ("2", "ZonalAllocationFailed")])
def test_a_machine_without_capacity_fails_when_its_operation_ends(azure: Azure, zone: str, code: str) -> None:
    size = "Standard_D2s_v5"
    azure.world.store.put("no capacity", f"westus/{zone}/{size}", {"full": True})
    path = f"{COMPUTE}/virtualMachines/vm"
    prepare = Preparation(azure)
    body = prepare.machine(path, {"location": "westus", "properties": {}, **({"zones": [zone]} if zone else {})})
    answer = manage(azure, "PUT", path, body)
    assert answer.status == 201
    azure.finish()
    poll = "/" + answer.headers["Azure-AsyncOperation"].split("/", 3)[3]
    assert azure.manage("GET", poll).body["error"]["code"] == code
    assert manage(azure, "GET", path).body["properties"]["provisioningState"] == "Failed"


def test_a_deallocated_machine_can_fail_to_start_for_lack_of_capacity(azure: Azure) -> None:
    path = machine(azure)
    manage(azure, "POST", f"{path}/deallocate")
    azure.finish()
    azure.world.store.put("no capacity", "westus//Standard_D2s_v5", {"full": True})
    answer = manage(azure, "POST", f"{path}/start")
    azure.finish()
    poll = "/" + answer.headers["Azure-AsyncOperation"].split("/", 3)[3]
    assert azure.manage("GET", poll).body["error"]["code"] == "AllocationFailed"
    statuses = manage(azure, "GET", f"{path}/instanceView").body["statuses"]
    assert statuses[-1]["code"] == "PowerState/deallocated"


def test_a_deleted_vault_keeps_its_name_until_it_is_purged(azure: Azure) -> None:
    path, body = f"{VAULTS}/vault1", {"properties": {"sku": {"family": "A", "name": "standard"}, "tenantId": "t"}}
    assert put(azure, path, **body)[0] == 200
    assert manage(azure, "DELETE", path).status == 200
    assert put(azure, path, **body) == (409, "ConflictError")
    gone = f"{ROOT}/providers/Microsoft.KeyVault/locations/polandcentral/deletedVaults/vault1"
    assert manage(azure, "GET", gone).status == 200
    assert manage(azure, "POST", f"{gone}/purge").status == 202
    azure.finish()
    assert error(manage(azure, "GET", gone)) == (404, "DeletedVaultNotFound")
    assert put(azure, path, **body)[0] == 200


def test_a_deleted_vault_can_be_recovered(azure: Azure) -> None:
    given = {"sku": {"family": "A", "name": "standard"}, "tenantId": "t"}
    put(azure, f"{VAULTS}/vault1", properties=given)
    manage(azure, "DELETE", f"{VAULTS}/vault1")
    assert put(azure, f"{VAULTS}/vault1", properties={**given, "createMode": "recover"})[0] == 200
    azure.world.store.put("taken names", "elsewhere", {"name": "elsewhere"})
    assert put(azure, f"{VAULTS}/elsewhere", properties=given) == (409, "VaultAlreadyExists")


def test_role_assignments_of_a_group_are_listed_by_principal_and_scope(azure: Azure) -> None:
    principal, name = Preparation(azure).principal(), azure.world.guid("name")
    role = f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions/{name}"
    path = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments"
    body = {"properties": {"roleDefinitionId": role, "principalId": principal}}
    assert azure.manage("PUT", f"{path}/{name}?api-version=2022-04-01", body).status == 201
    assert error(azure.manage("PUT", f"{path}/no-guid?api-version=2022-04-01", body)) == (400, "InvalidRoleAssignmentId")
    for asked, count in ((f"principalId eq '{principal}'", 1), ("atScope()", 1), (f"principalId eq '{name}'", 0)):
        answer = azure.manage("GET", f"{path}?api-version=2022-04-01&$filter={asked}")
        assert len(answer.body["value"]) == count, asked
    assert azure.manage("DELETE", f"{path}/{name}?api-version=2022-04-01").status == 200


def test_random_faults_hit_the_same_requests_in_every_run() -> None:
    def struck(seed: int) -> list[bool]:
        fault = Fault(chance=0.3, seed=seed)
        return [fault.strikes("GET", "/x", "") for _ in range(200)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 30 < sum(struck(1)) < 90


def test_a_false_timeout_reports_failure_and_creates_the_machine_later(azure: Azure) -> None:
    azure.world.faults.add({"effect": "late", "method": "PUT", "code": "OperationTimedOut", "path": "/vm", "seconds": 5000})
    path = machine(azure)
    assert azure.world.resource(path) is not None
    assert manage(azure, "GET", path).body["properties"]["provisioningState"] == "Succeeded"  # every operation has ended
    assert azure.world.faults.listed()[0]["spoilt"] == 1


def test_state_of_another_version_is_rejected(tmp_path: Path) -> None:
    store = Store(tmp_path / "azure.sqlite")
    store.put("facts", "clock", {"origin": 0, "speed": 1})
    with pytest.raises(StateError, match="another version"):
        World(store, speed=1, seed=1)
    store.close()


def test_a_fault_with_an_unknown_effect_is_rejected() -> None:
    with pytest.raises(TypeError, match="effect must be one of"):
        Fault(effect="explode")
