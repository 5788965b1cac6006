"""What Azure Monitor knows of machines from outside: fifty of them to one call, minute by minute.

https://learn.microsoft.com/azure/azure-monitor/metrics/migrate-to-batch-api: at most 50 resources of one subscription and
region; Monitoring Reader on the subscription; throttling is answered with 529. Azure has no metric of GPUs.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from dormouse.clock import MINUTE
from dormouse.cloud.batches import Answers, Budget, Refused, ask_without_the_refused
from dormouse.cloud.clients import Cloud
from dormouse.idle.evidence import TimeSeries
from dormouse.idle.signals import Values
from dormouse.resources.machines import VirtualMachine
from dormouse.text.limits import clipped

BATCH, AT_ONCE = 50, 8
# Questions of one page of the fleet beyond one for each fifty machines: calls are billed.
EXTRA = 150
# A batch that is divided is asked for a little later than the others, and may know so many minutes more.
BETWEEN_CALLS = 2
LONGEST_SAID = 200  # characters of Azure's words in a sentence
BROKEN = (ValueError, KeyError, TypeError, AttributeError, IndexError)
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

    machine: VirtualMachine
    window: int


@dataclass(frozen=True, slots=True)
class HostEvidence:
    """What Azure Monitor told of one machine: its tracks, up to which moment data of its region reach, or the problem."""

    tracks: dict[str, TimeSeries] = field(default_factory=dict)
    end: float = 0.0
    problem: str = ""


Minutes = dict[str, dict[int, float]]


@dataclass(frozen=True, slots=True)
class Measured:
    """The minutes of a machine by metric (None: they cannot be read), and the newest minute of any machine of its call."""

    minutes: Minutes | None
    newest: int


class HostMetrics:
    """Questions to Azure Monitor."""

    def __init__(self, cloud: Cloud) -> None:
        """Ask over the clients of this cloud."""
        self._cloud = cloud

    async def of(self, questions: Sequence[Question], now: float) -> dict[str, HostEvidence]:
        """What is known of these machines by id in lower case; one without an answer spoils no other one."""
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
        async def ask(identifiers: Sequence[str], window: int) -> "dict[str, Measured] | Refused":
            async with places:
                answer = await self._batch(subscription, region, identifiers, window, now)
            return answer if isinstance(answer, Refused) else _measured(answer)

        batches = [questions[begin : begin + BATCH] for begin in range(0, len(questions), BATCH)]
        asked = (
            ask_without_the_refused(
                [question.machine.id.lower() for question in batch], partial(ask, window=batch[0].window), budget
            )
            for batch in batches
        )
        nothing: Answers[Measured] = Answers()
        answers = nothing.plus(*await asyncio.gather(*asked))
        newest = max((measured.newest for measured in answers.told.values()), default=0)
        return {question.machine.id.lower(): _outside(question, answers, newest, region) for question in questions}

    async def _batch(
        self, subscription: str, region: str, identifiers: Sequence[str], window: int, now: float
    ) -> "dict[str, Minutes | None] | Refused":
        """What one call tells, by id and metric and minute (None: unreadable), or in words why it tells nothing."""
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        end = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
        begin = end - timedelta(minutes=window + LONGEST_LAG)
        query = {
            "metricnamespace": NAMESPACE,
            "metricnames": ",".join((CPU, *BYTES)),
            "aggregation": "maximum,total",
            "interval": "PT1M",
            "starttime": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
            "endtime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "api-version": VERSION,
        }
        body = {"resourceids": list(identifiers)}
        request = HttpRequest("POST", f"/subscriptions/{subscription}/metrics:getBatch", params=query, json=body)
        try:
            response = await self._cloud.metrics(region).send_request(request)
        except (AzureError, OSError) as error:
            return Refused(f"Azure Monitor in {region} cannot be reached ({type(error).__name__})")
        status = int(response.status_code)
        if status in OVERLOADED:
            return Refused(f"Azure Monitor in {region} is overloaded right now (HTTP {status})")
        if status in (401, 403):
            words = f"the control plane may not read metrics: it needs Monitoring Reader on subscription {subscription}"
            return Refused(words, status, response.text())
        if status != 200:
            words = f"Azure Monitor in {region} does not answer the question (HTTP {status})"
            return Refused(words, status, response.text())
        try:
            return _read(response.json())
        except BROKEN:
            return Refused(f"Azure Monitor in {region} says what nobody can read")


def _measured(answer: "dict[str, Minutes | None]") -> "dict[str, Measured]":
    """What one call tells, with the newest minute that any machine in it has."""
    newest = max((minute for minutes in answer.values() if minutes for minute in _newest(minutes)), default=0)
    return {identifier: Measured(minutes, newest) for identifier, minutes in answer.items()}


def _outside(question: Question, answers: "Answers[Measured]", newest: int, region: str) -> HostEvidence:
    """What is known of one machine from outside, or the problem that is its own."""
    identifier, name = question.machine.id.lower(), question.machine.name
    refused = answers.refused.get(identifier)
    if refused is not None:
        if not refused.blamed:
            return HostEvidence(problem=refused.words)
        words = f"Azure Monitor in {region} does not answer for {name} (HTTP {refused.status}: {_said(refused.text)})"
        return HostEvidence(problem=f"{words}; it may have been deleted or moved, or may not be read")
    if identifier not in answers.told:
        return HostEvidence(problem=f"Azure Monitor in {region} left {name} out of its answer")
    measured = answers.told[identifier]
    if measured.minutes is None:
        return HostEvidence(problem=f"what Azure Monitor in {region} says of {name} cannot be read")
    end = measured.newest if newest - measured.newest <= BETWEEN_CALLS else newest
    return HostEvidence(_tracks(measured.minutes, end + 1, question.window), (end + 1) * MINUTE if end else 0.0)


def _said(text: str) -> str:
    """The message of an error of Azure's, in one short line."""
    try:
        content = json.loads(text)
        message = str(content["error"]["message"])
    except BROKEN:
        message = text
    return clipped(" ".join(message.split()), LONGEST_SAID)


