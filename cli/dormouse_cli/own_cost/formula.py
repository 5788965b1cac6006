"""The formula: a month of 30 days of a control plane, part by part. docs/cost.md explains it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from dormouse_cli.own_cost.prices import Price
from dormouse_cli.own_cost.slots import QUICK_EVERY, active_share_in_slots, active_share_spread

MONTH = 30 * 86_400  # seconds
SWEEP_EVERY = 300  # seconds
SWEEPS = MONTH // SWEEP_EVERY
HOURLY_TIMERS = 3 * MONTH // 3600  # receipts, retention, rotation
MACHINES_A_PAGE, MACHINES_A_METRIC_CALL = 1_000, 50
# What `make bench` counts (benchmarks/own_cost.py compares): of a sweep as a whole, and for each page of machines.
ACTIONS_A_SWEEP, ACTIONS_A_PAGE = 9, 4
EXECUTIONS_A_SWEEP, EXECUTIONS_A_PAGE = 10, 4
TABLE_CALLS_A_PAGE = 20
TABLE_CALLS_A_HEARTBEAT = 3  # read and replace what the agent has said, read the machine
# Assumed: an operation runs some ten activities, each with the steps of its orchestration.
ACTIONS_AN_OPERATION = 15
# With Azure Storage as backend: four control queues and one of work items are read at least every ten seconds.
QUEUES, POLL_EVERY = 5, 10
STORAGE_CALLS_AN_ACTION = 6
RECORD_KB, LINE_KB, PLATFORM_LOG_GB = 1.5, 1.0, 0.5
EXECUTION_KB = 2 * LINE_KB + RECORD_KB  # the host's lines about its start and its end, and the record of a request
SAMPLED_A_SECOND = 1  # maxTelemetryItemsPerSecond in host.json
VAULT_CALLS_AN_OPERATION = 2
ENDPOINTS = 4  # blob, queue, table, vault


class Backend(StrEnum):
    """Where Durable Functions keeps its state."""

    STORAGE = "storage"
    SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class Load:
    """What a control plane has to do in a month, and how it is deployed."""

    machines: int
    memory_mb: int = 2048
    backend: Backend = Backend.STORAGE
    heartbeat_seconds: float = 300
    quick_share: float = 0.05
    operations_per_machine: float = 60
    sweep_seconds: float = 10
    http_always_ready: bool = False
    heartbeat_records: bool = False
    private_network: bool = False
    in_slots: bool = True
    sampled_a_second: float = SAMPLED_A_SECOND

    @property
    def gigabytes(self) -> float:
        """The memory that is billed for an instance, in GB."""
        return self.memory_mb / 1024

    @property
    def cores(self) -> float:
        """The cores of an instance: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#instance-sizes."""
        return self.memory_mb / 2048

    @property
    def heartbeats(self) -> float:
        """Heartbeats in a month: of machines for which a minute counts, and of the others."""
        return MONTH * (self.quick / QUICK_EVERY + (self.machines - self.quick) / self.heartbeat_seconds)

    @property
    def quick(self) -> float:
        """Machines whose agents report every minute, because a warning or a stop is near."""
        return self.machines * self.quick_share

    @property
    def operations(self) -> float:
        """Starts, stops and other operations in a month."""
        return self.machines * self.operations_per_machine

    @property
    def pages(self) -> int:
        """Pages of machines in a sweep."""
        return max(1, math.ceil(self.machines / MACHINES_A_PAGE))

    @property
    def sweep_actions(self) -> int:
        """Durable actions in a month of sweeps."""
        return SWEEPS * (ACTIONS_A_SWEEP + ACTIONS_A_PAGE * self.pages)

    @property
    def sweep_executions(self) -> int:
        """Executions of orchestrations and activities in a month of sweeps."""
        return SWEEPS * (EXECUTIONS_A_SWEEP + EXECUTIONS_A_PAGE * self.pages)

    @property
    def actions(self) -> float:
        """Durable actions in a month."""
        return self.sweep_actions + self.operations * ACTIONS_AN_OPERATION

    @property
    def active_share(self) -> float:
        """How many instances handle heartbeats, on average over the time."""
        if not self.heartbeats:
            return 0.0
        if not self.in_slots:
            return active_share_spread(self.heartbeats / MONTH, self.cores)
        return active_share_in_slots(self.machines - self.quick, self.quick, self.heartbeat_seconds, self.cores)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the bill: an amount in USD per month, and what it is made of."""

    name: str
    amount: float
    quantity: str


def monthly_cost(load: Load, prices: Mapping[str, Price]) -> list[Part]:
    """Every part of a month, in USD; a part that does not apply has the amount 0."""
    usd = {name: price.amount for name, price in prices.items()}
    timer_runs = SWEEPS + HOURLY_TIMERS
    timers = _on_demand(timer_runs * load.gigabytes, timer_runs, usd["free_gb_seconds"], usd["free_executions"], usd)
    return [
        Part("sweeps", timers + _sweeps(load, usd), f"{SWEEPS:,} sweeps; one instance that is always ready"),
        Part("operations", _operations(load, usd), f"{load.operations:,.0f} operations"),
        Part("heartbeats", _heartbeats(load, timer_runs, usd), _said_of_heartbeats(load)),
        Part("telemetry", _beyond(log_gigabytes(load), usd["free_log_gb"]) * usd["log_gb"], f"{log_gigabytes(load):.2f} GB"),
        _metrics(load, usd),
        _storage(load, usd),
        _scheduler(load, usd),
        Part("alerts", 2 * usd["alert_5_minutes"] + usd["alert_15_minutes"], "3 alert rules"),
        _private_network(load, usd),
        _vault(load, usd),
    ]


def cost_of_heartbeats(load: Load, prices: Mapping[str, Price]) -> float:
    """What a month would be cheaper by without any heartbeat, in USD: their executions, calls of tables and records."""
    silent = replace(load, heartbeat_seconds=math.inf, quick_share=0.0)
    return total(monthly_cost(load, prices)) - total(monthly_cost(silent, prices))


def total(parts: Sequence[Part]) -> float:
    """The sum of all parts in USD."""
    return sum(part.amount for part in parts)


def _beyond(quantity: float, free: float) -> float:
    return max(0.0, quantity - free)


def _on_demand(
    gb_seconds: float, executions: float, free_gb_seconds: float, free_executions: float, usd: Mapping[str, float]
) -> float:
    """USD for instances that exist only while they execute, after what is free."""
    executed = _beyond(executions, free_executions) / 1e6 * usd["million_executions"]
    return _beyond(gb_seconds, free_gb_seconds) * usd["on_demand_gb_second"] + executed


def _always_ready(gigabytes: float, seconds: float, executions: float, usd: Mapping[str, float]) -> float:
    """USD for one instance that is always ready: its baseline, and so many seconds of execution. Nothing of it is free."""
    busy = min(seconds, MONTH) * gigabytes * usd["ready_execution_gb_second"]
    return MONTH * gigabytes * usd["ready_gb_second"] + busy + executions / 1e6 * usd["million_executions"]


def _sweeps(load: Load, usd: Mapping[str, float]) -> float:
    return _always_ready(load.gigabytes, SWEEPS * load.sweep_seconds, load.sweep_executions, usd)


def _operations(load: Load, usd: Mapping[str, float]) -> float:
    """Each action keeps the instance of the sweeps active for a second, as long as sweeps and operations leave it any."""
    actions = load.operations * ACTIONS_AN_OPERATION
    left = _beyond(MONTH, SWEEPS * load.sweep_seconds)
    busy = min(actions, left) * load.gigabytes * usd["ready_execution_gb_second"]
    return busy + actions / 1e6 * usd["million_executions"]


def _heartbeats(load: Load, timer_runs: float, usd: Mapping[str, float]) -> float:
    seconds = load.active_share * MONTH
    if load.http_always_ready:
        return _always_ready(load.gigabytes, seconds, load.heartbeats, usd)
    free_gb_seconds = _beyond(usd["free_gb_seconds"], timer_runs * load.gigabytes)
    free_executions = _beyond(usd["free_executions"], timer_runs)
    return _on_demand(seconds * load.gigabytes, load.heartbeats, free_gb_seconds, free_executions, usd)


def _said_of_heartbeats(load: Load) -> str:
    kind = "always ready" if load.http_always_ready else "on demand"
    return f"{load.heartbeats:,.0f} heartbeats; an instance is active {load.active_share:.0%} of the time, {kind}"


def log_gigabytes(load: Load) -> float:
    """The logs of a month in GB; of the records of heartbeats, sampling leaves so many a second."""
    records = load.heartbeats if load.heartbeat_records else min(load.heartbeats, load.sampled_a_second * MONTH)
    executions = load.sweep_executions + load.operations * ACTIONS_AN_OPERATION
    return PLATFORM_LOG_GB + (executions * EXECUTION_KB + records * RECORD_KB) / 1e6


def _metrics(load: Load, usd: Mapping[str, float]) -> Part:
    calls = SWEEPS * math.ceil(load.machines / MACHINES_A_METRIC_CALL)
    return Part("metrics API", calls / 1e3 * usd["thousand_metric_calls"], f"{calls:,} calls")


def _storage(load: Load, usd: Mapping[str, float]) -> Part:
    tables = load.heartbeats * TABLE_CALLS_A_HEARTBEAT + SWEEPS * load.pages * TABLE_CALLS_A_PAGE
    queues = 0.0
    if load.backend is Backend.STORAGE:
        queues = QUEUES * MONTH / POLL_EVERY + load.actions * STORAGE_CALLS_AN_ACTION
    amount = tables / 1e6 * usd["million_table_transactions"] + queues / 1e6 * usd["million_queue_transactions"]
    return Part("storage", amount, f"{tables / 1e6:,.1f} M calls of tables, {queues / 1e6:,.1f} M of queues")


def _scheduler(load: Load, usd: Mapping[str, float]) -> Part:
    actions = load.actions if load.backend is Backend.SCHEDULER else 0.0
    return Part("scheduler", actions * usd["scheduler_action"], f"{actions:,.0f} actions")


def _private_network(load: Load, usd: Mapping[str, float]) -> Part:
    count = ENDPOINTS if load.private_network else 0
    return Part("private endpoints", count * (usd["private_endpoint"] + usd["dns_zone"]), f"{count} endpoints")


def _vault(load: Load, usd: Mapping[str, float]) -> Part:
    calls = HOURLY_TIMERS / 3 + load.operations * VAULT_CALLS_AN_OPERATION
    return Part("key vault", calls / 1e4 * usd["ten_thousand_vault_calls"], f"{calls:,.0f} calls")
