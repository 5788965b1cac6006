"""What Azure Monitor knows of machines from outside: fifty of them to one call, minute by minute.

https://learn.microsoft.com/azure/azure-monitor/metrics/migrate-to-batch-api: at most 50 resources of one subscription and
region; Monitoring Reader on the subscription; throttling is answered with 529. Azure has no metric of GPUs.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cloud.connection import Cloud
from environments.evidence import Track
from environments.fleet import FleetMachine
from environments.moments import MINUTE
from environments.signals import Values

BATCH, AT_ONCE = 50, 8
NAMESPACE, VERSION = "microsoft.compute/virtualmachines", "2024-02-01"
CPU = "Percentage CPU"
# Bytes of a minute under the name of the signal that they add up to.
BYTES = {
    "Network In Total": "network_bytes_per_second",
    "Network Out Total": "network_bytes_per_second",
    "Disk Read Bytes": "disk_bytes_per_second",
    "Disk Write Bytes": "disk_bytes_per_second",
}
# How far the newest data may lag behind and still be asked for.
LONGEST_LAG = 12  # minutes
OVERLOADED = (429, 503, 529)


@dataclass(frozen=True, slots=True)
class Question:
    """A machine and the minutes that its verdict looks back on."""

    machine: FleetMachine
    window: int


@dataclass(frozen=True, slots=True)
class FromOutside:
    """What Azure Monitor told of one machine: its tracks, up to which moment data of its region reach, or the problem."""

    tracks: dict[str, Track] = field(default_factory=dict)
    end: float = 0.0
    problem: str = ""


Minutes = dict[str, dict[int, float]]


class HostMetrics:
    """Questions to Azure Monitor."""

    def __init__(self, cloud: Cloud) -> None:
        """Ask over the clients of this cloud."""
        self._cloud = cloud

    async def of(self, questions: Sequence[Question], now: float) -> dict[str, FromOutside]:
        """What is known of these machines by id in lower case; a region that does not answer spoils no other one."""
        regions: dict[tuple[str, str], list[Question]] = defaultdict(list)
        for question in sorted(questions, key=lambda question: -question.window):
            regions[question.machine.subscription.lower(), question.machine.region].append(question)
        places = asyncio.Semaphore(AT_ONCE)
        told = await asyncio.gather(*(self._of_region(*where, asked, now, places) for where, asked in regions.items()))
        return {identifier: outside for region in told for identifier, outside in region.items()}

    async def _of_region(
        self, subscription: str, region: str, questions: list[Question], now: float, places: asyncio.Semaphore
    ) -> dict[str, FromOutside]:
        batches = [questions[begin : begin + BATCH] for begin in range(0, len(questions), BATCH)]
        answers = await asyncio.gather(*(self._batch(subscription, region, batch, now, places) for batch in batches))
        newest = max((minute for answer in answers if not isinstance(answer, str) for minute in _newest(answer)), default=0)
        told: dict[str, FromOutside] = {}
        for batch, answer in zip(batches, answers, strict=True):
            for question in batch:
                identifier = question.machine.id.lower()
                if isinstance(answer, str):
                    told[identifier] = FromOutside(problem=answer)
                else:
                    tracks = _tracks(answer.get(identifier, {}), newest + 1, question.window)
                    told[identifier] = FromOutside(tracks, (newest + 1) * MINUTE if newest else 0.0)
        return told

    async def _batch(
        self, subscription: str, region: str, batch: list[Question], now: float, places: asyncio.Semaphore
    ) -> "dict[str, Minutes] | str":
        """What one call tells, by id and metric and minute, or in words why it tells nothing."""
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        end = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
        begin = end - timedelta(minutes=batch[0].window + LONGEST_LAG)
        query = {
            "metricnamespace": NAMESPACE,
            "metricnames": ",".join((CPU, *BYTES)),
            "aggregation": "maximum,total",
            "interval": "PT1M",
            "starttime": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
            "endtime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "api-version": VERSION,
        }
        body = {"resourceids": [question.machine.id.lower() for question in batch]}
        request = HttpRequest("POST", f"/subscriptions/{subscription}/metrics:getBatch", params=query, json=body)
        try:
            async with places:
                response = await self._cloud.metrics(region).send_request(request)
        except (AzureError, OSError) as error:
            return f"Azure Monitor in {region} cannot be reached ({type(error).__name__})"
        if response.status_code in OVERLOADED:
            return f"Azure Monitor in {region} is overloaded right now (HTTP {response.status_code})"
        if response.status_code in (401, 403):
            return f"the control plane may not read metrics: it needs Monitoring Reader on subscription {subscription}"
        if response.status_code != 200:
            return f"Azure Monitor in {region} does not answer the question (HTTP {response.status_code})"
        try:
            return _read(response.json())
        except (ValueError, KeyError, TypeError, AttributeError):
            return f"Azure Monitor in {region} says what nobody can read"


def _read(answer: dict[str, Any]) -> dict[str, Minutes]:
    return {str(value["resourceid"]).lower(): _of_one(value.get("value") or []) for value in answer.get("values") or []}


def _of_one(metrics: Iterable[dict[str, Any]]) -> Minutes:
    told: Minutes = {}
    for metric in metrics:
        name = str(metric["name"]["value"])
        wanted = "maximum" if name == CPU else "total"
        points = [point for series in metric.get("timeseries") or [] for point in series.get("data") or []]
        told[name] = {_place(point["timeStamp"]): float(point[wanted]) for point in points if point.get(wanted) is not None}
    return told


@lru_cache(4096)
def _place(text: str) -> int:
    """The minute since 1970 of a timestamp: a thousand machines share the same few."""
    return int(datetime.fromisoformat(text).timestamp() // MINUTE)


def _newest(answer: dict[str, Minutes]) -> Iterable[int]:
    return (max(minutes) for metrics in answer.values() for minutes in metrics.values() if minutes)


def _tracks(told: Minutes, end: int, window: int) -> dict[str, Track]:
    """The signals of one machine over the window that ends where its region's data end."""
    places = range(end - window, end)
    cpu = told.get(CPU, {})
    tracks = {"cpu_percent": Track(tuple(cpu.get(place) for place in places))}
    for signal in dict.fromkeys(BYTES.values()):
        parts = [told.get(metric, {}) for metric, name in BYTES.items() if name == signal]
        tracks[signal] = Track(_rates(parts, places))
    return tracks


def _rates(parts: list[dict[int, float]], places: range) -> Values:
    """Bytes a second, both ways together; a minute of which one way is not known is not known."""
    return tuple(
        sum(part[place] for part in parts) / MINUTE if all(place in part for part in parts) else None for place in places
    )
