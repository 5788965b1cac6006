"""Diagnostic settings: the logs of a resource go to a workspace of Log Analytics.

https://learn.microsoft.com/rest/api/monitor/diagnostic-settings
"""

from dormouse.resources.kinds import UPDATE, Change, Observed, ResourceKind, always_as_put
from dormouse.resources.plan import Resource

SETTINGS = "Microsoft.Insights/diagnosticSettings"
NAME = "dormouse"


def diagnostic_setting(of: Resource, logs: Resource, below: str = "") -> Resource:
    """All logs of a resource, or of the part `below` it, in a workspace.

    It is deleted before its resource: it would outlive it, and another resource of the same ID would have it.
    https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings
    """
    body = {"properties": {"workspaceId": logs.id, "logs": [{"categoryGroup": "allLogs", "enabled": True}]}}
    path = f"{of.id}{below}/providers/{SETTINGS}/{NAME}"
    return Resource(f"{of.name}-logs", DIAGNOSTIC_SETTING.name, path, body, needs=(of.name, logs.name))


def _drift(resource: Resource, observed: Observed) -> Change:
    """A setting that sends to another workspace, or less than all logs, is put again."""
    shown, planned = observed["properties"], resource.body["properties"]
    elsewhere = str(shown.get("workspaceId") or "").lower() != planned["workspaceId"].lower()
    groups = {one.get("categoryGroup") for one in shown.get("logs") or [] if one.get("enabled")}
    return UPDATE if elsewhere or "allLogs" not in groups else always_as_put(resource, observed)


# Later versions are previews, too. The linked right: https://github.com/JimGBritt/AzurePolicy/issues/17
DIAGNOSTIC_SETTING = ResourceKind(
    "diagnostic_setting",
    SETTINGS,
    "2021-05-01-preview",
    diff=_drift,
    attached=True,
    actions=("Microsoft.OperationalInsights/workspaces/sharedKeys/action",),
)
