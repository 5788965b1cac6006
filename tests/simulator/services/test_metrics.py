"""Azure Monitor is queried for the metrics of many machines at once, by hand and with Microsoft's own client."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SIGNALS, SUBSCRIPTION
from local.azure.vms.timelines import ending
from tests.contract.azure import METRICS, Azure
from tests.simulator.served import Localhost, Served, served
from tests.simulator.services.test_graph import COMPUTE, machine

NAMES = "Percentage CPU,Network In Total,Network Out Total,Disk Read Bytes,Disk Write Bytes"
PATH = f"/subscriptions/{SUBSCRIPTION}/metrics:getBatch"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    fresh = Azure(tmp_path)
    for name in ("a", "b"):
        fresh.world.keep(machine(name))
    fresh.world.keep({**machine("elsewhere"), "location": "eastus"})
    yield fresh
    fresh.close()


def goes(azure: Azure, name: str, **signals: list[Any]) -> int:
    """Set a machine's signals until now, one value per minute; returns the minute that has just ended."""
    last = int(azure.world.seconds() // 60) - 1
    host = {signal: ending([(value, 1) for value in values], last) for signal, values in signals.items()}
    azure.world.store.put(SIGNALS, f"{COMPUTE}/{name}", {"host": host, "inside": {}})
    return last


def ask(azure: Azure, *names: str, **query: Any) -> Answer:
    now = azure.world.seconds()
    given: dict[str, Any] = {
        "starttime": text(now - 600),
        "endtime": text(now),
        "interval": "PT1M",
        "api-version": "2023-10-01",
    }
    given |= {"metricnamespace": "microsoft.compute/virtualmachines", "metricnames": "Percentage CPU", **query}
    question = urlencode([(name, value) for name, value in given.items() if value is not None])
    ids = [name if "/" in name else f"{COMPUTE}/{name}" for name in names]
    return azure.ask(METRICS, "POST", f"{PATH}?{question}", {"resourceids": ids})


def text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def points(answer: Answer, metric: int = 0, machine: int = 0) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.body
    value = json.loads(answer.content)["values"][machine]["value"][metric]
    (series,) = value["timeseries"]
    return list(series["data"])


def refused(answer: Answer) -> str:
    assert (answer.status, answer.body["error"]["code"]) == (400, "BadRequest"), answer.body
    return str(answer.body["error"]["message"])


def test_metrics_are_three_minutes_late_by_default(azure: Azure) -> None:
    goes(azure, "a", cpu_percent=[10, 20, 30, 40, 50])
    seen = points(ask(azure, "a", aggregation="average"))
    # The minute that has begun is not shown.
    assert [point.get("average") for point in seen[-5:]] == [10, 20, None, None, None]
    assert set(seen[-1]) == {"timeStamp"}
    azure.world.store.put("facts", "metrics lag", {"minutes": 0})
    seen = points(ask(azure, "a", aggregation="average"))
    assert [point.get("average") for point in seen[-5:]] == [10, 20, 30, 40, 50]


def test_a_rate_is_converted_to_bytes_per_minute(azure: Azure) -> None:
    goes(azure, "a", network_in_bytes_per_second=[5, 5, 5, 5, 5])
    point = points(ask(azure, "a", metricnames=NAMES, aggregation="total,average,maximum"), metric=1)[-5]
    assert {name: point[name] for name in ("total", "average", "maximum")} == dict.fromkeys(
        ("total", "average", "maximum"), 300
    )


def test_five_minute_intervals_are_aggregated(azure: Azure) -> None:
    azure.clock.now_at -= azure.clock.now_at % 300 - 200
    azure.world.store.put("facts", "metrics lag", {"minutes": 0})
    goes(azure, "a", cpu_percent=[None, 10, 20, 90])
    seen = points(ask(azure, "a", interval="PT5M", aggregation="average,minimum,maximum,total,count"))
    assert seen[-1] | {"timeStamp": ""} == {
        "timeStamp": "",
        "average": 40.0,
        "minimum": 10,
        "maximum": 90,
        "total": 120,
        "count": 3,
    }


def test_a_machine_has_data_only_for_the_minutes_in_which_it_ran(azure: Azure) -> None:
    now = azure.world.seconds()
    minute = int(now // 60)
    spans = [[(minute - 8) * 60, (minute - 6) * 60], [(minute - 4) * 60, None]]
    azure.world.keep({**machine("a"), "_ran": spans})
    seen = points(ask(azure, "a"))
    have = [minute - 10 + place for place, point in enumerate(seen) if "average" in point]
    assert have == [minute - 8, minute - 7, minute - 4]


def test_random_values_are_reproducible_and_differ_every_minute(azure: Azure) -> None:
    seen = points(ask(azure, "a", "b"))
    values = [point["average"] for point in seen if "average" in point]
    assert points(ask(azure, "a", "b")) == seen
    assert points(ask(azure, "a", "b"), machine=1) != seen
    assert len(set(values)) == len(values)
    assert all(1 <= value <= 2 for value in values)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"metricnames": "Percentage CPU,Banana"}, "metric: Banana, Valid metrics: Percentage CPU,Network In Total"),
        ({"metricnamespace": "microsoft.banana/x"}, "provider: microsoft.banana, resource Type: x"),
        ({"aggregation": "median"}, "median"),
        ({"interval": "PT7M"}, "PT7M"),
        ({"api-version": "2019-01-01"}, "2019-01-01"),
        ({"starttime": None}, "starttime"),
        ({"starttime": "yesterday"}, "yesterday"),
        ({"starttime": "2020-01-01T00:00:00Z"}, "out of the Max metrics retention period"),
        ({"endtime": "2020-01-01T00:00:00Z"}, "before the end time"),
    ],
)
def test_an_invalid_query_is_a_bad_request(azure: Azure, query: dict[str, Any], said: str) -> None:
    assert said in refused(ask(azure, "a", **query))


