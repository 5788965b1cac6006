"""Azure Monitor, the part that is asked for the metrics of many machines at once.

https://learn.microsoft.com/rest/api/monitor/metrics-batch/batch
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.azure.core.requests import Request
from local.azure.core.resource_ids import parse
from local.azure.core.responses import Answer, Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import SUBSCRIPTION, World
from local.azure.providers.kinds import MACHINE
from local.azure.vms import timelines
from local.azure.vms.timelines import MINUTE

SUFFIX = ".metrics.localhost"
AUDIENCE = "https://metrics.monitor.azure.com"
PATH = re.compile(r"/subscriptions/(?P<subscription>[^/]+)/metrics:getBatch", re.IGNORECASE)
VERSIONS = ("2023-10-01", "2024-02-01")
NAMESPACE = MACHINE.lower()
MOST_RESOURCES = 50
RETENTION_DAYS = 93
AGGREGATIONS = ("average", "minimum", "maximum", "total", "count")
INTERVALS = {"PT1M": 1, "PT5M": 5}
OTHER_INTERVALS = ("PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D", "FULL")
NOT_SIMULATED = ("filter", "top", "orderby", "rollupby", "autoadjusttimegrain")
# How late the newest points are: seen in practice, promised nowhere.
LAG_MINUTES = 3
LAG = "metrics lag"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of machines: the signal that it shows, as a rate a second or as it is."""

    name: str
    signal: str
    unit: str
    usual: str
    description: str

    @property
    def factor(self) -> int:
        """What makes the metric of a minute of the signal."""
        return MINUTE if self.unit == "Bytes" else 1

    @property
    def digits(self) -> int:
        """How many digits are told after the point."""
        return 0 if self.unit == "Bytes" else 4


