"""The properties of a managed cluster: what the caller gives, with the defaults that come back as recorded in 2026."""

from local.azure.core.resource_ids import ResourceId
from local.azure.core.world import TENANT, World
from local.azure.providers.common import Body, canonical
from local.azure.providers.containers import versions

# https://learn.microsoft.com/azure/aks/: decided when a cluster is created.
FIXED = ("dnsPrefix", "nodeResourceGroup", "enableRBAC")
FIXED_NETWORK = ("serviceCidr", "podCidr", "dnsServiceIP", "loadBalancerSku", "networkPlugin")
GIVEN = ("linuxProfile", "autoScalerProfile", "apiServerAccessProfile", "disableLocalAccounts")
MOST_POOLS = 100


def properties(world: World, rid: ResourceId, body: Body, known: Body | None) -> Body:
    """The properties of a new cluster, or of a `known` one that is changed; its pools are elsewhere."""
    before, region = known or {}, canonical(body["location"])
    given = {name: value for name, value in (body.get("properties") or {}).items() if value is not None}
    version = given.get("kubernetesVersion") or before.get("kubernetesVersion") or versions.default(world)
    whole = {**before, **given}
    uid = before.get("resourceUID") or world.fresh_guid("cluster", rid.text).replace("-", "")[:24]
    prefix = whole.get("dnsPrefix") or rid.name
    host = (before.get("fqdn") or f"{prefix}-{uid[:8]}.hcp.{region}.azmk8s.io").partition(".")[0]
    found = {
        "provisioningState": "Updating" if known else "Creating",
        "powerState": before.get("powerState", {"code": "Running"}),
        "kubernetesVersion": version,
        "currentKubernetesVersion": before["currentKubernetesVersion"]
        if known and version == before["kubernetesVersion"]
        else versions.resolved(world, version, region),
        "dnsPrefix": prefix,
        "fqdn": f"{host}.hcp.{region}.azmk8s.io",
        "azurePortalFQDN": f"{host}.portal.hcp.{region}.azmk8s.io",
        "agentPoolProfiles": before.get("agentPoolProfiles", []),
        **{name: whole[name] for name in GIVEN if name in whole},
        **({"aadProfile": {**whole["aadProfile"], "tenantID": TENANT}} if "aadProfile" in whole else {}),
        "servicePrincipalProfile": {"clientId": "msi"},
        **({"addonProfiles": _addons(world, whole["addonProfiles"], before)} if whole.get("addonProfiles") else {}),
        "nodeResourceGroup": whole.get("nodeResourceGroup") or f"MC_{rid.group}_{rid.name}_{region}",
        "enableRBAC": whole.get("enableRBAC", True),
        "supportPlan": whole.get("supportPlan", "KubernetesOfficial"),
        "networkProfile": network(given.get("networkProfile") or {}, before.get("networkProfile") or {}),
        "maxAgentPools": MOST_POOLS,
        **({"identityProfile": profile} if (profile := _identities(given, before)) else {}),
        "autoUpgradeProfile": {
            **(before.get("autoUpgradeProfile") or {}),
            **(given.get("autoUpgradeProfile") or {}),
            "nodeOSUpgradeChannel": (whole.get("autoUpgradeProfile") or {}).get("nodeOSUpgradeChannel", "NodeImage"),
        },
        "securityProfile": whole.get("securityProfile", {}),
        "storageProfile": {name: {"enabled": True} for name in ("diskCSIDriver", "fileCSIDriver", "snapshotController")},
        "oidcIssuerProfile": _issuer(world, region, whole.get("oidcIssuerProfile") or {}, before, uid),
        "workloadAutoScalerProfile": whole.get("workloadAutoScalerProfile", {}),
        "resourceUID": uid,
        "metricsProfile": {"costAnalysis": {"enabled": False}},
        "nodeProvisioningProfile": {"mode": "Manual", **({} if _is_new(world) else {"defaultNodePools": "Auto"})},
        "bootstrapProfile": {"artifactSource": "Direct"},
    }
    if "linuxProfile" in whole and found["networkProfile"].get("networkPluginMode") != "overlay":
        found["windowsProfile"] = {"adminUsername": "azureuser", "enableCSIProxy": True}
    return found


