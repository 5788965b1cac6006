"""The prices of the formula, each with its unit and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dormouse_cli.errors import UsageError

FLEX = "https://learn.microsoft.com/azure/azure-functions/functions-consumption-costs (East US, read in November 2026)"
RETAIL = "https://prices.azure.com/api/retail/prices (West Europe, read in August 2026)"
NOT_READ = "assumed: not read from a price list"


@dataclass(frozen=True, slots=True)
class Price:
    """An amount in USD for a unit; `assumed` if no price list was read for it."""

    amount: float
    unit: str
    source: str
    assumed: bool = False


def _assumed(amount: float, unit: str, why: str = NOT_READ) -> Price:
    return Price(amount, unit, why, assumed=True)


DEFAULTS: Mapping[str, Price] = {
    "on_demand_gb_second": Price(0.000026, "GB-s", FLEX),
    "free_gb_seconds": Price(100_000, "GB-s per month", FLEX),
    "free_executions": Price(250_000, "executions per month", FLEX),
    "million_executions": _assumed(0.40, "million executions"),
    "ready_gb_second": _assumed(
        0.000004, "GB-s of an instance that is always ready", "assumed: from the ratio of prices in EUR"
    ),
    "ready_execution_gb_second": _assumed(0.000016, "GB-s of execution on it", "assumed: from the ratio of prices in EUR"),
    "log_gb": Price(2.99, "GB of logs", RETAIL),
    "free_log_gb": Price(5, "GB of logs per month", RETAIL),
    "thousand_metric_calls": _assumed(0.01, "thousand calls"),
    "million_queue_transactions": _assumed(0.40, "million transactions"),
    "million_table_transactions": _assumed(0.036, "million transactions"),
    "scheduler_action": _assumed(
        0.003, "action", "assumed: Microsoft's sources contradict each other, 0.003 per action or per million"
    ),
    "alert_5_minutes": _assumed(1.50, "alert rule that is evaluated every 5 minutes, per month"),
    "alert_15_minutes": _assumed(0.50, "alert rule that is evaluated every 15 minutes, per month"),
    "private_endpoint": Price(7.30, "private endpoint, per month of 730 hours", RETAIL),
    "dns_zone": _assumed(0.50, "private DNS zone, per month"),
    "ten_thousand_vault_calls": Price(0.03, "ten thousand calls", RETAIL),
}


def with_prices(changes: Mapping[str, float]) -> dict[str, Price]:
    """The default prices with some replaced; raises UsageError that names every unknown one and every negative amount."""
    faults = [f"{name} is not a price." for name in changes if name not in DEFAULTS]
    faults += [f"{name} must be at least 0." for name, amount in changes.items() if not 0 <= amount < float("inf")]
    if faults:
        raise UsageError("The prices are not valid.", *faults, f"Known are: {', '.join(DEFAULTS)}.")
    given = {name: replace(DEFAULTS[name], amount=amount, source="given", assumed=False) for name, amount in changes.items()}
    return {**DEFAULTS, **given}
