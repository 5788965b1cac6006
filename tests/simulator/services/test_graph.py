"""Queries of Resource Graph and their results."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.azure.core.world import SUBSCRIPTION
from tests.contract.azure import Azure

PATH = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"
COMPUTE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Rg1/providers/Microsoft.Compute/virtualMachines"
MACHINES = "resources | where type =~ 'Microsoft.Compute/virtualMachines'"


def machine(name: str, tags: dict[str, str] | None = None, power: str = "running", **properties: Any) -> dict[str, Any]:
    given = {"hardwareProfile": {"vmSize": "Standard_D2s_v5"}, **properties}
    document = {
        "id": f"{COMPUTE}/{name}",
        "name": name,
        "type": "Microsoft.Compute/virtualMachines",
        "location": "westeurope",
    }
    return {**document, "tags": tags, "properties": given, "_power": power}


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    fresh = Azure(tmp_path_factory.mktemp("graph"))
    fresh.world.keep(machine("a", {"dormouse": "yes"}, additionalCapabilities={"hibernationEnabled": True}))
    fresh.world.keep(machine("b", {"dormouse": "", "dormouse-idle": "2h"}, "deallocated", priority="Spot"))
    fresh.world.keep(machine("C", {"Dormouse": "other key"}, "starting"))
    fresh.world.keep(machine("d"))
    fresh.world.index_everything()
    yield fresh
    fresh.close()


def ask(azure: Azure, query: str, **options: Any) -> dict[str, Any]:
    azure.pass_time(5)  # the bucket of queries refills
    body = {
        "query": query,
        "subscriptions": [SUBSCRIPTION],
        "options": {f"${name}": value for name, value in options.items()},
    }
    answer = azure.manage("POST", PATH, body)
    assert answer.status == 200, answer.body
    return dict(answer.body)


def names(azure: Azure, condition: str) -> list[str]:
    return [row["name"] for row in ask(azure, f"{MACHINES} and {condition} | order by name asc")["data"]]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("isnotempty(tags['dormouse'])", ["a"]),
        ("isempty(tags['dormouse'])", ["C", "b", "d"]),
        ("(isnotempty(tags['dormouse']) or isnotempty(tags['dormouse-idle']))", ["a", "b"]),
        ("isnotempty(tags.Dormouse)", ["C"]),
        ("isnotempty(tags['DORMOUSE'])", []),
        (f"id startswith '{COMPUTE.upper()}/c'", ["C"]),
        ("(name == 'a' or name == 'b') and (priority == 'x' or properties.priority =~ 'SPOT')", ["b"]),
        ("name in~ ('A', 'c')", ["C", "a"]),
        ("name in ('A', 'c')", []),
        ("name !in~ ('A')", "NotSimulated"),
        ("name !~ 'A' and name != 'C'", ["b", "d"]),
        ("tostring(properties.additionalCapabilities.hibernationEnabled) == 'true'", ["a"]),
        ("tags['dormouse'] == 'o\\'clock'", []),
        ("(name == 'a'", "InvalidQuery"),
        ("tostring(tags) contains '\"dormouse-IDLE'", ["b"]),
        ("name endswith 'a'", "NotSimulated"),
        ("strlen(name) == '1'", "NotSimulated"),
    ],
)
def test_conditions_are_evaluated_as_in_kusto(azure: Azure, condition: str, expected: list[str] | str) -> None:
    if isinstance(expected, list):
        assert names(azure, condition) == expected
        return
    azure.pass_time(5)
    error = azure.manage("POST", PATH, {"query": f"{MACHINES} and {condition}"}).body["error"]
    assert expected in (error["code"], *(item["code"] for item in error.get("details", [])))


def test_project_renames_paths_and_conversions(azure: Azure) -> None:
    query = f"""{MACHINES}
        | project id, name, subscriptionId, resourceGroup, location, tags,
          size = tostring(properties.hardwareProfile.vmSize),
          power = tostring(properties.extended.instanceView.powerState.code),
          created = tostring(properties.timeCreated),
          hibernation = tobool(properties.additionalCapabilities.hibernationEnabled),
          priority = tostring(properties.priority)
        | order by id asc"""
    first, second, third, _ = ask(azure, query)["data"]
    assert first == {
        "id": f"{COMPUTE}/C",
        "name": "C",
        "subscriptionId": SUBSCRIPTION,
        "resourceGroup": "rg1",
        "location": "westeurope",
        "tags": {"Dormouse": "other key"},
        "size": "Standard_D2s_v5",
        "power": "",
        "created": "",
        "hibernation": None,
        "priority": "",
    }
    assert (second["power"], second["hibernation"], second["priority"]) == ("PowerState/running", True, "")
    assert (third["power"], third["hibernation"], third["priority"]) == ("PowerState/deallocated", None, "Spot")


def test_pages_are_requested_by_offset_or_token(azure: Azure) -> None:
    query = f"{MACHINES} | project name | order by name asc"
    first = ask(azure, query, top=3)
    assert (first["totalRecords"], first["count"], [row["name"] for row in first["data"]]) == (4, 3, ["C", "a", "b"])
    for more in ({"skip": 3}, {"skipToken": first["$skipToken"]}):
        last = ask(azure, query, top=3, **more)
        assert (last["totalRecords"], [row["name"] for row in last["data"]], "$skipToken" in last) == (4, ["d"], False)


def test_a_change_is_visible_as_soon_as_it_is_indexed(azure: Azure) -> None:
    query = f"{MACHINES} | where name == 'e' | project power = properties.extended.instanceView.powerState.code"
    assert ask(azure, query)["data"] == []
    azure.world.keep(machine("e"))
    azure.pass_time(60)
    assert ask(azure, query)["data"] == [{"power": "PowerState/running"}]
    azure.world.keep(machine("e", power="stopped"))
    azure.pass_time(60)
    assert ask(azure, query)["data"] == [{"power": "PowerState/stopped"}]
    azure.world.forget(f"{COMPUTE}/e")
    azure.pass_time(60)
    assert ask(azure, query)["data"] == []
