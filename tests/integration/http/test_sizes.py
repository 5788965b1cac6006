"""The sizes of a region over HTTP: what can be had, at which price, and what stands in the way."""

import httpx

from tests.support import AzureSide, ControlPlane

A10 = "Standard_NV6ads_A10_v5"


def sizes(control_plane: ControlPlane, **query: str) -> httpx.Response:
    return control_plane.client.get("/sizes", params={"limit": "200", **query})


def test_sizes_are_sorted_by_price_and_show_what_can_be_had(control_plane: ControlPlane, azure: AzureSide) -> None:
    azure.limit("northeurope", "StandardNVADSA10v5Family", 4)
    azure.restrict("northeurope", "Standard_NC4as_T4_v3")
    listed = sizes(control_plane, region="North Europe", gpu="any").json()
    assert (listed["next"], listed["problems"]) == (None, [])
    by_name = {size["name"]: size for size in listed["value"]}
    prices = [size["price_per_hour"]["amount"] for size in listed["value"]]
    assert prices == sorted(prices)
    assert all(size["gpu"] or size["gpus"] for size in listed["value"])
    one = by_name[A10]
    assert (one["vcpus"], one["memory_gib"], one["gpus"], one["gpu"]) == (6, 55.0, 1, "NVIDIA A10")
    assert (one["zones"], one["quota_left_vcpus"]) == (["1", "2", "3"], 4)
    assert one["problem"] == "The quota allows 4 more vCPUs; it needs 6."
    assert 0 < one["spot_price_per_hour"]["amount"] < one["price_per_hour"]["amount"]
    assert "NotAvailableForSubscription" in by_name["Standard_NC4as_T4_v3"]["problem"]


def test_sizes_are_filtered_and_come_in_pages(control_plane: ControlPlane) -> None:
    asked = {"region": "polandcentral", "gpu": "a10", "max_price": "1.5"}
    everything = sizes(control_plane, **asked).json()["value"]
    assert {size["gpu"] for size in everything} == {"NVIDIA A10"}
    assert max(size["price_per_hour"]["amount"] for size in everything) <= 1.5
    found, path = [], "/sizes?region=polandcentral&gpu=a10&max_price=1.5&limit=1"
    while path:
        page = control_plane.client.get(path.removeprefix("/api")).json()
        found += [size["name"] for size in page["value"]]
        path = page["next"]
    # Only the names: the quota that is left changes while other tests' machines come and go.
    assert found == [size["name"] for size in everything]
    assert len(found) > 1
    assert sizes(control_plane, region="polandcentral", gpu="none", max_price="0.001").json()["value"] == []


def test_a_query_that_cannot_be_read_names_every_fault(control_plane: ControlPlane) -> None:
    refused = sizes(control_plane, gpu=".*", max_price="-1").json()
    assert refused["status"] == 400
    for words in ("`region` is missing", "`gpu` must be a model such as A100", "`max_price` must be an amount above 0"):
        assert words in refused["detail"]


def test_sizes_are_listed_while_the_price_list_does_not_answer(control_plane: ControlPlane, azure: AzureSide) -> None:
    azure.spoil(path="/api/retail/prices", status=503, code="Busy")
    listed = sizes(control_plane, region="westus3", gpu="t4").json()
    azure.behave()
    assert [size["price_per_hour"] for size in listed["value"]] == [None] * 4
    assert "Prices are not known" in listed["problems"][0]
