"""What Azure adds to Application Insights, settings that outlive their resource, and budgets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from tests.contract.azure import Azure

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
LOGS = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/main"
COMPONENT = f"{GROUP}/providers/Microsoft.Insights/components/app"
RULE = f"{GROUP}/providers/microsoft.alertsManagement/smartDetectorAlertRules/Failure%20Anomalies%20-%20app"
ACTIONS = f"{GROUP}/providers/Microsoft.Insights/actionGroups/Application%20Insights%20Smart%20Detection"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-lab"
SETTING = f"{VAULT}/providers/Microsoft.Insights/diagnosticSettings/logs"
BUDGET = f"{GROUP}/providers/Microsoft.Consumption/budgets/month"
VERSIONS = {LOGS: "2025-07-01", COMPONENT: "2020-02-02", RULE: "2021-04-01", ACTIONS: "2023-01-01", VAULT: "2026-05-15"}
VERSIONS |= {SETTING: "2021-05-01-preview", BUDGET: "2024-08-01"}
LONGEST = 900.0


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    azure = Azure(tmp_path)
    azure.manage("PUT", f"{GROUP}?api-version=2024-03-01", {"location": "westeurope"})
    ask(azure, "PUT", LOGS, location="westeurope")
    azure.finish()
    yield azure
    azure.close()


def ask(azure: Azure, method: str, path: str, **body: Any) -> Answer:
    return azure.manage(method, f"{path}?api-version={VERSIONS[path]}", body or None)


def put_vault(azure: Azure, **more: Any) -> Answer:
    properties = {"tenantId": "t", "sku": {"family": "A", "name": "standard"}, **more}
    return ask(azure, "PUT", VAULT, location="westeurope", properties=properties)


def test_a_rule_and_an_action_group_come_minutes_after_a_component_and_stay_when_it_goes(azure: Azure) -> None:
    ask(azure, "PUT", COMPONENT, location="westeurope", kind="web", properties={"WorkspaceResourceId": LOGS})
    assert ask(azure, "GET", RULE).status == 404
    azure.pass_time(LONGEST)
    azure.finish()
    rule, actions = ask(azure, "GET", RULE), ask(azure, "GET", ACTIONS)
    assert (rule.status, rule.body["properties"]["scope"]) == (200, [COMPONENT])
    assert (actions.body["location"], actions.body["name"]) == ("Global", "Application Insights Smart Detection")
    assert ask(azure, "DELETE", COMPONENT).status == 200
    assert (ask(azure, "GET", RULE).status, ask(azure, "GET", ACTIONS).status) == (200, 200)
    assert [ask(azure, "DELETE", one).status for one in (RULE, ACTIONS, RULE)] == [200, 200, 204]


def test_nothing_is_added_to_a_component_that_is_gone(azure: Azure) -> None:
    ask(azure, "PUT", COMPONENT, location="westeurope", kind="web", properties={"WorkspaceResourceId": LOGS})
    ask(azure, "DELETE", COMPONENT)
    azure.pass_time(LONGEST)
    azure.finish()
    assert ask(azure, "GET", RULE).status == 404


def test_a_diagnostic_setting_outlives_its_resource_and_is_there_for_the_next_one(azure: Azure) -> None:
    logs = [{"categoryGroup": "allLogs", "enabled": True}]
    setting = {"workspaceId": LOGS, "logs": logs}
    assert ask(azure, "PUT", SETTING, properties=setting).status == 404, "nothing to set"
    put_vault(azure)
    assert ask(azure, "PUT", SETTING, properties={"logs": logs}).body["error"]["code"] == "BadRequest"
    elsewhere = {**setting, "workspaceId": f"{LOGS}x"}
    assert ask(azure, "PUT", SETTING, properties=elsewhere).status == 404
    assert ask(azure, "PUT", SETTING, properties=setting).body["properties"]["workspaceId"] == LOGS
    ask(azure, "DELETE", VAULT)
    assert ask(azure, "GET", SETTING).status == 404
    put_vault(azure, createMode="recover")
    assert ask(azure, "GET", SETTING).status == 200
    assert [ask(azure, "DELETE", SETTING).status for _ in range(2)] == [200, 204]


def budget(azure: Azure, start: str, **more: Any) -> dict[str, Any]:
    told = {"enabled": True, "operator": "GreaterThan", "threshold": 80, "contactRoles": ["Owner"]}
    period = {"startDate": start}
    return {
        "category": "Cost",
        "amount": 100,
        "timeGrain": "Monthly",
        "timePeriod": period,
        "notifications": {"a": told},
        **more,
    }


def test_a_budget_begins_this_month_and_is_changed_with_its_newest_etag(azure: Azure) -> None:
    month = f"{azure.world.text()[:7]}-01T00:00:00Z"
    first = ask(azure, "PUT", BUDGET, properties=budget(azure, month))
    assert first.status == 201
    changed = ask(azure, "PUT", BUDGET, eTag=first.body["eTag"], properties=budget(azure, month, amount=200))
    assert (changed.status, changed.body["properties"]["amount"]) == (200, 200)
    stale = ask(azure, "PUT", BUDGET, eTag=first.body["eTag"], properties=budget(azure, month))
    assert stale.status == 409
    assert [ask(azure, "DELETE", BUDGET).status for _ in range(2)] == [200, 204]
    assert ask(azure, "GET", BUDGET).status == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"timePeriod": {"startDate": "2020-01-01T00:00:00Z"}}, "first day of the present month"),
        ({"amount": 0}, "more than zero"),
        ({"notifications": {"a": {"enabled": True}}}, "no contact"),
        ({"notifications": {str(n): {"contactRoles": ["Owner"]} for n in range(6)}}, "at most 5"),
    ],
)
def test_a_budget_that_azure_does_not_take_is_refused(azure: Azure, change: dict[str, Any], words: str) -> None:
    month = f"{azure.world.text()[:7]}-01T00:00:00Z"
    refused = ask(azure, "PUT", BUDGET, properties=budget(azure, month, **change))
    assert refused.status == 400
    assert words in refused.body["error"]["message"]
