"""What is logged of the app's work: requests are sampled; errors, warnings, the ends of sweeps and operations never are."""

import json
import re
from typing import Any

import pytest

import activities
from dormouse.http.routes import ROUTES
from local.sandbox import TIMERS
from tests.infra.bicep import read
from tests.infra.test_bicep import FILES, INFRA
from tests.support import ROOT

LOGGING: dict[str, Any] = json.loads((ROOT / "host.json").read_text())["logging"]
SAMPLING: dict[str, Any] = LOGGING["applicationInsights"]["samplingSettings"]
# https://learn.microsoft.com/azure/azure-functions/configure-monitoring (categories): what a function
# logs while it runs, and the records of requests that the host writes.
WRITERS = [activity.__name__ for activity in activities.ALL] + list(TIMERS)
REQUESTS = "Host.Results"
RULES = read(INFRA / "modules" / "monitoring.bicep").of("variable")["rules"].value
QUERIES = {
    **{f"alert {rule['name']}": rule["query"] for rule in RULES},
    **{
        f"workbook {number}": item["content"]["query"]
        for number, item in enumerate(json.loads((INFRA / "workbook.json").read_text())["items"])
    },
    **{
        f"operations.md {number}": query
        for number, query in enumerate(
            re.findall(r"```kql\n(.*?)```", (ROOT / "docs" / "operations.md").read_text(), re.DOTALL)
        )
    },
}


def level_of(category: str) -> str:
    """The level from which on a category is written: that of the longest name that it begins with."""
    names = sorted((name for name in LOGGING["logLevel"] if f"{category}.".startswith(f"{name}.")), key=len)
    return str(LOGGING["logLevel"][names[-1] if names else "default"])


def test_requests_are_sampled_and_errors_and_lines_of_the_app_are_not() -> None:
    assert SAMPLING == {"isEnabled": True, "maxTelemetryItemsPerSecond": 1, "excludedTypes": "Exception;Trace"}


def test_what_functions_log_is_written_from_information_on() -> None:
    """`sweep ended` and `operation ended` are at that level; so are the host's lines about each execution."""
    assert {level_of(f"Function.{name}.User") for name in WRITERS} == {"Information"}
    assert level_of(REQUESTS) == "Information", "otherwise the alert about failures sees no requests that succeed"


def test_heartbeats_log_warnings_only() -> None:
    """Lines are never sampled, so the two of the host about each heartbeat must not be written at all."""
    (name,) = [name.removeprefix("Function.") for name in LOGGING["logLevel"] if name.startswith("Function.")]
    assert name == next(route.handler.__name__ for route in ROUTES if route.template == "heartbeats")
    assert level_of(f"Function.{name}") == level_of(f"Function.{name}.User") == "Warning"


def test_nothing_else_samples_or_changes_levels() -> None:
    """Sampling on arrival would drop lines, too; settings override `host.json`.

    https://learn.microsoft.com/azure/azure-monitor/app/sampling, https://learn.microsoft.com/azure/azure-functions/functions-host-json
    """
    component = read(INFRA / "modules" / "monitoring.bicep").of("resource")["component"].value["properties"]
    assert not {"SamplingPercentage", "samplingPercentage"} & set(component)
    assert not [path for path in FILES if "AzureFunctionsJobHost" in (INFRA / path).read_text()]


@pytest.mark.parametrize("name", QUERIES)
def test_queries_count_what_sampling_left_out(name: str) -> None:
    query = QUERIES[name]
    assert "count()" not in query
    assert "countif(" not in query
    if "AppRequests" in query and "summarize" in query:
        assert "ItemCount" in query
