"""What is deployed fits the product: settings, tables, rights, roles, alerts, and the order in which Azure gets them."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from dormouse.blueprints.catalog import plan_for
from dormouse.blueprints.specs import read_spec
from dormouse.http.routes import ROUTES
from dormouse.records import (
    deduplication,
    environments,
    machines,
    operation_rows,
    power_history,
    prices,
    reconcile,
    report_pages,
)
from dormouse.resources.naming import table_prefix
from dormouse.resources.plan import Resource
from dormouse.resources.registry import KINDS
from dormouse.settings import Settings
from local.azure.services.authorization.assignments import CONDITION, SHARING
from release import permissions
from release.permissions import forbidden_with
from tests.infra.bicep import Declaration, Either, Expression, literals_in, read, walk
from tests.infra.test_bicep import FILES, INFRA, PARAMETERS
from tests.support import ROOT
from tests.unit.blueprints.test_ml_workspace import PARENT
from tests.unit.builders import SUBSCRIPTION, target

SETTINGS = {field.name.upper() for field in fields(Settings)}
# Of the Functions host and its libraries: https://learn.microsoft.com/azure/azure-functions/functions-app-settings
OF_THE_HOST = {
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__queueServiceUri",
    "AzureWebJobsStorage__tableServiceUri",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "AZURE_CLIENT_ID",
    "AZURE_TOKEN_CREDENTIALS",
    "DURABLE_TASK_SCHEDULER_CONNECTION_STRING",
}
# A Flex Consumption app ignores these, or its deployment ends with error 51021.
# https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations
FORBIDDEN = {
    "AzureWebJobsStorage",
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_MAX_HTTP_CONCURRENCY",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "TZ",
    "WEBSITES_CONTAINER_START_TIME_LIMIT",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTOVERVNET",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_DNS_SERVER",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_MOUNT_ENABLED",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_TIME_ZONE",
    "WEBSITE_VNET_ROUTE_ALL",
}
# Microsoft's IDs: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
BUILT_IN = {
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Monitoring Reader": "43d0d8ad-25c7-4714-9337-8ba259a9fe05",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Durable Task Data Contributor": "0ad04412-c4d5-4796-b79c-f76d14c8d402",
}
VAULT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.KeyVault/vaults/dm-aaaa"
ROLES: dict[str, list[str]] = json.loads((INFRA / "roles.json").read_text())


def app_settings() -> dict[str, Any]:
    settings: dict[str, Any] = read(INFRA / "modules" / "app.bicep").of("resource")["appSettings"].value["properties"]
    return settings


def test_the_app_gets_settings_that_it_knows_and_none_that_flex_forbids() -> None:
    given = set(app_settings())
    assert len(given) == 17
    assert given <= SETTINGS | OF_THE_HOST
    assert given >= OF_THE_HOST
    assert not given & FORBIDDEN
    for path in PARAMETERS:
        assert set(literals_in(path).get("settings", {})) <= SETTINGS


def test_the_app_starts_with_the_settings_as_azure_writes_them() -> None:
    guid = "0d0e5e00-0000-4000-8000-000000000001"
    known = {
        "subscription().subscriptionId": guid,
        "tenant().tenantId": guid,
        "deploymentId": "pro",
        "dashboardClientId": guid,
        "vault.properties.vaultUri": "https://dm-a.vault.azure.net/",
        "vault.id": VAULT,
        "storage.properties.primaryEndpoints.table": "https://dma.table.core.windows.net/",
    }
    ours = {name: known[value.text] for name, value in app_settings().items() if name in SETTINGS}
    settings = Settings.from_environment({**ours, "WEBSITE_HOSTNAME": "dm-a.azurewebsites.net"})
    assert (settings.key_vault_id, settings.deployment_id) == (VAULT, "pro")
    assert settings.control_plane_url == "https://dm-a.azurewebsites.net/api"


def test_every_table_of_the_records_is_created() -> None:
    tables = {
        *(environments.ENVIRONMENTS, operation_rows.OPERATIONS, environments.LOCKS),
        *(machines.HEARTBEATS, machines.MACHINES, report_pages.REPORTS),
        *(deduplication.RECEIPTS, power_history.POWER, prices.PRICES, reconcile.TABLE),
    }
    file = read(INFRA / "modules" / "storage.bicep")
    assert set(file.of("variable")["tables"].value) == tables
    assert (table_prefix("main"), table_prefix("dev")) == ("", "dev")
    prefix = read(INFRA / "main.bicep").of("module")["storage"].value["params"]["tablePrefix"]
    assert prefix == Either(("", Expression("deploymentId")))


def test_the_ids_of_built_in_roles_are_microsofts() -> None:
    assert json.loads((INFRA / "built-in-roles.json").read_text()) == BUILT_IN
    text = "".join((INFRA / name).read_text() for name in FILES)
    assert all(name in text for name in BUILT_IN), "a role that is not assigned"
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text), "an ID beside the list"


def assignments() -> list[tuple[str, Declaration]]:
    return [
        (name, one)
        for name in FILES
        for one in read(INFRA / name).of("resource").values()
        if one.type.startswith("Microsoft.Authorization/roleAssignments@")
    ]


@pytest.mark.parametrize(("name", "assignment"), [pytest.param(*one, id=one[1].name) for one in assignments()])
def test_a_role_assignment_can_be_repeated_and_names_a_new_identity(name: str, assignment: Declaration) -> None:
    body = assignment.value[0] if isinstance(assignment.value, list) else assignment.value
    assert re.fullmatch(r"guid\(\S+, principalId, .+\)", body["name"].text), "another principal needs another name"
    assert body["properties"]["principalType"] == "ServicePrincipal", "a new identity would not be found"


def _names_in(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """The names of things, with their keys, that a module gets or a resource has: texts with what they are made of."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _names_in(inner, name)
    elif key == "name" or key.endswith("Name"):
        yield key, value.text if isinstance(value, Expression) else str(value)