def network(given: Body, before: Body) -> Body:
    """The network of a cluster: Azure CNI in overlay mode unless the caller names another one."""
    asked = {name: value for name, value in given.items() if value is not None}
    plugin = asked.get("networkPlugin") or before.get("networkPlugin")
    mode = asked.get("networkPluginMode") or before.get("networkPluginMode") or ("overlay" if plugin is None else None)
    outbound = asked.get("outboundType") or before.get("outboundType", "loadBalancer")
    pods = {"podCidr": asked.get("podCidr", before.get("podCidr", "10.244.0.0/16"))}
    services = asked.get("serviceCidr", before.get("serviceCidr", "10.0.0.0/16"))
    balanced = {"managedOutboundIPs": {"count": 1}, "backendPoolType": "nodeIPConfiguration"}
    return {
        "networkPlugin": plugin or "azure",
        **({"networkPluginMode": mode} if mode else {}),
        "networkPolicy": asked.get("networkPolicy", before.get("networkPolicy", "none")),
        "networkDataplane": asked.get("networkDataplane", before.get("networkDataplane", "azure")),
        "loadBalancerSku": str(asked.get("loadBalancerSku", "standard")).lower(),
        **({"loadBalancerProfile": before.get("loadBalancerProfile", balanced)} if outbound == "loadBalancer" else {}),
        **(pods if mode == "overlay" or plugin == "kubenet" else {}),
        "serviceCidr": services,
        "dnsServiceIP": asked.get("dnsServiceIP", before.get("dnsServiceIP", "10.0.0.10")),
        "outboundType": outbound,
        **({"podCidrs": [pods["podCidr"]]} if mode == "overlay" or plugin == "kubenet" else {}),
        "serviceCidrs": [services],
        "ipFamilies": ["IPv4"],
    }


def changed_fixed(body: Body, known: Body) -> list[str]:
    """The properties that cannot be changed and that a request would change."""
    given = body.get("properties") or {}
    found = [f"properties.{name}" for name in FIXED if given.get(name) is not None and given[name] != known.get(name)]
    asked, network_now = given.get("networkProfile") or {}, known["networkProfile"]
    found += [
        f"properties.networkProfile.{name}"
        for name in FIXED_NETWORK
        if asked.get(name) is not None and str(asked[name]).lower() != str(network_now.get(name)).lower()
    ]
    private = (given.get("apiServerAccessProfile") or {}).get("enablePrivateCluster")
    was = (known.get("apiServerAccessProfile") or {}).get("enablePrivateCluster", False)
    return found + (["properties.apiServerAccessProfile.enablePrivateCluster"] if private not in (None, was) else [])


def _identities(given: Body, before: Body) -> Body:
    """The identities of the nodes: those of the caller, or those that the service made."""
    return dict(before.get("identityProfile") or given.get("identityProfile") or {})


def _is_new(world: World) -> bool:
    """Whether it is after the change of some defaults, between March and July 2026 (recorded)."""
    return world.text()[:10] >= "2026-06-15"


def _addons(world: World, given: Body, before: Body) -> Body:
    """The add-ons with the identities that they got."""
    known = before.get("addonProfiles") or {}
    empty: Body = {"config": {} if _is_new(world) else None}
    return {name: {"enabled": addon.get("enabled", False), **empty, **known.get(name, {})} for name, addon in given.items()}


def _issuer(world: World, region: str, asked: Body, before: Body, uid: str) -> Body:
    """The issuer of tokens of service accounts; once on, it stays on (https://learn.microsoft.com/azure/aks/use-oidc-issuer).

    Without a word about it, it was off until March 2026, and on in July (recorded).
    """
    known = before.get("oidcIssuerProfile") or {}
    usual = known.get("enabled", _is_new(world))
    if not (asked.get("enabled", usual) or known.get("enabled")):
        return {"enabled": False}
    place = f"https://{region}.oic.prod-aks.azure.com/{TENANT}/{world.guid('issuer', uid)}/"
    return {"enabled": True, "issuerURL": known.get("issuerURL", place)}
