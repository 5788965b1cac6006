"""What takes time in Azure takes time here: some network interfaces, and the deletion, purge and recovery of secrets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import PACE, SUBSCRIPTION
from local.azure.providers.network import CREATION, Creation
from local.azure.server import VAULT
from tests.contract.azure import Azure
from tests.contract.preparation import Preparation

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
NETWORKS = f"{GROUP}/providers/Microsoft.Network"
BODY = {
    "location": "westus",
    "properties": {
        "ipConfigurations": [
            {"name": "ip", "properties": {"subnet": {"id": f"{NETWORKS}/virtualNetworks/net/subnets/s"}}},
        ]
    },
}


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    azure = Azure(tmp_path)
    yield azure
    azure.close()


def put_card(azure: Azure, name: str = "card") -> Answer:
    Preparation(azure).network(f"{NETWORKS}/virtualNetworks/net", ["s"])
    return azure.manage("PUT", f"{NETWORKS}/networkInterfaces/{name}?api-version=2024-05-01", BODY)


def secret(azure: Azure, method: str, path: str, body: Any = None) -> tuple[int, str]:
    said = azure.ask(VAULT, method, f"{path}?api-version=7.4", body)
    error = said.body.get("error", {}) if isinstance(said.body, dict) else {}
    return said.status, (error.get("innererror") or {}).get("code", "") or error.get("code", "")


def test_a_slow_network_interface_is_updating_until_its_operation_ends(azure: Azure) -> None:
    azure.create_cards(Creation.SLOWLY)
    said = put_card(azure)
    assert (said.status, said.body["properties"]["provisioningState"]) == (201, "Updating")
    path = "/" + said.headers["Azure-AsyncOperation"].split("/", 3)[3]
    assert azure.manage("GET", path).body == {"status": "InProgress"}
    azure.finish()
    assert azure.manage("GET", path).body == {"status": "Succeeded"}
    card = azure.manage("GET", f"{NETWORKS}/networkInterfaces/card?api-version=2024-05-01").body
    assert card["properties"]["provisioningState"] == "Succeeded"


def test_a_machine_waits_for_its_slow_network_interface(azure: Azure) -> None:
    azure.create_cards(Creation.SLOWLY)
    prepare = Preparation(azure)
    prepare.group(GROUP)
    put_card(azure)
    prepare.made.add(f"{NETWORKS}/networkInterfaces/card".lower())
    cards = {"networkProfile": {"networkInterfaces": [{"id": f"{NETWORKS}/networkInterfaces/card"}]}}
    machine = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/m"
    body = prepare.machine(machine, {"properties": cards})
    early = azure.manage("PUT", f"{machine}?api-version=2024-07-01", body)
    assert (early.status, early.body["error"]["code"]) == (429, "RetryableError")
    azure.finish()
    assert azure.manage("PUT", f"{machine}?api-version=2024-07-01", body).status == 201


def test_network_interfaces_are_created_each_way_as_often_as_recorded(azure: Azure) -> None:
    azure.world.store.delete("facts", CREATION)
    said = [put_card(azure, f"card{number}") for number in range(220)]
    polled = [one for one in said if "Azure-AsyncOperation" in one.headers]
    slow = [one for one in polled if one.body["properties"]["provisioningState"] == "Updating"]
    assert 40 <= len(polled) <= 80  # 3 of 11
    assert 10 <= len(slow) <= 32  # 1 of 11


def test_a_secret_that_is_being_deleted_can_be_neither_recovered_nor_purged_nor_set(azure: Azure) -> None:
    azure.world.store.put("facts", PACE, {"share": 0.9})
    assert secret(azure, "PUT", "/secrets/s", {"value": "v"}) == (200, "")
    assert secret(azure, "DELETE", "/secrets/s") == (200, "")
    assert secret(azure, "GET", "/secrets/s") == (404, "SecretNotFound")
    assert secret(azure, "GET", "/deletedsecrets/s") == (404, "SecretNotFound")
    assert azure.ask(VAULT, "GET", "/deletedsecrets?api-version=7.4").body["value"] == []
    for method, path, body in (
        ("POST", "/deletedsecrets/s/recover", None),
        ("DELETE", "/deletedsecrets/s", None),
        ("PUT", "/secrets/s", {"value": "w"}),
    ):
        assert secret(azure, method, path, body) == (409, "ObjectIsBeingDeleted")


def test_a_deleted_secret_is_listed_purged_and_forgotten_one_after_the_other(azure: Azure) -> None:
    secret(azure, "PUT", "/secrets/s", {"value": "v"})
    secret(azure, "DELETE", "/secrets/s")
    azure.pass_time(60)
    assert secret(azure, "PUT", "/secrets/s", {"value": "w"}) == (409, "ObjectIsDeletedButRecoverable")
    assert secret(azure, "GET", "/deletedsecrets/s") == (200, "")
    azure.world.store.put("facts", PACE, {"share": 0.9})
    assert secret(azure, "DELETE", "/deletedsecrets/s") == (204, "")
    assert secret(azure, "GET", "/deletedsecrets/s") == (404, "SecretNotFound")
    assert secret(azure, "PUT", "/secrets/s", {"value": "w"}) == (409, "ObjectIsBeingDeleted")
    azure.pass_time(10)
    assert secret(azure, "PUT", "/secrets/s", {"value": "w"}) == (200, "")


def test_a_recovered_secret_is_found_after_a_while(azure: Azure) -> None:
    secret(azure, "PUT", "/secrets/s", {"value": "v"})
    secret(azure, "DELETE", "/secrets/s")
    azure.pass_time(60)
    azure.world.store.put("facts", PACE, {"share": 0.9})
    assert secret(azure, "POST", "/deletedsecrets/s/recover") == (200, "")
    assert secret(azure, "GET", "/secrets/s") == (404, "SecretNotFound")
    assert secret(azure, "PUT", "/secrets/s", {"value": "w"}) == (409, "ObjectIsBeingRecovered")
    assert secret(azure, "POST", "/deletedsecrets/s/recover") == (409, "ObjectIsBeingRecovered")
    azure.pass_time(20)
    assert secret(azure, "GET", "/secrets/s") == (200, "")


def test_a_newer_version_of_the_vault_says_for_how_many_days_a_secret_can_be_recovered(azure: Azure) -> None:
    said = azure.ask(VAULT, "PUT", "/secrets/s?api-version=2025-07-01", {"value": "v"}).body
    assert said["attributes"]["recoverableDays"] == 90
    assert "recoverableDays" not in azure.ask(VAULT, "GET", "/secrets/s?api-version=7.2").body["attributes"]
