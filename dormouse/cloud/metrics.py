"""Azure Monitor host metrics of VMs, per minute, 50 VMs per call.

https://learn.microsoft.com/azure/azure-monitor/metrics/migrate-to-batch-api: at most 50 resources of one subscription and
region; Monitoring Reader on the subscription; throttling is answered with 529. Azure Monitor has no GPU metric.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import chain
from typing import Any

from dormouse.clock import MINUTE
from dormouse.cloud.batches import BROKEN, Answers, BatchItemRefused, Budget, ask_azure_monitor, query_without_refused
from dormouse.cloud.clients import Cloud
from dormouse.idle.evidence import TimeSeries
from dormouse.idle.heartbeats.signals import Values
from dormouse.idle.policy import LONGEST_WINDOW
from dormouse.resources.compute.machines import VirtualMachine
from dormouse.text.limits import clipped

BATCH, AT_ONCE = 50, 8
# Additional calls per page, beyond one for each 50 VMs: calls are billed.
EXTRA = 150
# A split batch is queried later than the others and may have this many more minutes.
BETWEEN_CALLS = 2
LONGEST_SAID = 200  # characters of Azure's message in a sentence
NAMESPACE, VERSION = "microsoft.compute/virtualmachines", "2024-02-01"
CPU = "Percentage CPU"
# Signals that are the sum of two metrics, each in bytes per minute.
BYTES = {
    "network_bytes_per_second": ("Network In Total", "Network Out Total"),
    "disk_bytes_per_second": ("Disk Read Bytes", "Disk Write Bytes"),
}
METRIC_NAMES = (CPU, *chain.from_iterable(BYTES.values()))
# The largest lag of metrics that is still queried.
LONGEST_LAG = 12  # minutes
MOST_MINUTES = 2 * (LONGEST_WINDOW + LONGEST_LAG)


@dataclass(frozen=True, slots=True)
class Question:
    """A VM and the length of its evidence window in minutes."""

    machine: VirtualMachine
    window: int


@dataclass(frozen=True, slots=True)
class HostEvidence:
    """The host metrics of one VM: its time series and the time up to which its region has data, or the problem."""

    tracks: dict[str, TimeSeries] = field(default_factory=dict)
    end: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Minutes:
    """The values of one metric from a minute since 1970 on; None where there is none."""

    first: int = 0
    values: Sequence[float | None] = ()

    @property
    def newest(self) -> int:
        """The newest minute with a value, or 0."""
        known = (place for place in reversed(range(len(self.values))) if self.values[place] is not None)
        return next((self.first + place for place in known), 0)

    def over(self, places: range) -> Values:
        """The values of these minutes."""
        begin = places.start - self.first
        if begin >= 0 and begin + len(places) <= len(self.values):
            return tuple(self.values[begin : begin + len(places)])
        known = range(len(self.values))
        return tuple(self.values[place] if place in known else None for place in range(begin, begin + len(places)))


ByMetric = dict[str, Minutes]
NOTHING = Minutes()


@dataclass(frozen=True, slots=True)
class Measured:
    """The values of a VM by metric (None: unreadable), and the newest minute of any VM in the same call."""

    minutes: ByMetric | None
    newest: int


class HostMetrics:
    """Queries to Azure Monitor."""

    def __init__(self, cloud: Cloud) -> None:
        """Query through these clients."""
        self._cloud = cloud

    async def of(self, questions: Sequence[Question], now: float) -> dict[str, HostEvidence]:
        """The metrics of these VMs by ID in lower case; a failure of one VM does not affect others."""
        regions: dict[tuple[str, str], list[Question]] = defaultdict(list)
        for question in sorted(questions, key=lambda question: -question.window):
            regions[question.machine.subscription.lower(), question.machine.region].append(question)
        places, budget = asyncio.Semaphore(AT_ONCE), Budget(EXTRA)
        told = await asyncio.gather(
            *(self._of_region(*where, asked, now, places, budget) for where, asked in regions.items())
        )
        return {identifier: outside for region in told for identifier, outside in region.items()}

    async def _of_region(
        self,
        subscription: str,
        region: str,
        questions: list[Question],
        now: float,
        places: asyncio.Semaphore,
        budget: Budget,
    ) -> dict[str, HostEvidence]:
        async def ask(identifiers: Sequence[str], window: int) -> "dict[str, Measured] | BatchItemRefused":
            async with places:
                answer = await self._batch(subscription, region, identifiers, window, now)
            return answer if isinstance(answer, BatchItemRefused) else _measured(answer)

        batches = [questions[begin : begin + BATCH] for begin in range(0, len(questions), BATCH)]
        asked = (
            query_without_refused(
                [question.machine.id.lower() for question in batch], partial(ask, window=batch[0].window), budget
            )
            for batch in batches
        )
        nothing: Answers[Measured] = Answers()
        answers = nothing.plus(*await asyncio.gather(*asked))
        newest = max((measured.newest for measured in answers.told.values()), default=0)
        return {question.machine.id.lower(): _host_evidence(question, answers, newest, region) for question in questions}

    async def _batch(
        self, subscription: str, region: str, identifiers: Sequence[str], window: int, now: float
    ) -> "dict[str, ByMetric | None] | BatchItemRefused":
        """The result of one call by ID, metric and minute (None: unreadable), or why it failed."""
        end = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
        begin = end - timedelta(minutes=window + LONGEST_LAG)
        query = {
            "metricnamespace": NAMESPACE,
            "metricnames": ",".join(METRIC_NAMES),
            "aggregation": "maximum,total",
            "interval": "PT1M",
            "starttime": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
            "endtime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "api-version": VERSION,
        }
        return await ask_azure_monitor(self._cloud, (subscription, region), identifiers, query, _read)


def _measured(answer: "dict[str, ByMetric | None]") -> "dict[str, Measured]":
    """The result of one call, with the newest minute of any VM in it."""
    newest = max((one.newest for metrics in answer.values() if metrics for one in metrics.values()), default=0)
    return {identifier: Measured(metrics, newest) for identifier, metrics in answer.items()}


def _host_evidence(question: Question, answers: "Answers[Measured]", newest: int, region: str) -> HostEvidence:
    """The host metrics of one VM, or its problem."""
    identifier, name = question.machine.id.lower(), question.machine.name
    refused = answers.refused.get(identifier)
    if refused is not None:
        if not refused.blamed:
            return HostEvidence(problem=refused.words)
        words = (
            f"Azure Monitor in {region} rejected the query for {name} (HTTP {refused.status}: {_message_in(refused.text)})"
        )
        return HostEvidence(problem=f"{words}; check that it exists and that the control plane may read its metrics")
    if identifier not in answers.told:
        return HostEvidence(problem=f"Azure Monitor in {region} returned no data for {name}")
    measured = answers.told[identifier]
    if measured.minutes is None:
        return HostEvidence(problem=f"Azure Monitor in {region} returned data for {name} that cannot be parsed")
    end = measured.newest if newest - measured.newest <= BETWEEN_CALLS else newest
    return HostEvidence(_tracks(measured.minutes, end + 1, question.window), (end + 1) * MINUTE if end else 0.0)


def _message_in(text: str) -> str:
    """The message of an Azure error, in one short line."""
    try:
        content = json.loads(text)
        message = str(content["error"]["message"])
    except BROKEN:
        message = text
    return clipped(" ".join(message.split()), LONGEST_SAID)


def _read(answer: dict[str, Any]) -> "dict[str, ByMetric | None]":
    """The response by ID; unreadable data of a VM is None."""
    values = [value for value in answer.get("values") or [] if isinstance(value, dict) and value.get("resourceid")]
    return {str(value["resourceid"]).lower(): _of_one(value.get("value")) for value in values}


def _of_one(metrics: Any) -> ByMetric | None:
    told: ByMetric = {}
    try:
        for metric in metrics or []:
            name = str(metric["name"]["value"])
            parts = [series.get("data") or [] for series in metric.get("timeseries") or []]
            points = parts[0] if len(parts) == 1 else [point for part in parts for point in part]
            told[name] = _minutes(points, "maximum" if name == CPU else "total")
    except BROKEN:
        return None
    return told


def _minutes(points: Sequence[dict[str, Any]], wanted: str) -> Minutes:
    """The values in some data points; raises one of BROKEN."""
    places = _places(tuple([point["timeStamp"] for point in points]))
    values = [None if (value := point.get(wanted)) is None else float(value) for point in points]
    if isinstance(places, range):
        return Minutes(places.start, values)
    known = dict(zip(places, values, strict=True))
    first, last = min(places), max(places)
    if last - first > MOST_MINUTES:
        raise ValueError("the minutes are not those of one window")
    return Minutes(first, [known.get(place) for place in range(first, last + 1)])


@lru_cache(256)
def _places(moments: tuple[str, ...]) -> Sequence[int]:
    """The minutes since 1970 of some timestamps, as a range if none is missing; cached: the VMs of a call share them."""
    places = tuple(int(datetime.fromisoformat(moment).timestamp() // MINUTE) for moment in moments)
    whole = range(places[0], places[0] + len(places)) if places else range(0)
    return whole if places == tuple(whole) else places


def _tracks(told: ByMetric, end: int, window: int) -> dict[str, TimeSeries]:
    """The signals of one machine over the window that ends where its region's data end."""
    places = range(end - window, end)

    def over(metric: str) -> Values:
        return told.get(metric, NOTHING).over(places)

    tracks = {"cpu_percent": TimeSeries(over(CPU))}
    tracks |= {signal: TimeSeries(_rates(over(first), over(second))) for signal, (first, second) in BYTES.items()}
    return tracks


def _rates(one_way: Values, other_way: Values) -> Values:
    """Bytes a second, both ways together; a minute of which one way is not known is not known."""
    both = zip(one_way, other_way, strict=True)
    return tuple([None if one is None or other is None else (one + other) / MINUTE for one, other in both])
