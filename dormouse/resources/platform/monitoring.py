"""Log Analytics workspaces, and Application Insights with what Azure adds to it later.

https://learn.microsoft.com/rest/api/loganalytics/workspaces, https://learn.microsoft.com/rest/api/application-insights/components
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dormouse.resources.kinds import (
    Change,
    Difference,
    Observed,
    Outputs,
    ResourceKind,
    always_as_put,
    failed_or_as_put,
)
from dormouse.resources.naming import name_of
from dormouse.resources.network import in_group
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

WORKSPACES, COMPONENTS = "Microsoft.OperationalInsights/workspaces", "Microsoft.Insights/components"
RULES, ACTION_GROUPS = "microsoft.alertsManagement/smartDetectorAlertRules", "Microsoft.Insights/actionGroups"
# What a workspace shows that has no daily quota.
NO_QUOTA = -1.0


def log_workspace(
    target: DeploymentTarget, instance: str = "", retention_days: int = 30, daily_quota_gb: float = NO_QUOTA
) -> Resource:
    """A Log Analytics workspace; it keeps logs for so many days and takes so many GB a day (-1: without a limit).

    It is deleted before its group, because only its own deletion can be for good: the group's keeps it, with its name, for
    14 days. https://learn.microsoft.com/azure/azure-monitor/logs/delete-workspace
    """
    properties = {
        "sku": {"name": "PerGB2018"},
        "retentionInDays": retention_days,
        "workspaceCapping": {"dailyQuotaGb": daily_quota_gb},
        "features": {"disableLocalAuth": True},
    }
    workspace = in_group(target, "logs", LOG_WORKSPACE, target.called("log", instance), {"properties": properties})
    return replace(workspace, contained_in="")


def application_insights(target: DeploymentTarget, logs: Resource, instance: str = "") -> Resource:
    """Application Insights that keeps its data in this workspace.

    Without one, Azure would add a workspace in a group of its own, which has none of our tags.
    https://learn.microsoft.com/azure/azure-monitor/app/create-workspace-resource
    """
    properties = {"Application_Type": "web", "WorkspaceResourceId": logs.id, "DisableLocalAuth": True}
    body = {"kind": "web", "properties": properties}
    component = in_group(target, "insights", APPLICATION_INSIGHTS, target.called("appi", instance), body)
    return replace(component, needs=(*component.needs, logs.name))


def workspace_outputs(observed: Observed) -> Outputs:
    """The `id` of a workspace, and the `customer_id` by which it is queried."""
    return {"id": str(observed["id"]), "customer_id": str(observed["properties"].get("customerId", ""))}


def _workspace_drift(resource: Resource, observed: Observed) -> Change:
    change = Change.of(_differences(resource, observed))
    return change if change.differences else failed_or_as_put(resource, observed)


def _differences(resource: Resource, observed: Observed) -> Iterator[Difference]:
    """Azure changes both in place, and a workspace that it restores keeps the retention that it had."""
    shown, planned = observed["properties"], resource.body["properties"]
    if shown.get("retentionInDays") != planned["retentionInDays"]:
        days = str(shown.get("retentionInDays", ""))
        yield Difference("logs.retention_days", days, str(planned["retentionInDays"]))
    quota, wanted = (float((one.get("workspaceCapping") or {}).get("dailyQuotaGb", NO_QUOTA)) for one in (shown, planned))
    if quota != wanted:
        yield Difference("logs.daily_quota_gb", str(quota), str(wanted))


def _added_later(resource: Resource) -> Sequence[Resource]:
    """The alert rule and the action group that Azure adds minutes after a component, and keeps when it is deleted.

    https://learn.microsoft.com/azure/azure-monitor/alerts/proactive-failure-diagnostics,
    https://github.com/hashicorp/terraform-provider-azurerm/issues/18026 and https://github.com/CompositionalIT/farmer/issues/637
    """
    group = resource.id.partition("/providers/")[0]
    rule = f"{group}/providers/{RULES}/Failure Anomalies - {name_of(resource.id)}"
    action = f"{group}/providers/{ACTION_GROUPS}/Application Insights Smart Detection"
    return [
        Resource(f"{resource.name}-detection", ACTION_GROUP.name, action, needs=("group",), contained_in="group"),
        Resource(f"{resource.name}-anomalies", SMART_DETECTOR_RULE.name, rule, needs=("group",), contained_in="group"),
    ]


LOG_WORKSPACE = ResourceKind(
    "log_workspace",
    WORKSPACES,
    "2025-07-01",
    diff=_workspace_drift,
    outputs=workspace_outputs,
    actions=("Microsoft.OperationalInsights/locations/operationStatuses/read",),
)
APPLICATION_INSIGHTS = ResourceKind(
    "application_insights",
    COMPONENTS,
    "2020-02-02",
    outputs=lambda observed: {"id": str(observed["id"])},
    implied=_added_later,
)
SMART_DETECTOR_RULE = ResourceKind("smart_detector_rule", RULES, "2021-04-01", diff=always_as_put, added=True)
ACTION_GROUP = ResourceKind("action_group", ACTION_GROUPS, "2023-01-01", diff=always_as_put, added=True)
