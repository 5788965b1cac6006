"""`dormouse sizes`: the VM sizes of a region as a table, as JSON, and when there are none."""

import json

from tests.cli.support import Command, FakeServer

SIZE = {
    "name": "Standard_NV6ads_A10_v5",
    "vcpus": 6,
    "memory_gib": 55.0,
    "gpus": 1,
    "gpu": "NVIDIA A10",
    "zones": ["1", "3"],
    "price_per_hour": {"amount": 0.59, "currency": "USD"},
    "spot_price_per_hour": None,
    "quota_left_vcpus": 0,
    "problem": "The quota allows 0 more vCPUs; it needs 6.",
}


def test_sizes_are_printed_with_what_stands_in_the_way(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json({"value": [SIZE], "next": None, "problems": ["Prices are not known: x"]}))
    printed = dormouse("sizes", "polandcentral", "--gpu", "a10", "--max-price", "1.50")
    assert printed.code == 0, printed
    assert server.requests[-1].path == "/api/sizes?limit=50&region=polandcentral&gpu=a10&max_price=1.50"
    problem, heading, row = printed.out.splitlines()
    assert problem == "Problem: Prices are not known: x"
    assert heading.split() == [
        "NAME",
        "GPU",
        "GPUS",
        "VCPUS",
        "MEMORY",
        "PRICE",
        "SPOT",
        "QUOTA",
        "LEFT",
        "ZONES",
        "PROBLEM",
    ]
    assert row.split(None, 1)[0] == SIZE["name"]
    for words in ("NVIDIA A10", "55 GiB", "0.59 USD/h", "0 vCPUs", "1,3", str(SIZE["problem"])):
        assert words in row
    assert json.loads(dormouse("sizes", "polandcentral", "--json").out)["value"] == [SIZE]


def test_no_sizes_is_a_sentence(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json({"value": [], "next": None, "problems": []}))
    assert dormouse("sizes", "polandcentral").out == "There are no such sizes.\n"


def test_a_region_is_required_and_the_server_judges_the_rest(dormouse: Command, server: FakeServer) -> None:
    assert dormouse("sizes").code == 2
    server.respond(lambda request: request.problem(400, "`gpu` must be a model such as A100, `any` or `none`, not '.*'."))
    refused = dormouse("sizes", "polandcentral", "--gpu", ".*")
    assert (refused.code, "`gpu` must be a model" in refused.err) == (2, True)
