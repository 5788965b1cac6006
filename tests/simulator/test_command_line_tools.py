"""What command-line tools need before and beside their commands: the description of the cloud, logins, classic metrics."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION, TENANT
from local.azure.server import LOGIN, MANAGEMENT
from local.azure.services import service_principals
from local.azure.vms import estate_loader
from tests.contract.azure import PORT, Azure

MACHINE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/research/providers/Microsoft.Compute/virtualMachines/trainer"
METRICS = f"{MACHINE}/providers/Microsoft.Insights/metrics"
ESTATE = {
    "machines": [
        {"id": "research/trainer", "size": "Standard_D4s_v5", "created": "12d", "host": {"cpu_percent": 40}},
        {"id": "research/spare", "size": "Standard_D4s_v5", "power": "deallocated"},
    ]
}
RIGHT = {"grant_type": "client_credentials", "scope": "https://management.core.windows.net//.default"}


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    running = Azure(tmp_path)
    running.clock.now_at = float(int(running.clock.now_at // 3600) * 3600)
    estate_loader.load(running.world, ESTATE)
    yield running
    running.close()


def log_in(azure: Azure, tenant: str = TENANT, **form: str) -> Answer:
    issuer, body = azure._issuer, urlencode({**RIGHT, **form}).encode()
    path, base = f"/{tenant}/oauth2/v2.0/token", f"https://{LOGIN}:{PORT}"
    request = Request("POST", path, {}, {}, body, base, base + path, issuer)
    return azure.simulation.answered(LOGIN, request)


def test_the_description_of_the_cloud_needs_no_token(azure: Azure) -> None:
    said = azure.ask(MANAGEMENT, "GET", "/metadata/endpoints?api-version=2022-09-01", token=False)
    assert said.status == 200
    assert said.body["authentication"]["loginEndpoint"] == f"https://{LOGIN}:{PORT}"
    assert said.body["resourceManager"] == f"https://{MANAGEMENT}:{PORT}"
    assert said.body["suffixes"]["keyVaultDns"] == f"vault.localhost:{PORT}"
    assert azure.ask(MANAGEMENT, "GET", "/metadata/endpoints?api-version=2019-05-01", token=False).status == 501


@pytest.mark.parametrize("audience", ["https://management.azure.com", "https://management.core.windows.net/"])
def test_a_service_principal_logs_in_and_lists_its_subscriptions(azure: Azure, audience: str) -> None:
    made = service_principals.create(azure.world, "ops")
    said = log_in(azure, client_id=made["appId"], client_secret=made["password"], scope=f"{audience}/.default")
    assert (said.status, said.body["token_type"], made["tenant"]) == (200, "Bearer", TENANT)
    headers = {"Authorization": f"Bearer {said.body['access_token']}"}
    query = {"api-version": "2022-12-01"}
    url = f"https://{MANAGEMENT}:{PORT}"
    request = Request("GET", "/subscriptions", query, headers, b"", url, url, azure._issuer)
    answer = azure.simulation.answered(MANAGEMENT, request)
    assert [found["subscriptionId"] for found in answer.body["value"]] == [SUBSCRIPTION]


@pytest.mark.parametrize(
    ("wrong", "status", "error", "code"),
    [
        ({"client_secret": "guessed"}, 401, "invalid_client", 7000215),
        ({"client_id": "0d0e5e00-0000-4000-8000-0000000000aa"}, 400, "unauthorized_client", 700016),
        ({"scope": "https://management.azure.com"}, 400, "invalid_scope", 1002012),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_a_wrong_login_is_refused_as_entra_does(
    azure: Azure, wrong: dict[str, str], status: int, error: str, code: int
) -> None:
    made = service_principals.create(azure.world, "ops")
    said = log_in(azure, **{"client_id": made["appId"], "client_secret": made["password"], **wrong})
    assert (said.status, said.body["error"], said.body["error_codes"]) == (status, error, [code])
    assert said.body["error_description"].startswith(f"AADSTS{code}: ")


def test_another_tenant_does_not_exist(azure: Azure) -> None:
    made = service_principals.create(azure.world, "ops")
    said = log_in(azure, "contoso.example", client_id=made["appId"], client_secret=made["password"])
    assert (said.status, said.body["error_codes"]) == (400, [90002])
    configuration = azure.ask(LOGIN, "GET", "/contoso.example/v2.0/.well-known/openid-configuration", token=False)
    assert (configuration.status, configuration.body["error"]) == (400, "invalid_tenant")
    ours = azure.ask(LOGIN, "GET", f"/{TENANT}/v2.0/.well-known/openid-configuration", token=False)
    assert ours.body["token_endpoint"].endswith(f"/{TENANT}/oauth2/v2.0/token")


def test_a_new_secret_replaces_the_old_one(azure: Azure) -> None:
    old, new = (service_principals.create(azure.world, "ops") for _ in range(2))
    assert old["appId"] == new["appId"]
    assert log_in(azure, client_id=old["appId"], client_secret=old["password"]).status == 401
    assert log_in(azure, client_id=new["appId"], client_secret=new["password"]).status == 200


def metrics(azure: Azure, path: str = METRICS, **query: str) -> tuple[int, Any]:
    given = {"api-version": "2018-01-01", "metricnames": "Percentage CPU", **query}
    said = azure.manage("GET", f"{path}?" + urlencode(given, quote_via=quote))
    return said.status, json.loads(said.content)


def test_classic_metrics_average_whole_intervals_that_begin_at_the_start(azure: Azure) -> None:
    now = azure.world.text()[:13]
    span = f"2026-09-20 {now[11:13]}:30:15/{now[:10]} {now[11:13]}:30:15"
    status, said = metrics(azure, interval="P1D", aggregation="average", timespan=span)
    assert status == 200
    (metric,) = said["value"]
    points = metric["timeseries"][0]["data"]
    assert (said["interval"], said["namespace"]) == ("P1D", "Microsoft.Compute/virtualMachines")
    assert said["resourceregion"] == "westeurope"
    assert points[0]["timeStamp"] == f"2026-09-20T{now[11:13]}:30:00Z"
    assert said["cost"] == 0
    assert points[0]["average"] == 40
    assert metric["name"]["value"] == "Percentage CPU"


def test_classic_metrics_of_the_last_hour_need_no_time_span(azure: Azure) -> None:
    status, said = metrics(azure, interval="PT5M", aggregation="Average,Maximum")
    points = said["value"][0]["timeseries"][0]["data"]
    assert (status, said["cost"], len(points)) == (200, 59, 12)
    assert points[3] == {"timeStamp": points[3]["timeStamp"], "average": 40, "maximum": 40}


def test_a_machine_that_is_off_has_points_without_values(azure: Azure) -> None:
    _, said = metrics(azure, METRICS.replace("trainer", "spare"), interval="PT1H", aggregation="average")
    assert [set(point) for point in said["value"][0]["timeseries"][0]["data"]] == [{"timeStamp"}]


@pytest.mark.parametrize(
    ("query", "status", "named"),
    [
        ({"metricnames": "InvalidMetric"}, 400, "metric: InvalidMetric, Valid metrics: Percentage CPU,"),
        ({"aggregation": "sum"}, 400, "Aggregation types: sum are invalid"),
        ({"interval": "PT2M"}, 400, "Detected invalid time grain input PT2M"),
        ({"timespan": "yesterday"}, 400, "Invalid timespan"),
        ({"metricnames": "Network In"}, 501, "the metric Network In"),
        ({"metricnames": ""}, 501, "metricnames"),
        ({"$filter": "LUN eq '0'"}, 501, "$filter"),
        ({"interval": "FULL"}, 501, "FULL"),
    ],
)
def test_other_classic_queries_are_refused(azure: Azure, query: dict[str, str], status: int, named: str) -> None:
    answered, said = metrics(azure, **query)
    error = said if status == 400 else said["error"]
    assert (answered, error["code"]) == (status, "BadRequest" if status == 400 else "NotSimulated")
    assert named in error["message"]


def test_classic_metrics_exist_for_machines_only(azure: Azure) -> None:
    network = METRICS.replace("Microsoft.Compute/virtualMachines", "Microsoft.Network/networkInterfaces")
    assert metrics(azure, network)[0] == 501
    assert metrics(azure, METRICS.replace("trainer", "nobody"))[0] == 404
