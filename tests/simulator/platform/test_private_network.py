"""Private networking beyond its recordings: what refuses, what waits, and what goes away with what."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.private_network.names import record_name
from tests.contract.azure import Azure

ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
NETWORK = f"{ROOT}/providers/Microsoft.Network"
VNET, ZONES, ENDPOINTS = f"{NETWORK}/virtualNetworks/v", f"{NETWORK}/privateDnsZones", f"{NETWORK}/privateEndpoints"
BLOB = f"{ZONES}/privatelink.blob.core.windows.net"
ACCOUNT = f"{ROOT}/providers/Microsoft.Storage/storageAccounts/stlab"
REGISTRY = f"{ROOT}/providers/Microsoft.ContainerRegistry/registries/images"
DNS, NET = "2024-06-01", "2025-03-01"
SUBNETS = {"ends": "10.0.0.0/24", "work": "10.0.1.0/24"}


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    azure = Azure(tmp_path)
    put(azure, ROOT, {"location": "westeurope"}, version="2024-03-01")
    network(azure)
    body = {"location": "westeurope", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    put(azure, ACCOUNT, body, version="2023-05-01")
    azure.finish()
    yield azure
    azure.close()


def put(azure: Azure, path: str, body: dict[str, Any], version: str = NET) -> Answer:
    return azure.manage("PUT", f"{path}?api-version={version}", body)


def get(azure: Azure, path: str, version: str = NET) -> dict[str, Any]:
    said = azure.manage("GET", f"{path}?api-version={version}")
    return {} if said.status == 404 else said.body


def delete(azure: Azure, path: str, version: str = NET) -> Answer:
    return azure.manage("DELETE", f"{path}?api-version={version}")


def polled(azure: Azure, said: Answer, header: str = "Azure-AsyncOperation") -> Answer:
    return azure.manage("GET", "/" + said.headers[header].split("/", 3)[3])


def network(azure: Azure, subnets: dict[str, str] = SUBNETS, **more: Any) -> Answer:
    places = [{"name": name, "properties": {"addressPrefix": prefix, **more}} for name, prefix in subnets.items()]
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": places}
    return put(azure, VNET, {"location": "westeurope", "properties": space})


def zone(azure: Azure, path: str = BLOB, location: str = "global") -> Answer:
    return put(azure, path, {"location": location}, DNS)


def link(azure: Azure, path: str = f"{BLOB}/virtualNetworkLinks/l") -> Answer:
    given = {"registrationEnabled": False, "virtualNetwork": {"id": VNET}}
    return put(azure, path, {"location": "global", "properties": given}, DNS)


def endpoint(azure: Azure, name: str = "pe", target: str = ACCOUNT, group: str = "blob", **more: Any) -> Answer:
    connection = {"name": "c", "properties": {"privateLinkServiceId": target, "groupIds": [group]}}
    given = {"subnet": {"id": f"{VNET}/subnets/ends"}, "privateLinkServiceConnections": [connection], **more}
    return put(azure, f"{ENDPOINTS}/{name}", {"location": "westeurope", "properties": given})


def zone_group(azure: Azure, *zones: str, name: str = "pe") -> Answer:
    configs = [{"name": f"z{place}", "properties": {"privateDnsZoneId": one}} for place, one in enumerate(zones)]
    path = f"{ENDPOINTS}/{name}/privateDnsZoneGroups/default"
    return put(azure, path, {"properties": {"privateDnsZoneConfigs": configs}})


def records(azure: Azure, path: str = BLOB) -> dict[str, list[str]]:
    listed = azure.manage("GET", f"{path}/A?api-version={DNS}").body["value"]
    return {one["name"]: [each["ipv4Address"] for each in one["properties"]["aRecords"]] for one in listed}


def code(said: Answer) -> tuple[int, str]:
    return said.status, said.body["error"]["code"]


def test_every_answer_about_a_zone_asks_for_thirty_seconds(azure: Azure) -> None:
    begun = zone(azure)
    assert (begun.status, begun.headers["Retry-After"]) == (202, "30")
    running, elsewhere = polled(azure, begun), polled(azure, begun, "Location")
    assert (running.status, running.body, running.headers["Retry-After"]) == (202, {"status": "InProgress"}, "30")
    assert (elsewhere.status, elsewhere.headers["Retry-After"]) == (202, "30")
    azure.finish()
    ended = polled(azure, begun)
    assert (ended.status, ended.body, "Retry-After" in ended.headers) == (200, {"status": "Succeeded"}, False)
    assert polled(azure, begun, "Location").body["name"] == "privatelink.blob.core.windows.net"


def test_zones_are_in_no_region_and_have_names_of_hosts(azure: Azure) -> None:
    assert code(zone(azure, location="westeurope")) == (400, "LocationNotAvailableForResourceType")
    refused = zone(azure, f"{ZONES}/alone")
    assert (refused.status, refused.body["code"]) == (400, "BadRequest"), "private DNS answers without an envelope"


def test_a_zone_with_a_link_is_not_deleted(azure: Azure) -> None:
    zone(azure)
    azure.finish()
    link(azure)
    azure.finish()
    assert get(azure, BLOB, DNS)["properties"]["numberOfVirtualNetworkLinks"] == 1
    refused = delete(azure, BLOB, DNS)
    assert code(refused) == (409, "CannotDeleteResource")
    assert "privatelink.blob.core.windows.net/virtualNetworkLinks/l" in refused.body["error"]["message"]
    delete(azure, f"{BLOB}/virtualNetworkLinks/l", DNS)
    azure.finish()
    assert delete(azure, BLOB, DNS).status == 202
    azure.finish()
    assert get(azure, BLOB, DNS) == {}


def test_a_zone_that_has_changed_since_fails_late(azure: Azure) -> None:
    zone(azure)
    azure.finish()
    begun = azure.manage("DELETE", f"{BLOB}?api-version={DNS}", None, **{"If-Match": "another"})
    azure.finish()
    said = polled(azure, begun)
    assert (said.status, said.body["status"], said.body["error"]["code"]) == (200, "Failed", "PreconditionFailed")
    assert get(azure, BLOB, DNS)["name"] == "privatelink.blob.core.windows.net"


def test_a_network_sees_one_zone_of_a_name(azure: Azure) -> None:
    other = BLOB.replace("/lab/", "/other/")
    put(azure, ROOT.replace("/lab", "/other"), {"location": "westeurope"}, version="2024-03-01")
    for one in (BLOB, other):
        zone(azure, one)
    azure.finish()
    link(azure)
    refused = link(azure, f"{other}/virtualNetworkLinks/l")
    assert (refused.status, refused.body["code"]) == (400, "BadRequest")
    assert "overlapping namespaces" in refused.body["message"]


def test_an_endpoint_has_a_card_an_approved_connection_and_the_public_name(azure: Azure) -> None:
    begun = endpoint(azure, customNetworkInterfaceName="pe-nic")
    assert (begun.status, begun.body["properties"]["customDnsConfigs"]) == (201, [])
    azure.finish()
    seen = get(azure, f"{ENDPOINTS}/pe")["properties"]
    state = seen["privateLinkServiceConnections"][0]["properties"]["privateLinkServiceConnectionState"]
    assert (state["status"], state["description"]) == ("Approved", "Auto-Approved")
    (config,) = seen["customDnsConfigs"]
    assert config == {"fqdn": "stlab.blob.core.windows.net", "ipAddresses": ["10.0.0.4"]}
    (connection,) = get(azure, ACCOUNT, "2023-05-01")["properties"]["privateEndpointConnections"]
    assert connection["properties"]["privateEndpoint"]["id"] == f"{ENDPOINTS}/pe"
    card = get(azure, f"{NETWORK}/networkInterfaces/pe-nic")
    assert card["managedBy"] == f"{ENDPOINTS}/pe"
    assert code(delete(azure, card["id"])) == (400, "NicInUseWithPrivateEndpoint")


def test_the_subnet_of_an_endpoint_stays(azure: Azure) -> None:
    endpoint(azure)
    azure.finish()
    assert code(delete(azure, VNET)) == (400, "InUseSubnetCannotBeDeleted")
    assert code(network(azure, {"work": "10.0.1.0/24"})) == (400, "InUseSubnetCannotBeDeleted")
    delete(azure, f"{ENDPOINTS}/pe")
    azure.finish()
    assert network(azure, {"work": "10.0.1.0/24"}).status == 200


def test_endpoints_of_one_subnet_wait_for_each_other(azure: Azure) -> None:
    endpoint(azure)
    refused = endpoint(azure, "two", group="file")
    assert code(refused) == (429, "RetryableError")
    assert refused.body["error"]["details"][0]["code"] == "ReferencedResourceNotProvisioned"
    azure.pass_time(5)
    assert endpoint(azure, "two", group="file").status == 201


def test_an_endpoint_that_is_being_created_is_not_deleted(azure: Azure) -> None:
    endpoint(azure)
    refused = delete(azure, f"{ENDPOINTS}/pe")
    assert code(refused) == (429, "RetryableError")
    assert "The call can be retried in" in refused.body["error"]["details"][0]["message"]


@pytest.mark.parametrize(
    ("target", "group", "refusal"),
    [
        (ACCOUNT, "vault", "InvalidPrivateLinkGroupId"),
        (f"{ACCOUNT}x", "blob", "InvalidResourceReference"),
        (REGISTRY, "registry", "PrivateEndpointNotSupported"),
    ],
)
def test_a_target_must_exist_and_have_the_group_and_the_tier(azure: Azure, target: str, group: str, refusal: str) -> None:
    put(azure, REGISTRY, {"location": "westeurope", "sku": {"name": "Standard"}}, version="2025-11-01")
    azure.finish()
    assert code(endpoint(azure, target=target, group=group)) == (400, refusal)


def test_an_endpoint_takes_its_card_its_zone_group_and_its_records_along(azure: Azure) -> None:
    zone(azure)
    endpoint(azure)
    azure.finish()
    assert zone_group(azure, BLOB).status == 201
    assert records(azure) == {}
    azure.finish()
    assert records(azure) == {"stlab": ["10.0.0.4"]}
    assert get(azure, BLOB, DNS)["properties"]["numberOfRecordSets"] == 2
    assert delete(azure, f"{ENDPOINTS}/pe").status == 202
    azure.finish()
    assert (records(azure), get(azure, f"{ENDPOINTS}/pe/privateDnsZoneGroups/default")) == ({}, {})
    assert list(azure.world.resources("Microsoft.Network/networkInterfaces")) == []


def test_a_zone_group_takes_its_records_along(azure: Azure) -> None:
    zone(azure)
    endpoint(azure)
    azure.finish()
    zone_group(azure, BLOB)
    azure.finish()
    assert delete(azure, f"{ENDPOINTS}/pe/privateDnsZoneGroups/default").status == 202
    azure.finish()
    assert (records(azure), get(azure, f"{ENDPOINTS}/pe")["name"]) == ({}, "pe")


def test_a_registry_has_an_address_and_a_name_for_its_data(azure: Azure) -> None:
    put(azure, REGISTRY, {"location": "westeurope", "sku": {"name": "Premium"}}, version="2025-11-01")
    zone(azure, f"{ZONES}/privatelink.azurecr.io")
    azure.finish()
    endpoint(azure, target=REGISTRY, group="registry")
    azure.finish()
    zone_group(azure, f"{ZONES}/privatelink.azurecr.io")
    azure.finish()
    written = records(azure, f"{ZONES}/privatelink.azurecr.io")
    assert written == {"images.westeurope.data": ["10.0.0.4"], "images": ["10.0.0.5"]}


@pytest.mark.parametrize(
    ("fqdn", "zone", "name"),
    [
        ("v.vault.azure.net", "privatelink.vaultcore.azure.net", "v"),
        ("w.workspace.westeurope.api.azureml.ms", "privatelink.api.azureml.ms", "w.workspace.westeurope"),
        ("w.workspace.westeurope.api.azureml.ms", "privatelink.notebooks.azure.net", ""),
        ("ml-a.westeurope.notebooks.azure.net", "privatelink.notebooks.azure.net", "ml-a.westeurope"),
    ],
)
def test_a_name_stands_in_the_zone_of_its_service(fqdn: str, zone: str, name: str) -> None:
    assert record_name(fqdn, zone) == name


def test_a_gateway_keeps_its_address_and_a_subnet_its_gateway(azure: Azure) -> None:
    address, gateway = f"{NETWORK}/publicIPAddresses/a", f"{NETWORK}/natGateways/nat"
    standard = {"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
    put(azure, address, {"location": "westeurope", **standard})
    azure.finish()
    given = {"sku": {"name": "Standard"}, "properties": {"publicIpAddresses": [{"id": address}]}}
    assert put(azure, gateway, {"location": "westeurope", **given}).status == 201
    azure.finish()
    assert get(azure, address)["properties"]["natGateway"] == {"id": gateway}
    assert code(delete(azure, address)) == (400, "PublicIPAddressCannotBeDeleted")
    network(azure, natGateway={"id": gateway})
    assert len(get(azure, gateway)["properties"]["subnets"]) == 2
    assert code(delete(azure, gateway)) == (400, "InUseNatGatewayCannotBeDeleted")
    network(azure)
    azure.finish()
    assert delete(azure, gateway).status == 202
    assert code(network(azure, natGateway={"id": f"{gateway}x"})) == (404, "NotFound")


def test_policies_of_subnets_are_those_that_azure_knows(azure: Azure) -> None:
    assert network(azure, privateEndpointNetworkPolicies="RouteTableEnabled").status == 200
    assert network(azure, privateEndpointNetworkPolicies="Sometimes").status == 400


def test_a_deleted_group_leaves_no_records_in_zones_of_other_groups(azure: Azure) -> None:
    elsewhere, place = BLOB.replace("/lab/", "/zones/"), {"location": "westeurope"}
    put(azure, ROOT.replace("/lab", "/zones"), place, version="2024-03-01")
    zone(azure, elsewhere)
    endpoint(azure)
    azure.finish()
    zone_group(azure, elsewhere)
    azure.finish()
    assert records(azure, elsewhere) == {"stlab": ["10.0.0.4"]}
    delete(azure, ROOT, "2024-03-01")
    azure.finish()
    assert records(azure, elsewhere) == {}