def test_a_batch_is_at_most_fifty_machines_of_one_region_and_subscription(azure: Azure) -> None:
    other = f"{COMPUTE}/a".replace(SUBSCRIPTION, "00000000-0000-0000-0000-000000000009")
    assert "region westeurope" in refused(ask(azure, "a", "elsewhere"))
    assert "region westeurope" in refused(ask(azure, "a", "nobody"))
    assert "of the subscription" in refused(ask(azure, "a", other))
    assert "is 51" in refused(ask(azure, *(f"m{number}" for number in range(51))))
    assert "is 0" in refused(ask(azure))
    assert ask(azure, *["a"] * 60).status == 200  # they count once


@pytest.mark.parametrize("query", [{"filter": "x eq 'y'"}, {"interval": "PT1H"}, {"top": "3"}])
def test_unsimulated_metric_options_are_501(azure: Azure, query: dict[str, str]) -> None:
    assert ask(azure, "a", **query).status == 501


def test_metric_queries_are_throttled_with_529(azure: Azure) -> None:
    azure.world.throttle._bucket("metrics", 1, 1).size = 1
    statuses = {ask(azure, "a").status for _ in range(2)}
    azure.pass_time = lambda seconds: None  # type: ignore[method-assign]
    statuses |= {ask(azure, "a").status for _ in range(2)}
    assert statuses == {200, 529}


def test_the_official_client_reaches_every_region_by_name(tmp_path: Path) -> None:
    asyncio.run(_asked_by_the_client(tmp_path))


async def _asked_by_the_client(home: Path) -> None:
    from azure.core.credentials import AccessToken
    from azure.core.pipeline.transport import AioHttpTransport
    from azure.monitor.querymetrics.aio import MetricsClient

    class Credential:
        def __init__(self, azure: Served) -> None:
            self.azure = azure

        async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            token = await self.azure.token(scopes[0].removesuffix("/.default"))
            return AccessToken(token, int(self.azure.world.seconds()) + 3600)

    async with served(home) as azure:
        azure.world.keep({**machine("a"), "location": "swedencentral"})
        trust = ssl.create_default_context(cafile=str(home / "ca.pem"))
        connector = aiohttp.TCPConnector(resolver=Localhost(), ssl=trust)
        async with aiohttp.ClientSession(connector=connector) as session:
            transport = AioHttpTransport(session=session, session_owner=False)
            endpoint = f"https://swedencentral.metrics.localhost:{azure.port}"
            credential: Any = Credential(azure)
            client = MetricsClient(endpoint, credential, transport=transport)
            (result,) = await client.query_resources(
                resource_ids=[f"{COMPUTE}/a"],
                metric_namespace="microsoft.compute/virtualmachines",
                metric_names=NAMES.split(","),
                timespan=timedelta(minutes=20),
                granularity=timedelta(minutes=1),
                aggregations=["Average", "Maximum", "Total"],
            )
        assert [metric.name for metric in result.metrics] == NAMES.split(",")
        (series,) = result.metrics[0].timeseries
        assert 1 <= (series.data[5].average or 0) <= 2
        assert series.data[-1].average is None
        assert (await azure.simulate("GET", "/calls"))["metrics.localhost"] == 1
