"""Shared infrastructure in a private network: what is built, in which order it goes, and what does not fit."""

from typing import Any

import pytest

from tests.support import AzureSide, ControlPlane

NETWORK = "Microsoft.Network"
PRIVATE: dict[str, Any] = {
    "blueprint": "ml-shared",
    "region": "westeurope",
    "stage": "dev",
    "registries": [{"name": "healthy", "sku": "Premium"}],
    "private_network": {"nat_gateway": True},
}
WORKSPACE: dict[str, Any] = {
    "blueprint": "ml-workspace",
    "region": "westeurope",
    "clusters": [{"name": "cpu", "size": "Standard_D4s_v5"}],
    "image_build_cluster": "cpu",
}
TARGETS = {
    "storage-blob": ["privatelink.blob.core.windows.net"],
    "storage-file": ["privatelink.file.core.windows.net"],
    "data-blob": ["privatelink.blob.core.windows.net"],
    "data-dfs": ["privatelink.dfs.core.windows.net"],
    "vault-vault": ["privatelink.vaultcore.azure.net"],
    "healthy-registry": ["privatelink.azurecr.io"],
}


def named(azure: AzureSide, name: str, kind: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one["properties"] for one in azure.of_type(name, f"{NETWORK}/{kind}")}


def test_everything_shared_has_endpoints_and_is_closed_to_others(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    control_plane.up(name, PRIVATE)
    endpoints = named(azure, name, "privateEndpoints")
    assert sorted(endpoints) == sorted(f"pe-{name}-{one}" for one in TARGETS)
    states = [
        one["properties"]["privateLinkServiceConnectionState"]["status"]
        for endpoint in endpoints.values()
        for one in endpoint["privateLinkServiceConnections"]
    ]
    assert states == ["Approved"] * len(TARGETS)
    for kind in ("Storage/storageAccounts", "KeyVault/vaults", "ContainerRegistry/registries"):
        found = azure.of_type(name, f"Microsoft.{kind}")
        assert [one["properties"]["publicNetworkAccess"] for one in found] == ["Disabled"] * len(found)
        assert found
    records = azure.of_type(name, f"{NETWORK}/privateDnsZones/A")
    zones = {one["id"].split("/")[8] for one in records}
    assert zones == {zone for each in TARGETS.values() for zone in each}
    linked = {one["id"].split("/")[8] for one in azure.of_type(name, f"{NETWORK}/privateDnsZones/virtualNetworkLinks")}
    assert linked == zones | {"privatelink.api.azureml.ms", "privatelink.notebooks.azure.net"}
    (network,) = named(azure, name, "virtualNetworks").values()
    (gateway,) = azure.of_type(name, f"{NETWORK}/natGateways")
    assert {subnet["properties"]["natGateway"]["id"] for subnet in network["subnets"]} == {gateway["id"]}

    workspace = {**WORKSPACE, "shared": name, "private_endpoint": True, "public_access": False}
    control_plane.up(f"{name}-w", workspace)
    (endpoint,) = azure.of_type(f"{name}-w", f"{NETWORK}/privateEndpoints")
    (network_id,) = [one["id"] for one in azure.of_type(name, f"{NETWORK}/virtualNetworks")]
    assert endpoint["properties"]["subnet"]["id"] == f"{network_id}/subnets/endpoints-{name}"
    written = {one["id"].split("/")[8] for one in azure.of_type(name, f"{NETWORK}/privateDnsZones/A")}
    assert {"privatelink.api.azureml.ms", "privatelink.notebooks.azure.net"} <= written
    assert control_plane.down(f"{name}-w")["outcome"] == "succeeded"
    assert azure.resources(f"{name}-w") == []
    assert "azureml.ms" not in str(azure.of_type(name, f"{NETWORK}/privateDnsZones/A"))

    seen = control_plane.get(name)
    # Six endpoints, a gateway and its address, seven zones by the month, a registry by the day.
    fees = 6 * 0.01 + 0.045 + 0.005 + 7 * 0.5 / 730 + 1.6666 / 24
    for which in ("price_per_hour", "price_asleep_per_hour"):
        assert seen[which]["amount"] == pytest.approx(fees, abs=1e-5)
    assert seen["costs"]["per_month"]["amount"] == pytest.approx(fees * 730, abs=0.02)
    assert (seen["unpriced"], "traffic of private endpoints" in seen["billed_by_use"]) == ([], True)
    assert (seen["state"], seen["ready"], seen["problem"]) == ("ready", True, None)
    assert control_plane.put(name, PRIVATE).status_code == 200, "the same spec changes nothing"

    azure.found_address(f"rg-dormouse-{name}", f"theirs-{name}", tags={})
    deleted = control_plane.down(name)
    assert deleted["outcome"] == "succeeded", deleted["reason"]
    left = [one["type"] for one in azure.resources(name)]
    assert sorted(left) == [f"{NETWORK}/publicIPAddresses", "Microsoft.Resources/resourceGroups"], "only what is theirs"
    steps = [step["name"] for step in deleted["steps"]]
    for target in TARGETS:
        assert steps.index(f"endpoint-{target}-zones") < steps.index(f"endpoint-{target}")
    last_endpoint = max(steps.index(f"endpoint-{target}") for target in TARGETS)
    links, own = [one for one in steps if one.endswith("-link")], ("zone-blob", "zone-azureml", "network", "nat")
    assert last_endpoint < min(steps.index(one) for one in (*links, *own))
    for link in links:
        assert steps.index(link) < steps.index(link.removesuffix("-link"))


def test_endpoints_that_wait_for_a_subnet_come_all_the_same(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    path = f"privateEndpoints/pe-{name}-vault-vault"
    details = [{"code": "ReferencedResourceNotProvisioned", "message": "The subnet is in Updating state."}]
    azure.spoil(method="PUT", path=path, effect="fail", code="RetryableError", message=str(details), times=1)
    small = {**PRIVATE, "registries": [], "private_network": {}}
    operation = control_plane.up(name, small)
    assert len(named(azure, name, "privateEndpoints")) == len(TARGETS) - 1
    assert operation["outcome"] == "succeeded"
    connections = named(azure, name, "privateEndpoints")[f"pe-{name}-vault-vault"]["privateLinkServiceConnections"]
    state = connections[0]["properties"]["privateLinkServiceConnectionState"]
    (endpoint,) = [one for one in azure.of_type(name, f"{NETWORK}/privateEndpoints") if one["name"].endswith("vault-vault")]
    state |= {"status": "Rejected", "description": "Not wanted"}
    endpoint["properties"]["privateLinkServiceConnections"] = connections
    azure.client.post("/resources/appear", json=endpoint).raise_for_status()
    problem = control_plane.get(name)["problem"]
    assert problem == f"The connection of the private endpoint pe-{name}-vault-vault is rejected: Not wanted."


def test_everything_that_does_not_fit_is_said_at_once(control_plane: ControlPlane, name: str) -> None:
    network = {"address_space": "172.16.0.0/12", "endpoints": "172.16.0.0/30", "compute": "10.0.0.0/24"}
    refused = control_plane.put(name, {**PRIVATE, "registries": [{"name": "staging"}], "private_network": network})
    said = {fault["pointer"]: fault["detail"] for fault in refused.json()["errors"]}
    assert (refused.status_code, set(said)) == (
        422,
        {
            "/registries/0/sku",
            "/private_network/endpoints",
            "/private_network/compute",
            "/private_network/address_space",
        },
    )
    assert "needs Premium" in said["/registries/0/sku"]
    assert "Docker" in said["/private_network/address_space"]
    inside = {"address_space": "10.0.0.0/16", "endpoints": "10.0.0.0/24", "compute": "10.0.0.0/22"}
    refused = control_plane.put(name, {**PRIVATE, "private_network": inside})
    assert "overlaps" in refused.text


def test_a_limit_of_costs_counts_fees_without_any_machine(control_plane: ControlPlane, name: str) -> None:
    preview = control_plane.put(name, {**PRIVATE, "max_hourly_cost": 0.1}, dry_run="true").json()
    (refusal,) = preview["refusals"]
    assert (refusal["reason"], refusal["detail"].startswith("It costs 0.1842 USD per hour")) == ("too_expensive", True)
    assert preview["price_per_hour"]["amount"] == preview["price_asleep_per_hour"]["amount"] > 0.18
    assert control_plane.put(name, {**PRIVATE, "max_hourly_cost": 0.2}, dry_run="true").json()["refusals"] == []


def test_a_workspace_without_a_private_network_there_has_no_endpoint(control_plane: ControlPlane, name: str) -> None:
    control_plane.up(name, {"blueprint": "ml-shared", "region": "westeurope", "stage": "dev"})
    refused = control_plane.put(f"{name}-w", {**WORKSPACE, "shared": name, "private_endpoint": True})
    assert (refused.status_code, "/private_endpoint" in refused.text) == (422, True)
