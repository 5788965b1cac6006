"""Queries for the metrics of machines: what is asked, and the values of each minute or interval.

https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-compute-virtualmachines-metrics
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from local.azure.core.responses import Refused, not_simulated
from local.azure.core.store import Document
from local.azure.core.world import World
from local.azure.providers.kinds import MACHINE
from local.azure.vms import timelines
from local.azure.vms.timelines import MINUTE

NAMESPACE = MACHINE.lower()
RETENTION_DAYS = 93
AGGREGATIONS = ("average", "minimum", "maximum", "total", "count")
INTERVALS = {"PT1M": 1, "PT5M": 5, "PT15M": 15, "PT30M": 30, "PT1H": 60, "PT6H": 360, "PT12H": 720, "P1D": 1440}
WHOLE = "FULL"
NOT_SIMULATED = ("filter", "$filter", "orderby", "rollupby", "autoadjusttimegrain", "resulttype")
# How late the newest points are: observed in practice, not documented.
LAG_MINUTES = 3
LAG = "metrics lag"
# Names of metrics that machines also have, as in a recorded refusal of 2019: they are not simulated.
OTHERS = [
    "Network In",
    "Network Out",
    "Disk Read Operations/Sec",
    "Disk Write Operations/Sec",
    "CPU Credits Remaining",
    "CPU Credits Consumed",
    "Data Disk Read Bytes/sec",
    "Data Disk Write Bytes/sec",
    "Data Disk Read Operations/Sec",
    "Data Disk Write Operations/Sec",
    "Data Disk Queue Depth",
    "OS Disk Read Bytes/sec",
    "OS Disk Write Bytes/sec",
    "OS Disk Read Operations/Sec",
    "OS Disk Write Operations/Sec",
    "OS Disk Queue Depth",
    "Inbound Flows",
    "Outbound Flows",
    "Inbound Flows Maximum Creation Rate",
    "Outbound Flows Maximum Creation Rate",
    "Premium Data Disk Cache Read Hit",
    "Premium Data Disk Cache Read Miss",
    "Premium OS Disk Cache Read Hit",
    "Premium OS Disk Cache Read Miss",
    "Available Memory Bytes",
    "VmAvailabilityMetric",
]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of machines: the signal that it shows, as a rate per second or as it is."""

    name: str
    signal: str
    unit: str
    usual: str
    description: str

    @property
    def factor(self) -> int:
        """The factor from the signal to the metric of a minute."""
        return MINUTE if self.unit == "Bytes" else 1

    @property
    def digits(self) -> int:
        """The number of decimal places."""
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
# The metrics of each type, by their names in lower case.
TABLES: dict[str, dict[str, Metric]] = {NAMESPACE: METRICS}


@dataclass(frozen=True, slots=True)
class Question:
    """What is queried for each machine: `minutes` are the requested ones, of which those from `late` on have no data yet.

    `span` is its start and its end, `start` and `end` are these as asked, and `moments` are the start times of its points,
    as JSON.
    """

    metrics: list[Metric]
    aggregations: list[str]
    interval: str
    minutes: range
    late: int
    span: tuple[float, float]
    start: str
    end: str
    moments: list[str]


