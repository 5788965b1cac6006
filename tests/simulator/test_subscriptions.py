"""Other subscriptions of the tenant hold machines of an estate, and only an identity with roles there sees them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import OTHER_SUBSCRIPTIONS, SUBSCRIPTION
from local.azure.services.authorization.assignments import DEPLOYED, assign, of_role
from local.azure.vms import estate_loader
from tests.contract.azure import Azure

SECOND, THIRD = OTHER_SUBSCRIPTIONS
COMPUTE, RESOURCES = "2024-07-01", "2024-11-01"
OURS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/ours"
THEIRS = f"/subscriptions/{SECOND}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/theirs"
QUERY = "resources | where type =~ 'microsoft.compute/virtualmachines' | project name, subscriptionId | order by name asc"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    running = Azure(tmp_path)
    estate_loader.load(running.world, {"machines": [{"id": one, "size": "Standard_D4s_v5"} for one in (OURS, THEIRS)]})
    yield running
    running.close()


def ask(azure: Azure, method: str, path: str, version: str = COMPUTE) -> Answer:
    return azure.manage(method, f"{path}?api-version={version}")


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["error"]["code"]


def graph(azure: Azure, *subscriptions: str) -> list[tuple[str, str]]:
    body = {"query": QUERY, "subscriptions": list(subscriptions)}
    answer = azure.manage("POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01", body)
    return [(row["name"], row["subscriptionId"]) for row in answer.body["data"]]


def test_without_a_role_there_nothing_of_another_subscription_is_seen(azure: Azure) -> None:
    assert graph(azure, SUBSCRIPTION, SECOND) == [("ours", SUBSCRIPTION)]
    assert refusal(ask(azure, "GET", THEIRS)) == (403, "AuthorizationFailed")
    assert refusal(ask(azure, "POST", f"{THEIRS}/deallocate")) == (403, "AuthorizationFailed")


def test_a_query_shows_the_subscriptions_that_it_names(azure: Azure) -> None:
    assign(azure.world, [*DEPLOYED, of_role("reader", f"/subscriptions/{SECOND}")])
    assert graph(azure, SUBSCRIPTION) == [("ours", SUBSCRIPTION)]
    assert graph(azure, SECOND, THIRD) == [("theirs", SECOND)]
    assert graph(azure, SUBSCRIPTION, SECOND) == [("ours", SUBSCRIPTION), ("theirs", SECOND)]


def test_a_machine_of_another_subscription_is_read_and_stopped_there(azure: Azure) -> None:
    assign(azure.world, [of_role(name, f"/subscriptions/{SECOND}") for name in ("reader", "sweep")])
    begun = ask(azure, "POST", f"{THEIRS}/deallocate")
    assert (begun.status, f"/subscriptions/{SECOND}/" in begun.headers["Location"]) == (202, True)
    azure.finish()
    listed = ask(azure, "GET", f"/subscriptions/{SECOND}/providers/Microsoft.Compute/virtualMachines").body["value"]
    assert [one["name"] for one in listed] == ["theirs"]
    roles = f"/subscriptions/{SECOND}/providers/Microsoft.Authorization/roleDefinitions"
    custom = azure.manage("GET", f"{roles}?api-version=2022-04-01&$filter=type eq 'CustomRole'")
    assert (custom.status, custom.body["value"]) == (200, [])


@pytest.mark.parametrize("path", ["/resourcegroups", "/resources", "", "/providers/Microsoft.Network/virtualNetworks"])
def test_nothing_else_of_another_subscription_is_answered(azure: Azure, path: str) -> None:
    version = "2024-05-01" if "Network" in path else RESOURCES
    assert refusal(ask(azure, "GET", f"/subscriptions/{SECOND}{path}", version)) == (501, "NotSimulated")
