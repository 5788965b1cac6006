"""The API matches its description: every request gets one of the described responses."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, settings
from openapi_spec_validator import validate
from schemathesis.checks import CHECKS, load_all_checks

from dormouse.access.signatures import hub_signature, slack_signature
from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.errors import NotFound
from dormouse.http.openapi.document import document, problems_of
from dormouse.http.problem_kinds import STATUS_OF
from dormouse.http.problems import title_of
from dormouse.http.routes import ROUTES
from local.azure.services.activity import REPORT_SECRET
from local.clock import timestamp
from local.sandbox import CHATOPS_SECRET, SLACK_SECRET, Ground, temporary_ground

SPEED = 60.0
# The host itself rejects longer request lines, before any function is called.
LONGEST_LINE = 8000
load_all_checks()
# Which specs are accepted depends on regions, sizes and states, which no schema knows; and the host responds 404 to
# an unknown route, whatever the method.
NOT_OURS = [check for check in CHECKS.get_all() if check.__name__ in ("positive_data_acceptance", "unsupported_method")]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A sandbox of its own, because random requests may do anything."""
    with temporary_ground(speed=SPEED, timers=False, agents=False) as running:
        yield running


SIGNED = {"/api/chatops/generic": CHATOPS_SECRET, "/api/machines/activity/signed": REPORT_SECRET}
schema = schemathesis.openapi.from_dict(document())


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_response_matches_the_openapi_description(case: Any, ground: Ground) -> None:
    assert len(NOT_OURS) == 2
    assume(len(case.formatted_path) + len(urlencode(case.query or {})) < LONGEST_LINE)
    case.call_and_validate(f"http://127.0.0.1:{ground.port}", headers=_proof(case, ground), excluded_checks=NOT_OURS)


def _proof(case: Any, ground: Ground) -> dict[str, str]:
    """Keys and signatures for requests that have none."""
    headers = {"x-functions-key": ground.key}
    if case.path in SIGNED and isinstance(case.body, dict) and "at" in case.body:
        case.body["at"] = timestamp(ground.clock.now())
    content = case.as_transport_kwargs(base_url="http://x").get("json")
    if case.path in SIGNED and content is not None:
        headers["X-Hub-Signature-256"] = hub_signature(SIGNED[case.path], json.dumps(content).encode())
    if case.path.startswith("/api/chatops/slack"):
        now = str(int(ground.clock.seconds()))
        headers |= {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": slack_signature(SLACK_SECRET, now, b"")}
    return headers


def test_the_description_is_valid_openapi() -> None:
    validate(document())
    assert document()["openapi"] == "3.1.0"


def test_exactly_the_existing_routes_are_described() -> None:
    described = {
        (method.upper(), path.removeprefix("/api/")) for path, methods in document()["paths"].items() for method in methods
    }
    assert described == {(route.method, route.template) for route in ROUTES}
    names = [operation["operationId"] for methods in document()["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)


def test_request_bodies_are_described_by_their_models() -> None:
    put = document()["paths"]["/api/environments/{name}"]["put"]["requestBody"]["content"]["application/json"]
    names = re.findall(r"#/components/schemas/(\w+)", json.dumps(put["schema"]))
    assert names == [each.spec.__name__ for each in BLUEPRINTS.values()]
    for name in names:
        shape = document()["components"]["schemas"][name]
        assert shape["additionalProperties"] is False
        assert {"blueprint", "region"} <= set(shape["required"])
    required = document()["components"]["schemas"]["BuildAgentSpec"]["required"]
    assert required == ["blueprint", "region", "organization", "pool"]


def test_every_property_has_a_description_and_an_example() -> None:
    for name, shape in document()["components"]["schemas"].items():
        for member, described in shape.get("properties", {}).items():
            assert described.get("description"), f"{name}.{member} has no description"
            assert described.get("examples"), f"{name}.{member} has no example"


def test_schema_names_are_those_declared_by_the_types() -> None:
    names = set(document()["components"]["schemas"])
    assert names >= {"Environment", "EnvironmentList", "Operation", "OperationList", "Machine", "MachineList", "IdleReport"}
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in names)
    assert not [name for name in names if "View" in name or "Of" in name]


def test_every_problem_is_described_and_its_type_links_to_an_explanation(ground: Ground) -> None:
    raised = {kind for route in ROUTES for kind in problems_of(route)}
    assert raised | {NotFound} >= set(STATUS_OF) - {NotFound}
    page = httpx.get(f"{ground.api}/docs").text
    anchors = set(re.findall(r'id="([^"]+)"', page))
    answer = httpx.get(f"{ground.api}/environments/nobody", headers={"x-functions-key": ground.key})
    path, _, anchor = answer.json()["type"].partition("#")
    assert (path, anchor) == ("/api/docs", "no-such-environment")
    for kind in raised:
        title = title_of(kind.__new__(kind))
        assert title.lower().replace(" ", "-") in anchors, title


class Fetched(HTMLParser):
    """What a page makes a browser load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [f"<{tag}>"] if tag in ("script", "iframe", "object", "link", "img") else []
        self.found += [str(given[name]) for name in ("src", "href", "action") if "//" in str(given.get(name, ""))]


def test_the_docs_page_loads_nothing_from_other_hosts(ground: Ground) -> None:
    answer = httpx.get(f"{ground.api}/docs")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    fetched = Fetched()
    fetched.feed(answer.text)
    assert fetched.found == []
    for route in ROUTES:
        assert f"/api/{route.template}" in answer.text
