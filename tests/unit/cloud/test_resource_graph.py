"""Queries of Resource Graph: what is asked, and what an answer that is not the expected one means."""

import asyncio
from typing import Any

import pytest

from dormouse.cloud.inventory import Inventory
from dormouse.cloud.resource_graph import GraphPage, ask_graph
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.errors import CloudUnavailable
from tests.unit.azure import Azure, cloud_over
from tests.unit.twins import SETTINGS

GRAPH = "POST /providers/Microsoft.ResourceGraph/resources"
ROW = {"id": "/one", "tags": None, "count": 3}


def an_azure(status: int, body: Any) -> Azure:
    return Azure({}, {GRAPH: (status, body, {})})


def asked(azure: Azure, **options: Any) -> GraphPage:
    return asyncio.run(ask_graph(cloud_over(azure), ["s1", "s2"], "resources", **options))


def test_rows_come_as_azure_sends_them() -> None:
    azure = an_azure(200, {"totalRecords": 7, "data": [ROW], "$skipToken": "next"})
    assert asked(azure, top=1, skip=2) == GraphPage([ROW], 7, "next")
    options = {"resultFormat": "objectArray", "$top": 1, "$skip": 2}
    assert azure.sent == [{"subscriptions": ["s1", "s2"], "query": "resources", "options": options}]
    assert azure.versions == ["2021-03-01"]


def test_every_page_is_read_with_the_token_of_the_one_before() -> None:
    class Pages(Azure):
        def _answer(self, method: str, path: str, asked: str) -> tuple[int, Any, dict[str, str]]:
            page = len(self.sent)
            token = {"$skipToken": f"after {page}"} if page < 3 else {}
            return 200, {"totalRecords": 3, "data": [{"page": page}], **token}, {}

    azure = Pages({})
    assert asyncio.run(Inventory(cloud_over(azure)).query("resources")) == [{"page": 1}, {"page": 2}, {"page": 3}]
    assert [body["options"].get("$skipToken") for body in azure.sent] == [None, "after 1", "after 2"]
    assert {tuple(body["subscriptions"]) for body in azure.sent} == {(SETTINGS.azure_subscription_id,)}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"error": {"code": "RateLimiting", "message": "Please provide below info"}}),
        (503, None),
        (404, {"error": {"code": "NotFound", "message": "No."}}),
        (200, None),
        (200, []),
        (200, {"data": []}),
        (200, {"data": None, "totalRecords": 1}),
        (200, {"data": {}, "totalRecords": 1}),
    ],
)
def test_an_answer_without_rows_is_no_empty_list(status: int, body: Any) -> None:
    with pytest.raises(CloudUnavailable):
        asked(an_azure(status, body))


def test_a_query_that_azure_forbids_is_refused() -> None:
    with pytest.raises(ReadRefused, match="AuthorizationFailed"):
        asked(an_azure(403, {"error": {"code": "AuthorizationFailed", "message": "No."}}))