def test_every_name_contains_the_deployment_id() -> None:
    """What is not in the resource group of the deployment has a name that contains its ID; the rest is in that group."""
    main = read(INFRA / "main.bicep")
    assert main.of("variable")["unique"].value.text == "uniqueString(subscription().id, deploymentId, location)"
    assert "${deploymentId}" in main.of("resource")["group"].value["name"].text
    named = []
    for module in main.of("module").values():
        body = module.value[0] if isinstance(module.value, list) else module.value
        scope = body.get("scope")
        in_the_group = isinstance(scope, Expression) and scope.text == "group"
        assert in_the_group or "${deploymentId}" in body["name"].text, "deployments have names in their scope, too"
        named += [text for _, text in _names_in(body["params"]) if ".outputs." not in text]
    assert len(named) == 9
    assert [text for text in named if "${deploymentId}" not in text and "${unique}" not in text] == []


def test_names_that_are_unique_in_azure_or_in_the_tenant_differ_between_deployments_and_subscriptions() -> None:
    modules = read(INFRA / "main.bicep").of("module")
    for module, key in (("storage", "name"), ("vault", "name"), ("app", "appName")):
        assert "${unique}" in modules[module].value["params"][key].text
    rights = read(INFRA / "modules" / "rights.bicep").of("resource").values()
    roles = [one.value for one in rights if one.type.startswith("Microsoft.Authorization/roleDefinitions@")]
    assert len(roles) == 4
    for role in roles:
        assert re.fullmatch(r"guid\(here, deploymentId, '[a-z]+'\)", role["name"].text)
        text = role["properties"]["roleName"].text
        assert "(${deploymentId})" in text
        assert "${subscription().subscriptionId}" in text, "a watched subscription has a role of the same kind"