def question_of(world: World, query: Mapping[str, str], *, aligned: bool) -> Question:
    """What a query asks for; `aligned`: intervals begin at multiples of their length, not at the start. Raises refusals."""
    unknown = [name for name in NOT_SIMULATED if query.get(name)]
    if unknown or query.get("interval", "").upper() == WHOLE:
        raise not_simulated(f"{', '.join(unknown) or query['interval']} in questions to Azure Monitor")
    metrics = _metrics(query.get("metricnamespace", ""), query.get("metricnames", ""))
    aggregations = [name.strip().lower() for name in query.get("aggregation", "").split(",") if name.strip()]
    interval = query.get("interval") or "PT1M"
    wrong = [name for name in aggregations if name not in AGGREGATIONS]
    if wrong:
        raise bad(f"Aggregation types: {','.join(wrong)} are invalid. Valid aggregation types: {','.join(AGGREGATIONS)}")
    if interval not in INTERVALS:
        supported = ",".join([*INTERVALS, WHOLE])
        raise bad(f"Detected invalid time grain input {interval}. Supported time grains: {supported}")
    now, step = world.seconds(), INTERVALS[interval]
    if query.get("endtime") and not query.get("starttime"):
        raise bad("The parameter starttime is required when endtime is specified.")
    end = moment_of(query["endtime"]) if query.get("endtime") else now
    start = moment_of(query["starttime"]) if query.get("starttime") else end - 3600
    if start >= end:
        raise bad(f"The start time {text_of(start)} has to be before the end time {text_of(end)}.")
    if start < now - RETENTION_DAYS * 86400:
        raise bad(f"Query startTime: {text_of(start)} is out of the Max metrics retention period: {RETENTION_DAYS}.00:00:00")
    first = int(start // (step * MINUTE)) * step if aligned else int(start // MINUTE)
    # Recorded: as many points as intervals between start and end, from the minute of the start on.
    since = first if aligned and step > 1 else start / MINUTE
    points = max(math.ceil((end / MINUTE - since) / step), 1)
    minutes = range(first, first + points * step)
    late = int(now // MINUTE) - lag(world)
    texts = query.get("starttime") or text_of(start), query.get("endtime") or text_of(end)
    moments = [f'{{"timeStamp":"{text_of(minute * MINUTE)}"' for minute in minutes[::step]]
    return Question(metrics, aggregations, interval, minutes, late, (start, end), *texts, moments)


def _metrics(namespace: str, names: str) -> list[Metric]:
    provider, _, kind = namespace.partition("/")
    table = TABLES.get(namespace.lower(), {})
    ours, others = bool(table), OTHERS if namespace.lower() == NAMESPACE else []
    valid = [*(metric.name for metric in table.values()), *others]
    found = []
    for name in names.split(","):
        metric = table.get(name.strip().lower())
        if ours and metric is not None:
            found.append(metric)
            continue
        if name.strip().lower() in (other.lower() for other in valid):
            raise not_simulated(f"the metric {name} of {kind}")
        text = f"Failed to find metric configuration for provider: {provider}, resource Type: {kind}, metric: {name}"
        raise bad(f"{text}, Valid metrics: {','.join(valid)}")
    return found


def series_of(world: World, machine: Document, question: Question) -> list[str]:
    """The time series of each metric of a machine, as JSON."""
    signals, minutes = timelines.signals_of(world, machine)["host"], question.minutes
    known = range(minutes.start, max(min(minutes.stop, question.late), minutes.start))
    running = timelines.ran(machine, known)
    series = []
    for metric in question.metrics:
        seed = timelines.seed_of(machine["id"], metric.signal)
        drawn = timelines.shown(signals.get(metric.signal), seed, known)
        values = [value if on else None for value, on in zip(drawn, running, strict=True)]
        values += [None] * (len(minutes) - len(values))
        series.append(_series(machine["id"], metric, question, values))
    return series


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
    """The points of single minutes: one sample each, which is its own average, maximum and total. This is the hot path."""
    tail = "," + ",".join(f'"{name}":{"1" if name == "count" else "%s"}' for name in wanted) + "}"
    factor, same = metric.factor, sum(name != "count" for name in wanted)
    number = f"%.{metric.digits}f" if metric.digits else "%.0f.0"  # every number is a float, as Azure sends it
    return [
        f"{moment}}}" if value is None else moment + tail % ((number % (value * factor),) * same)
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
    stored = world.store.get("facts", LAG)
    return int(stored["minutes"]) if stored else LAG_MINUTES


def text_of(seconds: float) -> str:
    """A time as Azure Monitor writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(text: str) -> float:
    """The time that a query names, in seconds since 1970; raises a refusal for other text."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise bad(f"The time {text} is not in the format 'yyyy-MM-ddTHH:mm:ss.fffZ'.") from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def bad(message: str) -> Refused:
    """The refusal of an invalid query."""
    return Refused(400, "BadRequest", message, headers={"x-ms-error-code": "BadRequest"})