def _read(answer: dict[str, Any]) -> "dict[str, Minutes | None]":
    """The answer by id; what is said of one machine and cannot be read is None, and spoils no other one."""
    values = [value for value in answer.get("values") or [] if isinstance(value, dict) and value.get("resourceid")]
    return {str(value["resourceid"]).lower(): _of_one(value.get("value")) for value in values}


def _of_one(metrics: Any) -> Minutes | None:
    told: Minutes = {}
    try:
        for metric in metrics or []:
            name = str(metric["name"]["value"])
            wanted = "maximum" if name == CPU else "total"
            points = [point for series in metric.get("timeseries") or [] for point in series.get("data") or []]
            told[name] = {
                _place(point["timeStamp"]): float(point[wanted]) for point in points if point.get(wanted) is not None
            }
    except BROKEN:
        return None
    return told


@lru_cache(4096)
def _place(text: str) -> int:
    """The minute since 1970 of a timestamp: a thousand machines share the same few."""
    return int(datetime.fromisoformat(text).timestamp() // MINUTE)


def _newest(metrics: Minutes) -> Iterable[int]:
    return (max(minutes) for minutes in metrics.values() if minutes)


def _tracks(told: Minutes, end: int, window: int) -> dict[str, TimeSeries]:
    """The signals of one machine over the window that ends where its region's data end."""
    places = range(end - window, end)
    cpu = told.get(CPU, {})
    tracks = {"cpu_percent": TimeSeries(tuple(cpu.get(place) for place in places))}
    for signal in dict.fromkeys(BYTES.values()):
        parts = [told.get(metric, {}) for metric, name in BYTES.items() if name == signal]
        tracks[signal] = TimeSeries(_rates(parts, places))
    return tracks


def _rates(parts: list[dict[int, float]], places: range) -> Values:
    """Bytes a second, both ways together; a minute of which one way is not known is not known."""
    return tuple(
        sum(part[place] for part in parts) / MINUTE if all(place in part for part in parts) else None for place in places
    )