def test_the_role_of_building_allows_what_the_kinds_need_and_no_more() -> None:
    needed = {right for kind in KINDS.values() for right in kind.rights}
    # Everything may be read (the role Reader), and secrets by a data role on the vault.
    secrets = "Microsoft.KeyVault/vaults/secrets/"
    changes = {right for right in needed if not right.endswith("/read") and not right.startswith(secrets)}
    assert {*ROLES["provision"], *ROLES["share"]} == changes
    assert all(actions == sorted(actions) for name, actions in ROLES.items() if name != "assignable")


def test_what_leads_to_every_right_is_in_the_role_that_is_chosen_and_in_no_other() -> None:
    assignments = {f"Microsoft.Authorization/roleAssignments/{action}" for action in ("write", "delete")}
    assert {*ROLES["provision"]} & {*ROLES["share"]} == assignments, "with another condition"
    dangerous = {*permissions.FORBIDDEN} & {*ROLES["provision"], *ROLES["sweep"], *ROLES["adopt"]}
    assert dangerous == set()
    assert forbidden_with(["sweep", "provision"]) == permissions.FORBIDDEN
    assert {*permissions.FORBIDDEN} - {*forbidden_with(["share"])} == {*permissions.FORBIDDEN} & {*ROLES["share"]} != set()
    assert read(INFRA / "main.bicep").of("parameter")["sharing"].value is False


def test_sweeps_may_change_nothing_but_power_and_nobody_assigns_roles_without_the_condition() -> None:
    power = {f"Microsoft.Compute/virtualMachines/{action}/action" for action in ("start", "deallocate")}
    clusters = {
        "Microsoft.MachineLearningServices/workspaces/computes/write",
        "Microsoft.ContainerService/managedClusters/agentPools/write",
        # The address of the API server; what the sweep may read there is a role of the environment.
        "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",
        # Azure asks for it with each PUT of a pool.
        "Microsoft.Network/virtualNetworks/subnets/join/action",
    }
    assert set(ROLES["sweep"]) == power | clusters, "idle clusters and pools are scaled to zero"
    assert not [
        right for name in ("sweep", "adopt") for right in ROLES[name] if right.startswith("Microsoft.Authorization/")
    ]
    file = read(INFRA / "modules" / "rights.bicep")
    conditions = {
        one.name: one.value["properties"].get("condition") for one in file.of("resource").values() if one.name in ROLES
    }
    assert {name for name, condition in conditions.items() if condition} == {"provision", "share"}
    assert (conditions["provision"].text, conditions["share"].text) == ("condition", "peopleOnly")
    texts = {name: one.value.text for name, one in file.of("variable").items() if isinstance(one.value, Expression)}
    assert texts["condition"] == "trim(replace(loadTextContent('../assignment-condition.txt'), '<assignable>', ids))"
    assert texts["ids"] == "join(custom.assignable, ', ')"
    assert texts["peopleOnly"] == "trim(replace(loadTextContent('../sharing-condition.txt'), '<privileged>', privileged))"
    assert texts["privileged"] == "join(custom.privileged, ', ')"
    for name in ("provision", "share"):
        assert file.of("resource")[name].value["properties"]["conditionVersion"] == "2.0"
    assert SHARING.count(", ".join(ROLES["privileged"])) == 2
    assert CONDITION.count(", ".join(ROLES["assignable"])) == 2, "the simulation evaluates the text that is deployed"


def _is_for_people(resource: Resource) -> bool:
    """Whether a resource is a custom role, or an assignment by the role that gives people roles."""
    return resource.kind == "custom_role" or resource.settings.get("principal_type") in ("User", "Group")


