"""Bodies that create resources like recorded ones, of kinds that need nothing but their body."""

from typing import Any

from local.azure.providers.kinds import ACCOUNT, KEY_VAULT

Body = dict[str, Any]
OF_POOLS = ("count", "vmSize", "mode", "osType", "osSKU", "maxPods", "enableAutoScaling", "orchestratorVersion")
SYSTEM = {"name": "system", "mode": "System", "count": 1, "vmSize": "Standard_D2s_v5", "osType": "Linux"}
OF_WORKSPACES = ("retentionInDays", "publicNetworkAccessForIngestion", "publicNetworkAccessForQuery")
OF_REGISTRIES = (
    *("adminUserEnabled", "anonymousPullEnabled", "publicNetworkAccess", "zoneRedundancy", "networkRuleBypassOptions"),
    *("policies", "encryption", "metadataSearch"),
)
OF_COMPONENTS = ("Application_Type", "WorkspaceResourceId", "DisableLocalAuth")


def identity(_: str, like: Body) -> Body:
    """A user-assigned identity."""
    return _placed(like)


def log_workspace(_: str, like: Body) -> Body:
    """A workspace of Log Analytics with the retention and the limit of a recorded one."""
    given = like["properties"]
    limit = {"dailyQuotaGb": (given.get("workspaceCapping") or {}).get("dailyQuotaGb", -1)}
    return {**_placed(like), "properties": {**_only(given, OF_WORKSPACES), "workspaceCapping": limit}}


def component(_: str, like: Body) -> Body:
    """A component of Application Insights with the workspace of a recorded one."""
    return {**_placed(like), "kind": like.get("kind", "web"), "properties": _only(like["properties"], OF_COMPONENTS)}


def registry(_: str, like: Body) -> Body:
    """A registry of the tier of a recorded one, with the properties that can be set."""
    sku = {"name": (like.get("sku") or {}).get("name", "Standard")}
    settings = _only(like["properties"], OF_REGISTRIES)
    rules = like["properties"].get("networkRuleSet")
    if rules:
        settings["networkRuleSet"] = {"defaultAction": rules["defaultAction"]}
    return {**_placed(like), **_only(like, ("identity",)), "sku": sku, "properties": settings}


def ml_workspace(path: str, like: Body) -> Body:
    """A workspace for machine learning with the storage and the vault of a recorded one, or others."""
    group, name = path.partition("/providers/")[0], path.rpartition("/")[2]
    parts = {
        "storageAccount": f"{group}/providers/{ACCOUNT}/of{name}",
        "keyVault": f"{group}/providers/{KEY_VAULT}/of-{name}",
    }
    given = _only(like["properties"], (*parts, "enableDataIsolation"))
    return {**_placed(like), "identity": {"type": "SystemAssigned"}, "properties": {**parts, **given}}


def cluster(path: str, like: Body) -> Body:
    """A cluster with the pools, the version and the network of a recorded one, or with one pool."""
    given = like["properties"]
    pools = [{"name": one["name"], **_only(one, OF_POOLS)} for one in given.get("agentPoolProfiles") or [SYSTEM]]
    settings = _only(given, ("dnsPrefix", "kubernetesVersion", "linuxProfile", "disableLocalAccounts"))
    addons = {name: {"enabled": True} for name in given.get("addonProfiles") or {}}
    plugin = given.get("networkProfile") or {}
    network = {} if plugin.get("networkPluginMode") == "overlay" else _only(plugin, ("networkPlugin",))
    channel = _only(given.get("autoUpgradeProfile") or {}, ("upgradeChannel",))
    issuer = {"enabled": (given.get("oidcIssuerProfile") or {}).get("enabled", False)}
    parts = {"autoUpgradeProfile": channel, "networkProfile": network, "oidcIssuerProfile": issuer, "addonProfiles": addons}
    properties = {"dnsPrefix": "aks", **settings, "agentPoolProfiles": pools, **parts}
    return {**_placed(like), **_only(like, ("sku",)), "identity": {"type": "SystemAssigned"}, "properties": properties}


def pool(path: str, like: Body) -> Body:
    """A pool with what can be set of a recorded one."""
    return {"properties": {**_only(SYSTEM, tuple(SYSTEM)[1:]), **_only(like["properties"], (*OF_POOLS, "nodeLabels"))}}


def custom_role(_: str, like: Body) -> Body:
    """A custom role with the permissions of a recorded one."""
    return {"properties": _only(like["properties"], ("roleName", "description", "assignableScopes", "permissions"))}


def action_group(_: str, like: Body) -> Body:
    """An action group with the receivers of a recorded one, which say themselves whether they are enabled."""
    given = {name: value for name, value in like["properties"].items() if value != []}
    return {**_placed(like), "properties": {"groupShortName": "short", "enabled": True, **given}}


def diagnostic_setting(_: str, like: Body) -> Body:
    """A diagnostic setting with the destinations and the logs of a recorded one."""
    return {"properties": {name: value for name, value in like["properties"].items() if value}}


def _placed(like: Body) -> Body:
    return {name: like[name] for name in ("location", "tags") if like.get(name) is not None}


def _only(given: Body, names: tuple[str, ...]) -> Body:
    return {name: given[name] for name in names if given.get(name) is not None}
