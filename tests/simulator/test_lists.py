"""Lists show what Azure's lists show: neither more, nor nothing where Azure would have an answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from local.azure.core import regions
from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION, TENANT
from local.azure.vms import estate_loader
from tests.contract.azure import Azure

ROOT = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{ROOT}/resourceGroups/research"
MACHINES = f"{GROUP}/providers/Microsoft.Compute/virtualMachines"
TRAINER = f"{MACHINES}/trainer"
EVERY_MACHINE = f"{ROOT}/providers/Microsoft.Compute/virtualMachines"
COMPUTE, NETWORK, RESOURCES = "2024-07-01", "2024-05-01", "2024-11-01"
FOREIGN = "0d0e5e00-0000-4000-8000-000000000009"
ESTATE = {
    "machines": [
        {"id": "research/trainer", "size": "Standard_D4s_v5", "tags": {"owner": "ana"}, "created": "12d"},
        {"id": "research/spare", "size": "Standard_D4s_v5", "power": "deallocated", "tags": {"Owner": "bo"}},
    ]
}


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    running = Azure(tmp_path)
    estate_loader.load(running.world, ESTATE)
    yield running
    running.close()


def ask(azure: Azure, path: str, version: str, query: dict[str, str]) -> Answer:
    given = {"api-version": version, **query}
    return azure.manage("GET", f"{path}?" + "&".join(f"{name}={text}" for name, text in given.items()))


def get(azure: Azure, path: str, version: str, **query: str) -> Any:
    answer = ask(azure, path, version, query)
    assert answer.status == 200, answer.body
    return answer.body


def refused(azure: Azure, path: str, version: str, **query: str) -> tuple[int, str]:
    answer = ask(azure, path, version, query)
    return answer.status, answer.body["error"]["code"]


def with_extension(azure: Azure) -> None:
    body = {"location": "westeurope", "properties": {"publisher": "P", "type": "T", "typeHandlerVersion": "1.0"}}
    assert azure.manage("PUT", f"{TRAINER}/extensions/e?api-version={COMPUTE}", body).status == 201
    azure.finish()


@pytest.mark.parametrize("path", [MACHINES, EVERY_MACHINE])
def test_lists_of_machines_show_only_the_ids_of_extensions(azure: Azure, path: str) -> None:
    with_extension(azure)
    (trainer,) = [machine for machine in get(azure, path, COMPUTE)["value"] if machine["name"] == "trainer"]
    (extension,) = trainer["resources"]
    assert set(extension) == {"id"}
    assert extension["id"].lower() == f"{TRAINER}/extensions/e".lower()


def test_a_machine_alone_shows_its_extensions_completely(azure: Azure) -> None:
    with_extension(azure)
    (extension,) = get(azure, TRAINER, COMPUTE)["resources"]
    assert extension["properties"]["publisher"] == "P"


def test_the_list_of_all_machines_writes_groups_in_capital_letters(azure: Azure) -> None:
    everywhere = [machine["id"] for machine in get(azure, EVERY_MACHINE, COMPUTE)["value"]]
    assert f"{ROOT}/resourceGroups/RESEARCH/providers/Microsoft.Compute/virtualMachines/trainer" in everywhere
    assert TRAINER in [machine["id"] for machine in get(azure, MACHINES, COMPUTE)["value"]]
    states = get(azure, EVERY_MACHINE, COMPUTE, statusOnly="true")["value"]
    assert [machine["id"] for machine in states] == everywhere


@pytest.mark.parametrize("path", [f"{MACHINES}/spare", MACHINES, EVERY_MACHINE])
def test_a_deallocated_machine_shows_neither_size_nor_kind_of_its_disk(azure: Azure, path: str) -> None:
    found = get(azure, path, COMPUTE)
    machines = {
        machine["name"]: machine["properties"]["storageProfile"]["osDisk"] for machine in found.get("value", [found])
    }
    assert "diskSizeGB" not in machines["spare"]
    assert "storageAccountType" not in machines["spare"]["managedDisk"]
    assert machines["spare"]["managedDisk"]["id"]


def test_the_disk_is_shown_again_when_the_machine_runs(azure: Azure) -> None:
    def disk() -> dict[str, Any]:
        shown: dict[str, Any] = get(azure, TRAINER, COMPUTE)["properties"]["storageProfile"]["osDisk"]
        return shown

    running = disk()
    assert "diskSizeGB" in running
    for action, shown in (("deallocate", False), ("start", True)):
        assert azure.manage("POST", f"{TRAINER}/{action}?api-version={COMPUTE}").status == 202
        azure.finish()
        assert ("diskSizeGB" in disk(), "storageAccountType" in disk()["managedDisk"]) == (shown, shown)
    assert disk() == running


def test_sizes_without_a_filter_name_the_region_of_each(azure: Azure) -> None:
    path = f"{ROOT}/providers/Microsoft.Compute/skus"
    everywhere = get(azure, path, "2021-07-01")["value"]
    assert all(len(sku["locations"]) == 1 and sku["locations"] == [sku["locationInfo"][0]["location"]] for sku in everywhere)
    here = get(azure, path, "2021-07-01", **{"$filter": "location eq 'westeurope'"})["value"]
    assert [sku for sku in everywhere if sku["locations"] == ["westeurope"]] == here
    assert {sku["locations"][0] for sku in everywhere} == azure.world.offering - regions.TRIAL


def test_a_restriction_is_listed_in_its_region_only(azure: Azure) -> None:
    azure.world.store.put("restrictions", "westeurope/Standard_D4s_v5", {"restricted": True})
    found = get(azure, f"{ROOT}/providers/Microsoft.Compute/skus", "2021-07-01")["value"]
    assert [sku["locations"] for sku in found if sku["restrictions"]] == [["westeurope"]]


def test_regions_without_known_sizes_are_regions(azure: Azure) -> None:
    group = f"{ROOT}/resourceGroups/far"
    assert azure.manage("PUT", f"{group}?api-version={RESOURCES}", {"location": "New Zealand North"}).status == 201
    path = f"{group}/providers/Microsoft.Network/networkSecurityGroups/n?api-version={NETWORK}"
    assert azure.manage("PUT", path, {"location": "newzealandnorth"}).status == 201
    skus = f"{ROOT}/providers/Microsoft.Compute/skus"
    assert refused(azure, skus, "2021-07-01", **{"$filter": "location eq 'newzealandnorth'"}) == (501, "NotSimulated")
    usages = f"{ROOT}/providers/Microsoft.Compute/locations/newzealandnorth/usages"
    assert refused(azure, usages, COMPUTE) == (501, "NotSimulated")


def test_every_region_of_azure_is_listed_with_its_names(azure: Azure) -> None:
    found = {region["name"]: region for region in get(azure, f"{ROOT}/locations", "2022-12-01")["value"]}
    assert found["newzealandnorth"]["displayName"] == "New Zealand North"
    assert found["westeurope"]["regionalDisplayName"] == "(Europe) West Europe"
    assert found["westeurope"]["metadata"]["pairedRegion"][0]["name"] == "northeurope"
    assert azure.world.offering - regions.TRIAL < set(found)
    old = get(azure, f"{ROOT}/locations", "2016-06-01")["value"]
    assert set(old[0]) == {"id", "name", "displayName", "longitude", "latitude"}


def graph(azure: Azure, query: str, subscriptions: list[str]) -> tuple[int, Any]:
    body = {"query": query, "subscriptions": subscriptions}
    answer = azure.manage("POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01", body)
    if answer.status >= 400:
        error = answer.body["error"]
        return answer.status, [detail["code"] for detail in error.get("details", [])] or error["code"]
    return answer.status, sorted(row["name"] for row in answer.body["data"])


def test_resource_graph_refuses_foreign_subscriptions_and_reads_every_query(azure: Azure) -> None:
    machines = "resources | where type =~ 'microsoft.compute/virtualmachines' | project name"
    assert graph(azure, machines, [FOREIGN]) == (400, ["NoValidSubscriptionsInQueryRequest"])
    assert graph(azure, "resources | where where", [FOREIGN]) == (400, ["InvalidQuery", "ParserFailure"])
    assert graph(azure, "resources | summarize count()", [FOREIGN]) == (501, "NotSimulated")
    assert graph(azure, machines, [FOREIGN, SUBSCRIPTION.upper()]) == (200, ["spare", "trainer"])
    assert graph(azure, machines, []) == (200, ["spare", "trainer"])


def test_resource_graph_shows_the_zones_of_resources(azure: Azure) -> None:
    machine = {**(azure.world.resource(TRAINER) or {}), "zones": ["2"]}
    azure.world.adopt([machine])
    body = {"query": "resources | where name == 'trainer'"}
    answer = azure.manage("POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01", body)
    (row,) = answer.body["data"]
    assert row["zones"] == ["2"]
    assert {"plan", "extendedLocation", "identity", "sku", "managedBy", "kind"} <= set(row)


def test_the_vault_that_answers_is_listed(azure: Azure) -> None:
    expected = [("dormouse", f"https://dormouse.vault.localhost:{443}/")]
    (vault,) = get(azure, f"{ROOT}/providers/Microsoft.KeyVault/vaults", "2023-07-01")["value"]
    assert [(vault["name"], vault["properties"]["vaultUri"])] == expected
    assert get(azure, vault["id"], "2023-07-01") == vault
    by_type = {"$filter": "resourceType eq 'Microsoft.KeyVault/vaults'"}
    (listed,) = get(azure, f"{ROOT}/resources", "2015-11-01", **by_type)["value"]
    assert listed["id"] == vault["id"]


@pytest.mark.parametrize(
    ("path", "version", "query"),
    [
        (f"{ROOT}/resourcegroups", RESOURCES, {"$top": "1"}),
        (MACHINES, COMPUTE, {"$filter": "'virtualMachineScaleSet/id' eq null"}),
        (EVERY_MACHINE, COMPUTE, {"$expand": "instanceView"}),
        (f"{ROOT}/providers/Microsoft.Network/virtualNetworks", NETWORK, {"$top": "1"}),
        (f"{ROOT}/providers/Microsoft.KeyVault/vaults", "2023-07-01", {"$top": "1"}),
        (f"{ROOT}/resources", RESOURCES, {"$filter": "substringof('a', name)"}),
        (f"{ROOT}/providers/Microsoft.Compute/skus", "2021-07-01", {"$filter": "name eq 'Standard_D4s_v5'"}),
    ],
)
def test_a_filter_that_is_not_simulated_is_never_ignored(
    azure: Azure, path: str, version: str, query: dict[str, str]
) -> None:
    assert refused(azure, path, version, **query) == (501, "NotSimulated")


def test_groups_and_resources_are_found_by_their_tags(azure: Azure) -> None:
    azure.manage("PUT", f"{ROOT}/resourceGroups/x?api-version={RESOURCES}", {"location": "westeurope", "tags": {"a": "b"}})

    def groups(asked: str) -> list[str]:
        return [g["name"] for g in get(azure, f"{ROOT}/resourcegroups", RESOURCES, **{"$filter": asked})["value"]]

    def resources(asked: str) -> list[str]:
        return [r["name"] for r in get(azure, f"{ROOT}/resources", RESOURCES, **{"$filter": asked})["value"]]

    assert groups("tagName eq 'A' and tagValue eq 'b'") == ["x"]
    assert groups("tagName eq 'a' and tagValue eq 'B'") == []
    assert resources("tagName eq 'owner'") == ["trainer", "spare"]
    assert resources("tagname eq 'owner' and tagvalue eq 'ana'") == ["trainer"]
    assert resources("resourceType eq 'microsoft.compute/virtualmachines' and name eq 'SPARE'") == ["spare"]
    assert resources("resourceType eq 'Microsoft.Web/sites'") == []


def test_lists_of_resources_tell_when_they_were_made(azure: Azure) -> None:
    path = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/n"
    assert azure.manage("PUT", f"{path}?api-version={NETWORK}", {"location": "westeurope"}).status == 201
    azure.finish()
    wanted = {"$expand": "createdTime,changedTime,provisioningState", "$filter": "name eq 'n'"}
    (made,) = get(azure, f"{ROOT}/resources", RESOURCES, **wanted)["value"]
    assert made["provisioningState"] == "Succeeded"
    assert made["createdTime"] < made["changedTime"]


def test_the_subscription_its_tenant_and_its_tags_are_listed(azure: Azure) -> None:
    (found,) = get(azure, "/subscriptions", "2022-12-01")["value"]
    assert (found["subscriptionId"], found["tenantId"], found["state"]) == (SUBSCRIPTION, TENANT, "Enabled")
    assert get(azure, ROOT, "2022-12-01") == found
    (tenant,) = get(azure, "/tenants", "2022-12-01")["value"]
    assert tenant["tenantId"] == TENANT
    tags = {tag["tagName"]: tag["count"]["value"] for tag in get(azure, f"{ROOT}/tagNames", RESOURCES)["value"]}
    assert tags == {"owner": 2}


@pytest.mark.parametrize(
    ("subscription", "expected"), [(FOREIGN, (404, "SubscriptionNotFound")), ("mine", (400, "InvalidSubscriptionId"))]
)
def test_another_subscription_is_refused(azure: Azure, subscription: str, expected: tuple[int, str]) -> None:
    for path in ("", "/resources", "/locations", "/resourcegroups", "/providers/Microsoft.Compute/virtualMachines"):
        version = COMPUTE if "Compute" in path else RESOURCES
        assert refused(azure, f"/subscriptions/{subscription}{path}", version) == expected


def test_providers_show_the_types_and_versions_that_are_known(azure: Azure) -> None:
    shown = get(azure, f"{ROOT}/providers/microsoft.compute", RESOURCES)
    kinds = {kind["resourceType"]: kind for kind in shown["resourceTypes"]}
    assert (shown["namespace"], shown["registrationState"]) == ("Microsoft.Compute", "Registered")
    assert "2024-07-01" in kinds["virtualMachines"]["apiVersions"]
    assert "West Europe" in kinds["virtualMachines"]["locations"]
    assert refused(azure, f"{ROOT}/providers/Microsoft.Web", RESOURCES) == (501, "NotSimulated")


def test_subnets_locks_and_roles_are_listed(azure: Azure) -> None:
    network = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v"
    subnet = {"name": "s", "properties": {"addressPrefix": "10.0.1.0/24"}}
    body = {
        "location": "westeurope",
        "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]},
    }
    assert azure.manage("PUT", f"{network}?api-version={NETWORK}", body).status == 201
    azure.finish()
    (listed,) = get(azure, f"{network}/subnets", NETWORK)["value"]
    assert set(listed) == {"name", "id", "etag", "properties", "type"}
    assert get(azure, f"{network}/subnets/S", NETWORK) == listed
    assert refused(azure, f"{network}/subnets/other", NETWORK) == (404, "NotFound")
    assert refused(azure, f"{GROUP}/providers/Microsoft.Network/virtualNetworks/w/subnets", NETWORK)[0] == 404
    assert get(azure, f"{ROOT}/providers/Microsoft.Authorization/locks", "2016-09-01") == {"value": []}
    roles = f"{ROOT}/providers/Microsoft.Authorization/roleDefinitions"
    (reader,) = get(azure, roles, "2022-04-01", **{"$filter": "roleName eq 'Reader'"})["value"]
    assert reader["name"] == "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    assert refused(azure, roles, "2022-04-01", **{"$filter": "roleName eq 'Billing Reader'"}) == (501, "NotSimulated")
    assert get(azure, roles, "2022-04-01", **{"$filter": "type eq 'CustomRole'"})["value"] == []
    role = {"roleName": "Mine", "type": "CustomRole", "assignableScopes": [ROOT], "permissions": [{"actions": ["*/read"]}]}
    mine = f"{roles}/0d0e5e00-0000-4000-8000-0000000000aa"
    assert azure.manage("PUT", f"{mine}?api-version=2022-04-01", {"properties": role}).status == 201
    (custom,) = get(azure, roles, "2022-04-01", **{"$filter": "type eq 'CustomRole'"})["value"]
    assert custom["properties"]["roleName"] == "Mine"


def prices(azure: Azure, **query: str) -> Answer:
    return azure.ask("prices.localhost", "GET", "/api/retail/prices?" + urlencode(query), token=False)


def test_prices_meet_every_condition_of_a_filter(azure: Azure) -> None:
    here = "armRegionName eq 'westeurope' and armSkuName eq 'Standard_D4s_v5' and serviceName eq 'Virtual Machines'"
    assert prices(azure, **{"$filter": f"{here} and priceType eq 'Consumption'"}).body["Count"] == 8
    assert prices(azure, **{"$filter": f"{here} and priceType eq 'Reservation'"}).body["Count"] == 1
    assert prices(azure, **{"$filter": "serviceName eq 'Azure Cosmos DB'"}).body["Items"] == []
    for asked in ("contains(meterName, 'Spot')", "location eq 'EU West'"):
        assert prices(azure, **{"$filter": asked}).status == 501
    assert prices(azure, currencyCode="EUR").status == 501


def test_prices_come_in_pages_of_a_thousand(azure: Azure) -> None:
    page, found = prices(azure, **{"$filter": "serviceName eq 'Virtual Machines'"}), 0
    while True:
        assert page.body["Count"] == len(page.body["Items"]) <= 1000
        found += page.body["Count"]
        if page.body["NextPageLink"] is None:
            break
        page = azure.ask("prices.localhost", "GET", "/" + page.body["NextPageLink"].split("/", 3)[3], token=False)
    rows_of_a_size_and_region = 9
    places = sum(len(facts["usd_per_hour"]) for facts in azure.world.catalogue.values())
    assert found == places * rows_of_a_size_and_region > 1000


def test_a_conditional_request_is_never_carried_out_without_its_condition(azure: Azure) -> None:
    path = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/n"
    for name in ("If-Match", "If-None-Match"):
        request = Request(
            "PUT",
            path,
            {"api-version": NETWORK},
            {"Authorization": f"Bearer {azure._issuer.token('https://management.azure.com')[0]}", name: "*"},
            b'{"location": "westeurope"}',
            "https://management.localhost:443",
            "",
            azure._issuer,
        )
        assert azure.simulation.answered("management.localhost", request).status == 501
    assert azure.world.resource(path) is None