METRICS = {
    metric.name.lower(): metric
    for metric in (
        Metric("Percentage CPU", "cpu_percent", "Percent", "average", "The percentage of allocated compute units that are currently in use by the Virtual Machine(s)"),
        Metric("Network In Total", "network_in_bytes_per_second", "Bytes", "total", "The number of bytes received on all network interfaces by the Virtual Machine(s) (Incoming Traffic)"),
        Metric("Network Out Total", "network_out_bytes_per_second", "Bytes", "total", "The number of bytes out on all network interfaces by the Virtual Machine(s) (Outgoing Traffic)"),
        Metric("Disk Read Bytes", "disk_read_bytes_per_second", "Bytes", "total", "Bytes read from disk during monitoring period"),
        Metric("Disk Write Bytes", "disk_write_bytes_per_second", "Bytes", "total", "Bytes written to disk during monitoring period"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of each machine: `minutes` are those asked for, of which those from `late` on are not known yet.

    `moments` are the beginnings of its points, as JSON.
    """

    metrics: list[Metric]
    aggregations: list[str]
    interval: str
    minutes: range
    late: int
    start: str
    end: str
    moments: list[str]


def answer(world: World, region: str, request: Request) -> Answer:
    """Answer one question for the metrics of up to 50 machines of a region; raises Refused."""
    request.check_token(world, AUDIENCE)
    match = PATH.fullmatch(request.path)
    if match is None or request.method != "POST":
        raise not_simulated(f"{request.method} {request.path} of Azure Monitor")
    query = {name.lower(): value for name, value in request.query.items()}
    if query.get("api-version") not in VERSIONS:
        raise _bad(f"The api-version '{query.get('api-version', '')}' is not supported. Supported: {', '.join(VERSIONS)}.")
    world.throttle.metrics()
    question = _question(world, query)
    machines = _machines(world, match["subscription"], region, request.json())
    shown = [machine for machine in machines if not world.store.get("facts", left_out(machine["id"]))]
    values = ",".join(_shown(world, machine, question, region) for machine in shown)
    return Answer(200, f'{{"values":[{values}]}}'.encode())


def _question(world: World, query: dict[str, str]) -> Question:
    unknown = [name for name in NOT_SIMULATED if query.get(name)]
    if unknown or query.get("interval") in OTHER_INTERVALS:
        raise not_simulated(f"{', '.join(unknown) or query['interval']} in questions to Azure Monitor")
    metrics = _metrics(query.get("metricnamespace", ""), query.get("metricnames", ""))
    aggregations = [name.strip().lower() for name in query.get("aggregation", "").split(",") if name.strip()]
    interval = query.get("interval") or "PT1M"
    wrong = [name for name in aggregations if name not in AGGREGATIONS]
    if wrong:
        raise _bad(f"Aggregation types: {','.join(wrong)} are invalid. Valid aggregation types: {','.join(AGGREGATIONS)}")
    if interval not in INTERVALS:
        supported = ",".join([*INTERVALS, *OTHER_INTERVALS])
        raise _bad(f"Detected invalid time grain input {interval}. Supported time grains: {supported}")
    now, step = world.seconds(), INTERVALS[interval]
    if query.get("endtime") and not query.get("starttime"):
        raise _bad("The parameter starttime is required when endtime is specified.")
    end = _moment(query["endtime"]) if query.get("endtime") else now
    start = _moment(query["starttime"]) if query.get("starttime") else end - 3600
    if start >= end:
        raise _bad(f"The start time {_text(start)} has to be before the end time {_text(end)}.")
    if start < now - RETENTION_DAYS * 86400:
        raise _bad(f"Query startTime: {_text(start)} is out of the Max metrics retention period: {RETENTION_DAYS}.00:00:00")
    grain = step * MINUTE
    minutes = range(int(start // grain) * step, -int(-end // grain) * step)
    late = int(now // MINUTE) - lag(world)
    texts = query.get("starttime") or _text(start), query.get("endtime") or _text(end)
    moments = [f'{{"timeStamp":"{_text(minute * MINUTE)}"' for minute in minutes[::step]]
    return Question(metrics, aggregations, interval, minutes, late, *texts, moments)


def _metrics(namespace: str, names: str) -> list[Metric]:
    provider, _, kind = namespace.partition("/")
    known = [METRICS.get(name.strip().lower(), name) for name in names.split(",")]
    valid = ",".join(metric.name for metric in METRICS.values()) if namespace.lower() == NAMESPACE else ""
    for metric in known:
        if namespace.lower() != NAMESPACE or isinstance(metric, str):
            name = metric if isinstance(metric, str) else metric.name
            text = f"Failed to find metric configuration for provider: {provider}, resource Type: {kind}, metric: {name}"
            raise _bad(f"{text}, Valid metrics: {valid}")
    return [metric for metric in known if isinstance(metric, Metric)]


def _machines(world: World, subscription: str, region: str, body: dict[str, Any]) -> list[Document]:
    asked = [str(identifier) for identifier in body.get("resourceids") or []]
    identifiers = list({identifier.lower(): identifier for identifier in asked}.values())
    if not 1 <= len(identifiers) <= MOST_RESOURCES:
        raise _bad(f"The number of resource ids in a batch has to be from 1 to {MOST_RESOURCES}, and is {len(identifiers)}.")
    found = []
    for identifier in identifiers:
        rid, machine = parse(identifier), world.resource(identifier)
        mine = rid is not None and rid.subscription.lower() == subscription.lower() == SUBSCRIPTION
        if not mine or rid is None or rid.type.lower() != NAMESPACE:
            raise _bad(f"The resource {identifier} is not a {NAMESPACE} of the subscription {subscription}.")
        if machine is None or machine["location"] != region:
            raise _bad(f"The resource {identifier} was not found in the region {region}.")
        found.append(machine)
    return found


def _shown(world: World, machine: Document, question: Question, region: str) -> str:
    signals, minutes = timelines.signals_of(world, machine)["host"], question.minutes
    known = range(minutes.start, max(min(minutes.stop, question.late), minutes.start))
    running = timelines.ran(machine, known)
    metrics = []
    for metric in question.metrics:
        seed = timelines.seed_of(machine["id"], metric.signal)
        drawn = timelines.shown(signals.get(metric.signal), seed, known)
        values = [value if on else None for value, on in zip(drawn, running, strict=True)]
        values += [None] * (len(minutes) - len(values))
        metrics.append(_series(machine["id"], metric, question, values))
    about = {"starttime": question.start, "endtime": question.end, "interval": question.interval, "namespace": NAMESPACE}
    about |= {"resourceregion": region, "resourceid": machine["id"]}
    return f'{json.dumps(about)[:-1]}, "value":[{",".join(metrics)}]}}'


def _series(identifier: str, metric: Metric, question: Question, values: Sequence[float | None]) -> str:
    about = {
        "id": f"{identifier}/providers/Microsoft.Insights/metrics/{metric.name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": metric.name, "localizedValue": metric.name},
        "displayDescription": metric.description,
        "unit": metric.unit,
        "errorCode": "Success",
    }
    wanted, step = question.aggregations or [metric.usual], INTERVALS[question.interval]
    if step == 1:
        points = _single(metric, wanted, question.moments, values)
    else:
        groups = [values[place : place + step] for place in range(0, len(values), step)]
        points = [_point(metric, wanted, *point) for point in zip(question.moments, groups, strict=True)]
    series = f'{{"metadatavalues":[],"data":[{",".join(points)}]}}'
    return f'{json.dumps(about)[:-1]}, "timeseries":[{series}]}}'


def _single(metric: Metric, wanted: list[str], moments: list[str], values: Sequence[float | None]) -> list[str]:
    """The points of single minutes: one sample each, which is its own average, maximum and total. This is what costs time."""
    tail = "," + ",".join(f'"{name}":{"1" if name == "count" else "#"}' for name in wanted) + "}"
    factor, digits = metric.factor, metric.digits
    return [
        f"{moment}}}" if value is None else moment + tail.replace("#", repr(round(value * factor, digits)))
        for moment, value in zip(moments, values, strict=True)
    ]


def _point(metric: Metric, wanted: list[str], moment: str, values: Sequence[float | None]) -> str:
    samples = [value * metric.factor for value in values if value is not None]
    if not samples:
        return f"{moment}}}"
    texts = [f'"{name}":{_aggregated(name, samples, metric.digits)}' for name in wanted]
    return f"{moment},{','.join(texts)}}}"


def _aggregated(name: str, samples: list[float], digits: int) -> float:
    if name == "count":
        return len(samples)
    if name == "total":
        return round(sum(samples), digits)
    if name == "average":
        return round(sum(samples) / len(samples), digits)
    return round(max(samples) if name == "maximum" else min(samples), digits)


def lag(world: World) -> int:
    """How many minutes late the newest points are."""
    told = world.store.get("facts", LAG)
    return int(told["minutes"]) if told else LAG_MINUTES


def left_out(identifier: str) -> str:
    """The fact that a machine is left out of answers, as Azure does with what it has no data of."""
    return f"metrics without {identifier.lower()}"


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> float:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise _bad(f"The time {text} is not in the format 'yyyy-MM-ddTHH:mm:ss.fffZ'.") from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _bad(message: str) -> Refused:
    return Refused(400, "BadRequest", message, headers={"x-ms-error-code": "BadRequest"})