def test_only_roles_that_blueprints_assign_may_be_assigned() -> None:
    assigned = set()
    for path in sorted((ROOT / "examples").glob("*.json")):
        spec = read_spec("ml1", json.loads(path.read_text()), caller_address="203.0.113.7", caller="ana")
        resources = plan_for(
            spec, target(vault=VAULT, vault_url="https://dm-aaaa.vault.azure.net", parents={"mlshared": PARENT})
        ).resources
        text = json.dumps([[one.body, one.settings] for one in resources if not _is_for_people(one)])
        assigned |= set(re.findall(r"roleDefinitions/([0-9a-f-]{36})", text))
    assert set(ROLES["assignable"]) == assigned


def test_the_app_is_built_after_everything_that_its_identity_needs() -> None:
    file = read(INFRA / "main.bicep")
    modules = file.of("module")
    after = {name: _modules_in(one) & set(modules) for name, one in modules.items()}

    def before(name: str) -> set[str]:
        return after[name] | {further for one in after[name] for further in before(one)}

    needs = {"identity", "storage", "vault", "monitoring", "rights", "network", "scheduler"}
    assert before("app") >= needs
    with_roles = {f"modules/{name}.bicep" for name in needs}
    assert {name for name, _ in assignments()} <= with_roles


def _modules_in(module: Declaration) -> set[str]:
    """The names in a module's declaration: those of modules are the ones that it waits for."""
    return {node.text.decode() for node in walk(module.node) if node.type == "identifier" and node.text} - {module.name}


def test_an_alert_compares_one_number_and_its_event_exists() -> None:
    file = read(INFRA / "modules" / "monitoring.bicep")
    rules = file.of("variable")["rules"].value
    assert {rule["name"] for rule in rules} == {"no-sweep", "not-confirmed", "failures"}
    written = "".join(path.read_text() for path in (ROOT / "activities").rglob("*.py"))
    for rule in rules:
        assert re.search(r"\| (summarize|extend) found = ", rule["query"]), "`count()` has one row even if nothing is found"
        for event in re.findall(r'\\"event\\": \\"([a-z ]+)\\"', rule["query"]):
            assert f'log_event("{event}"' in written
    (criterion,) = file.of("resource")["alerts"].value[0]["properties"]["criteria"]["allOf"]
    assert (criterion["metricMeasureColumn"], criterion["timeAggregation"]) == ("found", "Total")


def test_the_workbook_reads_events_that_are_written() -> None:
    queries = [item["content"]["query"] for item in json.loads((INFRA / "workbook.json").read_text())["items"]]
    written = "".join(path.read_text() for path in (ROOT / "activities").rglob("*.py"))
    assert len(queries) == 3
    for query in queries:
        (event,) = re.findall(r'"event": "([a-z ]+)"', query)
        assert f'log_event("{event}"' in written


def test_nothing_has_a_key_and_everything_is_encrypted_on_its_way() -> None:
    account = read(INFRA / "modules" / "storage.bicep").of("resource")["account"].value["properties"]
    assert (account["allowSharedKeyAccess"], account["allowBlobPublicAccess"], account["minimumTlsVersion"]) == (
        False,
        False,
        "TLS1_2",
    )
    app = read(INFRA / "modules" / "app.bicep").of("resource")["app"].value["properties"]
    assert (app["httpsOnly"], app["functionAppConfig"]["runtime"]) == (True, {"name": "python", "version": "3.13"})
    monitoring = read(INFRA / "modules" / "monitoring.bicep").of("resource")
    assert monitoring["component"].value["properties"]["DisableLocalAuth"] is True


def test_every_parameter_is_documented() -> None:
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "deployment.md").read_text(), re.MULTILINE)
    assert table == list(read(INFRA / "main.bicep").of("parameter"))


def test_heartbeats_write_no_request_records() -> None:
    levels = json.loads((ROOT / "host.json").read_text())["logging"]["logLevel"]
    (name,) = [name.removeprefix("Function.") for name in levels if name.startswith("Function.")]
    assert levels[f"Function.{name}"] == "Warning"
    assert name == next(route.handler.__name__ for route in ROUTES if route.template == "heartbeats")
