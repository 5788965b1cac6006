"""Responses: the URLs of an accepted operation."""

import json
from dataclasses import replace

import azure.functions as func
import pytest

from dormouse.http.responses import accepted, api_url_of
from tests.unit.twins import SETTINGS, MemoryTables, reads_of


def test_location_is_ascii_for_any_machine_name() -> None:
    answer = accepted("grüppe:vm-stop-01ARZ3NDEKTSV4RRFFQ69G5FAV", "https://dormouse.example/api")
    location = answer.headers["Location"]
    assert location.isascii()
    assert location.startswith("https://dormouse.example/api/operations/gr%C3%BCppe:vm-stop-")
    assert location == answer.headers["Operation-Location"] + "/result"
    assert json.loads(answer.get_body())["operation"].startswith("grüppe")


@pytest.mark.parametrize(
    ("setting", "url"),
    [("", "https://seen.example/api"), ("https://gate.example/gpu/", "https://gate.example/gpu")],
)
def test_urls_come_from_the_setting_or_the_request_and_never_from_forwarded_headers(setting: str, url: str) -> None:
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    request = func.HttpRequest(
        method="POST", url="https://seen.example/api/environments/ml1/stop", headers=headers, body=b""
    )
    dependencies = reads_of(MemoryTables(), settings=replace(SETTINGS, control_plane_url=setting))
    assert api_url_of(request, dependencies) == url
